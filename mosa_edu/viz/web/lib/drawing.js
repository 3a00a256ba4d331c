// Draws: shapes in SVG, words in a drawing, a canvas of the screen's pixels.

import { setAttribute, svg } from "./dom.js";
import { SANS } from "./palette.js";

/** @typedef {import("./dom.js").Attributes} Attributes */

/** @param {string} d Path data. @param {Attributes} style */
export const path = (d, style) => svg("path", { d, ...style });

/** @param {string} d Path data. @param {string} stroke @param {Attributes} [style] */
export const line = (d, stroke, style) => svg("path", { d, fill: "none", stroke, ...style });

/** @param {number} x @param {number} y @param {number} width @param {number} height @param {string} fill @param {Attributes} [style] */
export const rect = (x, y, width, height, fill, style) =>
  svg("rect", { x, y, width, height, fill, ...style });

/** @param {number} cx @param {number} cy @param {number} r @param {Attributes} style */
export const circle = (cx, cy, r, style) => svg("circle", { cx, cy, r, ...style });

// Size a canvas for the screen's pixels.
/** @param {HTMLCanvasElement} canvas @param {number} width CSS pixels.
 * @param {number} height CSS pixels. @returns {CanvasRenderingContext2D} Cleared, in CSS pixels. */
export function prepareCanvas(canvas, width, height) {
  const ratio = globalThis.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) {
    Object.assign(canvas, { width: wide, height: high });
  }
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// Writes small words into a drawing.
/** @param {import("./palette.js").Palette} palette
 * @returns {(words: string, place: Attributes) => SVGElement} */
export const writer = (palette) => (words, place) =>
  svg("text", { "font-family": SANS, "font-size": 11, fill: palette.ink2, ...place }, words);

// Where the stops of a slider lie on a drawing.
/** @param {number} width @param {number} last Number of the last stop.
 * @param {number} near Left edge on a phone. @param {number} far Left edge elsewhere. */
export function stopScale(width, last, near, far) {
  const [left, right] = [width < 500 ? near : far, width - 24];
  const each = (right - left) / Math.max(last, 1);
  return { left, right, x: (/** @type {number} */ stop) => left + each * stop };
}

/** @param {ReturnType<typeof writer>} say @param {number} layers @param {number} left Edge of the drawing that they stand before.
 * @param {(layer: number) => number} y Top of a layer. */
export const layerNames = (say, layers, left, y) =>
  Array.from(
    { length: layers },
    (_, l) => say(`${left < 40 ? "L" : "Layer "}${l}`, { x: 0, y: y(l) + 9 }),
  );

// Where labels go that want to stand over their points but not on each other.
/** @param {{x: number, most: number}[]} wishes From left to right; no label goes beyond `most`.
 * @param {number} gap Least distance. @returns {number[]} */
export function placeLabels(wishes, gap) {
  /** @type {{sum: number, size: number}[]} runs of touching labels, by where the first would stand */
  const runs = [];
  wishes.forEach(({ x, most }, i) => {
    let run = { sum: Math.min(x, most) - gap * i, size: 1 };
    while (
      runs.length &&
      runs[runs.length - 1].sum / runs[runs.length - 1].size > run.sum / run.size
    ) {
      const before = /** @type {{sum: number, size: number}} */ (runs.pop());
      run = { sum: run.sum + before.sum, size: run.size + before.size };
    }
    runs.push(run);
  });
  const places = runs
    .flatMap(({ sum, size }) => Array(size).fill(sum / size))
    .map((x, i) => x + gap * i);
  for (let i = places.length - 1, most = Infinity; i >= 0; i--) {
    most = places[i] = Math.min(places[i], wishes[i].most, most - gap);
  }
  return places;
}

// Put another drawing into an SVG element.
/** @param {Element} drawing @param {{nodes: Node[], height: number}} drawn @param {number} width
 * @param {string} label What is seen there, in words. */
export function redraw(drawing, { nodes, height }, width, label) {
  for (const [name, value] of Object.entries({ width, height, "aria-label": label })) {
    setAttribute(drawing, name, `${value}`);
  }
  drawing.replaceChildren(...nodes);
}
