/**
 * The part of the overview that no hover changes, drawn once: marks of picks, or a field of scores.
 * @module
 */

import { prepareCanvas } from "../lib/dom.js";
import { cividis } from "../lib/palette.js";

/**
 * Where the rows of the overview stand.
 * @typedef {Object} Rows
 * @property {number[]} order Rows from the top down.
 * @property {number[]} y Top of each row, by row.
 * @property {number} size Height of a row.
 * @property {number} height Of all rows.
 */

/**
 * Lay out the rows.
 * @param {import("./routing_view.js").Routing} routing
 * @param {number[] | null} order Rows from the top down; null for layer after layer, with gaps.
 * @param {boolean} narrow
 * @returns {Rows}
 */
export function arrangeRows(routing, order, narrow) {
  const { rows, heads } = routing;
  const size = rows <= 24 ? 10 : Math.max(2, Math.min(narrow ? 4 : 5, Math.floor(640 / rows)));
  const gap = order ? 0 : narrow ? 10 : 8;
  const sequence = order ?? Array.from({ length: rows }, (_, row) => row);
  /** @type {number[]} */
  const y = [];
  sequence.forEach((row, i) => (y[row] = i * size + gap * Math.floor(i / heads)));
  return { order: sequence, y, size, height: Math.max(...y) + size };
}

/**
 * Draw all rows over all tokens.
 * @param {import("./view.js").View} view
 * @param {Rows} rows
 * @returns {HTMLCanvasElement} Its first column is the first token of the text.
 */
export function drawBitmap(view, rows) {
  const canvas = document.createElement("canvas");
  const { routing, axis, palette, state } = view;
  const context = prepareCanvas(canvas, routing.T * axis.column, rows.height);
  if (state.map === "scores") drawField(context, view, rows);
  else {
    context.fillStyle = palette.quiet;
    context.fill(new Path2D(rows.order.map((row) => marksOf(view, rows, row, 0)).join("")));
  }
  return canvas;
}

/**
 * The marks of a row, as a path that canvas and SVG both draw.
 * @param {import("./view.js").View} view
 * @param {Rows} rows
 * @param {number} row
 * @param {number} left Where token 0 stands.
 * @returns {string}
 */
export function marksOf({ routing, axis }, rows, row, left) {
  const width = Math.max(1, axis.column - Math.min(1.2, axis.column / 4));
  const inset = Math.min(0.6, (axis.column - width) / 2);
  const mark = `v${rows.size - 1}h${-width}z`;
  return Array.from(routing.picks[row], (t) => {
    const x = left + t * axis.column + inset;
    return `M${x.toFixed(2)} ${rows.y[row] + 0.5}h${width}${mark}`;
  }).join("");
}

/**
 * The highest score of any head: the top of the colour scale.
 * @param {import("./routing_view.js").Routing} routing
 * @returns {number}
 */
export function highestScore(routing) {
  let highest = 0;
  for (let row = 0; row < routing.rows; row++) {
    highest = Math.max(highest, routing.score(row, routing.source.order(row)[0]));
  }
  return highest;
}

/**
 * One cell a head and token, coloured by its score.
 * @param {CanvasRenderingContext2D} context
 * @param {import("./view.js").View} view
 * @param {Rows} rows
 */
function drawField(context, { routing, axis }, rows) {
  const scale = highestScore(routing) || 1;
  const table = Array.from({ length: 256 }, (_, i) => cividis(i / 255));
  const strip = Object.assign(document.createElement("canvas"), {
    width: routing.T,
    height: routing.rows,
  });
  const pixels = /** @type {CanvasRenderingContext2D} */ (strip.getContext("2d"));
  const image = pixels.createImageData(routing.T, routing.rows);
  for (let row = 0, at = 0; row < routing.rows; row++) {
    for (let t = 0; t < routing.T; t++, at += 4) {
      image.data.set(table[Math.round((255 * routing.score(row, t)) / scale)], at);
      image.data[at + 3] = 255;
    }
  }
  pixels.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  const width = routing.T * axis.column;
  for (const row of rows.order) {
    context.drawImage(strip, 0, row, routing.T, 1, 0, rows.y[row], width, rows.size);
  }
}
