// How numbers and heads are written, the same in every component.

const MINUS = "\u2212";

// A probability or score without its leading zero.
/** @param {number} value @param {number} [digits] @returns {string} ".637", "1.000" */
export function fraction(value, digits = 3) {
  return value
    .toFixed(digits)
    .replace(/^(-?)0\./, "$1.")
    .replace("-", MINUS);
}

/** @param {number} value @param {number} [digits] @returns {string} "+.059", "−.031" */
export function signed(value, digits = 3) {
  return (value < 0 ? MINUS : "+") + fraction(Math.abs(value), digits);
}

/** An integer with commas. @param {number} value @returns {string} "5,995" */
export function count(value) {
  return `${value}`.replace(/\B(?=(\d{3})+$)/g, ",");
}

// A share in percent: one decimal below ten.
/** @param {number} share Between 0 and 1. @returns {string} "1.5 %", "12 %" */
export function percent(share) {
  const value = 100 * share;
  return `${value.toFixed(value < 9.95 ? 1 : 0)}\u00a0%`;
}

/** A size in megabytes of 10^6 bytes. @param {number} bytes @returns {string} "4.0" */
export const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

// The short name of a head, zero-based as in Python.
/** @param {number} layer @param {number} head @returns {string} "L3·H11" */
export const headName = (layer, head) => `L${layer}\u00b7H${head}`;

// Which head a row is, when rows go through the layers one after the other.
/** @param {number} row @param {number} heads Of a layer. */
export const headOf = (row, heads) => ({ layer: Math.floor(row / heads), head: row % heads });

/** The short name of a row's head. @param {number} row @param {number} heads Of a layer. */
export const rowName = (row, heads) => headName(Math.floor(row / heads), row % heads);

/** @param {number} number @param {string} noun Singular. @returns {string} "1 head", "3 heads" */
export const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

/** What is stripped off a token, written out because languages disagree on what a space is. */
const SPACES = " \\t\\n\\v\\f\\r\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const EDGES = new RegExp(`^[${SPACES}]+|[${SPACES}]+$`, "g");
const WORD_START = /^[\p{L}\p{M}\p{N}]/u;
const WORD_END = /[\p{L}\p{M}\p{N}]$/u;

/** @param {string} text @returns {string} Without white space at its ends. */
export const stripped = (text) => text.replace(EDGES, "");

// Whether a token goes on with the word that the token before it began.
/** @param {string[]} texts The tokens as written, spaces included. @param {number} t
 * @returns {boolean} */
export function continuesWord(texts, t) {
  return t > 0 && t < texts.length && WORD_START.test(texts[t]) && WORD_END.test(texts[t - 1]);
}

/** @param {string[]} texts @param {number} t @returns {string} */
function labelOf(texts, t) {
  const text = texts[t];
  if (text === "") return "\u25af";
  if (stripped(text) === "") {
    return Array.from(text, (character) => (character === "\n" ? "\u23ce" : "\u2423")).join("");
  }
  return continuesWord(texts, t) ? `\u00b7${text}` : stripped(text);
}

// Write tokens so that each can be told apart from its neighbours.
/** @param {string[]} texts The tokens as written, spaces included.
 * @returns {string[]} Words without their space, the rest of a word behind a dot, signs for spaces,
 *   line breaks and parts of a character. */
export function tokenLabels(texts) {
  return texts.map((_, t) => labelOf(texts, t));
}

// The whole word that a token is part of.
/** @param {string[]} texts The tokens as written, spaces included. @param {number} t
 * @returns {{before: string, piece: string, after: string}} */
export function wordAround(texts, t) {
  let [first, last] = [t, t];
  while (continuesWord(texts, first)) first--;
  while (continuesWord(texts, last + 1)) last++;
  const before = texts
    .slice(first, t)
    .join("")
    .replace(new RegExp(`^[${SPACES}]+`), "");
  return { before, piece: labelOf([texts[t]], 0), after: texts.slice(t + 1, last + 1).join("") };
}
