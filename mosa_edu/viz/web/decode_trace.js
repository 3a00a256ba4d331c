// Decode trace: a text is read token by token, and the caches of the heads fill.
//
// It plays only when it is asked to.

import { segmentField, stepButtons, steppedTo, stopSlider, tokenList } from "./lib/controls.js";
import { Figure, within } from "./lib/figure.js";
import { TEXT_CSS } from "./lib/css.js";
import { button, div, html, isCommand, paragraph, press, svg } from "./lib/dom.js";
import { circle, layerNames, line, path, stopScale, writer } from "./lib/drawing.js";
import { pythonCell, pythonModel, pythonString, pythonThresholds } from "./lib/export.js";
import { count, plural, rowName, tokenLabels } from "./lib/format.js";
import { defineElement, drawnBy } from "./lib/host.js";

/** @typedef {import("./lib/palette.js").Palette} Palette */
/** @typedef {{rule: string, step: number, view: "figure" | "table"}} DecodeState */

const DECODE_CSS = `
.theatre .detail{min-height:40px}
.theatre .controls{grid-template-columns:auto 1fr;align-items:end}
.theatre .controls .row{justify-content:flex-end}
.theatre .tok.given{color:var(--mosa-ink2)}
.theatre .tok.unread{visibility:hidden}
.stops{margin:8px 0}
.stops .slider{top:98px}
.marks i{display:inline-block;width:14px;height:4px;margin:0 3px 2px 0;background:var(--mosa-quiet)}
.marks .now{background:var(--mosa-pick)}
.marks .dense{background:var(--mosa-rule)}
.marks b{color:var(--mosa-cursor-text)}
.narrow.theatre .controls{grid-template-columns:1fr}
.narrow.theatre .segments{display:flex}
.narrow.theatre .segments>*{flex:1 1 auto;padding:6px 4px;font-size:12px}
.narrow.theatre .finding{min-height:72px}
.narrow.theatre .detail{min-height:80px}
.narrow .stops .slider{top:92px}
`;

const BEAT = 350; // milliseconds a step
const LINE_BOTTOM = 96;
const SLOTS_TOP = 152;
const SLOT_ROW = 5;
const LAYER_GAP = 8;

/** @type {Record<string, string>} */
const RULE_NAMES = { prefix: "Prefix top-k", threshold: "Threshold", token: "Token choice" };
const LEGEND = {
  kept: "slots that a head has filled",
  now: "filled at this step",
  refused: "wanted it, no slot left",
  dense: "what a dense head would hold",
};

/** @param {number} bytes @returns {string} "667 KB" of 1,000 bytes */
const kilobytes = (bytes) => `${count(Math.round(bytes / 1000))} KB`;

/** A recorded decoding: which head kept which token, and what the cache held. */
class DecodeTrace {
  /** @param {Record<string, any>} json As Python wrote it. */
  constructor(json) {
    const { layers, heads, limit, dense_heads: dense } = json;
    /** @type {string[]} */
    this.texts = json.tokens.map((/** @type {[number, string]} */ [, text]) => text);
    this.labels = tokenLabels(this.texts);
    this.last = this.texts.length - 1;
    this.shape = /** @type {{layers: number, heads: number, limit: number}} */ ({
      ...{ layers, heads, limit },
    });
    this.taken = /** @type {number[][]} rows of heads, by step */ (json.taken);
    this.refused = /** @type {number[][]} */ (json.refused);
    this.bytes = /** @type {number[]} */ (json.bytes);
    this.model = /** @type {string} */ (json.model.name);
    this.rule = /** @type {string} */ (json.rule);
    this.prompt = /** @type {number} */ (json.prompt);
    this.slotBytes = 2 * json.d_head * json.bytes_per_element;
    this.denseSlots = layers * (dense + heads); // a step
  }

  /** @param {number} step @returns {number[]} Filled slots of every sparse head after a step. */
  filled(step) {
    const counts = Array(this.shape.layers * this.shape.heads).fill(0);
    for (const rows of this.taken.slice(0, step + 1)) for (const row of rows) counts[row]++;
    return counts;
  }

  /** @param {number} step @returns {number} Slots of all heads, dense ones included. */
  slots(step) {
    return this.bytes[step] / this.slotBytes;
  }

