// Training scrubber: how the picks of a head changed while the model trained. Nothing moves by itself.

import { decodeArray } from "./lib/arrays.js";
import {
  headField,
  layerField,
  listField,
  segmentField,
  stepButtons,
  steppedTo,
  stopSlider,
} from "./lib/controls.js";
import { Figure, within } from "./lib/figure.js";
import { TEXT_CSS } from "./lib/css.js";
import { div, html, svg } from "./lib/dom.js";
import { circle, line, path, placeLabels, stopScale, writer } from "./lib/drawing.js";
import { pythonCell, pythonString } from "./lib/export.js";
import { count, headName, headOf, tokenLabels } from "./lib/format.js";
import { defineElement, drawnBy, fetchStored } from "./lib/host.js";
import { MONO } from "./lib/palette.js";

/** @typedef {import("./lib/palette.js").Palette} Palette */
/** @typedef {{name: string, title: string, url: string | null, history: Record<string, any> | null}} StoredHistory */

/**
 * @typedef {Object} ScrubState
 * @property {string} text Name of a history.
 * @property {number} step Of the training, a recorded one.
 * @property {number} stop Which recorded step that is.
 * @property {number} layer @property {number} head
 * @property {"start" | "before"} against What the picks are compared with.
 * @property {"figure" | "table"} view
 */

const SCRUB_CSS = `
.scrub .detail{min-height:40px}
.scrub .controls{grid-template-columns:minmax(96px,1fr) auto auto auto}
.stops{margin:12px 0}
.stops .slider{top:84px}
.narrow.scrub .controls{display:flex;flex-wrap:wrap}
.narrow.scrub .controls>:first-child{width:100%}
.narrow.scrub .detail{min-height:80px}
.narrow .stops .slider{top:76px}
`;

const AGAINST = { start: "Start", before: "Step before" };
const LINE = 84;
const CODE_TOP = 130;
const CODE_BAR = 14;

/** @param {ScrubState} state @returns {number} The stop that the picks are compared with. */
const otherStop = ({ stop, against }) => (against === "start" ? 0 : Math.max(0, stop - 1));

/** A recorded `RoutingHistory`: picks of every head on one text, at every recorded step. */
class History {
  /** @param {Record<string, any>} json As Python wrote it. */
  constructor({ name, pieces, steps, losses, tokens_seen: seen, indices }) {
    this.numbers = decodeArray(indices);
    const [, layers, heads, k] = /** @type {number[]} */ (indices.shape);
    this.layers = layers;
    this.heads = heads;
    this.k = k;
    this.name = /** @type {string} of the run */ (name);
    this.text = /** @type {string} */ (pieces.join(""));
    this.labels = tokenLabels(pieces);
    this.steps = /** @type {number[]} */ (steps);
    this.losses = /** @type {number[]} */ (losses);
    this.seen = /** @type {number[]} */ (seen);
    this.last = steps.length - 1;
  }

  /** @param {number} stop @param {number} layer @param {number} head @returns {number[]} Positions kept, ascending. */
  picks(stop, layer, head) {
    const start = ((stop * this.layers + layer) * this.heads + head) * this.k;
    return [...new Set(this.numbers.subarray(start, start + this.k))].sort((s, t) => s - t);
  }

  /** @param {number} stop @param {number} other @param {number} layer @param {number} head */
  shared(stop, other, layer, head) {
    const kept = new Set(this.picks(other, layer, head));
    return this.picks(stop, layer, head).filter((t) => kept.has(t)).length;
  }

  /** @returns {(string | number)[][]} Headings, and a row a pick of any head at any step. */
  allPicks() {
    const length = this.layers * this.heads;
    const rows = this.steps.flatMap((step, stop) =>
      Array.from({ length }, (_, row) => headOf(row, this.heads)).flatMap(({ layer, head }) =>
        this.picks(stop, layer, head)
          .map((t) => [step, this.losses[stop], layer, head, t, this.labels[t]])
      )
    );
    return [["step", "loss", "layer", "head", "position", "token"], ...rows];
  }

