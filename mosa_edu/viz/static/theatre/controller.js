/**
 * Holds the state of a decode theatre and draws it. It plays only when it is asked to.
 * @module
 */

import { cardTable, complaint, fragmentReader, steppedTo, writeFragment } from "../card.js";
import { studyChip, tokenChips } from "../chips.js";
import { setAttribute } from "../dom.js";
import { EXPLORER_CSS } from "../explorer/css.js";
import { openStage } from "../host.js";
import { drawTheatre, theatreScale } from "./drawing.js";
import { buildTheatre, THEATRE_CSS } from "./layout.js";
import { DECODING_RULES, kilobytes, Story, storyFinding } from "./story.js";

const BEAT = 350; // milliseconds a step
const HUSH = 300;

let theatres = 0;

/** @typedef {{rule: string, step: number, view: "figure" | "table"}} Scene */

export class DecodeTheatre {
  /**
   * @param {import("../host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    this.model = model;
    this.el = el;
    /** @type {{stories: Record<string, any>[], about: string}} */
    this.data = model.get("data");
    /** @type {Map<string, Story>} */
    this.stories = new Map(this.data.stories.map((json) => [json.rule, new Story(json)]));
    this.state = this.firstFrame();
    this.width = 0;
    this.timer = 0;
    this.beat = 0;
    this.stage = openStage(el, EXPLORER_CSS + THEATRE_CSS, () => this.parts && this.draw());
    this.ownsFragment = ++theatres === 1;
    this.parts = buildTheatre(this, `theatre-${theatres}`);
    this.frame = this.parts.frame;
    this.stage.root.replaceChildren(this.frame.card);
    this.open();
    this.listen();
    this.read();
  }

  /** @returns {Scene} */
  firstFrame() {
    const [[rule, { last }]] = this.stories;
    return { rule, step: last, view: "figure" };
  }

  /** @returns {Story} */
  get story() {
    return /** @type {Story} */ (this.stories.get(this.state.rule));
  }

  listen() {
    const { root } = this.stage;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    const hush = () => {
      if (this.still?.matches) this.stop();
      this.parts.player.hidden = this.still?.matches ?? false;
    };
    this.still.addEventListener("change", hush);
    hush();
    this.parts.list.addEventListener("keydown", (event) => {
      if (this.press(event.key)) event.preventDefault();
      this.spans?.[this.state.step].focus({ preventScroll: true });
    });
    root.addEventListener("keydown", (event) => {
      const onButton = /** @type {HTMLElement} */ (event.target).closest("button");
      if (event.key === "p" || (event.key === " " && !onButton)) {
        event.preventDefault();
        this.play();
      }
      if (event.key === "Escape") this.change(this.firstFrame());
    });
    this.observer = new ResizeObserver(() => {
      const { width } = this.frame.card.getBoundingClientRect();
      if (width < 100 || width === this.width) return;
      this.width = width;
      this.frame.card.classList.toggle("narrow", width < 560);
      this.draw();
    });
    this.observer.observe(this.frame.card);
    this.onHash = () => this.read();
    if (this.ownsFragment) addEventListener("hashchange", this.onHash);
    for (const name of /** @type {const} */ (["rule", "step"])) {
      this.model.on(`change:${name}`, () => this.follow(name));
      this.follow(name);
    }
  }

  /** Lay out the text of the rule. */
  open() {
    const { texts, labels, last, prompt } = this.story;
    const { spans, parts } = tokenChips(texts, labels);
    spans.slice(0, prompt).forEach((span) => span.classList.add("given"));
    this.spans = spans;
    this.parts.list.replaceChildren(...parts.flat());
    setAttribute(this.parts.range, "max", `${last}`);
    this.state.step = Math.min(this.state.step, last);
    this.draw();
  }

  /** @param {string} key @returns {boolean} Whether it steps. */
  press(key) {
    const step = steppedTo(key, this.state.step, 0, this.story.last);
    if (step === null) return false;
    this.change({ step });
    return true;
  }

  /** Play from here, or from the first token if this is the last; or pause. */
  play() {
    if (this.still?.matches) return;
    if (this.beat) return this.stop();
    if (this.state.step === this.story.last) this.change({ step: 0 });
    this.beat = setInterval(() => {
      if (this.state.step < this.story.last) this.move({ step: this.state.step + 1 });
      if (this.state.step === this.story.last) this.stop();
    }, BEAT);
    this.draw();
  }

  stop() {
    clearInterval(this.beat);
    this.beat = 0;
    this.move({});
  }

  /** @param {Partial<Scene>} changes By the reader's hand, which ends playing. */
  change(changes) {
    if (this.beat) this.stop();
    this.move(changes);
  }

  /** @param {Partial<Scene>} changes */
  move(changes) {
    const { rule } = this.state;
    this.state = { ...this.state, ...changes };
    if (this.state.rule === rule) this.draw();
    else this.open();
    clearTimeout(this.timer);
    if (this.beat) return;
    this.timer = setTimeout(() => this.settle(), HUSH);
  }

  settle() {
    this.frame.status.textContent = `${this.frame.finding.textContent} ${this.frame.detail.textContent}`;
    this.model.set("rule", this.state.rule);
    this.model.set("step", this.state.step);
    this.model.save_changes();
    if (this.ownsFragment && !this.model.get("kernel")) writeFragment(this.fragment());
  }

  draw() {
    const { frame, state, story } = this;
    const { rule, drawing, slider, range, player } = this.parts;
    const { said, detail } = storyFinding(story, state.step);
    frame.say(said, detail);
    frame.pill.textContent = `Recorded, ${story.last + 1} steps`;
    rule.show(state.rule);
    player.textContent = this.beat ? "Pause" : "Play";
    setAttribute(player, "aria-pressed", `${this.beat > 0}`);
    range.value = `${state.step}`;
    setAttribute(range, "aria-valuetext", `Token ${state.step}, ${story.labels[state.step]}, ${kilobytes(story.bytes[state.step])}`);
    this.spans?.forEach((span, t) => span.classList.toggle("unread", t > state.step && t >= story.prompt));
    studyChip(this.spans ?? [], state.step, detail);
    const inner = Math.max(240, (this.width || 760) - (this.width && this.width < 560 ? 26 : 34));
    const { left, right } = theatreScale(inner, story.last);
    Object.assign(slider.style, { left: `${left - 8}px`, width: `${right - left + 16}px` });
    const { nodes, height } = drawTheatre(story, state.step, inner, this.stage.palette());
    for (const [name, value] of Object.entries({ width: inner, height })) setAttribute(drawing, name, `${value}`);
    setAttribute(drawing, "aria-label", `${frame.finding.textContent} ${detail}`);
    drawing.replaceChildren(...nodes);
    frame.show(state.view === "table" ? () => cardTable(story.rows(), `${DECODING_RULES[state.rule] ?? state.rule}, step by step`, state.step, [1, 7]) : null);
  }

  /** @returns {string} */
  fragment() {
    const { rule, step, view } = this.state;
    const fields = new URLSearchParams({ theatre: rule, step: `${step}` });
    if (view === "table") fields.set("view", view);
    return fields.toString();
  }

  /** Take over what the fragment says. */
  read() {
    const { fields, complaints, whole, oneOf } = fragmentReader(location.hash);
    if (!this.ownsFragment || !fields.has("theatre")) return;
    const usual = this.firstFrame();
    const view = /** @type {"figure"} */ (oneOf("view", ["figure", "table"], "figure"));
    const rule = oneOf("theatre", [...this.stories.keys()], usual.rule);
    this.change({ rule, view, step: Math.min(whole("step", Infinity), this.stories.get(rule)?.last ?? 0) });
    this.frame.tell(complaint(complaints));
    this.el.scrollIntoView({ block: "start" });
  }

  /** @param {"rule" | "step"} name What Python set. */
  follow(name) {
    const value = this.model.get(name);
    if (value === undefined || value === this.state[name]) return;
    const step = name === "step" ? value : this.state.step;
    const rule = this.stories.has(name === "rule" ? value : "") ? value : this.state.rule;
    const { last } = /** @type {Story} */ (this.stories.get(rule));
    this.change({ rule, step: Math.max(0, Math.min(step, last)) });
  }

  dispose() {
    clearInterval(this.beat);
    clearTimeout(this.timer);
    this.observer?.disconnect();
    removeEventListener("hashchange", this.onHash ?? (() => {}));
    this.stage.dispose();
  }
}
