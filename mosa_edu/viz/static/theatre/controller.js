/**
 * Holds the state of a decode theatre and draws it. It plays only when it is asked to.
 * @module
 */

import { segmentField, steppedTo } from "../card.js";
import { chipOf, studyChip, tokenChips } from "../chips.js";
import { button, html, redraw, setAttribute, svg } from "../dom.js";
import { FIGURE_CSS } from "../explorer/css.js";
import { Figure } from "../figure.js";
import { drawTheatre, theatreScale } from "./drawing.js";
import { DECODING_RULES, kilobytes, Story, storyFinding, storyPython, THEATRE_CSS } from "./story.js";

const BEAT = 350; // milliseconds a step

/** @typedef {{rule: string, step: number, view: "figure" | "table"}} Scene */

export class DecodeTheatre extends Figure {
  /**
   * @param {import("../host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    super(model, el, "theatre", FIGURE_CSS + THEATRE_CSS, ["rule", "step"]);
    /** @type {Map<string, Story>} */
    this.stories = new Map(this.data.stories.map((/** @type {any} */ json) => [json.rule, new Story(json)]));
    this.beat = 0;
    this.opened = "";
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.mount({ name: "Decode theatre", controls: this.controls(), parts: this.figure(), note: this.data.about });
    this.hush = () => {
      if (this.still.matches) this.stop();
      this.player.hidden = this.still.matches;
    };
    this.still.addEventListener("change", this.hush);
    this.hush();
  }

  /** @returns {Scene} */
  firstFrame() {
    const [[rule, { last }]] = this.stories;
    return { rule, step: last, view: "figure" };
  }

  /** @param {Scene} scene @returns {Scene} */
  bounded(scene) {
    const rule = this.stories.has(scene.rule) ? scene.rule : this.data.stories[0].rule;
    return { ...scene, rule, step: Math.max(0, Math.min(scene.step, this.story({ ...scene, rule }).last)) };
  }

  /** @param {Scene} scene */
  story({ rule }) {
    return /** @type {Story} */ (this.stories.get(rule));
  }

  /** @returns {HTMLElement[]} */
  controls() {
    const names = Object.fromEntries([...this.stories.keys()].map((rule) => [rule, DECODING_RULES[rule] ?? rule]));
    this.rule = segmentField("Rule", names, (rule) => this.change({ rule }));
    this.player = button("Play", () => this.play(), { "aria-pressed": "false" });
    const buttons = [button("‹ Step", () => this.press("ArrowLeft")), this.player, button("Step ›", () => this.press("ArrowRight"))];
    this.stage.root.addEventListener("keydown", (event) => {
      const onButton = /** @type {HTMLElement} */ (event.target).closest("button");
      if (event.key !== "p" && (event.key !== " " || onButton)) return;
      event.preventDefault();
      this.play();
    });
    return [this.rule.node, html("div", { class: "row" }, ...buttons)];
  }

  /** @returns {Node[]} */
  figure() {
    this.list = html("div", { class: "text", role: "listbox", "aria-label": "Tokens", dir: "auto" });
    this.list.addEventListener("click", (event) => chipOf(event) >= 0 && this.change({ step: chipOf(event) }));
    this.list.addEventListener("keydown", (event) => {
      if (!this.press(event.key)) return;
      event.preventDefault();
      this.spans[this.state.step].focus({ preventScroll: true });
    });
    this.drawing = svg("svg", { role: "img" });
    this.range = html("input", { type: "range", min: 0, step: 1, "aria-label": "Token" });
    this.range.addEventListener("input", () => this.change({ step: Number(this.range.value) }));
    this.slider = html("span", { class: "slider", style: "--fill:0" }, this.range);
    const mark = (/** @type {string} */ name, /** @type {string} */ words) => html("span", {}, html("i", { class: name }), words);
    const marks = [mark("kept", "slots that a head has filled"), mark("now", "filled at this step"), html("span", {}, html("b", {}, "✕ "), "wanted it, no slot left"), mark("dense", "what a dense head would hold")];
    return [
      html("div", { class: "pad text-block" }, this.list),
      html("div", { class: "pad" }, html("div", { class: "stage" }, this.drawing, this.slider), html("p", { class: "note marks" }, ...marks)),
    ];
  }

  /** @param {string} key @returns {boolean} Whether it steps. */
  press(key) {
    const step = steppedTo(key, this.state.step, 0, this.story(this.state).last);
    if (step !== null) this.change({ step });
    return step !== null;
  }

  /** Play from here, or from the first token if this is the last; or pause. */
  play() {
    if (this.still.matches) return;
    if (this.beat) return this.stop();
    const { last } = this.story(this.state);
    if (this.state.step === last) this.change({ step: 0 });
    this.beat = setInterval(() => {
      if (this.state.step < last) super.change({ step: this.state.step + 1 });
      if (this.state.step === last) this.stop();
    }, BEAT);
    this.draw();
  }

  stop() {
    clearInterval(this.beat);
    this.beat = 0;
    super.change({});
  }

  /** @param {Partial<Scene>} changes By the reader's hand, which ends playing. */
  change(changes) {
    if (this.beat) this.stop();
    super.change(changes);
  }

  draw() {
    super.draw();
    if (this.beat) this.spoken = this.frame.status.textContent; // who listens hears where it stops
  }

  /** @param {Scene} scene */
  paint(scene) {
    const { rule, player, range, slider, drawing } = this;
    const story = this.story(scene);
    if (this.opened !== scene.rule) this.open(scene);
    this.frame.pill.textContent = `Recorded, ${story.last + 1} steps`;
    rule.show(scene.rule);
    player.textContent = this.beat ? "Pause" : "Play";
    setAttribute(player, "aria-pressed", `${this.beat > 0}`);
    range.value = `${scene.step}`;
    setAttribute(range, "aria-valuetext", `Token ${scene.step}, ${story.labels[scene.step]}, ${kilobytes(story.bytes[scene.step])}`);
    this.spans.forEach((span, t) => span.classList.toggle("unread", t > scene.step && t >= story.prompt));
    studyChip(this.spans, scene.step, this.frame.detail.textContent ?? "");
    const inner = Math.max(240, this.width - (this.width < 560 ? 26 : 34));
    const { left, right } = theatreScale(inner, story.last);
    Object.assign(slider.style, { left: `${left - 8}px`, width: `${right - left + 16}px` });
    redraw(drawing, this.picture(scene, this.stage.palette(), inner), inner, this.spoken);
  }

  /** @param {Scene} scene Lay out the text of its rule. */
  open({ rule }) {
    const { texts, labels, last, prompt } = this.story({ rule });
    const { spans, parts } = tokenChips(texts, labels);
    spans.slice(0, prompt).forEach((span) => span.classList.add("given"));
    this.spans = spans;
    this.opened = rule;
    this.list.replaceChildren(...parts.flat());
    setAttribute(this.range, "max", `${last}`);
  }

  /** @param {Scene} scene */
  said(scene) {
    const { said, detail } = storyFinding(this.story(scene), scene.step);
    return { ...said, detail, spoken: detail };
  }

  /** @param {Scene} scene @param {import("../palette.js").Palette} palette @param {number} width */
  picture(scene, palette, width) {
    return drawTheatre(this.story(scene), scene.step, width, palette);
  }

  /** @param {Scene} scene */
  table(scene) {
    const caption = `${DECODING_RULES[scene.rule] ?? scene.rule}, step by step`;
    return { rows: this.story(scene).rows(), caption, at: scene.step, words: [1, 7] };
  }

  /** @param {Scene} scene */
  python(scene) {
    return storyPython(this.story(scene), scene.step);
  }

  /** @param {Scene} scene */
  provenance(scene) {
    const { texts } = this.story(scene);
    return `${texts.slice(0, scene.step + 1).join("")}\n${this.data.about}`;
  }

  /** @param {Scene} scene */
  link({ rule, step }) {
    return { theatre: rule, step };
  }

  /** @param {ReturnType<typeof import("../card.js").fragmentReader>} reader @returns {Partial<Scene>} */
  stateOf({ oneOf, whole }) {
    const usual = this.firstFrame();
    return { rule: oneOf("theatre", [...this.stories.keys()], usual.rule), step: whole("step", Infinity) };
  }

  dispose() {
    clearInterval(this.beat);
    this.still.removeEventListener("change", this.hush);
    super.dispose();
  }
}
