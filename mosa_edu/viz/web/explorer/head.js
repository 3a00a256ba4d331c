// The head under study: the pairs left to compute, who looks at whom, what comes next, what it costs.

import { headFlops } from "../engine/costs.js";
import {
  bold,
  button,
  div,
  html,
  mono,
  paragraph,
  setAttribute,
  setText,
  span,
} from "../lib/dom.js";
import { prepareCanvas } from "../lib/drawing.js";
import { followPointer, within } from "../lib/figure.js";
import { count, fraction, headName, percent, plural, rowName } from "../lib/format.js";
import { MONO } from "../lib/palette.js";
import { placeOf } from "./view.js";

const SMALLEST_DOT = 1.4;
const WIDEST_CELL = 28;
const WORD_CELL = 9;
const MOST_BARS = 5;

/** @typedef {import("../explorer.js").Explorer} Explorer */
/** @typedef {import("./view.js").View} View */

/** @param {number} n @returns {number} Pairs of a token with itself and those before it. */
export const pairs = (n) => (n * (n + 1)) / 2;

/**
 * A heading, a note and what stands under them.
 * @template {HTMLElement} E @param {string} name @param {E} body
 */
function column(name, body) {
  const title = div("h", name);
  const note = div("note");
  const node = html("section", { class: "col", "aria-label": name }, title, note, body);
  return { node, title, note, body };
}

/**
 * A drawing that can be pointed at.
 * @param {Explorer} explorer @param {string} name
 * @param {(view: View, x: number, y: number) => Record<string, number>} target What is where.
 * @param {(view: View, canvas: HTMLCanvasElement) => {note: (string | Node)[], label: string}} draw
 */
function mask(explorer, name, target, draw) {
  const canvas = html("canvas", { role: "img" });
  const { node, note } = column(name, canvas);
  /** @type {View} */
  let view;
  followPointer(canvas, explorer, (x, y) => target(view, x, y));
  return {
    node,
    /** @param {View} next */
    update(next) {
      view = next;
      const drawn = draw(view, canvas);
      note.replaceChildren(...drawn.note);
      setAttribute(canvas, "aria-label", drawn.label);
    },
  };
}

/** A lower triangle over a square. @param {HTMLCanvasElement} canvas @param {number} size @param {string} colour */
function triangle(canvas, size, colour) {
  canvas.className = "framed";
  const context = prepareCanvas(canvas, size, size);
  context.fillStyle = colour;
  context.fill(new Path2D(`M0 0V${size}H${size}z`));
  return context;
}

/** @param {View} view @param {HTMLCanvasElement} canvas */
function drawDense({ routing: { T }, token, palette, squareSize: size }, canvas) {
  const context = triangle(canvas, size, palette.dense);
  const cell = size / T;
  context.fillStyle = palette.cursor;
  context.fillRect(0, token * cell, (token + 1) * cell, Math.max(cell, 2));
  const total = `${count(pairs(T))} pairs`;
  const label = `${total}: every token looks at itself and all before it`;
  return { note: [`${total}, ${T} × ${T}`], label };
}

/** @param {View} view @param {HTMLCanvasElement} canvas */
function drawSparse({ routing, row, layer, head, token, palette, squareSize: size }, canvas) {
  const context = triangle(canvas, size, palette.wash);
  const cell = size / routing.T;
  const dot = Math.max(cell, SMALLEST_DOT);
  const picks = routing.picks[row];
  for (let i = 0; i < picks.length; i++) {
    context.fillStyle = picks[i] === token ? palette.cursor : palette.pick;
    for (let j = 0; j <= i; j++) context.fillRect(picks[j] * cell, picks[i] * cell, dot, dot);
  }
  context.fillStyle = palette.cursor; // an arrow, for eyes that cannot tell the colours apart
  const arrow = new Path2D(`M0 ${(token + 0.5) * cell - 4}l6 4l-6 4z`);
  if (routing.isKept(row, token)) context.fill(arrow);
  const facts = `${count(pairs(picks.length))} of ${count(pairs(routing.T))} pairs`;
  const note = [`${facts}, ${dot > cell ? "dots enlarged" : "to scale"}`];
  return { note, label: `${facts} of ${headName(layer, head)}` };
}

