/**
 * All heads before the cut: a grey mark is a pick that stayed, a triangle a new one, a cross a lost one.
 * @module
 */

import { FAR } from "./runs.js";
import { steppedTo, tokenList } from "../lib/card.js";
import { html, redraw, setAttribute, svg, writer } from "../lib/dom.js";
import { pythonString } from "../lib/export.js";
import { within } from "../lib/figure.js";
import { fraction, plural, tokenLabels } from "../lib/format.js";

const ROW = 5;
const GAP = 8;
const HATCH = 9;
const FOOT = 22;

/**
 * Where things stand, in CSS pixels.
 * @typedef {Object} Grid
 * @property {number} left
 * @property {number} end
 * @property {number} column
 * @property {number} bottom Under the last row.
 * @property {number} height
 * @property {(row: number) => number} y Top of a row.
 */

/**
 * @param {number} width
 * @param {{T: number, layers: number, heads: number}} view
 * @returns {Grid}
 */
export function gridOf(width, { T, layers, heads }) {
  const narrow = width < 500;
  const left = narrow ? 26 : 58;
  const column = Math.min(24, (width - left - 12) / T);
  const bottom = layers * heads * ROW + (layers - 1) * GAP + 4;
  const y = (/** @type {number} */ row) => 2 + row * ROW + GAP * Math.floor(row / heads);
  return { left, column, end: left + T * column, bottom, height: bottom + FOOT, y };
}

/**
 * Diagonal lines that fill a box.
 * @param {number} left
 * @param {number} right
 * @param {number} bottom
 * @returns {string} Path data.
 */
function hatchPath(left, right, bottom) {
  let path = "";
  for (let x = left - bottom; x < right; x += HATCH) {
    const [from, to] = [Math.max(x, left), Math.min(x + bottom, right)];
    path += `M${from.toFixed(1)} ${(bottom - from + x).toFixed(1)}L${to.toFixed(1)} ${(bottom - to + x).toFixed(1)}`;
  }
  return path;
}

/**
 * @param {Grid} grid
 * @param {import("./runs.js").Changes} changes
 * @returns {Record<"kept" | "new" | "lost", string>} Path data.
 */
function markPaths({ left, column, y }, changes) {
  const paths = { kept: "", new: "", lost: "" };
  const half = Math.max(2.5, Math.min(3.5, column / 2));
  const round = (/** @type {number} */ value) => value.toFixed(1);
  for (const { row, t, kind } of changes.marks) {
    const [x, middle] = [left + (t + 0.5) * column, y(row) + ROW / 2];
    const [west, north, size] = [round(x - half), round(middle - half), round(2 * half)];
    if (kind === "kept") paths.kept += `M${round(x - 0.4 * column)} ${round(middle - 1)}h${round(0.8 * column)}v2h${round(-0.8 * column)}z`;
    else if (kind === "new") paths.new += `M${west} ${round(middle + half)}h${size}L${round(x)} ${north}z`;
    else paths.lost += `M${west} ${north}l${size} ${size}m0 ${round(-2 * half)}l${round(-2 * half)} ${size}`;
  }
  return paths;
}

/**
 * @param {Grid} grid
 * @param {import("./runs.js").LeakView} view
 * @param {import("./runs.js").Changes} changes
 * @param {import("../lib/palette.js").Palette} palette
 * @param {number} cut Where the bar stands: the view's own, or where it is dragged to.
 * @returns {SVGElement[]}
 */