  /** @param {number} step @returns {number} Bytes of as many heads that are all dense. */
  denseBytes(step) {
    return (step + 1) * this.denseSlots * this.slotBytes;
  }

  /** Headings, and a row a step. */
  rows() {
    const head = ["Step", "Token", "Heads that take it", "No slot left", "Slots", "Bytes"];
    const body = this.labels.map((label, t) => {
      const names = this.taken[t].map((row) => rowName(row, this.shape.heads)).join(" ");
      const heads = [this.taken[t], this.refused[t]].map((rows) => `${rows.length}`);
      const numbers = [this.slots(t), this.bytes[t], this.denseBytes(t)].map(count);
      return [`${t}`, label, ...heads, ...numbers, names];
    });
    return [[...head, "All dense, bytes", "Which heads"], ...body];
  }

  /** @param {number} step What it did, in words. */
  said(step) {
    const { labels, taken, refused, denseSlots, bytes, shape } = this;
    const late = refused[step].length;
    const full = late ? `; ${late} more wanted it and had no slot left` : "";
    const heads = plural(shape.layers * shape.heads, "sparse head");
    const detail = `“${labels[step]}” went into ${taken[step].length} of ${heads}${full}. ` +
      `${kilobytes(bytes[step])}; as many heads, all dense, would hold ` +
      `${kilobytes(this.denseBytes(step))}.`;
    return {
      who: `After token ${step} the cache fills `,
      keeps: `${count(this.slots(step))} of ${count((step + 1) * denseSlots)} slots`,
      what: ".",
      ...{ detail, spoken: detail },
    };
  }

  /** @param {number} step @returns {string} A cell that decodes the same text. */
  python(step) {
    const { rule, prompt, last, texts } = this;
    return pythonCell(
      "import json",
      "",
      ...pythonModel(
        this.model,
        "from mosa_edu.generation.decode_trace import trace_decoding, under_rule",
        "from mosa_edu.pretrained import pretrained_path, read_metadata",
      ),
      pythonThresholds(this.model),
      `causal = under_rule(model, ${pythonString(rule)}, thresholds)`,
      `prompt = ${pythonString(texts.slice(0, prompt).join(""))}`,
      `story = trace_decoding(causal, tokenizer, prompt, ${last + 1 - prompt})`,
      `print(story.slots()[${step}], "slots,", story.bytes[${step}], "bytes")`,
    );
  }
}

/** @param {number} width @param {number} last Number of the last step. */
const decodeScale = (width, last) => stopScale(width, last, 30, 58);

/**
 * The bytes of the cache over the steps, and under them the slots of every sparse head.
 * @param {DecodeTrace} trace @param {number} step @param {number} width @param {Palette} palette
 */
function drawDecoding(trace, step, width, palette) {
  const { left, right, x } = decodeScale(width, trace.last);
  const { bytes, last } = trace;
  const { layers, heads } = trace.shape;
  const say = writer(palette);
  const high = (LINE_BOTTOM - 20) / trace.denseBytes(last);
  const y = (/** @type {number} */ own) => LINE_BOTTOM - high * own;
  /** @param {(t: number) => number} of @param {string} stroke */
  const curve = (of, stroke) =>
    line(`M${bytes.map((_, t) => `${x(t).toFixed(1)} ${y(of(t)).toFixed(1)}`).join("L")}`, stroke, {
      "stroke-width": 2,
    });
  const [at, now, far] = [x(step), y(bytes[step]), last * 0.62];
  const side = step > last / 2 ? { "text-anchor": "end", x: at - 8 } : { x: at + 8 };
  const here = now - (bytes[step] < bytes[last] / 3 ? 12 : -14);
  const [end, bold] = [{ "text-anchor": "end" }, { "font-weight": 600 }];
  const nodes = [
    curve((t) => trace.denseBytes(t), palette.quiet),
    curve((t) => bytes[t], palette.pick),
    say("all dense", { x: x(far) - 8, y: y(trace.denseBytes(far)) - 4, ...end }),
    say("this cache", {
      x: x(last) - 4,
      y: y(bytes[last]) - 8,
      fill: palette.pick,
      ...end,
      ...bold,
    }),
    path(`M${left} ${LINE_BOTTOM}H${right}`, { stroke: palette.rule }),
    path(`M${at} ${y(trace.denseBytes(step))}V${LINE_BOTTOM}`, {
      stroke: palette.cursor,
      "stroke-dasharray": "2 2",
    }),
    circle(at, now, 5, { fill: palette.cursor }),
    say(kilobytes(bytes[step]), { ...side, y: here, fill: palette.cursor_text, ...bold }),
    ...drawSlots(trace, step, left, right, palette),
  ];
  return { nodes, height: SLOTS_TOP + layers * heads * SLOT_ROW + (layers - 1) * LAYER_GAP + 8 };
}

