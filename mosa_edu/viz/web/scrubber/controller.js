/**
 * Holds the state of a training scrubber and draws it. Nothing moves by itself.
 * @module
 */

import {
  headField,
  layerField,
  segmentField,
  steppedTo,
  stopSlider,
  textField,
} from "../lib/card.js";
import { TEXT_CSS } from "../lib/css.js";
import { button, html, svg } from "../lib/dom.js";
import { Figure, within } from "../lib/figure.js";
import { count } from "../lib/format.js";
import { bookUrl } from "../lib/host.js";
import { drawScrub, scrubScale } from "./drawing.js";
import { History, otherStop, scrubFinding } from "./history.js";
import { SCRUB_CSS, scrubPicks, scrubPython } from "./take.js";

const AGAINST = { start: "Start", before: "Step before" };

/** @typedef {import("./history.js").ScrubState} ScrubState */
/** @typedef {{name: string, title: string, url: string | null, history: Record<string, any> | null}} StoredHistory */

export class TrainingScrubber extends Figure {
  /**
   * @param {import("../lib/host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    super(model, el, "scrub", TEXT_CSS + SCRUB_CSS, ["step", "layer", "head"]);
    /** @type {Map<string, History>} */
    this.opened = new Map();
    const [first] = this.data.histories;
    const { layers, heads } = this.history({ text: first.name });
    const step = (/** @type {string} */ key) => () => this.press(key);
    this.mount({
      name: "Training scrubber",
      controls: this.controls(layers, heads),
      parts: [html("section", { class: "pad" }, this.plot())],
      buttons: [button("‹ Step", step("ArrowLeft")), button("Step ›", step("ArrowRight"))],
      note: "Recorded steps stand at equal distances; the loss is on this text, in nats a token. Bold words are picks that the upper row does not have.",
    });
  }

  /** @returns {ScrubState} */
  firstFrame() {
    const { histories, start } = this.data;
    const state = { text: histories[0].name, step: Infinity, stop: 0, ...start, against: "start", view: "figure" };
    return this.bounded(/** @type {ScrubState} */ (state));
  }

  /** @param {ScrubState} state @returns {ScrubState} */
  bounded(state) {
    const { layers, heads, steps } = this.history(state);
    const stop = Math.max(0, steps.findLastIndex((own) => own <= state.step));
    return { ...state, stop, step: steps[stop], layer: within(state.layer, 0, layers - 1), head: within(state.head, 0, heads - 1) };
  }

  /** @param {{text: string}} state @returns {History} Of a text that is in the page. */
  history({ text }) {
    const found = this.opened.get(text) ?? new History(/** @type {any} */ (this.stored(text).history));
    this.opened.set(text, found);
    return found;
  }

  /** @param {string} text @returns {StoredHistory} */
  stored(text) {
    return this.data.histories.find((/** @type {StoredHistory} */ { name }) => name === text);
  }

  /** @param {number} layers @param {number} heads @returns {HTMLElement[]} */
  controls(layers, heads) {
    this.text = textField(this.data.histories, (text) => void this.change({ text }));
    this.layer = layerField(layers, (layer) => void this.change({ layer }));
    this.against = segmentField("Compared with", AGAINST, (against) => void this.change({ against }));
    this.head = headField(heads, this.stage.root, () => this.state.head, (head) => void this.change({ head }));
    return [this.text.node, this.layer.node, this.head.node, this.against.node];
  }

  /** @returns {Node} */
  plot() {
    this.drawing = svg("svg", { role: "img" });
    this.slider = stopSlider("Training step", (stop) => this.go(stop));
    const plot = html("div", { class: "stops" }, this.drawing, this.slider.node);
    plot.addEventListener("click", ({ clientX, target }) => {
      if (target === this.slider.input) return;
      const { last } = this.history(this.state);
      const { left, right } = scrubScale(this.inner, last);
      const share = (clientX - plot.getBoundingClientRect().left - left) / (right - left);
      this.go(within(Math.round(share * last), 0, last));
    });
    return plot;
  }

  /** @param {number} stop Which recorded step. */
  go(stop) {
    void this.change({ step: this.history(this.state).steps[stop] });
  }

  /** @param {string} key */
  press(key) {
    this.go(steppedTo(key, this.state.stop, 0, this.history(this.state).last) ?? 0);
  }

  /** @param {ScrubState} state */
  paint(state) {
    const { last, losses, steps } = this.history(state);
    this.frame.pill.textContent = `${last + 1} recorded steps`;
    this.text.select.value = state.text;
    this.layer.show(`${state.layer}`);
    this.against.show(state.against);
    this.head.number.textContent = `${state.head}`;
    const words = `Step ${count(steps[state.stop])}, loss ${losses[state.stop].toFixed(2)}`;
    this.slider.show(state.stop, last, words, scrubScale(this.inner, last));
    this.redraw(this.drawing, state);
  }

  /** @param {ScrubState} state */
  said(state) {
    const said = scrubFinding(this.history(state), state);
    return { ...said, spoken: said.detail };
  }

  /** @param {ScrubState} state @param {import("../lib/palette.js").Palette} palette @param {number} width */
  picture(state, palette, width) {
    return drawScrub(this.history(state), state, width, palette);
  }

  /** @param {ScrubState} state */
  table(state) {
    const history = this.history(state);
    const { layer, head, against } = state;
    const headings = ["Step", "Tokens seen", "Loss", against === "start" ? "As at start" : "As step before", "As at end", "Picks"];
    const rows = history.steps.map((step, stop) => [
      count(step),
      count(history.seen[stop]),
      history.losses[stop].toFixed(3),
      `${history.shared(stop, otherStop({ ...state, stop }), layer, head)}`,
      `${history.shared(stop, history.last, layer, head)}`,
      history.picks(stop, layer, head).map((t) => history.labels[t]).join(" "),
    ]);
    return { rows: [headings, ...rows], caption: `Layer ${layer}, head ${head}, at every recorded step`, at: state.stop, words: [5] };
  }

  /** @param {ScrubState} state */
  python(state) {
    return scrubPython(this.history(state), state);
  }

  /** @param {ScrubState} state */
  provenance(state) {
    const { text, name, layers, heads } = this.history(state);
    return `${text}\n${name}: layer ${state.layer}, head ${state.head} of ${layers} layers with ${heads} heads each; loss on this text.`;
  }

  taken() {
    return { ...super.taken(), rows: () => scrubPicks(this.history(this.state)) };
  }

  /** @param {Partial<ScrubState>} changes */
  async change(changes) {
    const { text = this.state.text } = changes;
    const failure = await this.fetchHistory(this.stored(text));
    if (!failure) return super.change(changes);
    this.frame.tell(failure);
    this.draw(); // the list shows the old one again
  }

  /**
   * @param {StoredHistory} own
   * @returns {Promise<string>} What went wrong; empty if nothing.
   */
  async fetchHistory(own) {
    if (own.history) return "";
    if (location.protocol === "file:") return `"${own.title}" can only be fetched from a web server.`;
    try {
      const response = await fetch(bookUrl(own.url ?? ""));
      if (!response.ok) throw new Error(`${response.status}`);
      own.history = await response.json();
      return "";
    } catch {
      return `"${own.title}" could not be fetched.`;
    }
  }

  /** @returns {Record<string, import("../lib/figure.js").LinkField>} */
  get fields() {
    const names = this.data.histories.map((/** @type {StoredHistory} */ { name }) => name);
    return { scrub: ["text", names], step: ["step", null, Infinity], l: ["layer"], h: ["head"], against: ["against", Object.keys(AGAINST)] };
  }
}
