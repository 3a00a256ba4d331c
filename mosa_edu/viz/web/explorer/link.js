/**
 * Every view is a link: the state of the explorer as a URL fragment, and back.
 * @module
 */

import { fragmentReader } from "../lib/card.js";
import { LONGEST_TEXT } from "../lib/limits.js";

const STEPS_OF_TOUR = 6;

/**
 * What the reader chose and keeps; where they only point is no part of it.
 * @typedef {Object} LinkState
 * @property {string} example Name of a stored example.
 * @property {string | null} text The reader's own text; null for the example.
 * @property {number} layer
 * @property {number} head
 * @property {number} token
 * @property {number | null} k Tokens a head keeps; null for the model's own share.
 * @property {"figure" | "table"} view
 * @property {"picks" | "scores"} map
 * @property {"model" | "similar"} sort
 * @property {number[]} off Rows of heads whose output is left out.
 * @property {number} tour Step of the tour, from 1; 0 for none.
 * @property {boolean} [live] Whether k is of the live model, which runs all heads at it.
 * @property {boolean | null} first Give token 0 a seat in every head; null for the model's own way.
 */

const WORDS = /** @type {const} */ ({
  view: ["figure", "table"],
  map: ["picks", "scores"],
  sort: ["model", "similar"],
});

/**
 * @param {LinkState} state
 * @param {number} heads Heads of a layer.
 * @returns {string} A fragment without "#"; what is as it always is, is left out.
 */
export function writeLink(state, heads) {
  const fields = new URLSearchParams();
  if (state.text === null) fields.set("ex", state.example);
  else fields.set("text", state.text.slice(0, LONGEST_TEXT));
  for (const name of /** @type {const} */ (["layer", "head"])) fields.set(name, `${state[name]}`);
  if (state.k !== null) fields.set("k", `${state.k}`);
  if (state.k !== null && state.live) fields.set("live", "1");
  fields.set("tok", `${state.token}`);
  for (const [name, [usual]] of Object.entries(WORDS)) {
    const value = state[/** @type {keyof typeof WORDS} */ (name)];
    if (value !== usual) fields.set(name, value);
  }
  if (state.off.length) {
    fields.set(
      "off",
      state.off.map((row) => `${Math.floor(row / heads)}.${row % heads}`).join(" "),
    );
  }
  if (state.first !== null) fields.set("first", state.first ? "1" : "0");
  if (state.tour) fields.set("tour", `${state.tour}`);
  return fields.toString();
}

/**
 * Read a fragment. Nothing in it is trusted: what makes no sense falls to what was, with a complaint.
 * @param {string} fragment With or without "#".
 * @param {LinkState} usual
 * @param {{examples: string[], layers: number, heads: number}} known
 * @returns {{state: LinkState, complaints: string[], isLink: boolean}} Token and k are only checked to be
 *   whole numbers: how many tokens there are shows later.
 */
export function readLink(fragment, usual, known) {
  const { fields, complaints, oneOf, read } = fragmentReader(fragment);
  const isLink = ["ex", "text", "layer", "tour"].some((name) => fields.has(name));
  if (!isLink) return { state: { ...usual, off: [...usual.off] }, complaints, isLink };
  const whole = (/** @type {string} */ name, /** @type {number} */ below) => {
    const value = read(name, (text) => /^\d{1,5}$/.test(text) && Number(text) < below);
    return value === null ? null : Number(value);
  };
  const first = fields.get("first");
  const tour = whole("tour", STEPS_OF_TOUR + 1) ?? 0;
  const state = {
    ...usual,
    example: read("ex", (name) => known.examples.includes(name), "example") ?? usual.example,
    text: fields.get("text")?.slice(0, LONGEST_TEXT) ?? null,
    layer: whole("layer", known.layers) ?? usual.layer,
    head: whole("head", known.heads) ?? usual.head,
    token: whole("tok", 65536) ?? -1,
    k: whole("k", 65536),
    ...(whole("live", 2) ? { live: true } : {}),
    ...Object.fromEntries(Object.entries(WORDS).map(([name, words]) => [name, oneOf(name, [...words], words[0])])),
    off: readOff(fields.get("off"), known, complaints),
    first: first === "0" || first === "1" ? first === "1" : usual.first,
    tour,
  };
  if (tour) state.view = "figure";
  return { state, complaints, isLink };
}

/**
 * @param {string | null} text For example "3.11 0.2".
 * @param {{layers: number, heads: number}} known
 * @param {string[]} complaints
 * @returns {number[]} Rows.
 */
function readOff(text, { layers, heads }, complaints) {
  const rows = new Set();
  for (const name of (text ?? "")
    .split(" ")
    .filter(Boolean)
    .slice(0, layers * heads)) {
    const [, layer, head] = name.match(/^(\d{1,4})\.(\d{1,4})$/) ?? [];
    if (Number(layer) < layers && Number(head) < heads)
      rows.add(Number(layer) * heads + Number(head));
    else complaints.push(`no head ${name.slice(0, 20)}`);
  }
  return [...rows].sort((a, b) => a - b);
}
