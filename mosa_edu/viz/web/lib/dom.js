/**
 * Builds elements without a framework. Data only ever becomes text or an attribute, never markup.
 * @module
 */

import { SANS } from "./palette.js";

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

/** @typedef {Node | string} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined | EventListener>} Attributes */

/**
 * @template {Element} E
 * @param {E} node
 * @param {Attributes} attributes Those named `on...` are listeners; null and false are left out.
 * @param {Child[]} children Strings become text.
 * @returns {E}
 */
function furnish(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value != null && value !== false)
      node.setAttribute(name, value === true ? "" : `${value}`);
  }
  node.append(...children);
  return node;
}

/**
 * An HTML element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function html(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

/**
 * An SVG element.
 * @param {string} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  const node = /** @type {SVGElement} */ (document.createElementNS(SVG_NAMESPACE, tag));
  return furnish(node, attributes, children);
}

/** @param {...Child} children What stands in tokens' type. */
export const mono = (...children) => html("code", {}, ...children);

/** @param {...Child} children */
export const bold = (...children) => html("b", {}, ...children);

/**
 * A button with a listener.
 * @param {Child} label
 * @param {() => void} onPress
 * @param {Attributes} [attributes]
 * @returns {HTMLButtonElement}
 */
export function button(label, onPress, attributes = {}) {
  return html("button", { type: "button", onclick: () => onPress(), ...attributes }, label);
}

/**
 * Change an attribute only if it differs: writing costs a style pass even when nothing changes.
 * @param {Element} node
 * @param {string} name
 * @param {string | null} value Null removes it.
 */
export function setAttribute(node, name, value) {
  if (node.getAttribute(name) === value) return;
  if (value === null) node.removeAttribute(name);
  else node.setAttribute(name, value);
}

/**
 * Change a text only if it differs.
 * @param {Element} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Size a canvas for the screen's pixels.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width CSS pixels.
 * @param {number} height CSS pixels.
 * @returns {CanvasRenderingContext2D} Cleared, in CSS pixels.
 */
export function prepareCanvas(canvas, width, height) {
  const ratio = globalThis.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high)
    Object.assign(canvas, { width: wide, height: high });
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/**
 * Writes small words into a drawing.
 * @param {import("./palette.js").Palette} palette
 * @returns {(words: string, place: Attributes) => SVGElement}
 */
export const writer = (palette) => (words, place) =>
  svg("text", { "font-family": SANS, "font-size": 11, fill: palette.ink2, ...place }, words);

/**
 * Where labels go that want to stand over their points but not on each other.
 * @param {{x: number, most: number}[]} wishes From left to right; no label goes beyond `most`.
 * @param {number} gap Least distance.
 * @returns {number[]}
 */
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

/**
 * Hand a file to the reader.
 * @param {string} name
 * @param {string} type
 * @param {string} text
 */
export function download(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/**
 * @param {string} text
 * @returns {string} With U+FFFD for lone surrogates, which no UTF-8 text can hold.
 */
export const wellFormed = (text) => text.replace(/\p{Surrogate}/gu, "\ufffd");