/** Where the pairs of a head stand side by side. @param {View} view */
function gatheredGrid({ routing, row, labels, squareSize, gatheredWidth: width, narrow, wide }) {
  const k = routing.picks[row].length;
  const letters = Array.from(routing.picks[row], (t) => Math.min(labels[t].length, 10));
  const left = Math.min(Math.max(...letters) * 6.7 + 10, width / 3);
  const room = Math.min(width - left, narrow ? Infinity : wide ? 300 : squareSize);
  const cell = Math.min(WIDEST_CELL, room / k);
  const flush = narrow || wide || k * cell < 120;
  return { left: flush ? left : Math.max(left, width - k * cell), cell };
}

/** @param {View} view @param {HTMLCanvasElement} canvas */
function drawGathered(view, canvas) {
  const { routing, row, token, other, palette, labels, narrow } = view;
  const { left, cell } = gatheredGrid(view);
  const picks = routing.picks[row];
  const k = picks.length;
  const height = Math.max(k * cell, narrow ? 0 : view.squareSize);
  const context = prepareCanvas(canvas, view.gatheredWidth, height);
  const { weight } = routing.source;
  const gap = cell > 6 ? 1 : 0.5;
  const every = cell >= WORD_CELL ? 1 : 3;
  context.textAlign = "right";
  for (let i = 0; i < k; i++) {
    const at = picks[i] === token;
    const y = i * cell;
    context.fillStyle = at ? palette.cursor_wash : palette.pick_wash;
    for (let j = 0; j <= i; j++) context.fillRect(left + j * cell, y, cell - gap, cell - gap);
    context.fillStyle = at ? palette.cursor : palette.pick;
    for (let j = 0; weight && j <= i; j++) {
      const x = left + j * cell;
      const side = (cell - gap) * Math.sqrt(weight(row, i, j));
      const inset = (cell - gap - side) / 2;
      context.fillRect(x + inset, y + inset, side, side);
      if (!at || picks[j] !== other) continue;
      context.strokeStyle = palette.ink;
      context.lineWidth = 1.5;
      context.strokeRect(x, y, cell - gap, cell - gap);
    }
    const crowded = every > 1 && Math.abs(placeOf(picks, token) - i) * cell < 11;
    if (!at && (i % every || crowded)) continue;
    context.fillStyle = at ? palette.cursor_text : palette.ink;
    context.font = `${at ? "bold " : ""}11px ${MONO}`;
    const word = labels[picks[i]];
    const short = word.length > 10 ? `${word.slice(0, 9)}…` : word;
    context.fillText(short, left - 6, y + cell / 2 + 3.5);
  }
  const all = count(pairs(k));
  const known = weight ? "area = weight" : "weights only with the live model";
  const seen = view.dirty.head ? undefined : routing.weights(row, token).get(other);
  const note = seen === undefined
    ? [`${narrow ? "the same " : ""}${all} pairs, ${known}`]
    : [mono(labels[token]), " looks at ", mono(labels[other]), ": ", bold(fraction(seen))];
  return { note, label: `Attention among the ${k} tokens kept: ${all} weights` };
}

/** @param {View} view @param {number} _ @param {number} y */
const pointedRow = ({ routing: { T }, squareSize }, _, y) => ({
  token: within(Math.floor((y / squareSize) * T), 0, T - 1),
});

/** @param {View} view @param {number} _ @param {number} y */
function nearestPick({ routing: { T, picks }, row, squareSize }, _, y) {
  const off = (/** @type {number} */ t) => Math.abs(t - (y / squareSize) * T + 0.5);
  return { token: Array.from(picks[row]).sort((s, t) => off(s) - off(t))[0] };
}

/** @param {View} view @param {number} x @param {number} y */
function pointedPair(view, x, y) {
  const { left, cell } = gatheredGrid(view);
  const picks = view.routing.picks[view.row];
  const place = (/** @type {number} */ at) => within(Math.floor(at / cell), 0, picks.length - 1);
  const [i, j] = [place(y), place(x - left)];
  return { token: picks[i], other: x >= left && j <= i ? picks[j] : -1 };
}

