// Reads the `RoutingTrace` JSON, version 1, that Python and `traceOf` write, for drawing.

import { decodeArray } from "../lib/arrays.js";

/** How many of the likeliest next tokens a trace holds of each position. */
export const NEXT_COUNT = 5;

/**
 * A stored run, in the shape of a live one as far as drawing goes: `layers`, `next` and `truth`
 * mean the same as in `Run`; `logits` are missing.
 * @typedef {Object} StoredRun
 * @property {number} T
 * @property {{k: number, sparsity: number}} settings
 * @property {Omit<import("./model.js").LayerRouting, "logits">[]} layers
 * @property {import("./tokenizer.js").Span[]} tokens
 * @property {(t: number) => import("./engine.js").Candidate[]} next
 * @property {(t: number) => import("./engine.js").Truth | null} truth
 * @property {{name: string, sha256: string | null}} model
 * @property {Record<string, any>} provenance
 */

/** @param {Record<string, any>} trace Parsed JSON. @returns {StoredRun}
 * @throws {Error} If it is of another version. */
export function readTrace(trace) {
  if (trace.version !== 1) {
    throw new Error(`This page reads traces of version 1, not ${trace.version}.`);
  }
  const { T, k, sparsity, tokens, model, provenance, next_top: top, next_true: fate } = trace;
  const loss = fate && decodeArray(fate.loss);
  const rank = fate && decodeArray(fate.rank);
  const ids = decodeArray(top.ids);
  const probabilities = decodeArray(top.probabilities);
  return {
    T,
    settings: { k, sparsity },
    layers: readLayers(trace),
    tokens,
    next: (t) =>
      Array.from({ length: NEXT_COUNT }, (_, i) => ({
        id: ids[t * NEXT_COUNT + i],
        probability: probabilities[t * NEXT_COUNT + i] / 65535,
      })),
    truth: (t) =>
      loss && t + 1 < T
        ? { id: tokens[t + 1].id, loss: loss[t], probability: Math.exp(-loss[t]), rank: rank[t] }
        : null,
    model,
    provenance,
  };
}

/** @param {Record<string, any>} trace @returns {StoredRun["layers"]} */
function readLayers({ T, k, layers, heads, ...trace }) {
  const scores = decodeArray(trace.scores);
  const order = decodeArray(trace.order);
  const indices = decodeArray(trace.indices);
  const weights = decodeArray(trace.attention);
  const counts = trace.counts && decodeArray(trace.counts);
  const triangle = (k * (k + 1)) / 2;
  return Array.from({ length: layers }, (_, layer) => {
    const from = layer * heads;
    const span = [from * T, (from + heads) * T];
    const rows = Array.from({ length: heads }, (_, head) => from + head);
    const size = (/** @type {number} */ row) => (counts ? counts[row] : k);
    return {
      scores: Float32Array.from(scores.subarray(...span), (score) => score / 65535),
      order: Uint16Array.from(order.subarray(...span)),
      picks: rows.map((row) => Uint16Array.from(indices.subarray(row * k, row * k + size(row)))),
      attention: rows.map((row) => {
        const length = (size(row) * (size(row) + 1)) / 2;
        const own = weights.subarray(row * triangle, row * triangle + length);
        return Float32Array.from(own, (weight) => weight / 255);
      }),
    };
  });
}
