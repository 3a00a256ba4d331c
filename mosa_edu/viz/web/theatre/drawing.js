/**
 * The bytes of the cache over the steps, and under them the slots of every sparse head.
 * @module
 */

import { svg, writer } from "../lib/dom.js";
import { kilobytes } from "./story.js";

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
 * @param {import("./story.js").Story} story
 * @param {number} step
 * @param {number} width
 * @param {import("../lib/palette.js").Palette} palette
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
 * @param {import("./story.js").Story} story
 * @param {number} step
 * @param {number} left
 * @param {number} right
 * @param {import("../lib/palette.js").Palette} palette
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
