/**
 * Checks the engine in the reader's own browser against what PyTorch computed.
 * @module
 */

/**
 * Values that were stored with the weights.
 * @typedef {Object} Reference
 * @property {number[]} ids Tokens of a text.
 * @property {number[][][]} picks Kept positions, by layer and head.
 * @property {number[]} losses Loss of each token that follows.
 */

/**
 * @typedef {Object} Verdict
 * @property {boolean} passed
 * @property {number} difference Largest difference of a loss, in nats.
 * @property {number} heads Heads compared.
 * @property {number} unequal Heads that kept other tokens.
 */

/** The page must agree with PyTorch to this many nats. */
export const TOLERANCE = 2e-3;

/**
 * Run the stored text and compare.
 * @param {import("./engine.js").Engine} engine
 * @returns {Verdict}
 */
export function selfTest(engine) {
  const { ids, picks, losses } = engine.reference;
  const run = engine.forward(ids);
  run.meanLoss();
  const difference = losses.reduce(
    (worst, loss, t) => Math.max(worst, Math.abs(loss - run.losses[t])),
    0,
  );
  const unequal = picks.flatMap((heads, layer) =>
    heads.filter((own, head) => String(own) !== String(run.layers[layer].picks[head])),
  ).length;
  const passed = difference <= TOLERANCE && unequal === 0;
  return { passed, difference, heads: picks.flat().length, unequal };
}
