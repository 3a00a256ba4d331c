/**
 * Training scrubber: how the picks of a head changed while the model trained.
 * @module
 */

import { decodeArray } from "./lib/arrays.js";
import {
  headField,
  layerField,
  segmentField,
  steppedTo,
  stopSlider,
  textField,
} from "./lib/card.js";
import { TEXT_CSS } from "./lib/css.js";
import { button, html, placeLabels, svg, writer } from "./lib/dom.js";
import { pythonString } from "./lib/export.js";
import { Figure, within } from "./lib/figure.js";
import { count, tokenLabels } from "./lib/format.js";
import { bookUrl, defineElement, drawnBy } from "./lib/host.js";
import { MONO } from "./lib/palette.js";

/** Picks of every head on one text, at every recorded step. */
export class History {
  /** @param {Record<string, any>} json As Python wrote it. */
  constructor({ name, pieces, steps, losses, tokens_seen: seen, indices }) {
    this.numbers = decodeArray(indices);
    /** @type {number[]} */
    [, this.layers, this.heads, this.k] = indices.shape;
    /** @type {string} of the run */
    this.name = name;
    /** @type {string} */
    this.text = pieces.join("");
    /** @type {string[]} */
    this.labels = tokenLabels(pieces);
    /** @type {number[]} */
    this.steps = steps;
    /** @type {number[]} */
    this.losses = losses;
    /** @type {number[]} */
    this.seen = seen;
    this.T = pieces.length;
    this.last = steps.length - 1;
  }

  /**
   * @param {number} stop Which recorded step.
   * @param {number} layer
   * @param {number} head
   * @returns {number[]} Positions kept, ascending.
   */
  picks(stop, layer, head) {
    const start = ((stop * this.layers + layer) * this.heads + head) * this.k;
    return [...new Set(this.numbers.subarray(start, start + this.k))].sort((s, t) => s - t);
  }

  /** @param {number} stop @param {number} other @param {number} layer @param {number} head */
  shared(stop, other, layer, head) {
    const kept = new Set(this.picks(other, layer, head));
    return this.picks(stop, layer, head).filter((t) => kept.has(t)).length;
  }
}

/**
 * @typedef {Object} ScrubState
 * @property {string} text Name of a history.
 * @property {number} step Of the training, a recorded one.
 * @property {number} stop Which recorded step that is.
 * @property {number} layer
 * @property {number} head
 * @property {"start" | "before"} against What the picks are compared with.
 * @property {"figure" | "table"} view
 */

/** @param {ScrubState} state @returns {number} The stop that the picks are compared with. */
export const otherStop = ({ stop, against }) => (against === "start" ? 0 : Math.max(0, stop - 1));

/**
 * What changed, in words; `mosa_edu.viz.scrubber` says the same of the last step.
 * @param {History} history
 * @param {ScrubState} state
 */
export function scrubFinding(history, state) {
  const { stop, layer, head } = state;
  const other = otherStop(state);
  const { steps, k, last } = history;
  const same = history.shared(stop, other, layer, head);
  const isStart = state.against === "start";
  const when = isStart ? `By step ${count(steps[stop])}` : `Since step ${count(steps[other])}`;
  const of = isStart ? "picks it began with" : "picks of the step before";
  const end = stop === last ? "" : ` and ${history.shared(stop, last, layer, head)} of those it ends with`;
  return {
    who: `${when} head L${layer}·H${head} has `,
    keeps: `changed ${k - same || "none"} of its ${k} picks`,
    what: ".",
    detail: `It has ${same} of the ${k} ${of}${end}. Loss on this text: ${history.losses[stop].toFixed(2)} nats a token.`,
  };
}

const LINE = 84;
const CODE_TOP = 130;
const BAR = 14;

/**
 * @param {number} width
 * @param {number} last Number of the last stop.
 */
export function scrubScale(width, last) {
  const [left, right] = [width < 500 ? 20 : 76, width - 24];
  return { left, right, x: (/** @type {number} */ stop) => left + ((right - left) * stop) / Math.max(last, 1) };
}

/**
 * @param {History} history
 * @param {ScrubState} state
 * @param {number} width
 * @param {import("./lib/palette.js").Palette} palette
 * @returns {{nodes: SVGElement[], height: number}}
 */
