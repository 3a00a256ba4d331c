/**
 * Short texts in which single words are code, variables, exponents or indices.
 * @module
 */

import { html } from "../lib/dom.js";

/** @typedef {(string | [string, string])[]} Phrase Plain texts, and [tag, text]. */

/**
 * @param {Phrase} phrase
 * @returns {(Node | string)[]}
 */
export const phraseNodes = (phrase) =>
  phrase.map((run) => {
    if (typeof run === "string") return run;
    const tag = /** @type {"code" | "i" | "sub" | "sup"} */ (run[0]);
    return ["code", "i", "sub", "sup"].includes(tag) ? html(tag, {}, run[1]) : run[1];
  });
