// What the probe found, drawn and in words: all heads before the cut, the text, the table, the cell.
//
// A grey mark is a pick that stayed, a triangle a new one, a cross a lost one.

import { onHover, steppedTo, tokenList } from "../lib/controls.js";
import { within } from "../lib/figure.js";
import { div, html, setAttribute, svg } from "../lib/dom.js";
import { layerNames, line, path, rect, redraw, writer } from "../lib/drawing.js";
import { pythonCell, pythonModel, pythonString, pythonThresholds } from "../lib/export.js";
import { fraction, headOf, plural, tokenLabels } from "../lib/format.js";
import { FAR } from "./runs.js";

/** @typedef {import("./runs.js").LeakView} LeakView */
/** @typedef {import("./runs.js").Changes} Changes */
/** @typedef {import("./runs.js").Change} Change */
/** @typedef {import("../lib/palette.js").Palette} Palette */
/** @typedef {import("../leak.js").LeakProbe} LeakProbe */

const ROW = 5;
const GAP = 8;
const HATCH = 9;
const FOOT = 22;

/** @type {Record<string, string>} */
const MARKS = { new: "▲", lost: "✕" };

const WHO = {
  random: "A new future",
  tail: "The future of another text",
  none: "Cutting the future off",
  edit: "An edited future",
};

const WHY = {
  paper:
    "Every head keeps its best of the whole text, so what comes later decides who is kept earlier.",
  prefix:
    "Prefix top-k, same weights, trained by the paper's rule: a token competes only with those before it.",
  trained:
    "A second model, which prefix top-k trained: a token competes only with those before it.",
  threshold:
    "Threshold, same weights, trained by the paper's rule: each token only has to pass a fixed mark.",
  dense: "All MoSA heads are switched off; dense heads look back, never ahead.",
};

const DRAWN = {
  random: "future, re-rolled",
  tail: "another text's future",
  none: "future cut off",
  edit: "future, edited",
};

/** @typedef {ReturnType<typeof gridOf>} Grid Where things stand, in CSS pixels; `y` is the top of a row. */

/** @param {number} width @param {{T: number, layers: number, heads: number}} view */
function gridOf(width, { T, layers, heads }) {
  const left = width < 500 ? 26 : 58;
  const column = Math.min(24, (width - left - 12) / T);
  const bottom = layers * heads * ROW + (layers - 1) * GAP + 4;
  const y = (/** @type {number} */ row) => 2 + row * ROW + GAP * Math.floor(row / heads);
  return { left, column, end: left + T * column, bottom, height: bottom + FOOT, y };
}

/** @param {number} left @param {number} right @param {number} bottom @returns {string} Diagonal lines that fill a box. */
function hatchPath(left, right, bottom) {
  let d = "";
  for (let x = left - bottom; x < right; x += HATCH) {
    const ends = [Math.max(x, left), Math.min(x + bottom, right)];
    d += `M${ends.map((at) => `${at.toFixed(1)} ${(bottom - at + x).toFixed(1)}`).join("L")}`;
  }
  return d;
}

/** @param {Grid} grid @param {Changes} changes Path data. */
function markPaths({ left, column, y }, changes) {
  const paths = { kept: "", new: "", lost: "" };
  const half = Math.max(2.5, Math.min(3.5, column / 2));
  const round = (/** @type {number} */ value) => value.toFixed(1);
  const [size, wide] = [round(2 * half), round(0.8 * column)];
  for (const { row, t, kind } of changes.marks) {
    const [x, middle] = [left + (t + 0.5) * column, y(row) + ROW / 2];
    const [west, north] = [round(x - half), round(middle - half)];
    paths[kind] += {
      kept: `M${round(x - 0.4 * column)} ${round(middle - 1)}h${wide}v2h-${wide}z`,
      new: `M${west} ${round(middle + half)}h${size}L${round(x)} ${north}z`,
      lost: `M${west} ${north}l${size} ${size}m0 -${size}l-${size} ${size}`,
    }[kind];
  }
  return paths;
}

/** @param {Grid} grid @param {LeakView} view @param {Changes} changes @param {Palette} palette
 * @param {number} cut Where the bar stands: the view's own, or where it is dragged to. */