/** What is left to compute: a dense head, this head to the same scale, and gathered. @param {Explorer} explorer */
export const maskPanels = (explorer) => [
  mask(explorer, "Dense head", pointedRow, drawDense),
  mask(explorer, "This head", nearestPick, drawSparse),
  mask(explorer, "This head, gathered", pointedPair, drawGathered),
];

/**
 * A word, a bar and a number; classes, of which "track" shows what the bar is a share of; the token
 * that the word stands for, whose position is told beside it.
 * @typedef {{word: string, share: number, number: string, kind?: string, t?: number}} Bar
 */

/**
 * A list of bars that is changed in place: rebuilding it at every hover would cost a layout.
 * @param {(t: number) => void} [onPress] Pressing a bar's word, if it stands for a token.
 */
function barList(onPress) {
  const node = html("ul", { class: "bars" });
  /** @type {Record<"row" | "word" | "small" | "fill" | "number", HTMLElement>[]} */
  const kept = [];
  /** @type {number[]} */
  let tokens = [];
  const add = () => {
    const place = kept.length;
    const press = () => onPress?.(tokens[place]);
    const word = onPress ? button("", press, { class: "word" }) : html("span");
    const [small, fill, number] = [html("small"), html("i"), span("bar-number")];
    const track = span("bar-track", fill);
    const row = html("li", {}, span("bar-word", word, small), track, number);
    node.append(row);
    return kept[kept.push({ row, word, small, fill, number }) - 1];
  };
  /** @param {Bar[]} bars */
  const show = (bars) => {
    tokens = bars.map(({ t = -1 }) => t);
    bars.forEach(({ word, share, number, kind = "", t = -1 }, i) => {
      const own = kept[i] ?? add();
      own.row.hidden = false;
      setAttribute(own.row, "class", `bar-row ${kind}`);
      setText(own.word, word);
      setText(own.small, t < 0 ? "" : `${t}`);
      setAttribute(own.word, "disabled", onPress && t < 0 ? "" : null);
      setAttribute(own.fill, "style", `width:${(100 * share).toFixed(2)}%`);
      setText(own.number, number);
    });
    for (const { row } of kept.slice(bars.length)) row.hidden = true;
  };
  return { node, show };
}

/** @param {Explorer} explorer */
function attentionPanel(explorer) {
  const { node, title, note, body } = column("Attention", html("div"));
  const list = barList((t) => explorer.select({ token: t }));
  /** @param {View} view */
  const absent = ({ routing, token, labels }) => {
    const n = routing.perToken[token];
    title.replaceChildren(html("code", { class: "cur" }, labels[token]), " is not in this head");
    note.textContent = n
      ? `It neither sends nor receives here. ${n} of ${plural(routing.rows, "head")} pick it:`
      : "No sparse head picks it: only the dense heads see it.";
    const chips = routing.rowsOf(token).map((row) => {
      const name = rowName(row, routing.heads);
      return button(name, () => explorer.select({ row }), { class: "chip" });
    });
    body.replaceChildren(...(n ? [div("chips wrap", ...chips)] : []));
  };
  return {
    node,
    /** @param {View} view */
    update(view) {
      const { routing, row, token, labels } = view;
      if (!routing.isKept(row, token)) return absent(view);
      title.replaceChildren("Attention from ", html("code", { class: "cur" }, labels[token]));
      const weights = routing.attention(row, token);
      if (!weights) {
        note.textContent = "At this k the weights are known only to the live model.";
        return body.replaceChildren();
      }
      const best = weights.toSorted((a, b) => b.weight - a.weight || b.t - a.t);
      const own = best.find(({ t }) => t === token)?.weight ?? 0;
      const seen = `${plural(weights.length, "pick")} in view, itself included`;
      setText(note, own >= 0.95 ? "it looks almost only at itself" : seen);
      const kind = "track cursor";
      /** @type {Bar[]} */
      const rows = best.slice(0, MOST_BARS).map(({ t, weight }) => {
        return { word: labels[t], share: weight, number: fraction(weight, 2), kind, t };
      });
      const rest = best.slice(MOST_BARS);
      const left = rest.reduce((sum, { weight }) => sum + weight, 0);
      if (rest.length) {
        rows.push({ word: `${rest.length} more`, share: left, number: fraction(left, 2), kind });
      }
      list.show(rows);
      if (list.node.parentNode !== body) body.replaceChildren(list.node);
    },
  };
}

