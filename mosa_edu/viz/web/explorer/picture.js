/**
 * The figure as one SVG: finding, text, scores, all heads, caption and provenance. Always light.
 * @module
 */

import { Axis } from "./axis.js";
import { findingOf } from "./header.js";
import { arrangeRows, marksOf } from "./overview_bitmap.js";
import { drawChart } from "./score_drawing.js";
import { svg } from "../lib/dom.js";
import { broken, PICTURE_MARGIN, PICTURE_WIDTH, pictureDocument } from "../lib/export.js";
import { headName } from "../lib/format.js";
import { LIGHT, MONO, SANS } from "../lib/palette.js";

const CELL = 8.4; // of a 14 px monospaced character
const LINE = 26;

/** @param {string} character @returns {number} Cells it fills. */
const cellsOf = (character) =>
  /[\u1100-\uffdf]|\p{Extended_Pictographic}/u.test(character) ? 2 : 1;

/** @param {string} text */
const widthOf = (text) =>
  Array.from(text).reduce((sum, character) => sum + cellsOf(character), 0) * CELL;

/**
 * Break the tokens into lines.
 * @param {import("./view.js").View} view
 * @returns {{t: number, body: string, x: number, y: number}[]}
 */
function layText({ routing, labels }) {
  let [x, y] = [0, 0];
  return routing.texts.map((text, t) => {
    const body = text.trim() || labels[t];
    const lead = text.startsWith(" ") && x > 0 ? CELL : 0;
    if (x + lead + widthOf(body) > PICTURE_WIDTH) [x, y] = [0, y + LINE];
    else x += lead;
    const place = { t, body, x, y };
    x += widthOf(body);
    if (/\n/.test(text)) [x, y] = [0, y + LINE];
    return place;
  });
}

/**
 * @param {import("./view.js").View} view
 * @returns {{node: SVGElement, height: number}}
 */
function drawText(view) {
  const { routing, row, token, palette } = view;
  const places = layText(view);
  const parts = places.flatMap(({ t, body, x, y }) => {
    const kept = routing.isKept(row, t);
    const box = { x: x - 2, y: y + 3, width: widthOf(body) + 4, height: 20, rx: 4 };
    const word = {
      x,
      y: y + 18,
      fill: kept ? palette.pick_ink : palette.ink,
      textLength: widthOf(body),
    };
    return [
      ...(kept ? [svg("rect", { ...box, fill: palette.pick })] : []),
      ...(t === token
        ? [svg("rect", { ...box, fill: "none", stroke: palette.cursor, "stroke-width": 2 })]
        : []),
      svg("text", { ...word, lengthAdjust: "spacingAndGlyphs" }, body),
    ];
  });
  const height = Math.max(...places.map(({ y }) => y)) + LINE;
  return { node: svg("g", { "font-family": MONO, "font-size": 14 }, ...parts), height };
}

/**
 * @param {import("./view.js").View} view
 * @returns {{node: SVGElement, height: number}}
 */
function drawHeads(view) {
  const { routing, axis, palette, row, token, layer, head } = view;
  const rows = arrangeRows(routing, null, false);
  const marks = (/** @type {number} */ own) => marksOf(view, rows, own, axis.x(0));
  const others = rows.order.filter((own) => own !== row);
  const names = Array.from({ length: routing.layers }, (_, own) => {
    const y = rows.y[own * routing.heads] + 9;
    return svg("text", { x: 0, y, fill: palette.ink2 }, `Layer ${own}`);
  });
  const [y, height, width] = [rows.y[row], rows.height, axis.end - axis.left];
  const band = { x: axis.left, y: y - 1, width, height: rows.size + 2, fill: palette.pick_wash };
  const column = { x: axis.x(token), y: 0, width: Math.max(axis.column, 3), height };
  const tag = { x: axis.end + 5, y: y + 6, fill: palette.pick, "font-weight": 700 };
  const node = svg(
    "g",
    { "font-family": SANS, "font-size": 11 },
    svg("rect", band),
    svg("rect", { ...column, fill: palette.cursor_wash }),
    svg("path", { d: others.map(marks).join(""), fill: palette.quiet }),
    svg("path", { d: marks(row), fill: palette.pick }),
    ...names,
    svg("text", tag, headName(layer, head)),
  );
  return { node, height };
}

/**
 * @param {import("./view.js").View} shown
 * @param {string[]} provenance Lines under the picture.
 * @returns {string} An SVG document.
 */
export function pictureOf(shown, provenance) {
  const axis = new Axis(PICTURE_WIDTH, shown.routing.T, false, 0);
  const view = { ...shown, palette: LIGHT, axis, narrow: false };
  const found = findingOf(view.routing, view.row);
  const sentence = found.who + found.keeps + found.what;
  const chart = drawChart(view);
  let y = PICTURE_MARGIN;
  /** @type {SVGElement[]} */
  const parts = [];
  /** @param {SVGElement} node @param {number} height */
  const put = (node, height) => {
    parts.push(svg("g", { transform: `translate(${PICTURE_MARGIN} ${y})` }, node));
    y += height;
  };
  /** @param {string} text @param {number} size @param {number} height @param {number} [weight] */
  const line = (text, size, height, weight = 400) => {
    const style = { "font-family": SANS, "font-size": size, "font-weight": weight, fill: LIGHT.ink, y: size };
    for (const words of broken(text, size * (weight > 400 ? 0.6 : 0.52))) put(svg("text", style, words), height);
  };
  line(sentence, 21, 32, 600);
  line(found.detail, 13, 26);
  const text = drawText(view);
  put(text.node, text.height + 12);
  line("Why these tokens: the router's score of every token, and the cut", 13, 24, 600);
  put(chart.node, chart.height + 16);
  line(`All ${view.routing.rows} heads: a mark where the head picks the token`, 13, 24, 600);
  const heads = drawHeads(view);
  put(heads.node, heads.height + 16);
  for (const words of provenance) line(words, 11, 16);
  return pictureDocument(sentence, y + PICTURE_MARGIN, parts);
}
