/**
 * The state of a leak probe as a URL fragment, and back.
 * @module
 */

import { fragmentReader } from "../card.js";
import { FUTURES } from "./futures.js";

const LONGEST = 2000;

/** Rules that heads may choose by, with what the buttons call them. */
export const RULES = /** @type {const} */ ({ paper: "Paper", prefix: "Prefix", threshold: "Threshold", dense: "Dense" });

/**
 * @typedef {Object} LeakState
 * @property {string} text Name of a stored text.
 * @property {number} cut Tokens before the cut.
 * @property {keyof typeof RULES} rule
 * @property {import("./futures.js").FutureKind} future
 * @property {number} seed Of a random future; which other text.
 * @property {string | null} edit The reader's own future; null while it is as written.
 * @property {string | null} own The reader's own whole text; null for the stored one.
 * @property {number} token Under study.
 * @property {"figure" | "table"} view
 */

/**
 * @param {LeakState} state
 * @returns {string} A fragment without "#".
 */
export function writeLeak({ text, cut, rule, future, seed, edit, own, token, view }) {
  const fields = new URLSearchParams({ leak: text, cut: `${cut}`, rule, future });
  if (future === "random" || future === "tail") fields.set("seed", `${seed}`);
  if (future === "edit" && edit !== null) fields.set("edit", edit.slice(0, LONGEST));
  if (own !== null) fields.set("text", own.slice(0, LONGEST));
  fields.set("tok", `${token}`);
  if (view === "table") fields.set("view", view);
  return fields.toString();
}

/**
 * Read a fragment, in which nothing is trusted.
 * @param {string} fragment
 * @param {LeakState} usual What stands where the fragment makes no sense.
 * @param {string[]} texts
 * @returns {{state: LeakState, complaints: string[]} | null} Null if it is not about a leak probe.
 */
export function readLeak(fragment, usual, texts) {
  const { fields, complaints, whole, oneOf } = fragmentReader(fragment);
  if (!fields.has("leak")) return null;
  const state = {
    text: oneOf("leak", texts, usual.text),
    cut: whole("cut", usual.cut),
    rule: oneOf("rule", Object.keys(RULES), usual.rule),
    future: oneOf("future", Object.keys(FUTURES), usual.future),
    seed: whole("seed", usual.seed),
    edit: fields.get("edit")?.slice(0, LONGEST) ?? null,
    own: fields.get("text")?.slice(0, LONGEST) ?? null,
    token: whole("tok", usual.token),
    view: oneOf("view", ["figure", "table"], "figure"),
  };
  return { state: /** @type {LeakState} */ (state), complaints };
}
