/**
 * The score chart as SVG: dots, stems and the cut of a head, and what follows the token under study.
 * @module
 */

import { scoreTicks } from "./axis.js";
import { chooseLabels, drawWords } from "./score_words.js";
import { svg } from "../lib/dom.js";
import { fraction } from "../lib/format.js";
import { SANS } from "../lib/palette.js";

/**
 * @param {number} x
 * @param {number} y
 * @param {number} r
 * @returns {string} A circle as part of a path.
 */
const disc = (x, y, r) =>
  `M${(x - r).toFixed(1)} ${y.toFixed(1)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;

/**
 * Where scores stand in the chart.
 * @param {import("./view.js").View} view
 */
export function chartScale(view) {
  const { routing, row, axis } = view;
  const [top, height] = [axis.narrow ? 62 : 60, axis.narrow ? 142 : 148];
  let highest = 1e-6;
  for (let t = 0; t < routing.T; t++) highest = Math.max(highest, routing.score(row, t));
  const bottom = height - 6;
  const y = (/** @type {number} */ score) => bottom - (score / (1.04 * highest)) * (bottom - top);
  return { top, bottom, height, highest, y };
}

/** @typedef {ReturnType<typeof chartScale>} Scale */

/**
 * What changes with the head: grid, dots, stems and the cut.
 * @param {import("./view.js").View} view
 * @param {Scale} scale
 * @returns {SVGElement[]}
 */
export function drawHead(view, scale) {
  const { routing, row, axis, palette } = view;
  const { y } = scale;
  const cut = routing.cut(row);
  const dense = axis.column < 4;
  const [small, large] = dense ? [1.5, 2.6] : [2, 3.5];
  let [out, kept, stems] = ["", "", ""];
  for (let t = axis.first; t < axis.first + axis.visible; t++) {
    const [x, level] = [axis.middle(t), y(routing.score(row, t))];
    if (!routing.isKept(row, t)) out += disc(x, level, small);
    else {
      kept += disc(x, level, large);
      if (cut) stems += `M${x.toFixed(1)} ${level.toFixed(1)}V${y(cut.value).toFixed(1)}`;
    }
  }
  const texts = { "font-family": SANS, "font-size": 11, fill: palette.ink2 };
  const grid = scoreTicks(scale.highest).flatMap((value) => {
    const line = svg("path", {
      d: `M${axis.left} ${y(value)}H${axis.end}`,
      stroke: palette.rule,
      "stroke-width": 0.75,
    });
    if (cut && axis.narrow && Math.abs(y(value) - y(cut.value)) < 12) return [line];
    const name = value ? fraction(value, 2).replace(/0$/, "") : "0";
    return [
      line,
      svg("text", { ...texts, x: axis.left - 6, y: y(value) + 4, "text-anchor": "end" }, name),
    ];
  });
  return [
    ...grid,
    svg("path", { d: out, fill: palette.ground, stroke: palette.quiet }),
    svg("path", {
      d: stems,
      stroke: palette.pick,
      "stroke-width": dense ? 1.25 : 2,
      class: view.settles ? "stems settles" : "stems",
    }),
    svg("path", { d: kept, fill: palette.pick, stroke: palette.ground, "stroke-width": 0.75 }),
  ];
}

/**
 * The thick line between the last token in and the first out, with its value, at height 0.
 * @param {import("./view.js").View} view
 * @returns {SVGElement[]}
 */
export function drawCut({ axis, palette, routing, row }) {
  const cut = routing.cut(row);
  if (!cut) return [];
  const place = axis.narrow ? { x: axis.left - 4, "text-anchor": "end" } : { x: axis.end + 6 };
  const text = { ...place, y: 4, "font-family": SANS, "font-size": 11, fill: palette.ink };
  return [
    svg("path", { d: `M${axis.left} 0H${axis.end}`, stroke: palette.ink, "stroke-width": 1.75 }),
    svg("text", { ...text, "font-weight": 700 }, fraction(cut.value)),
    ...(axis.narrow ? [] : [svg("text", { ...text, y: 17, fill: palette.ink2 }, "cut")]),
  ];
}

/**
 * @param {import("./view.js").View} view
 * @param {Scale} scale
 * @returns {string} Where the cut runs, in pixels from the top.
 */
export const cutLevel = ({ routing, row }, { y }) => y(routing.cut(row)?.value ?? 0).toFixed(1);

/**
 * What changes with the token: its column, its dot and its word.
 * @param {import("./view.js").View} view
 * @param {Scale} scale
 * @returns {{under: SVGElement[], words: ReturnType<typeof chooseLabels>, over: SVGElement[]}} `words`
 *   are those of the other picks.
 */
export function drawToken(view, scale) {
  const { routing, row, token, axis, palette } = view;
  const { y, top, height } = scale;
  const ranked = routing.ranked(row);
  const words = chooseLabels(view, ranked.length ? ranked : Array.from(routing.picks[row]));
  const others = words.filter(({ t }) => t !== token);
  const over = drawWords(
    view,
    scale,
    words.filter(({ t }) => t === token),
  );
  if (!axis.shows(token)) return { under: [], words: others, over };
  const kept = routing.isKept(row, token);
  const [x, level] = [axis.middle(token), y(routing.score(row, token))];
  const cut = routing.cut(row);
  if (cut)
    over.push(
      svg("path", {
        d: `M${x} ${level}V${y(cut.value)}`,
        stroke: palette.cursor,
        "stroke-width": 2,
      }),
    );
  const dot = { d: disc(x, level, kept ? 4.5 : 4), stroke: palette.cursor, "stroke-width": 2 };
  over.push(svg("path", { ...dot, fill: kept ? palette.cursor : palette.ground }));
  const width = Math.max(axis.column, 3);
  const column = {
    x: x - width / 2,
    y: top - 4,
    width,
    height: height - top + 4,
    fill: palette.cursor_wash,
  };
  return { under: [svg("rect", column)], words: others, over };
}

/**
 * The whole chart at once, for a picture to keep.
 * @param {import("./view.js").View} view
 * @returns {{node: SVGElement, height: number}}
 */
export function drawChart(view) {
  const scale = chartScale(view);
  const { under, words, over } = drawToken(view, scale);
  const cut = svg("g", {}, ...drawCut(view));
  cut.setAttribute("transform", `translate(0 ${cutLevel(view, scale)})`);
  const node = svg(
    "g",
    {},
    ...under,
    ...drawHead(view, scale),
    cut,
    ...drawWords(view, scale, words),
    ...over,
  );
  return { node, height: scale.height };
}