function nextPanel() {
  const list = barList();
  const { node, note } = column("Next token", html("div", {}, list.node));
  let drawn = -1;
  return {
    node,
    /** @param {View} view */
    update({ dirty, routing, token, entry, whatIf, labels }) {
      if (!dirty.all && token === drawn) return; // the model's guess, not this head's
      drawn = token;
      const best = routing.source.next(token);
      const truth = routing.source.truth(token);
      const held = whatIf ? " (held as traced)" : "";
      const plain = token + 1 < routing.T ? "the model's guesses" : "the text ends here";
      if (!truth) note.textContent = plain + held;
      else {
        const rank = `, rank ${truth.rank + 1}${held}`;
        note.replaceChildren("the text says ", bold(mono(labels[token + 1])), rank);
      }
      const top = Math.max(best[0].probability, truth?.probability ?? 0, 1e-9);
      const also = truth && !best.some(({ id }) => id === truth.id) ? [truth] : [];
      list.show(
        [...best, ...also].map(({ id, probability }) => {
          const kind = truth?.id === id ? "truth" : "";
          return { word: entry(id), share: probability / top, number: percent(probability), kind };
        }),
      );
    },
  };
}

/** What a head costs beside a dense one. @param {View} view @returns {{name: string, share: number, words: string}[]} */
export function headCost({ config, routing: { T, picks }, row }) {
  const k = picks[row].length;
  const counts = (/** @type {number} */ part, /** @type {number} */ all) => {
    return { share: part / all, words: `${count(part)} of ${count(all)}` };
  };
  const { d_model: width, d_head: inner, sparsity } = config;
  const shape = { width, inner, T, sparsity, factor: 1 };
  const [flops, dense] = [
    headFlops(config.sparse, shape, k).total,
    headFlops("dense", shape).total,
  ];
  const [size, unit] = dense < 1e6 ? [1e3, "thousand"] : [1e6, "million"];
  const words = `${(flops / size).toFixed(2)} of ${(dense / size).toFixed(2)} ${unit}`;
  return [
    { name: "Pairs", ...counts(pairs(k), pairs(T)) },
    ...(width ? [{ name: "FLOPs", share: flops / dense, words }] : []), // a trace alone does not know it
    { name: "KV slots", ...counts(k, T) },
  ];
}

/** @param {string | null} link Where costs are explained. */
function costPanel(link) {
  const { node, note, body } = column("Cost of this head", html("div"));
  let drawn = -1; // tokens kept
  note.append("share of ", html("i", { class: "swatch" }), " one dense head");
  if (link) note.append(" · ", html("a", { href: link }, "budgets"));
  return {
    node,
    /** @param {View} view */
    update(view) {
      const { routing, row, config, dirty } = view;
      const k = routing.picks[row].length;
      if (!dirty.all && k === drawn) return;
      drawn = k;
      const rows = headCost(view).map(({ name, share, words }) => {
        const style = `width:${(100 * Math.min(share, 1)).toFixed(2)}%`;
        return div(
          "cost",
          div("cost-line", name, bold(percent(share))),
          div("share", html("i", { style })),
          div("note", words),
        );
      });
      const usual = Math.floor(routing.T / config.sparsity);
      const least = usual < 2 && k === Math.min(2, routing.T);
      const why = `T / ${config.sparsity} would be ${usual}, but a head keeps at least 2 tokens.`;
      body.replaceChildren(div("costs", ...rows), ...(least ? [paragraph("note", why)] : []));
    },
  };
}

/** What the token looks at, what comes next, and what the head costs. @param {Explorer} explorer */
export const barPanels = (explorer) => [
  attentionPanel(explorer),
  nextPanel(),
  costPanel(explorer.data.links.budget),
];
