/**
 * What drawings of all figures have in common: small words, and how one takes another's place.
 * @module
 */

import { setAttribute, svg } from "./dom.js";
import { SANS } from "./palette.js";

/**
 * Writes small words into a drawing.
 * @param {import("./palette.js").Palette} palette
 * @returns {(words: string, place: import("./dom.js").Attributes) => SVGElement}
 */
export const writer = (palette) => (words, place) =>
  svg("text", { "font-family": SANS, "font-size": 11, fill: palette.ink2, ...place }, words);

/**
 * Put another drawing into an SVG element.
 * @param {Element} drawing
 * @param {{nodes: Node[], height: number}} drawn
 * @param {number} width
 * @param {string} label What is seen there, in words.
 */
export function redraw(drawing, { nodes, height }, width, label) {
  for (const [name, value] of Object.entries({ width, height, "aria-label": label })) setAttribute(drawing, name, `${value}`);
  drawing.replaceChildren(...nodes);
}
