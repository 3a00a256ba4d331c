/**
 * How numbers and heads are written, the same in every component.
 * @module
 */

const MINUS = "\u2212";

/**
 * A probability or score without its leading zero.
 * @param {number} value
 * @param {number} [digits]
 * @returns {string} ".637", "1.000"
 */
export function fraction(value, digits = 3) {
  return value
    .toFixed(digits)
    .replace(/^(-?)0\./, "$1.")
    .replace("-", MINUS);
}

/**
 * A difference with its sign.
 * @param {number} value
 * @param {number} [digits]
 * @returns {string} "+.059", "−.031"
 */
export function signed(value, digits = 3) {
  return (value < 0 ? MINUS : "+") + fraction(Math.abs(value), digits);
}

/**
 * An integer with commas.
 * @param {number} value
 * @returns {string} "5,995"
 */
export function count(value) {
  return `${value}`.replace(/\B(?=(\d{3})+$)/g, ",");
}

/**
 * A share in percent: one decimal below ten.
 * @param {number} share Between 0 and 1.
 * @returns {string} "1.5 %", "12 %"
 */
export function percent(share) {
  const value = 100 * share;
  return `${value.toFixed(value < 9.95 ? 1 : 0)}\u00a0%`;
}

/**
 * A size in megabytes of 10^6 bytes.
 * @param {number} bytes
 * @returns {string} "4.0"
 */
export const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

/**
 * The short name of a head, zero-based as in Python.
 * @param {number} layer
 * @param {number} head
 * @returns {string} "L3·H11"
 */
export const headName = (layer, head) => `L${layer}\u00b7H${head}`;

/**
 * Which head a row is, when rows go through the layers one after the other.
 * @param {number} row
 * @param {number} heads Of a layer.
 */
export const headOf = (row, heads) => ({ layer: Math.floor(row / heads), head: row % heads });

/**
 * The short name of a row's head.
 * @param {number} row
 * @param {number} heads Of a layer.
 */
export const rowName = (row, heads) => headName(Math.floor(row / heads), row % heads);

/**
 * A count with its noun.
 * @param {number} number
 * @param {string} noun Singular.
 * @returns {string} "1 head", "3 heads"
 */
export const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
