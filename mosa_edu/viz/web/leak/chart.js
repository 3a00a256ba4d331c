/**
 * All heads before the cut: a grey mark is a pick that stayed, a triangle a new one, a cross a lost one.
 * @module
 */

import { svg, writer } from "../lib/dom.js";

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
 * @param {import("./compare.js").Changes} changes
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
 * @param {import("./compare.js").LeakView} view
 * @param {import("./compare.js").Changes} changes
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
