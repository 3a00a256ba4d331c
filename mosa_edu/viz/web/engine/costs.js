// The counts of `mosa_edu.costs`: integers, exact below 2^53, which the longest text stays under.

import { keptCount } from "./routing.js";

/** Longest text: there the largest model still costs less than 2^53 FLOPs. */
export const LONGEST = 1 << 17;

// The rows of `mosa_edu.head_kinds`, as far as costs need them: a test holds the two together.
/** @type {Record<string, {label: string, slots: string, vectors: number}>} */
export const HEAD_KINDS = {
  dense: { label: "dense", slots: "all", vectors: 0 },
  local: { label: "local", slots: "window", vectors: 0 },
  fixed: { label: "fixed", slots: "stride", vectors: 0 },
  routing: { label: "Routing", slots: "clusters", vectors: 0 },
  mosa: { label: "MoSA", slots: "top_k", vectors: 1 },
  random: { label: "random", slots: "draw", vectors: 0 },
  gated_random: { label: "gated random", slots: "draw", vectors: 1 },
  prefix: { label: "prefix top-k", slots: "capacity", vectors: 1 },
  threshold: { label: "threshold", slots: "capacity", vectors: 1 },
  token: { label: "token choice", slots: "capacity", vectors: 1 },
  predictor: { label: "predictor", slots: "top_k", vectors: 2 },
};

/** @typedef {{width: number, inner: number, T: number, sparsity: number, factor: number}} Shape `width` of the stream, `inner` of a head; `factor` slots a kept token where their number varies. */

/** @param {number} whole @param {number} part
 * @returns {number} How often a part fits; a division of floats could round up. */
export const timesFits = (whole, part) => (whole - (whole % part)) / part;

/** @param {Shape} shape @returns {number} Keys that a query of a local head sees. */
const spanOf = ({ T, sparsity }) => Math.max(timesFits(T, sparsity), 1);

/** @param {string} kind @param {Shape} shape @returns {number} Tokens that a head projects. */
export function slotsOf(kind, { T, sparsity, factor }) {
  const { slots } = HEAD_KINDS[kind];
  if (slots === "top_k") return keptCount(T, sparsity);
  if (slots === "capacity") return Math.min(T, Math.ceil((factor * T) / sparsity));
  return slots === "stride" || slots === "draw" ? Math.ceil(T / sparsity) : T;
}

/** @param {string} kind @param {Shape} shape Of one head on one text. @param {number} [n] Tokens that it projects. */
export function headFlops(kind, shape, n = slotsOf(kind, shape)) {
  const { width, inner, T, sparsity } = shape;
  const { slots, vectors } = HEAD_KINDS[kind];
  const parts = {
    projections: (slots === "clusters" ? 6 : 8) * width * inner * n,
    attention: 4 * inner * n * n,
    scoring: 2 * vectors * width * T,
    gating: vectors ? inner * n : 0,
  };
  if (slots === "window") parts.attention = 4 * inner * T * spanOf(shape);
  if (slots === "clusters") {
    parts.attention = 4 * inner * keptCount(T, sparsity) ** 2 * sparsity;
    parts.scoring = 2 * inner * T;
  }
  return { ...parts, total: parts.projections + parts.attention + parts.scoring + parts.gating };
}

/** @param {string} kind @param {Shape} shape @returns {number} Trained parameters of one head. */
export function headParameters(kind, { width, inner }) {
  const { slots, vectors } = HEAD_KINDS[kind];
  return (slots === "clusters" ? 3 : 4) * width * inner + vectors * width;
}

/** @param {string} kind @param {Shape} shape @returns {number} Pairs of keys and values that one head holds. */
export const headPairs = (kind, shape) =>
  HEAD_KINDS[kind].slots === "window" ? spanOf(shape) : slotsOf(kind, shape);

/**
 * A dense model, as Python sends it.
 * @typedef {Object} Baseline
 * @property {string} name @property {string} title @property {number} layers
 * @property {number} width @property {number} inner
 * @property {number} heads Dense heads of a layer.
 * @property {number} feedforward Width of the feed-forward blocks.
 * @property {number} vocabulary @property {boolean} tied @property {number} T Its own length.
 * @property {number} sparsity @property {number} given Dense heads given up.
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