function drawLeak(grid, view, changes, palette, cut) {
  const { left, column, end, bottom, y } = grid;
  const { layers, heads, state } = view;
  const at = left + cut * column;
  const paths = markPaths(grid, changes);
  const say = writer(palette);
  const words = DRAWN[state.future];
  const room = words.length * 6 + 12;
  const middle = at + (end - at) / 2;
  const step = [8, 16, 32, 64].find((size) => size * column >= 40) ?? 64;
  const ticks = Array.from({ length: Math.ceil(view.T / step) }, (_, i) => i * step)
    .filter((t) => (t - cut) * column > 24 || (cut - t) * column > (cut * column > 76 ? 124 : 24))
    .map((t) => say(`${t}`, { x: left + t * column, y: bottom + 16, "text-anchor": "middle" }));
  const studied = left + state.token * column;
  const bold = { "text-anchor": "middle", "font-weight": 600 };
  const label = [
    rect(middle - room / 2, bottom / 2 - 12, room, 20, palette.wash, { rx: 4 }),
    say(words, { x: middle, y: bottom / 2 + 2, ...bold }),
  ];
  return [
    ...layerNames(say, layers, left, (l) => y(l * heads)),
    ...(state.token < view.cut
      ? [rect(studied, 0, Math.max(column, 3), bottom, palette.cursor_wash)]
      : []),
    path(paths.kept, { fill: palette.quiet }),
    path(paths.new, { fill: palette.pick }),
    line(paths.lost, palette.cursor, { "stroke-width": 1.8 }),
    rect(at, 0, Math.max(0, end - at), bottom, palette.wash),
    line(hatchPath(at, end, bottom), palette.rule, { "stroke-width": 1.5 }),
    ...(end - at > room ? label : []),
    ...ticks,
  ];
}

/** @param {LeakView} view @param {Changes} changes @param {Palette} palette @param {number} width */
export function leakPicture(view, changes, palette, width) {
  const grid = gridOf(width, view);
  const { cut } = view;
  const bar = rect(grid.left + cut * grid.column - 1.5, 0, 3, grid.bottom, palette.ink);
  return { nodes: [...drawLeak(grid, view, changes, palette, cut), bar], height: grid.height };
}

/** @param {LeakView} view @param {Changes} changes @returns {import("../lib/figure.js").Said} */
export function leakFinding({ state, cut, moved, same, kept }, changes) {
  const picks = changes.new + changes.lost;
  const predictions = moved.changed.filter(Boolean).length;
  const [before, after] = kept;
  const other = `k = ${after} now, not ${before}: the text has another length.`;
  const why = `Nothing before position ${cut} was touched. ${WHY[state.rule]}`;
  const one = `its one prediction ${predictions ? "changed" : "stays as it was"}.`;
  return {
    who: same ? "The same future " : `${WHO[state.future]} `,
    keeps: `rewrites ${picks ? plural(picks, "pick") : "no pick"} in the past`,
    then: "; ",
    what: cut === 1 ? one : `${predictions || "none"} of its ${cut} predictions changed.`,
    detail: before !== after && state.rule === "paper" ? `${why} ${other}` : why,
    spoken: "",
  };
}

/** @param {LeakView} view @param {Changes} changes What there is to say of the token under study. */
export function leakSentence({ state, cut, moved }, changes) {
  const t = state.token;
  if (t >= cut) return `position ${t}, in the new future`;
  const [kept, fresh, lost] = countsOf(changes, t);
  const rows = `kept by ${plural(kept, "head")} in both, new in ${fresh}, lost in ${lost}, `;
  const nats = moved.divergence[t];
  const by = `moved by ${nats < 0.0005 ? "less than .001" : fraction(nats)} nats`;
  const [before, p, after, q] = moved.forecasts[t];
  const name = (/** @type {string} */ text) => tokenLabels(["a", text])[1];
  const now = `${before === after ? "" : `${name(after)} `}${fraction(q)}`;
  return `position ${t}, ${state.rule === "dense" ? "" : rows}` +
    `prediction ${moved.changed[t] ? by : "as before"}; ` +
    `likeliest next ${name(before)} ${fraction(p)}, now ${now}`;
}

/** @param {Changes} changes @param {number} t */
const countsOf = (changes, t) =>
  /** @type {Change[]} */ (["kept", "new", "lost"]).map((kind) => changes.count(kind, t));

