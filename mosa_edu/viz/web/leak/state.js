/**
 * What is asked of a leak probe, and how it stands in a link.
 * @module
 */

import { FUTURES } from "./futures.js";

const LONGEST = 2000;

/** Rules that heads may choose by, with what the buttons call them; "trained" has a model of its own. */
const RULES = /** @type {const} */ ({ paper: "Paper", prefix: "Prefix", trained: "Trained prefix", threshold: "Threshold", dense: "Dense" });

/** @param {import("./runner.js").LeakData} data @returns {Record<string, string>} Rules that this probe can switch to. */
export const rulesOf = ({ causal }) => Object.fromEntries(Object.entries(RULES).filter(([rule]) => causal || rule !== "trained"));

/** Fields of the state that the model must be run for. */
export const ASKS = /** @type {const} */ (["text", "cut", "rule", "future", "seed", "edit", "own"]);

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

/** @param {import("./runner.js").LeakData} data @returns {Record<string, import("../lib/figure.js").LinkField>} */
export const leakFields = (data) => ({
  leak: ["text", data.texts.map(({ name }) => name)],
  cut: ["cut"],
  rule: ["rule", Object.keys(rulesOf(data))],
  future: ["future", Object.keys(FUTURES)],
  seed: ["seed"],
  tok: ["token"],
});

/** @param {LeakState} state @returns {Record<string, string>} What the reader wrote, as fields of a link. */
export const writtenFields = ({ future, edit, own }) => ({
  ...(future === "edit" && edit !== null ? { edit: edit.slice(0, LONGEST) } : {}),
  ...(own === null ? {} : { text: own.slice(0, LONGEST) }),
});

/** @param {URLSearchParams} fields Of a link, in which nothing is trusted. */
export const writtenOf = (fields) => ({
  edit: fields.get("edit")?.slice(0, LONGEST) ?? null,
  own: fields.get("text")?.slice(0, LONGEST) ?? null,
});
