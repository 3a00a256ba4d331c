// The counts of `mosa_edu.costs`: integers, exact below 2^53, which the longest text stays under.

import { keptCount } from "./routing.js";

/** Longest text: there the largest model still costs less than 2^53 FLOPs. */
export const LONGEST = 1 << 17;

/** What heads may be bought, in the order of Python's `KINDS`. */
export const HEAD_KINDS = /** @type {const} */ ({
  local: "local",
  fixed: "fixed",
  routing: "Routing",
  mosa: "MoSA",
  random: "random",
  prefix: "prefix top-k",
  threshold: "threshold",
  token: "token choice",
  predictor: "predictor",
});

const ROUTED = ["mosa", "prefix", "threshold", "token", "predictor"];
const VARIABLE = ["prefix", "threshold", "token"];

/** @typedef {{width: number, inner: number, T: number, sparsity: number, factor: number}} Shape `width` of the stream, `inner` of a head; `factor` slots a kept token where their number varies. */

/** @param {number} whole @param {number} part
 * @returns {number} How often a part fits; a division of floats could round up. */
export const timesFits = (whole, part) => (whole - (whole % part)) / part;

/** @param {Shape} shape @returns {number} Keys that a query of a local head sees. */
const spanOf = ({ T, sparsity }) => Math.max(timesFits(T, sparsity), 1);

/** @param {string} kind @param {Shape} shape @returns {number} Tokens that a head projects. */
export function slotsOf(kind, shape) {
  const { T, sparsity, factor } = shape;
  if (["dense", "local", "routing"].includes(kind)) return T;
  if (kind === "fixed" || kind === "random") return Math.ceil(T / sparsity);
  return VARIABLE.includes(kind)
    ? Math.min(T, Math.ceil((factor * T) / sparsity))
    : keptCount(shape.T, shape.sparsity);
}

/** @param {string} kind @param {Shape} shape Of one head on one text. @param {number} [n] Tokens that it projects. */
export function headFlops(kind, shape, n = slotsOf(kind, shape)) {
  const { width, inner, T, sparsity } = shape;
  const routed = ROUTED.includes(kind);
  const parts = {
    projections: (kind === "routing" ? 6 : 8) * width * inner * n,
    attention: 4 * inner * n * n,
    scoring: routed ? (kind === "predictor" ? 4 : 2) * width * T : 0,
    gating: routed ? inner * n : 0,
  };
  if (kind === "local") parts.attention = 4 * inner * T * spanOf(shape);
  if (kind === "routing") {
    parts.attention = 4 * inner * keptCount(T, sparsity) ** 2 * sparsity;
    parts.scoring = 2 * inner * T;
  }
  return { ...parts, total: parts.projections + parts.attention + parts.scoring + parts.gating };
}

/** @param {string} kind @param {Shape} shape @returns {number} Trained parameters of one head. */
export function headParameters(kind, { width, inner }) {
  const vectors = kind === "predictor" ? 2 : Number(ROUTED.includes(kind));
  return (kind === "routing" ? 3 : 4) * width * inner + vectors * width;
}

/** @param {string} kind @param {Shape} shape @returns {number} Pairs of keys and values that one head holds. */
export const headPairs = (kind, shape) => (kind === "local" ? spanOf(shape) : slotsOf(kind, shape));

/**
 * A dense model, as Python sends it.
 * @typedef {Object} Baseline
 * @property {string} name
 * @property {string} title
 * @property {number} layers
 * @property {number} width
 * @property {number} inner
 * @property {number} heads Dense heads of a layer.
 * @property {number} feedforward Width of the feed-forward blocks.
 * @property {number} vocabulary
 * @property {boolean} tied
 * @property {number} T Its own length.
 * @property {number} sparsity
 * @property {number} given Dense heads given up.
 * @property {number} factor
 */

// The dense model and the one that the same FLOPs buy.
/** @param {Baseline} model
 * @param {{kind: string, T: number, sparsity: number, given: number}} setting */
export function budgetOf(model, { kind, T, sparsity, given }) {
  const { layers, width, inner, heads, feedforward, vocabulary, tied, factor } = model;
  const shape = { width, inner, T, sparsity, factor };
  const [dense, sparse] = [headFlops("dense", shape), headFlops(kind, shape)];
  const [matrices, own] = [headParameters("dense", shape), headParameters(kind, shape)];
  const bought = timesFits(given * dense.total, sparse.total);
  const kept = heads - given;
  const others = layers * 4 * width * feedforward * T;
  const blocks = layers * 2 * width * feedforward +
    layers * 4 * width +
    2 * width +
    (tied ? 1 : 2) * vocabulary * width;
  const pairs = headPairs(kind, shape);
  return {
    ...{ shape, dense, sparse, bought, kept, slots: slotsOf(kind, shape) },
    sameParameters: timesFits(given * matrices, own),
    flops: [
      layers * heads * dense.total + others,
      layers * (kept * dense.total + bought * sparse.total) + others,
    ],
    parameters: [
      layers * heads * matrices + blocks,
      layers * (kept * matrices + bought * own) + blocks,
    ],
    pairs: [heads * T, kept * T + bought * pairs],
  };
}