export function drawLeak(grid, view, changes, palette, cut) {
  const { left, column, end, bottom, y } = grid;
  const { layers, heads, state } = view;
  const at = left + cut * column;
  const paths = markPaths(grid, changes);
  const say = writer(palette);
  const words = { random: "future, re-rolled", tail: "another text's future", none: "future cut off", edit: "future, edited" }[state.future];
  const room = words.length * 6 + 12;
  const middle = at + (end - at) / 2;
  const names = Array.from({ length: layers }, (_, layer) =>
    say(left < 40 ? `L${layer}` : `Layer ${layer}`, { x: 0, y: y(layer * heads) + 9 }),
  );
  const step = [8, 16, 32, 64].find((size) => size * column >= 40) ?? 64;
  const ticks = Array.from({ length: Math.ceil(view.T / step) }, (_, i) => i * step)
    .filter((t) => (t - cut) * column > 24 || (cut - t) * column > (cut * column > 76 ? 124 : 24))
    .map((t) => say(`${t}`, { x: left + t * column, y: bottom + 16, "text-anchor": "middle" }));
  return [
    ...names,
    ...(state.token < view.cut
      ? [svg("rect", { x: left + state.token * column, y: 0, width: Math.max(column, 3), height: bottom, fill: palette.cursor_wash })]
      : []),
    svg("path", { d: paths.kept, fill: palette.quiet }),
    svg("path", { d: paths.new, fill: palette.pick }),
    svg("path", { d: paths.lost, fill: "none", stroke: palette.cursor, "stroke-width": 1.8 }),
    svg("rect", { x: at, y: 0, width: Math.max(0, end - at), height: bottom, fill: palette.wash }),
    svg("path", { d: hatchPath(at, end, bottom), fill: "none", stroke: palette.rule, "stroke-width": 1.5 }),
    ...(end - at > room
      ? [
          svg("rect", { x: middle - room / 2, y: bottom / 2 - 12, width: room, height: 20, rx: 4, fill: palette.wash }),
          say(words, { x: middle, y: bottom / 2 + 2, "text-anchor": "middle", "font-weight": 600 }),
        ]
      : []),
    ...ticks,
  ];
}

const WHO = {
  random: "A new future",
  tail: "The future of another text",
  none: "Cutting the future off",
  edit: "An edited future",
};

const WHY = {
  paper: "Every head keeps its best of the whole text, so what comes later decides who is kept earlier.",
  prefix: "Prefix top-k, same weights, trained by the paper's rule: a token competes only with those before it.",
  trained: "A second model, which prefix top-k trained: a token competes only with those before it.",
  threshold: "Threshold, same weights, trained by the paper's rule: each token only has to pass a fixed mark.",
  dense: "All MoSA heads are switched off; dense heads look back, never ahead.",
};

/**
 * @param {import("./runs.js").LeakView} view
 * @param {import("./runs.js").Changes} changes
 */
export function leakFinding({ state, cut, moved, same, kept }, changes) {
  const picks = changes.new + changes.lost;
  const predictions = moved.changed.filter(Boolean).length;
  const [before, after] = kept;
  const detail = [`Nothing before position ${cut} was touched. ${WHY[state.rule]}`];
  if (before !== after && state.rule === "paper") detail.push(`k = ${after} now, not ${before}: the text has another length.`);
  return {
    who: same ? "The same future " : `${WHO[state.future]} `,
    keeps: `rewrites ${picks ? plural(picks, "pick") : "no pick"} in the past`,
    then: "; ",
    what: changedOf(predictions, cut),
    detail: detail.join(" "),
  };
}

/**
 * @param {number} changed
 * @param {number} all
 */
function changedOf(changed, all) {
  if (all === 1) return `its one prediction ${changed ? "changed" : "stays as it was"}.`;
  return `${changed || "none"} of its ${all} predictions changed.`;
}

/**
 * What there is to say of the token under study.
 * @param {import("./runs.js").LeakView} view
 * @param {import("./runs.js").Changes} changes
 * @returns {string}
 */
export function leakSentence({ state, cut, moved }, changes) {
  const t = state.token;
  if (t >= cut) return `position ${t}, in the new future`;
  const heads = (/** @type {"kept" | "new" | "lost"} */ kind) => changes.count(kind, t);
  const rows = state.rule === "dense" ? [] : [`kept by ${plural(heads("kept"), "head")} in both, new in ${heads("new")}, lost in ${heads("lost")}`];
  const [before, p, after, q] = moved.forecasts[t];
  const name = (/** @type {string} */ text) => tokenLabels(["a", text])[1];
  const likely = `${name(before)} ${fraction(p)}, now ${before === after ? "" : `${name(after)} `}${fraction(q)}`;
  return [`position ${t}`, ...rows, `prediction ${movedWords(moved, t)}; likeliest next ${likely}`].join(", ");
}

