/**
 * How many heads keep each token, under the overview and on its axis.
 * @module
 */

import { SANS } from "../lib/palette.js";

/** Bars, rings and position ticks together. */
export const HISTOGRAM_HEIGHT = 88;

const BARS = 40;
const RING_ROOM = 6;

/**
 * Orphans in view, those too close together counted as one.
 * @param {import("./view.js").View} view
 * @returns {{x: number, size: number}[]}
 */
function ringPlaces({ routing, axis }) {
  /** @type {{x: number, size: number}[]} */
  const places = [];
  for (const t of routing.orphans()) {
    if (!axis.shows(t)) continue;
    const last = places[places.length - 1];
    const room = last && last.size > 1 ? RING_ROOM + 9 : RING_ROOM;
    if (last && axis.middle(t) - last.x < room) last.size++;
    else places.push({ x: axis.middle(t), size: 1 });
  }
  return places;
}

/**
 * @param {CanvasRenderingContext2D} context Its origin is the top left corner of the histogram.
 * @param {import("./view.js").View} view
 */
export function drawHistogram(context, view) {
  const { routing, axis, palette, token } = view;
  const most = Math.max(1, ...routing.perToken);
  const gap = Math.min(1, axis.column / 5);
  const base = BARS + 2;
  context.fillStyle = palette.cursor_wash;
  if (axis.shows(token))
    context.fillRect(
      axis.middle(token) - Math.max(axis.column, 3) / 2,
      -8,
      Math.max(axis.column, 3),
      base + 8,
    );
  for (let t = axis.first; t < axis.first + axis.visible; t++) {
    const number = routing.perToken[t];
    const high = (BARS * number) / most;
    context.fillStyle =
      t === token ? palette.cursor : number >= 2 * routing.mean ? palette.ink : palette.quiet;
    context.fillRect(axis.x(t) + gap / 2, base - high, axis.column - gap, high);
  }
  const level = base - (BARS * routing.mean) / most;
  context.setLineDash([2, 2]);
  context.strokeStyle = palette.ink;
  context.lineWidth = 1;
  context.stroke(new Path2D(`M${axis.left} ${level}H${axis.end}`));
  context.setLineDash([]);
  context.stroke(new Path2D(`M${axis.left} ${base + 0.5}H${axis.end}`));
  context.fillStyle = palette.ink2;
  context.font = `11px ${SANS}`;
  if (axis.narrow) {
    context.textAlign = "right";
    context.fillText(`${most}`, axis.left - 5, base - BARS + 8);
    context.fillText("0", axis.left - 5, base + 3);
  } else {
    context.fillText("Heads", 0, base - 14);
    context.fillText("per token", 0, base);
    context.fillText(`${most}`, axis.end + 6, base - BARS + 8);
    context.fillText("0", axis.end + 6, base + 3);
  }
  drawRings(context, view, base);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {import("./view.js").View} view
 * @param {number} base
 */
function drawRings(context, view, base) {
  const { axis, palette, routing } = view;
  context.strokeStyle = palette.ink;
  context.lineWidth = 1.5;
  context.textAlign = "left";
  for (const { x, size } of ringPlaces(view)) {
    context.beginPath();
    context.arc(x, base + 9, 2.75, 0, 2 * Math.PI);
    context.stroke();
    if (size > 1) context.fillText(`${size}`, x + 5, base + 13);
  }
  context.textAlign = "center";
  for (const t of axis.ticks()) context.fillText(`${t}`, axis.middle(t), base + 28);
  context.textAlign = "left";
  if (axis.visible === routing.T) return;
  const [left, width] = [axis.left, axis.end - axis.left];
  context.fillStyle = palette.rule;
  context.fillRect(left, base + 33, width, 3);
  context.fillStyle = palette.ink2;
  context.fillRect(
    left + (width * axis.first) / routing.T,
    base + 33,
    (width * axis.visible) / routing.T,
    3,
  );
}
