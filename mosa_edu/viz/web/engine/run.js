/**
 * One text's way through the model: the routing at once, the predictions when they are asked for.
 * @module
 */

import { normalise } from "./layers.js";
import { multiplyAdd, packRows } from "./matmul.js";
import { applyFeedforward } from "./model.js";

const NEXT = 5;
const ROWS_A_STEP = 16;

/** @typedef {{id: number, probability: number}} Candidate */
/** @typedef {{id: number, loss: number, probability: number, rank: number}} Truth */

/** What the engine computed from one text. */
export class Run {
  /**
   * @param {import("./model.js").Model} model
   * @param {ArrayLike<number>} ids
   * @param {import("./engine.js").Settings} settings
   */
  constructor(model, ids, settings) {
    this.model = model;
    this.ids = Uint16Array.from(ids);
    /** Number of tokens. */
    this.T = ids.length;
    /** What was asked for, with the defaults filled in. */
    this.settings = settings;
    /** @type {import("./heads.js").LayerRouting[]} */
    this.layers = [];
    /** @type {Float32Array[]} the residual stream before each layer */
    this.inputs = [];
    /** The residual stream: after the last layer's attention when the run is done. */
    this.stream = new Float32Array(0);
    /** Tokens whose predictions have been read, from the first on. */
    this.read = 0;
    /** Which predictions are known: those that have been read, and single ones asked for. */
    this.known = new Uint8Array(this.T);
    /** T x 5 likeliest next tokens, and their probabilities. */
    this.nextIds = new Uint16Array(this.T * NEXT);
    this.nextProbabilities = new Float32Array(this.T * NEXT);
    /** Loss in nats of the token that really follows, T - 1. */
    this.losses = new Float32Array(this.T - 1);
    /** How many entries the model found likelier, or as likely and earlier, T - 1. */
    this.ranks = new Uint16Array(this.T - 1);
  }

  /**
   * Logits of the tokens that may follow some positions.
   *
   * The last feed-forward layer looks at one token at a time and routes nothing, so it is computed
   * here, for the positions that are wanted.
   * @param {number} first First position.
   * @param {number} count How many.
   * @returns {Float32Array} `count` rows of vocab_size numbers.
   */
  logits(first, count) {
    const { blocks, normFinal, output } = this.model;
    const rows = this.stream.slice(first * output.depth, (first + count) * output.depth);
    applyFeedforward(blocks[blocks.length - 1], rows);
    const hidden = normalise(rows, output.depth, normFinal.weight, normFinal.bias);
    const logits = new Float32Array(count * output.width);
    const packed = packRows(hidden, output.depth, 0, output.depth, count);
    multiplyAdd(packed, count, output.depth, output, logits, output.width);
    return logits;
  }

  /**
   * The likeliest tokens after a position; computed on the spot if it has not been read yet.
   * @param {number} t
   * @returns {Candidate[]} Five, the likeliest first.
   */
  next(t) {
    if (!this.known[t]) this.readRow(t, this.logits(t, 1));
    return Array.from({ length: NEXT }, (_, i) => ({
      id: this.nextIds[t * NEXT + i],
      probability: this.nextProbabilities[t * NEXT + i],
    }));
  }

  /**
   * Loss and rank of the token that really follows a position; computed if not read yet.
   * @param {number} t
   * @returns {Truth | null} Null at the end.
   */
  truth(t) {
    if (t + 1 >= this.T) return null;
    if (!this.known[t]) this.readRow(t, this.logits(t, 1));
    const loss = this.losses[t];
    return { id: this.ids[t + 1], loss, probability: Math.exp(-loss), rank: this.ranks[t] };
  }

  /**
   * Read the predictions of all positions in short steps; run it when the page is idle.
   * @returns {Generator<number, void>} Positions read so far.
   */
  *readSteps() {
    while (this.read < this.T) {
      const count = Math.min(ROWS_A_STEP, this.T - this.read);
      const logits = this.logits(this.read, count);
      const size = logits.length / count;
      for (let i = 0; i < count; i++) {
        this.readRow(this.read + i, logits.subarray(i * size, (i + 1) * size));
      }
      this.read += count;
      yield this.read;
    }
  }

  /**
   * Mean loss in nats a token; reads what has not been read yet.
   * @returns {number} NaN for a text of one token.
   */
  meanLoss() {
    for (const _ of this.readSteps());
    return this.losses.reduce((sum, loss) => sum + loss, 0) / (this.T - 1);
  }

  /**
   * @param {number} t
   * @param {Float32Array} logits One row.
   */
  readRow(t, logits) {
    this.known[t] = 1;
    const best = bestOf(logits, NEXT);
    const highest = logits[best[0]];
    let total = 0;
    for (let id = 0; id < logits.length; id++) total += Math.exp(logits[id] - highest);
    best.forEach((id, i) => {
      this.nextIds[t * NEXT + i] = id;
      this.nextProbabilities[t * NEXT + i] = Math.exp(logits[id] - highest) / total;
    });
    if (t + 1 >= this.T) return;
    const id = this.ids[t + 1];
    const truth = logits[id];
    this.losses[t] = highest + Math.log(total) - truth;
    this.ranks[t] = logits.reduce(
      (rank, logit, other) => rank + Number(logit > truth || (logit === truth && other < id)),
      0,
    );
  }
}

/**
 * @param {Float32Array} values
 * @param {number} count
 * @returns {number[]} Indices of the highest values, the highest first, the earlier among equals.
 */
function bestOf(values, count) {
  /** @type {number[]} */
  const best = [];
  for (let i = 0; i < values.length; i++) {
    if (best.length === count && values[i] <= values[best[count - 1]]) continue;
    let at = best.length;
    while (at > 0 && values[best[at - 1]] < values[i]) at--;
    best.splice(at, 0, i);
    if (best.length > count) best.pop();
  }
  return best;
}
