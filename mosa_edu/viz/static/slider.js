/**
 * A slider under its value, as figures have them in their bars.
 * @module
 */

import { labelled } from "./card.js";
import { html, setAttribute, setText } from "./dom.js";

/**
 * @param {string} name
 * @param {number} low
 * @param {number} high
 * @param {(step: number) => void} choose
 */
export function valueSlider(name, low, high, choose) {
  const input = html("input", { type: "range", min: low, max: high, step: 1, "aria-label": name });
  input.addEventListener("input", () => choose(Number(input.value)));
  const track = html("span", { class: "slider" }, input);
  const node = labelled("", track);
  const label = /** @type {Element} */ (node.firstChild);
  return {
    node,
    /** @param {number} step @param {string} words @param {number} [most] */
    show(step, words, most = high) {
      setAttribute(input, "max", `${most}`);
      input.value = `${step}`;
      track.style.setProperty("--fill", `${(Number(input.value) - low) / Math.max(most - low, 1)}`);
      setAttribute(input, "aria-valuetext", words);
      setText(label, words);
    },
  };
}

/**
 * A slider that lies on a drawing, with a stop for each of its columns.
 * @param {string} name
 * @param {(stop: number) => void} choose
 */
export function stopSlider(name, choose) {
  const input = html("input", { type: "range", min: 0, step: 1, "aria-label": name });
  input.addEventListener("input", () => choose(Number(input.value)));
  const node = html("span", { class: "slider", style: "--fill:0" }, input);
  return {
    node,
    input,
    /** @param {number} stop @param {number} last @param {string} words @param {{left: number, right: number}} scale */
    show(stop, last, words, { left, right }) {
      input.max = `${last}`;
      input.value = `${stop}`;
      setAttribute(input, "aria-valuetext", words);
      Object.assign(node.style, { left: `${left - 8}px`, width: `${right - left + 16}px` });
    },
  };
}