  /** @param {ScrubState} state What changed, in words. */
  said(state) {
    const { stop, layer, head } = state;
    const { steps, k, last } = this;
    const other = otherStop(state);
    const same = this.shared(stop, other, layer, head);
    const isStart = state.against === "start";
    const when = isStart ? `By step ${count(steps[stop])}` : `Since step ${count(steps[other])}`;
    const of = isStart ? "picks it began with" : "picks of the step before";
    const ends = this.shared(stop, last, layer, head);
    const end = stop === last ? "" : ` and ${ends} of those it ends with`;
    const loss = `Loss on this text: ${this.losses[stop].toFixed(2)} nats a token.`;
    const detail = `It has ${same} of the ${k} ${of}${end}. ${loss}`;
    return {
      who: `${when} head ${headName(layer, head)} has `,
      keeps: `changed ${k - same || "none"} of its ${k} picks`,
      what: ".",
      ...{ detail, spoken: detail },
    };
  }

  /** @param {ScrubState} state @returns {string} A cell that prints the picks; empty if the package has no such record. */
  python({ stop, layer, head }) {
    if (this.name !== "explorer") return "";
    return pythonCell(
      "from mosa_edu.analysis import recorded_history",
      "from mosa_edu.texts import PROBES",
      "",
      `text = ${pythonString(this.text)}`,
      "history = recorded_history(next(name for name, own in PROBES.items() if own == text))",
      `stop = history.steps.index(${this.steps[stop]})`, // the record may have more steps than a page
      `picks = history.indices[stop, ${layer}, ${head}].tolist()`,
      'print(f"step {history.steps[stop]}, loss {history.losses[stop]:.2f}:", picks)',
      "print([history.pieces[t] for t in picks])",
    );
  }
}

/** @param {number} width @param {number} last Number of the last stop. */
const scrubScale = (width, last) => stopScale(width, last, 20, 76);

/**
 * The loss line with its stops, and the picks of two steps under each other.
 * @param {History} history @param {ScrubState} state @param {number} width @param {Palette} palette
 */