/** @param {DecodeTrace} trace @param {number} step @param {number} left @param {number} right @param {Palette} palette */
function drawSlots(trace, step, left, right, palette) {
  const { layers, heads, limit } = trace.shape;
  const size = (right - left) / (trace.last + 1);
  const [taken, refused] = [new Set(trace.taken[step]), new Set(trace.refused[step])];
  const top = (/** @type {number} */ row) =>
    SLOTS_TOP + row * SLOT_ROW + LAYER_GAP * Math.floor(row / heads);
  const paths = { dense: "", kept: "", now: "", full: "" };
  /** @param {number} from @param {number} to @param {number} y */
  const bar = (from, to, y) => {
    const wide = (to - from) * size;
    return `M${(left + from * size).toFixed(1)} ${y}h${wide.toFixed(1)}v4h${(-wide).toFixed(1)}z`;
  };
  trace.filled(step).forEach((n, row) => {
    const [y, old] = [top(row), n - Number(taken.has(row))];
    paths.dense += bar(0, step + 1, y);
    if (old) paths.kept += bar(0, old, y);
    if (n > old) paths.now += bar(old, Math.max(n, old + 3 / size), y);
    if (refused.has(row)) {
      paths.full += `M${(left + n * size + 3).toFixed(1)} ${y - 1}l5 5m0 -5l-5 5`;
    }
  });
  const say = writer(palette);
  const atLimit = left + limit * size;
  const end = `M${atLimit} ${SLOTS_TOP - 4}V${top(layers * heads - 1) + 6}`;
  const slots = [
    path(end, { stroke: palette.ink2, "stroke-dasharray": "3 3" }),
    say(`${limit} slots`, { x: atLimit, y: SLOTS_TOP - 8, "text-anchor": "middle" }),
  ];
  return [
    ...layerNames(say, layers, left, (l) => top(l * heads)),
    path(paths.dense, { fill: palette.rule, "fill-opacity": 0.5 }),
    path(paths.kept, { fill: palette.quiet }),
    path(paths.now, { fill: palette.pick }),
    line(paths.full, palette.cursor, { "stroke-width": 1.8 }),
    ...(limit <= trace.last ? slots : []),
  ];
}

class DecodeTraceFigure extends Figure {
  /** @param {import("./lib/host.js").Model} model @param {HTMLElement} el */
  constructor(model, el) {
    super(model, el, "theatre", TEXT_CSS + DECODE_CSS, ["rule", "step"]);
    /** @type {Map<string, DecodeTrace>} */
    this.traces = new Map(
      this.data.stories.map((/** @type {any} */ json) => [json.rule, new DecodeTrace(json)]),
    );
    this.beat = 0;
    this.opened = "";
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    const names = [...this.traces.keys()].map((rule) => [rule, RULE_NAMES[rule] ?? rule]);
    this.rule = segmentField("Rule", Object.fromEntries(names), (rule) => this.change({ rule }));
    this.player = button("Play", () => this.play(), { "aria-pressed": "false" });
    const study = (/** @type {number} */ step) => this.change({ step });
    this.list = tokenList({ study });
    this.drawing = svg("svg", { role: "img" });
    this.slider = stopSlider("Token", study);
    const marks = Object.entries(LEGEND).map(([name, words]) =>
      html("span", {}, name === "refused" ? html("b", {}, "✕ ") : html("i", { class: name }), words)
    );
    this.stage.root.addEventListener("keydown", (event) => {
      const onButton = /** @type {HTMLElement} */ (event.target).closest("button");
      if (isCommand(event) || (event.key !== "p" && (event.key !== " " || onButton))) return;
      event.preventDefault();
      this.play();
    });
    const [back, on] = stepButtons((key) => this.press(key));
    const plot = div("stops", this.drawing, this.slider.node);
    this.mount({
      name: "Decode theatre",
      controls: [this.rule.node, div("row", back, this.player, on)],
      parts: [
        div("pad text-block", this.list.node),
        div("pad", plot, paragraph("note marks", ...marks)),
      ],
      note: this.data.about,
    });
    this.hush = () => {
      if (this.still.matches) this.stop();
      this.player.hidden = this.still.matches;
    };
    this.still.addEventListener("change", this.hush);
    this.hush();
  }

