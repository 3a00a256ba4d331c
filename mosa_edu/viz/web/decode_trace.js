/**
 * Decode theatre: a text is read token by token, and the caches of the heads fill.
 * @module
 */

import { segmentField, steppedTo, stopSlider, tokenList } from "./lib/card.js";
import { TEXT_CSS } from "./lib/css.js";
import { button, html, setAttribute, svg, writer } from "./lib/dom.js";
import { pythonString } from "./lib/export.js";
import { Figure, within } from "./lib/figure.js";
import { count, plural, rowName, tokenLabels } from "./lib/format.js";
import { defineElement, drawnBy } from "./lib/host.js";

export const THEATRE_CSS = `
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

/** What the rules are called. */
export const DECODING_RULES = /** @type {Record<string, string>} */ ({ prefix: "Prefix top-k", threshold: "Threshold", token: "Token choice" });

/** Who kept which token, and what the cache held. */
export class Story {
  /** @param {Record<string, any>} json As Python wrote it. */
  constructor(json) {
    /** @type {string[]} */
    this.texts = json.tokens.map((/** @type {[number, string]} */ [, text]) => text);
    this.labels = tokenLabels(this.texts);
    /** @type {number[][]} rows of heads, by step */
    this.taken = json.taken;
    /** @type {number[][]} */
    this.refused = json.refused;
    /** @type {number[]} */
    this.bytes = json.bytes;
    const { rule, prompt, layers, heads, limit, dense_heads: dense, model } = json;
    /** @type {string} */
    this.model = model.name;
    /** @type {{layers: number, heads: number, limit: number}} */
    this.shape = { layers, heads, limit };
    this.rule = /** @type {string} */ (rule);
    this.prompt = /** @type {number} */ (prompt);
    this.slotBytes = 2 * json.d_head * json.bytes_per_element;
    this.denseSlots = layers * (dense + heads); // a step
    this.last = this.texts.length - 1;
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

  /** @returns {string[][]} Headings, and a row a step. */
  rows() {
    const names = (/** @type {number[]} */ rows) => rows.map((row) => rowName(row, this.shape.heads)).join(" ");
    const head = ["Step", "Token", "Heads that take it", "No slot left", "Slots", "Bytes", "All dense, bytes", "Which heads"];
    return [head, ...this.labels.map((label, t) => [
      `${t}`,
      label,
      `${this.taken[t].length}`,
      `${this.refused[t].length}`,
      count(this.slots(t)),
      count(this.bytes[t]),
      count(this.denseBytes(t)),
      names(this.taken[t]),
    ])];
  }
}

/** @param {number} bytes @returns {string} "667 KB" of 1,000 bytes */
export const kilobytes = (bytes) => `${count(Math.round(bytes / 1000))} KB`;

/**
 * What a step did, in words; `mosa_edu.viz.decode_theatre` says the same of the last.
 * @param {Story} story
 * @param {number} step
 * @returns {{said: {who: string, keeps: string, what: string}, detail: string}}
 */
export function storyFinding(story, step) {
  const { labels, taken, refused, denseSlots, bytes } = story;
  const { layers, heads } = story.shape;
  const full = refused[step].length ? `; ${refused[step].length} more wanted it and had no slot left` : "";
  return {
    said: { who: `After token ${step} the cache fills `, keeps: `${count(story.slots(step))} of ${count((step + 1) * denseSlots)} slots`, what: "." },
    detail: `“${labels[step]}” went into ${taken[step].length} of ${plural(layers * heads, "sparse head")}${full}. ${kilobytes(bytes[step])}; as many heads, all dense, would hold ${kilobytes(story.denseBytes(step))}.`,
  };
}

/**
 * A cell that decodes the same text again.
 * @param {Story} story
 * @param {number} step
 * @returns {string}
 */
export function storyPython({ rule, prompt, last, model, texts }, step) {
  const name = pythonString(model);
  const lines = [
    "import json",
    "",
    "import mosa_edu",
    "from mosa_edu.generation.story import tell_decoding, under_rule",
    "from mosa_edu.pretrained import pretrained_path, read_metadata",
    "",
    `model, tokenizer = mosa_edu.load_pretrained(${name})`,
    `thresholds = json.loads(read_metadata(pretrained_path(${name}))["thresholds"])`,
    `causal = under_rule(model, ${pythonString(rule)}, thresholds)`,
    `prompt = ${pythonString(texts.slice(0, prompt).join(""))}`,
    `story = tell_decoding(causal, tokenizer, prompt, ${last + 1 - prompt})`,
    `print(story.slots()[${step}], "slots,", story.bytes[${step}], "bytes")`,
  ];
  return `${lines.join("\n")}\n`;
}

const LINE_BOTTOM = 96;
const SLOTS_TOP = 152;
const SLOT_ROW = 5;
const LAYER_GAP = 8;

/**
 * @param {number} width
 * @param {number} last Number of the last step.
 */
export function theatreScale(width, last) {
  const [left, right] = [width < 500 ? 30 : 58, width - 24];
  return { left, right, x: (/** @type {number} */ step) => left + ((right - left) * step) / Math.max(last, 1) };
}

/**
 * @param {Story} story
 * @param {number} step
 * @param {number} width
 * @param {import("./lib/palette.js").Palette} palette
 * @returns {{nodes: SVGElement[], height: number}}
 */
export function drawTheatre(story, step, width, palette) {
  const { left, right, x } = theatreScale(width, story.last);
  const { bytes, last } = story;
  const say = writer(palette);
  const y = (/** @type {number} */ own) => LINE_BOTTOM - ((LINE_BOTTOM - 20) * own) / story.denseBytes(last);
  const line = (/** @type {(t: number) => number} */ of, /** @type {string} */ stroke) =>
    svg("path", { d: `M${bytes.map((_, t) => `${x(t).toFixed(1)} ${y(of(t)).toFixed(1)}`).join("L")}`, fill: "none", stroke, "stroke-width": 2 });
  const side = step > last / 2 ? { "text-anchor": "end", x: x(step) - 8 } : { x: x(step) + 8 };
  const slots = drawSlots(story, step, left, right, palette);
  const nodes = [
    line((t) => story.denseBytes(t), palette.quiet),
    line((t) => bytes[t], palette.pick),
    say("all dense", { x: x(last * 0.62) - 8, y: y(story.denseBytes(last * 0.62)) - 4, "text-anchor": "end" }),
    say("this cache", { x: x(last) - 4, y: y(bytes[last]) - 8, "text-anchor": "end", fill: palette.pick, "font-weight": 600 }),
    svg("path", { d: `M${left} ${LINE_BOTTOM}H${right}`, stroke: palette.rule }),
    svg("path", { d: `M${x(step)} ${y(story.denseBytes(step))}V${LINE_BOTTOM}`, stroke: palette.cursor, "stroke-dasharray": "2 2" }),
    svg("circle", { cx: x(step), cy: y(bytes[step]), r: 5, fill: palette.cursor }),
    say(kilobytes(bytes[step]), { ...side, y: y(bytes[step]) - (bytes[step] < bytes[last] / 3 ? 12 : -14), fill: palette.cursor_text, "font-weight": 600 }),
    ...slots,
  ];
  const { layers, heads } = story.shape;
  return { nodes, height: SLOTS_TOP + layers * heads * SLOT_ROW + (layers - 1) * LAYER_GAP + 8 };
}

/**
 * @param {Story} story
 * @param {number} step
 * @param {number} left
 * @param {number} right
 * @param {import("./lib/palette.js").Palette} palette
 * @returns {SVGElement[]}
 */
function drawSlots(story, step, left, right, palette) {
  const { layers, heads, limit } = story.shape;
  const size = (right - left) / (story.last + 1);
  const filled = story.filled(step);
  const [taken, refused] = [new Set(story.taken[step]), new Set(story.refused[step])];
  const top = (/** @type {number} */ row) => SLOTS_TOP + row * SLOT_ROW + LAYER_GAP * Math.floor(row / heads);
  const paths = { dense: "", kept: "", now: "", full: "" };
  const bar = (/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ y) =>
    `M${(left + from * size).toFixed(1)} ${y}h${((to - from) * size).toFixed(1)}v4h${((from - to) * size).toFixed(1)}z`;
  filled.forEach((n, row) => {
    const [y, old] = [top(row), n - Number(taken.has(row))];
    paths.dense += bar(0, step + 1, y);
    if (old) paths.kept += bar(0, old, y);
    if (n > old) paths.now += bar(old, Math.max(n, old + 3 / size), y);
    if (refused.has(row)) paths.full += `M${(left + n * size + 3).toFixed(1)} ${y - 1}l5 5m0 -5l-5 5`;
  });
  const bottom = top(layers * heads - 1) + 6;
  const say = writer(palette);
  const names = Array.from({ length: layers }, (_, layer) => say(left < 40 ? `L${layer}` : `Layer ${layer}`, { x: 0, y: top(layer * heads) + 9 }));
  const atLimit = left + limit * size;
  return [
    ...names,
    svg("path", { d: paths.dense, fill: palette.rule, "fill-opacity": 0.5 }),
    svg("path", { d: paths.kept, fill: palette.quiet }),
    svg("path", { d: paths.now, fill: palette.pick }),
    svg("path", { d: paths.full, fill: "none", stroke: palette.cursor, "stroke-width": 1.8 }),
    ...(limit <= story.last
      ? [
          svg("path", { d: `M${atLimit} ${SLOTS_TOP - 4}V${bottom}`, stroke: palette.ink2, "stroke-dasharray": "3 3" }),
          say(`${limit} slots`, { x: atLimit, y: SLOTS_TOP - 8, "text-anchor": "middle" }),
        ]
      : []),
  ];
}

const BEAT = 350; // milliseconds a step

/** @typedef {{rule: string, step: number, view: "figure" | "table"}} Scene */

export class DecodeTheatre extends Figure {
  /**
   * @param {import("./lib/host.js").Model} model
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

  /** @param {Scene} scene @param {import("./lib/palette.js").Palette} palette @param {number} width */
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

  /** @returns {Record<string, import("./lib/figure.js").LinkField>} */
  get fields() {
    return { theatre: ["rule", [...this.stories.keys()]], step: ["step", null, Infinity] };
  }

  dispose() {
    clearInterval(this.beat);
    this.still.removeEventListener("change", this.hush);
    super.dispose();
  }
}

const theatre = drawnBy(DecodeTheatre);

defineElement("mosa-decode-trace", theatre);

export default theatre;
