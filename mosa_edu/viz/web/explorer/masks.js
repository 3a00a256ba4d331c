/**
 * What is left to compute: a dense head, this head to the same scale, and this head gathered.
 * @module
 */

import { TEXT_LEVEL, TOKEN_LEVEL } from "./levels.js";
import { followPointer } from "./pointer.js";
import { bold, html, mono, prepareCanvas, setText } from "../lib/dom.js";
import { count, fraction, headName } from "../lib/format.js";
import { MONO } from "../lib/palette.js";

const SMALLEST_DOT = 1.4;
const WIDEST_CELL = 28;
const WORD_CELL = 9;

/** @param {number} n */
const pairs = (n) => (n * (n + 1)) / 2;

/**
 * A lower triangle over a square.
 * @param {CanvasRenderingContext2D} context
 * @param {number} size
 * @param {string} colour
 */
function fillTriangle(context, size, colour) {
  context.fillStyle = colour;
  context.fill(new Path2D(`M0 0V${size}H${size}z`));
}

/**
 * Point at a row from the left edge, for eyes that cannot tell the colours apart.
 * @param {CanvasRenderingContext2D} context
 * @param {number} y
 * @param {string} colour
 */
function pointAt(context, y, colour) {
  context.fillStyle = colour;
  context.fill(new Path2D(`M0 ${y - 4}l6 4l-6 4z`));
}

/**
 * A square drawing with a heading.
 * @param {string} name
 */
function square(name) {
  const title = html("div", { class: "h" }, name);
  const note = html("div", { class: "note" });
  const canvas = html("canvas", { role: "img" });
  const node = html("section", { class: "col", "aria-label": name }, title, note, canvas);
  return { node, title, note, canvas };
}

/** @param {import("./view.js").Actions} actions */
export function densePanel(actions) {
  const { node, note, canvas } = square("Dense head");
  canvas.className = "framed";
  let [size, T] = [0, 1];
  let drawn = -1;
  const target = (/** @type {number} */ _, /** @type {number} */ y) => ({
    token: Math.max(0, Math.min(T - 1, Math.floor((y / size) * T))),
  });
  followPointer(canvas, actions, target);
  return {
    node,
    /**
     * @param {import("./view.js").View} view
     * @param {number} level
     */
    update({ routing, token, palette, squareSize }, level) {
      if (level < TEXT_LEVEL && token === drawn) return; // a dense head is like any other
      drawn = token;
      [size, T] = [squareSize, routing.T];
      const context = prepareCanvas(canvas, size, size);
      fillTriangle(context, size, palette.dense);
      context.fillStyle = palette.cursor;
      const cell = size / T;
      context.fillRect(0, token * cell, (token + 1) * cell, Math.max(cell, 2));
      note.textContent = `${count(pairs(T))} pairs, ${T} × ${T}`;
      canvas.setAttribute(
        "aria-label",
        `${count(pairs(T))} pairs: every token looks at itself and all before it`,
      );
    },
  };
}

/** @param {import("./view.js").Actions} actions */
export function sparsePanel(actions) {
  const { node, note, canvas } = square("This head");
  canvas.className = "framed";
  /** @type {import("./view.js").View} */
  let view;
  const target = (/** @type {number} */ _, /** @type {number} */ y) => {
    const at = (y / view.squareSize) * view.routing.T - 0.5;
    const near = Array.from(view.routing.picks[view.row]).sort(
      (s, t) => Math.abs(s - at) - Math.abs(t - at),
    )[0];
    return { token: near };
  };
  followPointer(canvas, actions, target);
  return {
    node,
    /** @param {import("./view.js").View} next */
    update(next) {
      view = next;
      const { routing, row, token, palette, squareSize: size } = view;
      const context = prepareCanvas(canvas, size, size);
      fillTriangle(context, size, palette.wash);
      const cell = size / routing.T;
      const dot = Math.max(cell, SMALLEST_DOT);
      const picks = routing.picks[row];
      for (let i = 0; i < picks.length; i++) {
        context.fillStyle = picks[i] === token ? palette.cursor : palette.pick;
        for (let j = 0; j <= i; j++) context.fillRect(picks[j] * cell, picks[i] * cell, dot, dot);
      }
      if (routing.isKept(row, token)) pointAt(context, (token + 0.5) * cell, palette.cursor);
      const scale = dot > cell ? "dots enlarged" : "to scale";
      const facts = `${count(pairs(picks.length))} of ${count(pairs(routing.T))} pairs`;
      setText(note, `${facts}, ${scale}`);
      canvas.setAttribute("aria-label", `${facts} of ${headName(view.layer, view.head)}`);
    },
  };
}

