/**
 * How tokens are written in pictures, as in `mosa_edu.viz.tokens`: pieces of words are told from words.
 * @module
 */

/** What is stripped off a token, written out because languages disagree on what a space is. */
const SPACES = " \\t\\n\\v\\f\\r\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const EDGES = new RegExp(`^[${SPACES}]+|[${SPACES}]+$`, "g");
const WORD_START = /^[\p{L}\p{M}\p{N}]/u;
const WORD_END = /[\p{L}\p{M}\p{N}]$/u;

/**
 * @param {string} text
 * @returns {string} Without white space at its ends.
 */
export const stripped = (text) => text.replace(EDGES, "");

/**
 * Whether a token goes on with the word that the token before it began.
 * @param {string[]} texts The tokens as written, spaces included.
 * @param {number} t
 * @returns {boolean}
 */
export function continuesWord(texts, t) {
  return t > 0 && t < texts.length && WORD_START.test(texts[t]) && WORD_END.test(texts[t - 1]);
}

/**
 * @param {string[]} texts
 * @param {number} t
 * @returns {string}
 */
function labelOf(texts, t) {
  const text = texts[t];
  if (text === "") return "\u25af";
  if (stripped(text) === "")
    return Array.from(text, (character) => (character === "\n" ? "\u23ce" : "\u2423")).join("");
  return continuesWord(texts, t) ? `\u00b7${text}` : stripped(text);
}

/**
 * Write tokens so that each can be told apart from its neighbours.
 * @param {string[]} texts The tokens as written, spaces included.
 * @returns {string[]} Words without their space, the rest of a word behind a dot, signs for spaces,
 *   line breaks and parts of a character.
 */
export function tokenLabels(texts) {
  return texts.map((_, t) => labelOf(texts, t));
}

/**
 * The whole word that a token is part of.
 * @param {string[]} texts The tokens as written, spaces included.
 * @param {number} t
 * @returns {{before: string, piece: string, after: string}}
 */
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