/** @param {LeakView} view @param {Changes} changes @returns {[mark: string, words: string][]} */
function leakLegend({ moved, state }, changes) {
  const far = moved.divergence.filter((nats) => nats > FAR).length;
  /** @type {[string, string][]} */
  const picks = [
    ["kept", `picked as before (${changes.count("kept")})`],
    ["new", `picked only now (${changes.new})`],
    ["lost", `dropped now (${changes.lost})`],
  ];
  return [
    ...(state.rule === "dense" ? [] : picks),
    ["thin", `prediction changed (${moved.changed.filter(Boolean).length})`],
    ["thick", `by more than ${fraction(FAR, 2)} nats (${far})`],
  ];
}

/** @param {LeakView} view @param {Changes} changes */
export const leakLegendNodes = (view, changes) =>
  leakLegend(view, changes).map(([mark, words]) =>
    html("span", {}, html("i", { class: mark }, MARKS[mark] ?? ""), ` ${words}`)
  );

/** @param {LeakView} view @param {Changes} changes @param {string} about What stands under the picture. */
export function leakCaption(view, changes, about) {
  const legend = leakLegend(view, changes).map(([mark, words]) =>
    `${mark === "kept" ? "grey: " : mark in MARKS ? `${MARKS[mark]} ` : ""}${words}`
  );
  const text = view.tokens.map((token, t) => (t === view.cut ? ` | ${token.text}` : token.text));
  return `${legend.join(";  ")}\n${text.join("")}\n${about}`;
}

/** @param {LeakView} view @param {Changes} changes @returns {string[][]} Headings, and a row a position before the cut. */
export function leakRows({ tokens, cut, moved }, changes) {
  const labels = tokenLabels(tokens.map(({ text }) => text)).slice(0, cut);
  const rows = labels.map((label, t) => [
    ...[`${t}`, label, ...countsOf(changes, t).map(String)],
    moved.changed[t] ? "changed" : "as before",
    fraction(moved.divergence[t], 5),
  ]);
  return [
    ["Position", "Token", "Heads in both", "New", "Lost", "Prediction", "Nats (KL)"],
    ...rows,
  ];
}

/**
 * Every pick that stayed, came or went, and every prediction that was compared.
 * @param {LeakView} view @param {Changes} changes @returns {(string | number)[][]} Headings first.
 */
export function leakChanges({ heads, tokens, moved, cut }, changes) {
  const picks = changes.marks.map(({ row, t, kind }) => {
    const { layer, head } = headOf(row, heads);
    return [layer, head, t, tokens[t].id, kind, ""];
  });
  const predictions = tokens.slice(0, cut).map(({ id }, t) => {
    const nats = Number(moved.divergence[t].toFixed(6));
    return ["", "", t, id, moved.changed[t] ? "changed" : "as before", nats];
  });
  return [["layer", "head", "position", "token_id", "change", "nats"], ...picks, ...predictions];
}

/** @param {LeakView} view @param {string} model @param {string} written A cell that counts what is drawn. */
export function leakPython(view, model, written) {
  const { state: { rule }, T, cut, tokens } = view;
  const own = rule === "paper" || rule === "trained";
  const [isDense, marks] = [rule === "dense", rule === "threshold"];
  const causal = `${pythonString(isDense ? "prefix" : rule)}${marks ? ", thresholds" : ""}`;
  const when = (/** @type {boolean} */ holds, /** @type {string[]} */ ...lines) =>
    holds ? lines : [];
  return pythonCell(
    ...when(marks, "import json", ""),
    ...when(isDense, "import torch", ""),
    ...pythonModel(
      model,
      ...when(!own, "from mosa_edu.generation.decode_trace import under_rule"),
      ...when(marks, "from mosa_edu.pretrained import pretrained_path, read_metadata"),
      "from mosa_edu.probes.futures import count_rewritten",
    ),
    ...when(marks, pythonThresholds(model)),
    ...when(!own, `model = under_rule(model, ${causal})`),
    ...when(
      isDense,
      "for block in model.blocks:  # what MoSA heads say is multiplied by 0",
      "    torch.nn.init.zeros_(block.attention.sparse.w_out)",
    ),
    `ids = tokenizer.encode(${pythonString(written)})[:${T}]`,
    `future = [${tokens.slice(cut).map(({ id }) => id).join(", ")}]`,
    `new, lost, changed = count_rewritten(model, ids, ids[:${cut}] + future, ${cut})`,
    `print(new, "new picks,", lost, "lost,", changed, "of ${cut} predictions changed")`,
  );
}

