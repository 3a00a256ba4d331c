/**
 * One square a mask, a unit a token: what causal attention allows, what the rule leaves, one row.
 * @module
 */

import { svg } from "../lib/dom.js";
import { count, plural } from "../lib/format.js";
import { SANS } from "../lib/palette.js";
import { keysOf, NAMES, pairsOf } from "./masks.js";

/** Room at the left for the mark of the row, in tokens of a hundred. */
const MARGIN = 0.05;

/**
 * @param {import("./masks.js").ZooMask} mask
 * @param {number[]} queries
 * @returns {string} Path data, one box for neighbours in a row.
 */
export function pathOf(mask, queries) {
  let path = "";
  for (const query of queries) {
    const keys = keysOf(mask, query);
    for (let i = 0, start = 0; i < keys.length; i++) {
      if (keys[i + 1] === keys[i] + 1) continue;
      path += `M${keys[start]} ${query}H${keys[i] + 1}v1H${keys[start]}z`;
      start = i + 1;
    }
  }
  return path;
}

/**
 * @param {import("./masks.js").ZooMask} mask
 * @param {number} T
 * @param {import("../lib/palette.js").Palette} palette
 * @returns {SVGElement[]} All but the row under study.
 */
export function drawMask(mask, T, palette) {
  const rows = Array.from({ length: T }, (_, t) => t);
  const isDense = mask.name === "dense";
  return [
    svg("path", { d: `M0 0V${T}H${T}z`, fill: isDense ? palette.dense : palette.wash }),
    ...(isDense ? [] : [svg("path", { d: pathOf(mask, rows), fill: palette.pick })]),
    svg("rect", {
      width: T,
      height: T,
      fill: "none",
      stroke: palette.rule,
      "stroke-width": 1,
      "vector-effect": "non-scaling-stroke",
    }),
  ];
}

/**
 * @param {import("./masks.js").ZooMask} mask
 * @param {number} T
 * @param {number} query
 * @param {import("../lib/palette.js").Palette} palette
 * @returns {SVGElement[]} The row under study, and a mark that points at it.
 */
export function drawRow(mask, T, query, palette) {
  const [size, middle] = [T * MARGIN, query + 0.5];
  return [
    svg("rect", { y: query, width: query + 1, height: 1, fill: palette.cursor_wash }),
    svg("path", { d: pathOf(mask, [query]), fill: palette.cursor }),
    svg("path", {
      d: `M${-size} ${middle - size / 2}l${size * 0.8} ${size / 2}l${-size * 0.8} ${size / 2}z`,
      fill: palette.cursor,
    }),
  ];
}

/** @param {number} T @returns {string} */
export const viewBox = (T) => `${-MARGIN * T} 0 ${T * (1 + MARGIN)} ${T}`;

/**
 * @param {import("./masks.js").ZooMask} mask
 * @returns {string} Whether later tokens can change an earlier row, in words.
 */
export const causality = ({ name }) => (name === "mosa" ? "✕ sees ahead" : "✓ causal");

/**
 * All squares as one drawing, three in a row.
 * @param {import("./masks.js").ZooMask[]} masks
 * @param {number} T
 * @param {number} query
 * @param {import("../lib/palette.js").Palette} palette
 * @returns {{nodes: SVGElement[], height: number}}
 */
export function drawZoo(masks, T, query, palette) {
  const [side, pitch, high] = [210, 242, 276];
  const nodes = masks.map((mask, i) => {
    const [x, y] = [(i % 3) * pitch + 12, Math.floor(i / 3) * high];
    const say = (
      /** @type {string} */ words,
      /** @type {number} */ at,
      /** @type {string} */ fill,
      weight = 400,
    ) =>
      svg(
        "text",
        { y: at, "font-family": SANS, "font-size": 12, "font-weight": weight, fill },
        words,
      );
    const reads = keysOf(mask, query).length;
    return svg(
      "g",
      { transform: `translate(${x} ${y})` },
      say(`${NAMES[mask.name]}: ${mask.rule}`, 10, palette.ink, 600),
      svg(
        "g",
        { transform: `translate(0 18) scale(${side / T})` },
        ...drawMask(mask, T, palette),
        ...drawRow(mask, T, query, palette),
      ),
      say(`${plural(pairsOf(mask, T), "pair")}, ${causality(mask)}`, side + 34, palette.ink2),
      say(`row ${query} reads ${count(reads)}`, side + 50, palette.cursor_text),
    );
  });
  return { nodes, height: 2 * high };
}