export function drawScrub(history, state, width, palette) {
  const { left, right, x } = scrubScale(width, history.last);
  const { losses, steps, last, T, labels } = history;
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const y = (/** @type {number} */ loss) => 24 + ((LINE - 24) * (high - loss)) / Math.max(high - low, 1e-9);
  const say = writer(palette);
  const { stop, layer, head } = state;
  const other = otherStop(state);
  const ends = [0, last].filter((end) => Math.abs(x(end) - x(stop)) > 44);
  const named = (/** @type {number} */ at) => ({ x: x(at), "text-anchor": at > last / 2 ? "end" : "start" });
  const column = (right - left) / T;
  const middle = (/** @type {number} */ t) => left + (t + 0.5) * column;
  /** @param {number[]} picks @param {number} top @param {string} fill */
  const code = (picks, top, fill) =>
    svg("path", { fill, d: picks.map((t) => `M${(middle(t) - 0.4 * column).toFixed(1)} ${top}h${(0.8 * column).toFixed(1)}v${BAR}h${(-0.8 * column).toFixed(1)}z`).join("") });
  const [picks, before] = [history.picks(stop, layer, head), history.picks(other, layer, head)];
  const narrow = left < 40;
  // In the gutter there is room for the names of both rows; on a phone they stand over them.
  const [upper, lower] = narrow ? [CODE_TOP + 23, CODE_TOP + 58] : [CODE_TOP + 8, CODE_TOP + 26];
  const axis = lower + BAR + 3;
  const name = (/** @type {number} */ top) => (narrow ? { x: left, y: top - 5 } : { x: 0, y: top + 11 });
  const places = placeLabels(picks.map((t) => ({ x: middle(t), most: right })), width < 500 ? 14 : 18);
  const kept = new Set(before);
  const words = picks.flatMap((t, i) => [
    svg("path", { d: `M${middle(t)} ${axis}V${axis + 3}L${places[i]} ${axis + 9}`, stroke: palette.rule, fill: "none" }),
    svg("text", { "font-family": MONO, "font-size": 12, fill: kept.has(t) ? palette.ink2 : palette.ink, "font-weight": kept.has(t) ? 400 : 600, transform: `translate(${places[i] - 2} ${axis + 18}) rotate(45)` }, labels[t]),
  ]);
  const longest = Math.max(...picks.map((t) => labels[t].length), 1);
  const nodes = [
    say(narrow ? "" : "Loss", { x: 0, y: y(losses[0]) + 4 }),
    svg("path", { d: `M${losses.map((loss, i) => `${x(i).toFixed(1)} ${y(loss).toFixed(1)}`).join("L")}`, fill: "none", stroke: palette.quiet, "stroke-width": 1.5 }),
    ...losses.map((loss, i) => svg("circle", { cx: x(i), cy: y(loss), r: 2.5, fill: palette.ground, stroke: palette.quiet })),
    ...ends.map((end) => say(losses[end].toFixed(2), { ...named(end), y: y(losses[end]) - 8 })),
    svg("circle", { cx: x(stop), cy: y(losses[stop]), r: 5, fill: palette.cursor }),
    say(losses[stop].toFixed(2), { ...named(stop), y: y(losses[stop]) - 8, fill: palette.ink, "font-weight": 600 }),
    ...ends.map((end) => say(`${end ? "" : "step "}${count(steps[end])}`, { ...named(end), y: LINE + 38 })),
    say(`${stop && ends.includes(0) ? "" : "step "}${count(steps[stop])}`, { ...named(stop), y: LINE + 38, fill: palette.cursor_text, "font-weight": 600 }),
    say(`step ${count(steps[other])}`, name(upper)),
    code(before, upper, palette.quiet),
    say(`step ${count(steps[stop])}`, { ...name(lower), fill: palette.pick, "font-weight": 600 }),
    code(picks, lower, palette.pick),
    svg("path", { d: `M${left} ${axis}H${right}`, stroke: palette.rule }),
    ...words,
  ];
  return { nodes, height: Math.max(240, Math.ceil(axis + 30 + longest * 5.2)) };
}

export const SCRUB_CSS = `
.scrub .detail{min-height:40px}
.scrub .controls{grid-template-columns:minmax(96px,1fr) auto auto auto}
.stops{margin:12px 0}
.stops .slider{top:84px}
.narrow.scrub .controls{display:flex;flex-wrap:wrap}
.narrow.scrub .controls>:first-child{width:100%}
.narrow.scrub .detail{min-height:80px}
.narrow .stops .slider{top:76px}
`;

/**
 * A cell that prints the picks of a step.
 * @param {History} history
 * @param {ScrubState} state
 * @returns {string} Empty if the package has no such record.
 */
export function scrubPython({ name, text, steps }, { stop, layer, head }) {
  if (name !== "explorer") return "";
  const lines = [
    "from mosa_edu.results import recorded_history",
    "from mosa_edu.texts import PROBES",
    "",
    `text = ${pythonString(text)}`,
    "history = recorded_history(next(name for name, own in PROBES.items() if own == text))",
    `stop = history.steps.index(${steps[stop]})`, // the record may have steps between those of a page
    `picks = history.indices[stop, ${layer}, ${head}].tolist()`,
    'print(f"step {history.steps[stop]}, loss {history.losses[stop]:.2f}:", picks)',
    "print([history.pieces[t] for t in picks])",
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * @param {History} history
 * @returns {(string | number)[][]} Headings, and a row a pick of any head at any step.
 */
export function scrubPicks(history) {
  const { steps, losses, labels, layers, heads } = history;
  const where = Array.from({ length: layers * heads }, (_, row) => [Math.floor(row / heads), row % heads]);
  const picks = steps.flatMap((step, stop) =>
    where.flatMap(([layer, head]) => history.picks(stop, layer, head).map((t) => [step, losses[stop], layer, head, t, labels[t]])),
  );
  return [["step", "loss", "layer", "head", "position", "token"], ...picks];
}

const AGAINST = { start: "Start", before: "Step before" };

/** @typedef {{name: string, title: string, url: string | null, history: Record<string, any> | null}} StoredHistory */

export class TrainingScrubber extends Figure {
  /**
   * @param {import("./lib/host.js").Model} model
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

  /** @param {ScrubState} state @param {import("./lib/palette.js").Palette} palette @param {number} width */
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

  /** @returns {Record<string, import("./lib/figure.js").LinkField>} */
  get fields() {
    const names = this.data.histories.map((/** @type {StoredHistory} */ { name }) => name);
    return { scrub: ["text", names], step: ["step", null, Infinity], l: ["layer"], h: ["head"], against: ["against", Object.keys(AGAINST)] };
  }
}

const scrubber = drawnBy(TrainingScrubber);

defineElement("mosa-scrubber", scrubber);

export default scrubber;
