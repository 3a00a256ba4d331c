/**
 * Two runs of one past, and all that differs in it.
 * @module
 */

/** A logit counts as moved beyond this share of the standard deviation, as in `mosa_edu.probes`. */
const ROUNDING_SHARE = 1e-4;
const ROWS_AT_ONCE = 16;

/** Predictions that moved further than this, in nats, are drawn bold. */
export const FAR = 0.05;

/** @typedef {[string, number, string, number]} Forecast Likeliest next token and its probability, before and after. */

/**
 * What moved in the predictions.
 * @typedef {Object} Moved
 * @property {number[]} divergence In nats, one a position before the cut.
 * @property {boolean[]} changed
 * @property {Forecast[]} forecasts
 */

/**
 * @param {Float32Array} logits One row.
 * @returns {{best: number, log: number}} Likeliest entry, and the logarithm of the sum of exponentials.
 */
function summarise(logits) {
  let [best, sum] = [0, 0];
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[best]) best = id;
  for (let id = 0; id < logits.length; id++) sum += Math.exp(logits[id] - logits[best]);
  return { best, log: logits[best] + Math.log(sum) };
}

/**
 * Compare the predictions before the cut, in short steps.
 * @param {import("../engine/run.js").Run} before
 * @param {import("../engine/run.js").Run} after
 * @param {number} cut
 * @param {(id: number) => string} entry
 * @returns {Generator<number, Moved>}
 */
export function* movedSteps(before, after, cut, entry) {
  /** @type {number[]} */
  const [divergence, largest] = [[], []];
  /** @type {Forecast[]} */
  const forecasts = [];
  let [sum, squares, numbers] = [0, 0, 0];
  for (let first = 0; first < cut; first += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, cut - first);
    const [old, now] = [before.logits(first, count), after.logits(first, count)];
    const size = old.length / count;
    for (let i = 0; i < count; i++) {
      const [p, q] = [old.subarray(i * size, (i + 1) * size), now.subarray(i * size, (i + 1) * size)];
      const [one, other] = [summarise(p), summarise(q)];
      let [nats, most] = [0, 0];
      for (let id = 0; id < size; id++) {
        most = Math.max(most, Math.abs(p[id] - q[id]));
        nats += Math.exp(p[id] - one.log) * (p[id] - one.log - q[id] + other.log);
        sum += p[id];
        squares += p[id] * p[id];
      }
      numbers += size;
      divergence.push(Math.max(nats, 0));
      largest.push(most);
      const share = Math.exp(p[one.best] - one.log);
      forecasts.push([entry(one.best), share, entry(other.best), Math.exp(q[other.best] - other.log)]);
    }
    yield first + count;
  }
  const deviation = Math.sqrt(Math.max(squares / numbers - (sum / numbers) ** 2, 0));
  return { divergence, changed: largest.map((most) => most > ROUNDING_SHARE * deviation), forecasts };
}

/**
 * Everything that the picture shows.
 * @typedef {Object} LeakView
 * @property {import("./state.js").LeakState} state What was asked for.
 * @property {import("./futures.js").Piece[]} tokens The past, and the new future.
 * @property {number} T Tokens of the text as written.
 * @property {number} cut
 * @property {number} layers
 * @property {number} heads
 * @property {ArrayLike<number>[]} before Picks by row, ascending.
 * @property {ArrayLike<number>[]} after
 * @property {[number, number]} kept Tokens that a head keeps by the paper's rule, before and after.
 * @property {Moved} moved
 * @property {boolean} same Whether the future is the one that was written.
 */

/** Picks before the cut that moved. */
export class Changes {
  /** @param {LeakView} view */
  constructor({ before, after, cut }) {
    /** @type {{row: number, t: number, kind: "kept" | "new" | "lost"}[]} */
    this.marks = before.flatMap((picks, row) => {
      const [old, now] = [new Set(Array.from(picks)), new Set(Array.from(after[row]))];
      const all = [...new Set([...old, ...now])].filter((t) => t < cut).sort((s, t) => s - t);
      return all.map((t) => ({ row, t, kind: !old.has(t) ? "new" : now.has(t) ? "kept" : "lost" }));
    });
    this.new = this.count("new");
    this.lost = this.count("lost");
  }

  /**
   * @param {"kept" | "new" | "lost"} kind
   * @param {number} [token] Only of this token.
   */
  count(kind, token = -1) {
    return this.marks.filter((mark) => mark.kind === kind && (token < 0 || mark.t === token)).length;
  }
}
