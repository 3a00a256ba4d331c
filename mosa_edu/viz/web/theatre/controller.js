/**
 * Holds the state of a decode theatre and draws it. It plays only when it is asked to.
 * @module
 */

import { segmentField, steppedTo, stopSlider, tokenList } from "../lib/card.js";
import { TEXT_CSS } from "../lib/css.js";
import { button, html, setAttribute, svg } from "../lib/dom.js";
import { Figure, within } from "../lib/figure.js";
import { drawTheatre, theatreScale } from "./drawing.js";
import {
  DECODING_RULES,
  kilobytes,
  Story,
  storyFinding,
  storyPython,
  THEATRE_CSS,
} from "./story.js";

const BEAT = 350; // milliseconds a step

/** @typedef {{rule: string, step: number, view: "figure" | "table"}} Scene */

export class DecodeTheatre extends Figure {
  /**
   * @param {import("../lib/host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    super(model, el, "theatre", TEXT_CSS + THEATRE_CSS, ["rule", "step"]);
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
    return { ...scene, rule, step: within(scene.step, 0, this.story({ ...scene, rule }).last) };
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
    const study = (/** @type {number} */ step) => this.change({ step });
    this.list = tokenList({ study });
    this.drawing = svg("svg", { role: "img" });
    this.slider = stopSlider("Token", study);
    const mark = (/** @type {string} */ name, /** @type {string} */ words) => html("span", {}, html("i", { class: name }), words);
    const marks = [mark("kept", "slots that a head has filled"), mark("now", "filled at this step"), html("span", {}, html("b", {}, "✕ "), "wanted it, no slot left"), mark("dense", "what a dense head would hold")];
    return [
      html("div", { class: "pad text-block" }, this.list.node),
      html("div", { class: "pad" }, html("div", { class: "stops" }, this.drawing, this.slider.node), html("p", { class: "note marks" }, ...marks)),
    ];
  }

  /** @param {string} key */
  press(key) {
    this.change({ step: steppedTo(key, this.state.step, 0, this.story(this.state).last) });
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

  announce() {
    if (!this.beat) super.announce(); // who listens hears where it stops
  }

  /** @param {Scene} scene */
  paint(scene) {
    const { rule, player } = this;
    const story = this.story(scene);
    if (this.opened !== scene.rule) this.open(scene);
    this.frame.pill.textContent = `Recorded, ${story.last + 1} steps`;
    rule.show(scene.rule);
    player.textContent = this.beat ? "Pause" : "Play";
    setAttribute(player, "aria-pressed", `${this.beat > 0}`);
    const { labels, bytes, prompt, last } = story;
    const words = `Token ${scene.step}, ${labels[scene.step]}, ${kilobytes(bytes[scene.step])}`;
    this.slider.show(scene.step, last, words, theatreScale(this.inner, last));
    const marks = (/** @type {number} */ t) => ({ given: t < prompt, unread: t > scene.step && t >= prompt });
    this.list.mark(scene.step, this.frame.detail.textContent ?? "", marks);
    this.redraw(this.drawing, scene);
  }

  /** @param {Scene} scene Lay out the text of its rule. */
  open({ rule }) {
    const { texts, labels } = this.story({ rule });
    this.opened = rule;
    this.list.lay(texts, labels);
  }

  /** @param {Scene} scene */
  said(scene) {
    const { said, detail } = storyFinding(this.story(scene), scene.step);
    return { ...said, detail, spoken: detail };
  }

  /** @param {Scene} scene @param {import("../lib/palette.js").Palette} palette @param {number} width */
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
    const marks = "grey: slots that a head has filled;  blue: filled at this step;  ✕ wanted it, no slot left;  light: what a dense head would hold";
    return `${marks}\n${texts.slice(0, scene.step + 1).join("")}\n${this.data.about}`;
  }

  /** @returns {Record<string, import("../lib/figure.js").LinkField>} */
  get fields() {
    return { theatre: ["rule", [...this.stories.keys()]], step: ["step", null, Infinity] };
  }

  dispose() {
    clearInterval(this.beat);
    this.still.removeEventListener("change", this.hush);
    super.dispose();
  }
}