/**
 * Draw the pairs of a head side by side.
 * @param {CanvasRenderingContext2D} context
 * @param {import("./view.js").View} view
 * @param {{left: number, cell: number}} grid
 */
function drawGathered(context, { routing, row, token, other, palette, labels }, { left, cell }) {
  const picks = routing.picks[row];
  const { weight } = routing.source;
  const gap = cell > 6 ? 1 : 0.5;
  const every = cell >= WORD_CELL ? 1 : 3;
  context.textAlign = "right";
  for (let i = 0; i < picks.length; i++) {
    const at = picks[i] === token;
    context.fillStyle = at ? palette.cursor_wash : palette.pick_wash;
    for (let j = 0; j <= i; j++)
      context.fillRect(left + j * cell, i * cell, cell - gap, cell - gap);
    context.fillStyle = at ? palette.cursor : palette.pick;
    for (let j = 0; weight && j <= i; j++) {
      const side = (cell - gap) * Math.sqrt(weight(row, i, j));
      const inset = (cell - gap - side) / 2;
      context.fillRect(left + j * cell + inset, i * cell + inset, side, side);
      if (at && picks[j] === other) {
        context.strokeStyle = palette.ink;
        context.lineWidth = 1.5;
        context.strokeRect(left + j * cell, i * cell, cell - gap, cell - gap);
      }
    }
    if (i % every && !at) continue;
    if (!at && every > 1 && Math.abs(Array.prototype.indexOf.call(picks, token) - i) * cell < 11)
      continue;
    context.fillStyle = at ? palette.cursor_text : palette.ink;
    context.font = `${at ? "bold " : ""}11px ${MONO}`;
    const word = labels[picks[i]];
    context.fillText(
      word.length > 10 ? `${word.slice(0, 9)}…` : word,
      left - 6,
      (i + 0.5) * cell + 3.5,
    );
  }
}

/** @param {import("./view.js").Actions} actions */
export function gatheredPanel(actions) {
  const { node, note, canvas } = square("This head, gathered");
  /** @type {import("./view.js").View} */
  let view;
  let grid = { left: 0, cell: 1 };
  const target = (/** @type {number} */ x, /** @type {number} */ y) => {
    const picks = view.routing.picks[view.row];
    const inside = (/** @type {number} */ place) =>
      Math.max(0, Math.min(picks.length - 1, Math.floor(place / grid.cell)));
    const [i, j] = [inside(y), inside(x - grid.left)];
    return { token: picks[i], other: x >= grid.left && j <= i ? picks[j] : -1 };
  };
  followPointer(canvas, actions, target);
  return {
    node,
    /**
     * @param {import("./view.js").View} next
     * @param {number} level
     */
    update(next, level) {
      view = next;
      const {
        routing,
        row,
        other,
        token,
        labels,
        squareSize,
        gatheredWidth: width,
        narrow,
        wide,
      } = view;
      const k = routing.picks[row].length;
      const longest = Math.max(
        ...Array.from(routing.picks[row], (t) => Math.min(labels[t].length, 10)),
      );
      const left = Math.min(longest * 6.7 + 10, width / 3);
      const room = width - left;
      const cell = Math.min(
        WIDEST_CELL,
        (narrow ? room : wide ? Math.min(room, 300) : Math.min(room, squareSize)) / k,
      );
      grid = {
        left: narrow || wide || k * cell < 120 ? left : Math.max(left, width - k * cell),
        cell,
      };
      const context = prepareCanvas(canvas, width, Math.max(k * cell, narrow ? 0 : squareSize));
      drawGathered(context, view, grid);
      const place = Array.prototype.indexOf.call(routing.picks[row], token);
      const from = Array.prototype.indexOf.call(routing.picks[row], other);
      const { weight } = routing.source;
      if (level === TOKEN_LEVEL && weight && place >= 0 && from >= 0) {
        const value = fraction(weight(row, place, from));
        note.replaceChildren(
          mono(labels[token]),
          " looks at ",
          mono(labels[other]),
          ": ",
          bold(value),
        );
        return;
      }
      const known = weight ? "area = weight" : "weights only with the live model";
      setText(note, `${narrow ? "the same " : ""}${count(pairs(k))} pairs, ${known}`);
      canvas.setAttribute(
        "aria-label",
        `Attention among the ${k} tokens kept: ${count(pairs(k))} weights`,
      );
      if (level >= TEXT_LEVEL) canvas.dataset.k = `${k}`;
    },
  };
}