function drawScrub(history, state, width, palette) {
  const { left, right, x } = scrubScale(width, history.last);
  const { losses, steps, last, labels } = history;
  const { stop, layer, head } = state;
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const [other, say, narrow] = [otherStop(state), writer(palette), left < 40];
  const column = (right - left) / labels.length;
  /** @type {(loss: number) => number} */
  const y = (loss) => 24 + ((LINE - 24) * (high - loss)) / Math.max(high - low, 1e-9);
  /** @type {(t: number) => number} */
  const middle = (t) => left + (t + 0.5) * column;
  const ends = [0, last].filter((end) => Math.abs(x(end) - x(stop)) > 44);
  /** @param {number} at @param {string} words @param {number} top @param {Record<string, any>} [style] */
  const name = (at, words, top, style) =>
    say(words, { x: x(at), y: top, "text-anchor": at > last / 2 ? "end" : "start", ...style });
  /** @param {number[]} picks @param {number} top @param {string} fill */
  const code = (picks, top, fill) => {
    const wide = (0.8 * column).toFixed(1);
    const bar = `${top}h${wide}v${CODE_BAR}h-${wide}z`;
    return path(picks.map((t) => `M${(middle(t) - 0.4 * column).toFixed(1)} ${bar}`).join(""), {
      fill,
    });
  };
  const [picks, before] = [history.picks(stop, layer, head), history.picks(other, layer, head)];
  // In the gutter there is room for the names of both rows; on a phone they stand over them.
  const [upper, lower] = narrow ? [CODE_TOP + 23, CODE_TOP + 58] : [CODE_TOP + 8, CODE_TOP + 26];
  const axis = lower + CODE_BAR + 3;
  const place = (/** @type {number} */ top) =>
    narrow ? { x: left, y: top - 5 } : { x: 0, y: top + 11 };
  const wishes = picks.map((t) => ({ x: middle(t), most: right }));
  const places = placeLabels(wishes, width < 500 ? 14 : 18);
  const kept = new Set(before);
  const words = picks.flatMap((t, i) => {
    const old = kept.has(t);
    const style = {
      ...{ "font-family": MONO, "font-size": 12, "font-weight": old ? 400 : 600 },
      fill: old ? palette.ink2 : palette.ink,
      transform: `translate(${places[i] - 2} ${axis + 18}) rotate(45)`,
    };
    const lead = `M${middle(t)} ${axis}V${axis + 3}L${places[i]} ${axis + 9}`;
    return [line(lead, palette.rule), svg("text", style, labels[t])];
  });
  const longest = Math.max(...picks.map((t) => labels[t].length), 1);
  const curve = losses.map((loss, i) => `${x(i).toFixed(1)} ${y(loss).toFixed(1)}`).join("L");
  const dot = { fill: palette.ground, stroke: palette.quiet };
  const bold = (/** @type {string} */ fill) => ({ fill, "font-weight": 600 });
  const first = stop && ends.includes(0) ? "" : "step ";
  const loss = y(losses[stop]);
  const nodes = [
    say(narrow ? "" : "Loss", { x: 0, y: y(losses[0]) + 4 }),
    line(`M${curve}`, palette.quiet, { "stroke-width": 1.5 }),
    ...losses.map((own, i) => circle(x(i), y(own), 2.5, dot)),
    ...ends.map((end) => name(end, losses[end].toFixed(2), y(losses[end]) - 8)),
    circle(x(stop), loss, 5, { fill: palette.cursor }),
    name(stop, losses[stop].toFixed(2), loss - 8, bold(palette.ink)),
    ...ends.map((end) => name(end, `${end ? "" : "step "}${count(steps[end])}`, LINE + 38)),
    name(stop, `${first}${count(steps[stop])}`, LINE + 38, bold(palette.cursor_text)),
    say(`step ${count(steps[other])}`, place(upper)),
    code(before, upper, palette.quiet),
    say(`step ${count(steps[stop])}`, { ...place(lower), ...bold(palette.pick) }),
    code(picks, lower, palette.pick),
    path(`M${left} ${axis}H${right}`, { stroke: palette.rule }),
    ...words,
  ];
  return { nodes, height: Math.max(240, Math.ceil(axis + 30 + longest * 5.2)) };
}

class TrainingScrubber extends Figure {
  /** @param {import("./lib/host.js").Model} model @param {HTMLElement} el */
  constructor(model, el) {
    super(model, el, "scrub", TEXT_CSS + SCRUB_CSS, ["step", "layer", "head"]);
    this.histories = /** @type {StoredHistory[]} */ (this.data.histories);
    /** @type {Map<string, History>} */
    this.opened = new Map();
    const { layers, heads } = this.history({ text: this.histories[0].name });
    this.text = listField("Text", this.histories, (text) => this.change({ text }));
    this.layer = layerField(layers, (layer) => this.change({ layer }));
    this.against = segmentField("Compared with", AGAINST, (against) => this.change({ against }));
    this.head = headField(heads, this.stage.root, () => this.state.head, (head) => {
      this.change({ head });
    });
    this.drawing = svg("svg", { role: "img" });
    this.slider = stopSlider("Training step", (stop) => this.go(stop));
    const plot = div("stops", this.drawing, this.slider.node);
    plot.addEventListener("click", ({ clientX, target }) => {
      if (target === this.slider.input) return;
      const { last } = this.history(this.state);
      const { left, right } = scrubScale(this.inner, last);
      const share = (clientX - plot.getBoundingClientRect().left - left) / (right - left);
      this.go(within(Math.round(share * last), 0, last));
    });
    this.mount({
      name: "Training scrubber",
      controls: [this.text, this.layer, this.head, this.against].map(({ node }) => node),
      parts: [html("section", { class: "pad" }, plot)],
      buttons: stepButtons((key) => this.press(key)),
      note:
        "Recorded steps stand at equal distances; the loss is on this text, in nats a token. Bold words are picks that the upper row does not have.",
    });
  }

