/**
 * What is said of a mask zoo: a finding, what a longer text would change, a table, a cell.
 * @module
 */

import { count, headName, plural } from "../lib/format.js";
import { changedRows, keysOf, NAMES, pairsOf } from "./masks.js";

const MOSA = Object.keys(NAMES).indexOf("mosa");

/** @typedef {import("./texts.js").ZooView} ZooView */

/** @param {ZooView} view @returns {import("../lib/figure.js").Said} */
export function zooSaid(view) {
  const { masks, labels, state } = view;
  const [dense, mosa] = [0, MOSA].map((i) => count(pairsOf(masks[i], state.tokens)));
  const row = `“${labels[state.query]}” at ${state.query}`;
  const reads = masks.map(
    (mask) => `${keysOf(mask, state.query).length || "none"} in ${NAMES[mask.name]}`,
  );
  return {
    who: `${headName(state.layer, state.head)} picks `,
    keeps: `${mosa} of ${dense} pairs`,
    what: " from the whole text.",
    detail: `Rows are queries, columns are keys. One row, ${row}, is orange in all six.`,
    spoken: `${row} reads ${reads.join(", ")}. ${goingOn(view)}`,
  };
}

/** @param {ZooView} view @returns {string} What a longer text would change of these rows. */
export function goingOn({ masks, whole, state, T }) {
  if (state.tokens === T) return "End the text earlier, and see which rows change when it goes on.";
  const changed = masks.map((mask, i) => changedRows(mask, whole[i], state.tokens));
  const others = changed.reduce((sum, rows) => sum + rows, 0) - changed[MOSA];
  const rows = plural(state.tokens, "row");
  return `When it goes on, MoSA rewrites ${changed[MOSA] || "none"} of these ${rows}; the other five rules rewrite ${others || "none"}.`;
}

/** @param {ZooView} view @returns {import("../lib/figure.js").Listed} */
export function zooTable({ masks, labels, state }) {
  const names = masks.map(({ name }) => NAMES[name]);
  const body = labels
    .slice(0, state.tokens)
    .map((label, t) => [`${t}`, label, ...masks.map((mask) => `${keysOf(mask, t).length}`)]);
  const total = ["all", "pairs", ...masks.map((mask) => count(pairsOf(mask, state.tokens)))];
  const who = headName(state.layer, state.head);
  return {
    rows: [["Position", "Token", ...names], ...body, total],
    caption: `Keys that each row reads, ${who}, one in ${state.sparsity}`,
    at: state.query,
    words: [1],
  };
}

/**
 * @param {ZooView} view
 * @param {string} name Of the model.
 * @returns {string} A cell that prints the pairs of each square and the keys of the row under study.
 */
export const zooPython = ({ pieces, state }, name) => `import mosa_edu
from mosa_edu.viz.mask_zoo import zoo_masks

model, tokenizer = mosa_edu.load_pretrained(${JSON.stringify(name)})
text = ${JSON.stringify(pieces.join(""))}
trace = mosa_edu.trace(model, tokenizer, text)
for mask in zoo_masks(trace, ${state.layer}, ${state.head}, sparsity=${state.sparsity}, tokens=${state.tokens}):
    print(mask.name, int(mask.pairs.sum()), int(mask.pairs[${state.query}].sum()))
`;