/**
 * @param {import("./runs.js").Moved} moved
 * @param {number} t
 * @returns {string}
 */
export function movedWords({ changed, divergence }, t) {
  if (!changed[t]) return "as before";
  return `moved by ${divergence[t] < 0.0005 ? "less than .001" : fraction(divergence[t])} nats`;
}

/**
 * @param {import("./runs.js").LeakView} view
 * @param {import("./runs.js").Changes} changes
 * @returns {[mark: string, words: string][]}
 */
export function leakLegend({ moved, state }, changes) {
  const far = moved.divergence.filter((nats) => nats > FAR).length;
  const changed = moved.changed.filter(Boolean).length;
  /** @type {[string, string][]} */
  const picks = [
    ["kept", `picked as before (${changes.count("kept")})`],
    ["new", `picked only now (${changes.new})`],
    ["lost", `dropped now (${changes.lost})`],
  ];
  return [
    ...(state.rule === "dense" ? [] : picks),
    ["thin", `prediction changed (${changed})`],
    ["thick", `by more than ${fraction(FAR, 2)} nats (${far})`],
  ];
}

/**
 * Everything drawn, as rows of text: one a position before the cut.
 * @param {import("./runs.js").LeakView} view
 * @param {import("./runs.js").Changes} changes
 * @returns {string[][]} Headings first.
 */
export function leakRows({ tokens, cut, moved }, changes) {
  const labels = tokenLabels(tokens.map(({ text }) => text));
  const head = ["Position", "Token", "Heads in both", "New", "Lost", "Prediction", "Nats (KL)"];
  return [
    head,
    ...labels.slice(0, cut).map((label, t) => [
      `${t}`,
      label,
      ...["kept", "new", "lost"].map((kind) => `${changes.count(/** @type {"kept"} */ (kind), t)}`),
      moved.changed[t] ? "changed" : "as before",
      fraction(moved.divergence[t], 5),
    ]),
  ];
}

/** @type {Record<string, string>} */
const MARKS = { new: "▲", lost: "✕" };

/**
 * The text with its bar.
 * @param {import("../leak.js").LeakProbe} probe
 */
export function leakText(probe) {
  const list = tokenList({
    study: (token) => probe.change({ token }),
    preview: (token) => probe.preview(token < 0 ? null : { token }),
  });
  const bar = html("span", { class: "bar", role: "presentation" });
  return {
    ...list,
    bar,
    /** @param {import("./runs.js").LeakView} view @param {import("./runs.js").Changes} changes */
    lay({ tokens, cut, moved }, changes) {
      const texts = tokens.map(({ text }) => text);
      const { spans, parts } = list.lay(texts, tokenLabels(texts));
      spans.forEach((span, t) => {
        if (t >= cut) span.classList.add("after");
        else if (moved.changed[t]) span.classList.add(moved.divergence[t] > FAR ? "thick" : "thin");
        if (t < cut) span.title = `${changes.count("new", t)} new, ${changes.count("lost", t)} lost`;
      });
      parts.splice(cut, 0, [bar]);
      list.node.replaceChildren(...parts.flat());
    },
    /** @param {number} token @param {string} sentence */
    mark(token, sentence) {
      list.mark(token, sentence, () => ({})).forEach((span, t) => setAttribute(span, "aria-selected", t === token ? "true" : null));
    },
  };
}