/** @param {LeakProbe} probe The text with its bar. */
export function leakText(probe) {
  const list = tokenList({
    study: (token) => probe.change({ token }),
    preview: (token) => probe.preview(token < 0 ? null : { token }),
  });
  const bar = html("span", { class: "bar", role: "presentation" });
  return {
    ...list,
    bar,
    /** @param {LeakView} view @param {Changes} changes */
    lay({ tokens, cut, moved }, changes) {
      const texts = tokens.map(({ text }) => text);
      const { spans, parts } = list.lay(texts, tokenLabels(texts));
      spans.forEach((own, t) => {
        const bold = moved.divergence[t] > FAR ? "thick" : "thin";
        if (t >= cut) own.classList.add("after");
        else if (moved.changed[t]) own.classList.add(bold);
        if (t < cut) own.title = `${changes.count("new", t)} new, ${changes.count("lost", t)} lost`;
      });
      parts.splice(cut, 0, [bar]);
      list.node.replaceChildren(...parts.flat());
    },
    /** @param {number} token @param {string} sentence */
    mark(token, sentence) {
      const spans = list.mark(token, sentence, () => ({}));
      spans.forEach((own, t) => setAttribute(own, "aria-selected", t === token ? "true" : null));
    },
  };
}

/** The chart and its bar. */
export function leakPlot() {
  const drawing = svg("svg", { role: "img" });
  const label = html("span", { class: "at", "aria-hidden": "true" });
  const slider = { role: "slider", tabindex: 0, "aria-label": "Cut", "aria-valuemin": 1 };
  const bar = html("div", { class: "bar", ...slider });
  return {
    node: div("plot", drawing, label, bar),
    bar,
    grid: gridOf(0, { T: 1, layers: 1, heads: 1 }),
    /** @param {number} width @param {LeakView} view @param {Changes} changes @param {Palette} palette @param {number} cut */
    draw(width, view, changes, palette, cut) {
      const grid = (this.grid = gridOf(width, view));
      const { layers, heads, T } = view;
      const nodes = drawLeak(grid, view, changes, palette, cut);
      const [kept, fresh, lost] = [changes.count("kept"), changes.new, changes.lost];
      const picks = `${kept} picks as before, ${fresh} new, ${lost} lost`;
      const seen = `Picks of ${layers * heads} heads before position ${view.cut}: ${picks}`;
      redraw(drawing, { nodes, height: grid.height }, width, seen);
      const x = grid.left + cut * grid.column;
      Object.assign(bar.style, { left: `${x}px`, height: `${grid.height}px` });
      const words = `drag the cut: ${cut}`;
      label.textContent = words;
      label.style.left = `${x - grid.left > 76 ? x - 14 - words.length * 6 : x + 14}px`;
      setAttribute(bar, "aria-valuemax", `${T - 1}`);
      setAttribute(bar, "aria-valuenow", `${cut}`);
      setAttribute(bar, "aria-valuetext", `Cut before position ${cut}`);
    },
  };
}

/** @param {LeakProbe} probe Move the cut by its bars, with mouse, finger or keys; point at tokens in the drawing. */
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
  /** @param {MouseEvent} event */
  const over = (event) => {
    const token = within(Math.floor(column(event)), 0, probe.answer.cut - 1);
    return event.target === plot.bar ? null : { token };
  };
  plot.node.addEventListener("click", (event) => probe.change(over(event) ?? {}));
  onHover(plot.node, (event) => probe.preview(event && over(event)));
}

// Where a pointer would cut the text: before the half of a token that it is over.
/** @param {PointerEvent} event @param {Node} text @param {(cut: number) => number} bounded */
function cutInText({ clientX, clientY }, text, bounded) {
  const root = /** @type {ShadowRoot} */ (text.getRootNode());
  const over = root.elementFromPoint(clientX, clientY)?.closest("[data-t]");
  if (!(over instanceof HTMLElement)) return -1;
  const { left, width } = over.getBoundingClientRect();
  return bounded(Number(over.dataset.t) + Number(clientX > left + width / 2));
}

/**
 * @param {HTMLElement} bar @param {(cut: number) => void} move
 * @param {(event: PointerEvent) => number} cutAt Where the pointer would cut; -1 where it cannot say.
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