  /** @returns {DecodeState} */
  firstFrame() {
    const [[rule, { last }]] = this.traces;
    return { rule, step: last, view: "figure" };
  }

  /** @param {DecodeState} state @returns {DecodeState} */
  bounded(state) {
    const rule = this.traces.has(state.rule) ? state.rule : this.data.stories[0].rule;
    return { ...state, rule, step: within(state.step, 0, this.trace({ rule }).last) };
  }

  /** @param {{rule: string}} state */
  trace({ rule }) {
    return /** @type {DecodeTrace} */ (this.traces.get(rule));
  }

  /** @param {string} key */
  press(key) {
    const { step } = this.state;
    this.change({ step: steppedTo(key, step, 0, this.trace(this.state).last) ?? step });
  }

  /** Play from here, or from the first token if this is the last; or pause. */
  play() {
    if (this.still.matches) return;
    if (this.beat) return this.stop();
    const { last } = this.trace(this.state);
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

  /** @param {Partial<DecodeState>} changes By the reader's hand, which ends playing. */
  change(changes) {
    if (this.beat) this.stop();
    super.change(changes);
  }

  announce() {
    if (!this.beat) super.announce(); // who listens hears where it stops
  }

  /** @param {DecodeState} state */
  paint(state) {
    const { player, list, frame } = this;
    const { step } = state;
    const { texts, labels, bytes, prompt, last } = this.trace(state);
    if (this.opened !== state.rule) list.lay(texts, labels);
    this.opened = state.rule;
    frame.pill.textContent = `Recorded, ${last + 1} steps`;
    this.rule.show(state.rule);
    player.textContent = this.beat ? "Pause" : "Play";
    press(player, this.beat > 0);
    const words = `Token ${step}, ${labels[step]}, ${kilobytes(bytes[step])}`;
    this.slider.show(step, last, words, decodeScale(this.inner, last));
    list.mark(step, frame.detail.textContent ?? "", (t) => ({
      given: t < prompt,
      unread: t > step && t >= prompt,
    }));
    this.redraw(this.drawing, state);
  }

  /** @param {DecodeState} state */
  said(state) {
    return this.trace(state).said(state.step);
  }

  /** @param {DecodeState} state @param {Palette} palette @param {number} width */
  picture(state, palette, width) {
    return drawDecoding(this.trace(state), state.step, width, palette);
  }

  /** @param {DecodeState} state */
  table(state) {
    const caption = `${RULE_NAMES[state.rule] ?? state.rule}, step by step`;
    return { rows: this.trace(state).rows(), caption, at: state.step, words: [1, 7] };
  }

  /** @param {DecodeState} state */
  python(state) {
    return this.trace(state).python(state.step);
  }

  /** @param {DecodeState} state */
  provenance(state) {
    const { kept, now, refused, dense } = LEGEND;
    const marks = `grey: ${kept};  blue: ${now};  ✕ ${refused};  light: ${dense}`;
    const text = this.trace(state).texts.slice(0, state.step + 1).join("");
    return `${marks}\n${text}\n${this.data.about}`;
  }

  /** @returns {Record<string, import("./lib/figure.js").LinkField>} */
  get fields() {
    return { theatre: ["rule", [...this.traces.keys()]], step: ["step", null, Infinity] };
  }

  dispose() {
    clearInterval(this.beat);
    this.still.removeEventListener("change", this.hush);
    super.dispose();
  }
}

const decodeTrace = drawnBy(DecodeTraceFigure);

defineElement("mosa-decode-trace", decodeTrace);

export default decodeTrace;
