// Which tokens a head keeps: rules that turn router logits into kept positions.
//
// One tie rule everywhere: the higher logit first, then the earlier position.

/** @typedef {"paper" | "prefix" | "threshold" | "fixed"} Rule */

/** @param {number} length Tokens of the text, T. @param {number} sparsity The paper's rho.
 * @returns {number} T / rho rounded down, at least 2 and at most T. */
export function keptCount(length, sparsity) {
  return Math.min(Math.max(Math.floor(length / sparsity), 2), length);
}

/** @param {number} logit */
export const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));

// Positions from the highest logit to the lowest.
//
// Logit and position are joined into one whole number, which browsers sort without calling back.
/** @param {Float32Array} logits @returns {Uint16Array} */
export function rankOrder(logits) {
  const length = logits.length;
  const values = new Float32Array(length);
  const bits = new Uint32Array(values.buffer);
  const keys = new Float64Array(length);
  for (let t = 0; t < length; t++) {
    values[t] = logits[t] + 0; // -0 and 0 are equal
    const falling = bits[t] & 0x80000000 ? bits[t] : bits[t] ^ 0x7fffffff; // high logits first
    keys[t] = (falling >>> 0) * 65536 + t;
  }
  keys.sort();
  const order = new Uint16Array(length);
  for (let rank = 0; rank < length; rank++) order[rank] = keys[rank] % 65536;
  return order;
}

// The paper's rule, expert choice: the k best of the whole text.
/** @param {Uint16Array} order Positions from the highest logit to the lowest. @param {number} k
 * @param {boolean} includeFirst Token 0 is kept whatever its score.
 * @returns {Uint16Array} Ascending positions. */
export function pickBest(order, k, includeFirst) {
  const picks = order.slice(0, k);
  if (includeFirst && !picks.includes(0)) picks[k - 1] = 0;
  return picks.sort();
}

/**
 * A causal variant: token t, if it is among the best of the text up to t.
 * @param {Float32Array} logits
 * @param {number} sparsity Token t must be among the best ceil((t + 1) / sparsity) so far.
 * @param {number} capacity Slots; a token that comes later is dropped.
 * @returns {Uint16Array} Ascending positions.
 */
export function pickPrefix(logits, sparsity, capacity) {
  const picks = [];
  for (let t = 0; t < logits.length && picks.length < capacity; t++) {
    let rank = 0;
    for (let s = 0; s < t; s++) if (logits[s] >= logits[t]) rank++;
    if (rank < Math.ceil((t + 1) / sparsity)) picks.push(t);
  }
  return Uint16Array.from(picks);
}

/**
 * Another causal variant: token t, if its logit exceeds a threshold fixed beforehand.
 * @param {Float32Array} logits
 * @param {number} threshold Compared with the logit, not with its sigmoid.
 * @param {number} capacity Slots; a token that comes later is dropped.
 * @returns {Uint16Array} Ascending positions.
 */
export function pickAbove(logits, threshold, capacity) {
  const picks = [];
  for (let t = 0; t < logits.length && picks.length < capacity; t++) {
    if (logits[t] > threshold) picks.push(t);
  }
  return Uint16Array.from(picks);
}

// The paper's Fixed baseline: every sparsity-th token.
/** @param {number} length Tokens of the text. @param {number} sparsity
 * @returns {Uint16Array} Ascending positions. */
export function pickStrided(length, sparsity) {
  return Uint16Array.from({ length: Math.ceil(length / sparsity) }, (_, i) => i * sparsity);
}

/** @param {number} number @returns {number} Its bits mixed: MurmurHash3's finaliser. */
function scramble(number) {
  number = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  number = Math.imul(number ^ (number >>> 13), 0xc2b2ae35);
  return (number ^ (number >>> 16)) >>> 0;
}

// A control: one position of each run of `sparsity`, as `RandomChoice` draws it for head 0.
/** @param {number} length @param {number} sparsity @param {number} seed */
export function pickRandom(length, sparsity, seed) {
  const state = scramble(scramble(scramble(seed ^ 0x9e3779b9)));
  const runs = Array.from({ length: Math.ceil(length / sparsity) }, (_, run) => run);
  const drawn = runs.map((run) => run * sparsity + (scramble(state ^ run) % sparsity));
  return Uint16Array.from(drawn.filter((t) => t < length));
}

// Draw tokens, as `mosa_edu.probes.futures.roll_future` does: mulberry32, never token 0.
/** @param {number} seed @param {number} count @param {number} entries Of the vocabulary.
 * @returns {number[]} */
export function rollFuture(seed, count, entries) {
  let state = Math.imul(seed, 0x9e3779b1);
  return Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const drawn = (mixed ^ (mixed >>> 14)) >>> 0;
    return 1 + Math.floor((drawn * (entries - 1)) / 2 ** 32);
  });
}