/** The chart and its bar. */
export function leakPlot() {
  const drawing = svg("svg", { role: "img" });
  const label = html("span", { class: "at", "aria-hidden": "true" });
  const bar = html("div", { class: "bar", role: "slider", tabindex: 0, "aria-label": "Cut", "aria-valuemin": 1 });
  const node = html("div", { class: "plot" }, drawing, label, bar);
  return {
    node,
    bar,
    grid: gridOf(0, { T: 1, layers: 1, heads: 1 }),
    /**
     * @param {number} width
     * @param {import("./runs.js").LeakView} view
     * @param {import("./runs.js").Changes} changes
     * @param {import("../lib/palette.js").Palette} palette
     * @param {number} cut
     */
    draw(width, view, changes, palette, cut) {
      const grid = (this.grid = gridOf(width, view));
      const picks = `${changes.count("kept")} picks as before, ${changes.new} new, ${changes.lost} lost`;
      const seen = `Picks of ${view.layers * view.heads} heads before position ${view.cut}: ${picks}`;
      redraw(drawing, { nodes: drawLeak(grid, view, changes, palette, cut), height: grid.height }, width, seen);
      const x = grid.left + cut * grid.column;
      Object.assign(bar.style, { left: `${x}px`, height: `${grid.height}px` });
      const words = `drag the cut: ${cut}`;
      label.textContent = words;
      label.style.left = `${x - grid.left > 76 ? x - 14 - words.length * 6 : x + 14}px`;
      setAttribute(bar, "aria-valuemax", `${view.T - 1}`);
      setAttribute(bar, "aria-valuenow", `${cut}`);
      setAttribute(bar, "aria-valuetext", `Cut before position ${cut}`);
    },
  };
}

/**
 * @param {import("./runs.js").LeakView} view
 * @param {import("./runs.js").Changes} changes
 * @returns {Node[]}
 */
export const leakLegendNodes = (view, changes) =>
  leakLegend(view, changes).map(([mark, words]) => html("span", {}, html("i", { class: mark }, MARKS[mark] ?? ""), ` ${words}`));

/** @param {import("../leak.js").LeakProbe} probe */
export function pointAt(probe) {
  const { plot, text } = probe;
  const bounded = (/** @type {number} */ cut) => within(cut, 1, probe.answer.T - 1);
  const move = (/** @type {number} */ cut) => probe.change({ cut });
  const column = (/** @type {MouseEvent} */ { clientX }) =>
    (clientX - plot.node.getBoundingClientRect().left - plot.grid.left) / plot.grid.column;
  dragBar(plot.bar, (event) => bounded(Math.round(column(event))), move);
  dragBar(text.bar, (event) => cutInText(event, text.node, bounded), move);
  plot.bar.addEventListener("keydown", (event) => {
    const cut = steppedTo(event.key, probe.state.cut, 1, probe.answer.T - 1);
    if (cut === null) return;
    event.preventDefault();
    move(cut);
  });
  const over = (/** @type {MouseEvent} */ event) =>
    event.target === plot.bar ? null : { token: within(Math.floor(column(event)), 0, probe.answer.cut - 1) };
  plot.node.addEventListener("click", (event) => probe.change(over(event) ?? {}));
  plot.node.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") probe.preview(over(event));
  });
  plot.node.addEventListener("pointerleave", () => probe.preview(null));
}

/**
 * Where a pointer would cut the text: before the half of a token that it is over.
 * @param {PointerEvent} event
 * @param {Node} text
 * @param {(cut: number) => number} bounded
 */
function cutInText({ clientX, clientY }, text, bounded) {
  const root = /** @type {ShadowRoot} */ (text.getRootNode());
  const over = /** @type {HTMLElement | null | undefined} */ (root.elementFromPoint(clientX, clientY)?.closest("[data-t]"));
  if (!over) return -1;
  const { left, width } = over.getBoundingClientRect();
  return bounded(Number(over.dataset.t) + Number(clientX > left + width / 2));
}

/**
 * @param {HTMLElement} bar
 * @param {(event: PointerEvent) => number} cutAt Where the pointer would cut; -1 where it cannot say.
 * @param {(cut: number) => void} move
 */
function dragBar(bar, cutAt, move) {
  bar.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    bar.focus?.({ preventScroll: true });
    // The bar may be put elsewhere in the text while it is dragged, so the page follows the pointer.
    const follow = (/** @type {PointerEvent} */ to) => {
      const cut = to.pointerId === event.pointerId ? cutAt(to) : -1;
      if (cut >= 0) move(cut);
    };
    const end = () => {
      removeEventListener("pointermove", follow);
      for (const type of ["pointerup", "pointercancel"]) removeEventListener(type, end);
    };
    addEventListener("pointermove", follow);
    for (const type of ["pointerup", "pointercancel"]) addEventListener(type, end);
  });
}

