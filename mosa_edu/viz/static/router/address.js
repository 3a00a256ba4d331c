/**
 * The state of a game as a URL fragment, and back.
 * @module
 */

import { fragmentReader } from "../card.js";

/**
 * @typedef {Object} GameState
 * @property {string} text Name of a stored text.
 * @property {number} layer
 * @property {number} head
 * @property {number[] | null} picks Null: the router's.
 * @property {number} token Under study.
 * @property {boolean} hint Whether the router's picks are outlined.
 * @property {"figure" | "table"} view
 */

/**
 * @param {GameState} state
 * @param {number[]} own The picks, ascending.
 * @returns {string} A fragment without "#".
 */
export function writeGame({ text, layer, head, view, hint, picks }, own) {
  const fields = new URLSearchParams({ router: text, l: `${layer}`, h: `${head}` });
  if (picks) fields.set("picks", own.join("."));
  if (hint) fields.set("hint", "1");
  if (view === "table") fields.set("view", view);
  return fields.toString();
}

/**
 * Read a fragment, in which nothing is trusted.
 * @param {string} fragment
 * @param {GameState} usual What stands where the fragment makes no sense.
 * @param {Record<string, any>} data
 * @returns {{state: GameState, complaints: string[]} | null} Null if it is not about a game; picks
 *   are only checked to be whole numbers.
 */
export function readGame(fragment, usual, { texts, config }) {
  const { fields, complaints, whole, oneOf } = fragmentReader(fragment);
  if (!fields.has("router")) return null;
  const said = fields.get("picks");
  const good = said !== null && /^(\d{1,4}(\.\d{1,4}){0,500})?$/.test(said);
  if (said !== null && !good) complaints.push(`no picks ${said.slice(0, 20)}`);
  const state = {
    ...usual,
    text: oneOf("router", texts.map((/** @type {{name: string}} */ { name }) => name), usual.text),
    layer: Math.min(whole("l", usual.layer), config.n_layers - 1),
    head: Math.min(whole("h", usual.head), config.n_sparse_heads - 1),
    picks: good ? [...new Set(said.split(".").filter(Boolean).map(Number))] : null,
    hint: fields.get("hint") === "1",
    view: /** @type {"figure"} */ (oneOf("view", ["figure", "table"], "figure")),
  };
  return { state, complaints };
}
