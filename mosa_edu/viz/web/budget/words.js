/**
 * What is said of a budget: a finding, the numbers as a table, a cell of Python.
 * @module
 */

import { headFlops, headPairs, headParameters, KINDS } from "./costs.js";
import { count, percent } from "../lib/format.js";

const NUMBERS =
  "No One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve Thirteen Fourteen Fifteen Sixteen".split(
    " ",
  );
const UNITS = /** @type {const} */ ([
  [1e12, "trillion"],
  [1e9, "billion"],
  [1e6, "million"],
]);
/** What a head spends FLOPs on. */
export const PARTS = /** @type {const} */ (["projections", "attention", "scoring", "gating"]);

/** @typedef {ReturnType<typeof import("./costs.js").budgetOf>} Budget */
/** @typedef {import("./controller.js").BudgetState} BudgetState */

/** @param {number} value @returns {string} "5.31 million", "12,176" */
export function short(value) {
  const [size, name] = UNITS.find(([least]) => value >= least) ?? [1, ""];
  const digits = value / size;
  return name
    ? `${digits < 999.5 ? digits.toPrecision(3) : count(Math.round(digits))} ${name}`
    : count(value);
}

/** @param {number} part @param {number} whole @returns {string} "79 %", "<0.1 %" */
export const shareOf = (part, whole) =>
  part === 0 ? "0" : part / whole < 0.0005 ? "<0.1\u00a0%" : percent(part / whole);

/** @param {number} ratio @returns {string} "×1.32", "×101" */
export const times = (ratio) =>
  `×${ratio < 99.5 ? ratio.toPrecision(3) : count(Math.round(ratio))}`;

/**
 * @param {string} kind
 * @param {import("./costs.js").Shape} shape
 * @param {boolean} fixedK
 * @returns {number} By what twice the text multiplies the cost of a head.
 */
export function growth(kind, shape, fixedK) {
  const twice = {
    ...shape,
    T: 2 * shape.T,
    sparsity: fixedK ? 2 * shape.sparsity : shape.sparsity,
  };
  return headFlops(kind, twice).total / headFlops(kind, shape).total;
}

/** @param {Budget} budget @param {BudgetState} state @returns {import("../lib/figure.js").Said} */
export function budgetSaid(
  { shape, sparse, bought, slots, pairs, parameters },
  { kind, given, sparsity },
) {
  const name = KINDS[kind];
  const share = shareOf(sparse.scoring, sparse.total);
  const scoring = sparse.scoring ? `scoring them all is ${share} of its cost` : "it scores none";
  return {
    who: `${NUMBERS[given] ?? given} dense ${given === 1 ? "head buys" : "heads buy"} `,
    keeps: `${bought ? count(bought) : "no"} ${name} head${bought === 1 ? "" : "s"}`,
    what: ".",
    detail: `At ρ = ${count(sparsity)} a ${name} head works on ${count(slots)} of ${count(shape.T)} tokens; ${scoring}.`,
    spoken: `The model has ${times(parameters[1] / parameters[0])} the parameters and ${times(pairs[1] / pairs[0])} the pairs of keys and values.`,
  };
}

/** @param {Budget} budget @param {BudgetState} state @returns {string[][]} Headings first. */
export function budgetRows(budget, { kind, given }) {
  const { dense, sparse, shape, kept, bought, flops, parameters, pairs, slots, sameParameters } =
    budget;
  const row = (
    /** @type {string} */ name,
    /** @type {number} */ one,
    /** @type {number} */ other,
  ) => [name, count(one), count(other)];
  return [
    ["Quantity", "dense", KINDS[kind]],
    row("Tokens that a head projects", shape.T, slots),
    ...PARTS.map((part) => row(`FLOPs of a head: ${part}`, dense[part], sparse[part])),
    row("FLOPs of a head", dense.total, sparse.total),
    row("Parameters of a head", headParameters("dense", shape), headParameters(kind, shape)),
    row("KV pairs of a head", shape.T, headPairs(kind, shape)),
    row("Heads exchanged, same FLOPs", given, bought),
    row("Heads exchanged, same parameters", given, sameParameters),
    row("Heads of a layer", kept + given, kept + bought),
    row("FLOPs of the model", flops[0], flops[1]),
    row("Parameters of the model", parameters[0], parameters[1]),
    row("KV pairs of a layer", pairs[0], pairs[1]),
  ];
}

/**
 * @param {import("./costs.js").Baseline} model
 * @param {BudgetState} state
 * @returns {string} A cell that prints the table.
 */
export const budgetPython = (
  { layers, width, inner, heads, feedforward, vocabulary, tied },
  { kind, tokens, sparsity, given },
) => `from mosa_edu import ModelConfig
from mosa_edu.viz.budget import budget_rows

dense = ModelConfig(
    vocab_size=${vocabulary},
    d_model=${width},
    n_layers=${layers},
    d_head=${inner},
    d_ff=${feedforward},
    max_seq_len=${tokens},
    n_dense_heads=${heads},
    tie_embeddings=${tied ? "True" : "False"},
)
for name, before, after in budget_rows(dense, "${kind}", sparsity=${sparsity}, given=${given}):
    print(f"{name}: {before:,} -> {after:,}")
`;
