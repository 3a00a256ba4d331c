// Every view is a link: the state of the explorer as fields of a URL fragment, and back.

import { headOf } from "../lib/format.js";
import { linkedPart, LONGEST_TEXT } from "../lib/own_text.js";

const STEPS_OF_TOUR = 6;

/**
 * What the reader chose and keeps; where they only point is no part of it.
 * @typedef {Object} LinkState
 * @property {string} example Name of a stored example.
 * @property {string | null} text The reader's own text; null for the example.
 * @property {number} layer @property {number} head @property {number} token
 * @property {number | null} k Tokens a head keeps; null for the model's own share.
 * @property {"figure" | "table"} view @property {"picks" | "scores"} map
 * @property {"model" | "similar"} sort
 * @property {number[]} off Rows of heads whose output is left out.
 * @property {number} tour Step of the tour, from 1; 0 for none.
 * @property {boolean} [live] Whether k is of the live model, which runs all heads at it.
 * @property {boolean | null} first Give token 0 a slot in every head; null for the model's own way.
 */

const WORDS = /** @type {const} */ ({
  view: ["figure", "table"],
  map: ["picks", "scores"],
  sort: ["model", "similar"],
});

/** @param {LinkState} state @param {number} heads Heads of a layer.
 * @returns {Record<string, string>} Fields; what is as it always is, is left out. */
export function writeLink(state, heads) {
  const { example, text, layer, head, k, live, token, off, first, tour } = state;
  const nameOf = (/** @type {number} */ row) => Object.values(headOf(row, heads)).join(".");
  const words = Object.entries(WORDS).flatMap(([name, [usual]]) => {
    const value = state[/** @type {keyof typeof WORDS} */ (name)];
    return value === usual ? [] : [[name, value]];
  });
  return {
    ...(text === null ? { ex: example } : {}),
    layer: `${layer}`,
    head: `${head}`,
    ...(k === null ? {} : { k: `${k}`, ...(live ? { live: "1" } : {}) }),
    tok: `${token}`,
    ...Object.fromEntries(words),
    ...(off.length ? { off: off.map(nameOf).join(" ") } : {}),
    ...(first === null ? {} : { first: first ? "1" : "0" }),
    ...(tour ? { tour: `${tour}` } : {}),
    ...(text === null ? {} : { text: linkedPart(text) }), // last: mail cuts long addresses
  };
}

/**
 * Nothing in a link is trusted: what makes no sense falls to what was, with a complaint.
 * @param {ReturnType<typeof import("../lib/card.js").fragmentReader>} reader
 * @param {LinkState} usual @param {{examples: string[], layers: number, heads: number}} known
 * @returns {LinkState} Token and k are only checked to be whole numbers: how many tokens there are
 *   shows later.
 */
export function readLink({ fields, complaints, oneOf, read }, usual, known) {
  const whole = (/** @type {string} */ name, /** @type {number} */ below) => {
    const value = read(name, (text) => /^\d{1,5}$/.test(text) && Number(text) < below);
    return value === null ? null : Number(value);
  };
  const words = Object.entries(WORDS).map(([name, own]) => [name, oneOf(name, [...own], own[0])]);
  const first = fields.get("first");
  const tour = whole("tour", STEPS_OF_TOUR + 1) ?? 0;
  return {
    ...usual,
    example: read("ex", (name) => known.examples.includes(name), "example") ?? usual.example,
    text: fields.get("text")?.slice(0, LONGEST_TEXT) ?? null,
    layer: whole("layer", known.layers) ?? usual.layer,
    head: whole("head", known.heads) ?? usual.head,
    token: whole("tok", 65536) ?? -1,
    k: whole("k", 65536),
    ...(whole("live", 2) ? { live: true } : {}),
    ...Object.fromEntries(words),
    ...(tour ? { view: "figure" } : {}),
    off: readOff(fields.get("off") ?? "", known, complaints),
    first: first === "0" || first === "1" ? first === "1" : usual.first,
    tour,
  };
}

/** @param {string} text For example "3.11 0.2". @param {{layers: number, heads: number}} known
 * @param {string[]} complaints @returns {number[]} Rows. */
function readOff(text, { layers, heads }, complaints) {
  const rows = new Set();
  for (const name of text.split(" ").filter(Boolean).slice(0, layers * heads)) {
    const [, layer, head] = name.match(/^(\d{1,4})\.(\d{1,4})$/) ?? [];
    if (Number(layer) < layers && Number(head) < heads) {
      rows.add(Number(layer) * heads + Number(head));
    } else complaints.push(`no head ${name.slice(0, 20)}`);
  }
  return [...rows].sort((a, b) => a - b);
}
