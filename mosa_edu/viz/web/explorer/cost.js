/**
 * What a sparse head costs beside a dense one: the formulas of `mosa_edu.costs`.
 * @module
 */

import { count } from "../lib/format.js";

/**
 * FLOPs of one head on one text.
 * @param {import("../engine/model.js").Config} config
 * @param {number} T Tokens of the text.
 * @param {number} k Tokens kept; T for a dense head.
 * @param {boolean} routed Whether it scores every token and scales its output by the score.
 * @returns {number}
 */
export function headFlops({ d_model: model, d_head: width }, T, k, routed) {
  return 8 * model * width * k + 4 * width * k * k + (routed ? 2 * model * T + width * k : 0);
}

/**
 * @param {import("../engine/model.js").Config} config
 * @param {number} T
 * @param {number} k
 * @returns {{name: string, share: number, words: string}[]}
 */
export function headCost(config, T, k) {
  const [pairs, all] = [(k * (k + 1)) / 2, (T * (T + 1)) / 2];
  const flops = headFlops(config, T, k, config.sparse !== "fixed");
  const dense = headFlops(config, T, T, false);
  const unit = dense < 1e6 ? { size: 1e3, name: "thousand" } : { size: 1e6, name: "million" };
  const inUnits = (/** @type {number} */ value) => (value / unit.size).toFixed(2);
  const work = {
    name: "FLOPs",
    share: flops / dense,
    words: `${inUnits(flops)} of ${inUnits(dense)} ${unit.name}`,
  };
  return [
    { name: "Pairs", share: pairs / all, words: `${count(pairs)} of ${count(all)}` },
    ...(config.d_model ? [work] : []), // a trace alone does not know how wide its model is
    { name: "KV slots", share: k / T, words: `${k} of ${T}` },
  ];
}