/**
 * A cell that counts what the picture shows.
 * @param {import("./runs.js").LeakView} view
 * @param {string} model Its name.
 * @param {string} written The text.
 * @returns {string}
 */
export function leakPython(view, model, written) {
  const { rule } = view.state;
  const own = rule === "paper" || rule === "trained";
  const name = pythonString(model);
  const after = view.tokens.slice(view.cut).map(({ id }) => id);
  const causal = rule === "dense" ? "prefix" : rule;
  const marks = rule === "threshold";
  const lines = [
    ...(marks ? ["import json", ""] : []),
    ...(rule === "dense" ? ["import torch", ""] : []),
    "import mosa_edu",
    ...(own ? [] : ["from mosa_edu.generation.story import under_rule"]),
    ...(marks ? ["from mosa_edu.pretrained import pretrained_path, read_metadata"] : []),
    "from mosa_edu.probes.futures import count_rewritten",
    "",
    `model, tokenizer = mosa_edu.load_pretrained(${name})`,
    ...(marks ? [`thresholds = json.loads(read_metadata(pretrained_path(${name}))["thresholds"])`] : []),
    ...(own ? [] : [`model = under_rule(model, ${pythonString(causal)}${marks ? ", thresholds" : ""})`]),
    ...(rule === "dense" ? ["for block in model.blocks:  # what MoSA heads say is multiplied by 0", "    torch.nn.init.zeros_(block.attention.sparse.w_out)"] : []),
    `ids = tokenizer.encode(${pythonString(written)})[:${view.T}]`,
    `future = [${after.join(", ")}]`,
    `new, lost, changed = count_rewritten(model, ids, ids[:${view.cut}] + future, ${view.cut})`,
    `print(new, "new picks,", lost, "lost,", changed, "of ${view.cut} predictions changed")`,
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * @param {import("./runs.js").LeakView} view
 * @param {import("./runs.js").Changes} changes
 * @param {import("../lib/palette.js").Palette} palette
 * @param {number} width
 */
export function leakPicture(view, changes, palette, width) {
  const grid = gridOf(width, view);
  const { cut } = view;
  const bar = svg("rect", { x: grid.left + cut * grid.column - 1.5, y: 0, width: 3, height: grid.bottom, fill: palette.ink });
  return { nodes: [...drawLeak(grid, view, changes, palette, cut), bar], height: grid.height };
}

/**
 * What stands under the picture: the legend, and the text with its cut.
 * @param {import("./runs.js").LeakView} view
 * @param {import("./runs.js").Changes} changes
 * @param {string} about
 */
export function leakCaption(view, changes, about) {
  /** @type {Record<string, string>} */
  const marks = { kept: "grey: ", new: "▲ ", lost: "✕ " };
  const legend = leakLegend(view, changes).map(([mark, words]) => `${marks[mark] ?? ""}${words}`);
  const text = view.tokens.map((token, t) => (t === view.cut ? ` | ${token.text}` : token.text));
  return `${legend.join(";  ")}\n${text.join("")}\n${about}`;
}

/**
 * Every pick that stayed, came or went, and every prediction that was compared.
 * @param {import("./runs.js").LeakView} view
 * @param {import("./runs.js").Changes} changes
 * @returns {(string | number)[][]} Headings first.
 */
export function leakChanges({ heads, tokens, moved, cut }, changes) {
  const picks = changes.marks.map(({ row, t, kind }) => [Math.floor(row / heads), row % heads, t, tokens[t].id, kind, ""]);
  const nats = (/** @type {number} */ t) => Number(moved.divergence[t].toFixed(6));
  const predictions = tokens.slice(0, cut).map(({ id }, t) => ["", "", t, id, moved.changed[t] ? "changed" : "as before", nats(t)]);
  return [["layer", "head", "position", "token_id", "change", "nats"], ...picks, ...predictions];
}