  /** @returns {ScrubState} */
  firstFrame() {
    const place = { text: this.histories[0].name, step: Infinity, stop: 0, ...this.data.start };
    return this.bounded({ ...place, against: "start", view: "figure" });
  }

  /** @param {ScrubState} state @returns {ScrubState} */
  bounded(state) {
    const { layers, heads, steps } = this.history(state);
    const stop = Math.max(0, steps.findLastIndex((own) => own <= state.step));
    const [layer, head] = [within(state.layer, 0, layers - 1), within(state.head, 0, heads - 1)];
    return { ...state, stop, step: steps[stop], layer, head };
  }

  /** @param {{text: string}} state @returns {History} Of a text that is in the page. */
  history({ text }) {
    const found = this.opened.get(text) ?? new History(this.stored(text).history ?? {});
    this.opened.set(text, found);
    return found;
  }

  /** @param {string} text */
  stored(text) {
    return /** @type {StoredHistory} */ (this.histories.find(({ name }) => name === text));
  }

  /** @param {number} stop Which recorded step. */
  go(stop) {
    this.change({ step: this.history(this.state).steps[stop] });
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
    return this.history(state).said(state);
  }

  /** @param {ScrubState} state @param {Palette} palette @param {number} width */
  picture(state, palette, width) {
    return drawScrub(this.history(state), state, width, palette);
  }

  /** @param {ScrubState} state */
  table(state) {
    const history = this.history(state);
    const { layer, head, against } = state;
    const other = against === "start" ? "As at start" : "As step before";
    const rows = history.steps.map((step, stop) => [
      ...[count(step), count(history.seen[stop]), history.losses[stop].toFixed(3)],
      `${history.shared(stop, otherStop({ ...state, stop }), layer, head)}`,
      `${history.shared(stop, history.last, layer, head)}`,
      history.picks(stop, layer, head).map((t) => history.labels[t]).join(" "),
    ]);
    rows.unshift(["Step", "Tokens seen", "Loss", other, "As at end", "Picks"]);
    const caption = `Layer ${layer}, head ${head}, at every recorded step`;
    return { rows, caption, at: state.stop, words: [5] };
  }

  /** @param {ScrubState} state */
  python(state) {
    return this.history(state).python(state);
  }

  /** @param {ScrubState} state */
  provenance(state) {
    const { text, name, layers, heads } = this.history(state);
    const shape = `${layers} layers with ${heads} heads each`;
    return `${text}\n${name}: layer ${state.layer}, head ${state.head} of ${shape}; loss on this text.`;
  }

  exported() {
    return { ...super.exported(), rows: () => this.history(this.state).allPicks() };
  }

  /** @param {Record<string, any>} changes */
  async change(changes) {
    const own = this.stored(changes.text ?? this.state.text);
    const take = (/** @type {Record<string, any>} */ json) => (own.history = json);
    const failure = await (own.history ? "" : fetchStored(own, take));
    if (!failure) return super.change(changes);
    this.frame.tell(failure);
    this.draw(); // the list shows the old one
  }

  /** @returns {Record<string, import("./lib/figure.js").LinkField>} */
  get fields() {
    return {
      scrub: ["text", this.histories.map(({ name }) => name)],
      step: ["step", null, Infinity],
      ...{ l: ["layer"], h: ["head"] },
      against: ["against", Object.keys(AGAINST)],
    };
  }
}

const scrubber = drawnBy(TrainingScrubber);

defineElement("mosa-scrubber", scrubber);

export default scrubber;
