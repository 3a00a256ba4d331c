/**
 * The six rules, recomputed for any length and sparsity as `mosa_edu.viz.mask_zoo` has them.
 * @module
 */

export const NAMES = /** @type {const} */ ({
  dense: "Dense",
  local: "Local",
  fixed: "Fixed",
  random: "Random",
  mosa: "MoSA",
  prefix: "Prefix top-k",
});

/** @typedef {keyof typeof NAMES} MaskName */

/**
 * What the rules look at.
 * @typedef {Object} ZooText
 * @property {number} T Tokens read, from the first.
 * @property {number} length Tokens of the whole text; a window is a share of it.
 * @property {number} sparsity
 * @property {number} seed Of the random draw.
 * @property {ArrayLike<number>} order All positions of the text from the best score to the worst.
 */

/**
 * Who may look at whom: either a window, or all pairs among the kept tokens.
 * @typedef {Object} ZooMask
 * @property {MaskName} name
 * @property {string} rule
 * @property {number} window Tokens that a query sees back to, itself included; 0 where tokens are kept.
 * @property {number[]} kept Ascending.
 */

/** @param {number} T @param {number} sparsity @returns {number} Tokens of a fixed quota. */
export const quota = (T, sparsity) => Math.min(Math.max(Math.floor(T / sparsity), 2), T);

/** @param {number} number @returns {number} Its bits mixed: MurmurHash3's finaliser. */
function scramble(number) {
  number = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  number = Math.imul(number ^ (number >>> 13), 0xc2b2ae35);
  return (number ^ (number >>> 16)) >>> 0;
}

/** @param {ZooText} text @returns {number[]} One position of each run, as `RandomChoice` draws for head 0. */
function drawn({ T, sparsity, seed }) {
  const state = scramble(scramble(scramble(seed ^ 0x9e3779b9)));
  const runs = Array.from({ length: Math.ceil(T / sparsity) }, (_, run) => run);
  return runs
    .map((run) => run * sparsity + (scramble(state ^ run) % sparsity))
    .filter((t) => t < T);
}

/** @param {ZooText} text @returns {number[]} Tokens among the best of those up to themselves. */
function bestSoFar({ T, sparsity, order }) {
  const rank = new Uint16Array(order.length);
  Array.from(order).forEach((t, place) => (rank[t] = place));
  return Array.from({ length: T }, (_, t) => t).filter((t) => {
    const better = rank.subarray(0, t).filter((other) => other < rank[t]).length;
    return better < Math.ceil((t + 1) / sparsity);
  });
}

/** @param {ZooText} text @returns {ZooMask[]} */
export function zooMasks(text) {
  const { T, length, sparsity, order } = text;
  const k = quota(T, sparsity);
  const window = quota(length, sparsity);
  const best = Array.from(order).filter((t) => t < T);
  const strides = Array.from({ length: Math.ceil(T / sparsity) }, (_, i) => i * sparsity);
  const mask = (
    /** @type {MaskName} */ name,
    /** @type {string} */ rule,
    /** @type {number[]} */ kept,
    wide = 0,
  ) => ({ name, rule, kept, window: wide });
  return [
    mask("dense", "every token", [], T),
    mask("local", `the last ${window}`, [], window),
    mask("fixed", `0, ${sparsity}, ${2 * sparsity} …`, strides),
    mask("random", `1 of each ${sparsity}`, drawn(text)),
    mask(
      "mosa",
      `${k} best of all`,
      best.slice(0, k).sort((s, t) => s - t),
    ),
    mask("prefix", "best so far", bestSoFar(text)),
  ];
}

/** @param {ZooMask} mask @param {number} query @returns {number[]} Positions that it may look at. */
export function keysOf({ window, kept }, query) {
  if (window) {
    const first = Math.max(0, query - window + 1);
    return Array.from({ length: query - first + 1 }, (_, i) => first + i);
  }
  return kept.includes(query) ? kept.filter((t) => t <= query) : [];
}

/** @param {ZooMask} mask @param {number} T @returns {number} */
export function pairsOf({ window, kept }, T) {
  const n = window ? Math.min(window, T) : kept.length;
  return (n * (n + 1)) / 2 + (window ? (T - n) * n : 0);
}

/**
 * How many of the first rows change when the text goes on.
 * @param {ZooMask} now
 * @param {ZooMask} later The same rule on the whole text.
 * @param {number} T Rows.
 */
export function changedRows(now, later, T) {
  let rows = 0;
  for (let t = 0; t < T; t++) rows += Number(keysOf(now, t).join() !== keysOf(later, t).join());
  return rows;
}
