/**
 * One head on one text, and what the loss is when it keeps this or that.
 * @module
 */

import { drain } from "../engine/drain.js";
import { rollFuture } from "../leak/futures.js";
import { Session } from "../lib/session.js";

const DRAWN_KEYS = 65536;

/** Random selections that are averaged, and swaps that one search tries, as in Python. */
export const DRAWS = 8;
export const TRIES = 120;

/**
 * @typedef {Object} Arena
 * @property {string} text Name of the text.
 * @property {{id: number, text: string}[]} tokens
 * @property {number} layer
 * @property {number} head
 * @property {number[]} trained The router's own picks, ascending.
 * @property {ArrayLike<number>} gates Its scores of all tokens.
 * @property {number} trainedLoss Nats per token, as all losses here.
 * @property {number[]} random Losses of random picks, as far as they are known.
 * @property {number | null} off With the head switched off.
 * @property {{picks: number[], loss: number, tries: number}} found The best that swaps have found.
 * @property {Map<string, number>} known Losses of picks that were tried by hand.
 * @property {import("../engine/run.js").Run | null} base The model as trained; null if Python ran it.
 */

/**
 * Draw k of T positions, as `mosa_edu.probes.hand_picks` does.
 * @param {number} seed
 * @param {number} T
 * @param {number} k
 * @returns {number[]} Ascending.
 */
export function randomPicks(seed, T, k) {
  const keys = rollFuture(seed, T, DRAWN_KEYS);
  const order = keys.map((_, t) => t).sort((s, t) => keys[s] - keys[t] || s - t);
  return order.slice(0, k).sort((s, t) => s - t);
}

/**
 * The swap that a search tries next; Python tries the same ones.
 * @param {number[]} picks
 * @param {number} T
 * @param {number} turn
 * @returns {number[]}
 */
export function swapped(picks, T, turn) {
  const [leaver, comer] = rollFuture(0, 2 * turn + 2, DRAWN_KEYS).slice(-2);
  const others = Array.from({ length: T }, (_, t) => t).filter((t) => !picks.includes(t));
  const kept = picks.filter((_, i) => i !== leaver % picks.length);
  return [...kept, others[comer % others.length]].sort((s, t) => s - t);
}

/** Runs the live model on selections. */
export class ArenaRunner {
  /**
   * @param {Record<string, any>} data
   * @param {import("../lib/host.js").Model} model
   * @param {() => void} onStatus
   */
  constructor(data, model, onStatus) {
    this.data = data;
    this.session = new Session(/** @type {any} */ ({ ...data, examples: [] }), model, onStatus);
  }

  /** @returns {Arena} What Python recorded. */
  stored() {
    const { tokens, layer, head, gates, trained, trained_loss, random_losses, off_loss, found, found_loss, tries } = this.data.contest;
    return {
      ...{ text: this.data.texts[0].name, layer, head, gates, trained, off: off_loss, base: null, known: new Map() },
      tokens: tokens.map((/** @type {[number, string]} */ [id, text]) => ({ id, text })),
      trainedLoss: trained_loss,
      random: random_losses,
      found: { picks: found, loss: found_loss, tries },
    };
  }

  /**
   * Run the model as trained.
   * @param {{text: string, layer: number, head: number}} state
   * @param {AbortSignal} signal
   * @returns {Promise<Arena>}
   */
  async enter({ text, layer, head }, signal) {
    const engine = /** @type {import("../engine/engine.js").Engine} */ (this.session.engine);
    const stored = this.stored();
    const own = this.data.texts.findIndex((/** @type {{name: string}} */ { name }) => name === text);
    const tokens = own === 0 ? stored.tokens : this.session.tokens(this.data.texts[own].text).tokens;
    const base = await drain(engine.steps(tokens.map(({ id }) => id)), signal);
    const { picks, scores } = base.layers[layer];
    const trained = Array.from(picks[head]);
    const trainedLoss = await this.read(base, signal);
    const gates = scores.subarray(head * base.T, (head + 1) * base.T);
    const begun = { random: [], off: null, found: { picks: trained, loss: trainedLoss, tries: 0 } };
    const same = own === 0 && layer === stored.layer && head === stored.head;
    const { random, off, found } = same ? stored : begun;
    return { text, tokens, layer, head, trained, gates, trainedLoss, random, off, found, known: new Map(), base };
  }

  /**
   * @param {Arena} arena
   * @param {number[]} positions That the head keeps.
   * @param {AbortSignal} signal
   * @returns {Promise<number>} Loss.
   */
  async loss({ base, layer, head }, positions, signal) {
    const engine = /** @type {import("../engine/engine.js").Engine} */ (this.session.engine);
    const { ids } = /** @type {import("../engine/run.js").Run} */ (base);
    const options = { force: [{ layer, head, positions }], base: /** @type {any} */ (base) };
    const began = performance.now();
    const loss = await this.read(await drain(engine.steps(ids, options), signal), signal);
    this.session.tell({ milliseconds: performance.now() - began });
    return loss;
  }

  /**
   * @param {import("../engine/run.js").Run} run
   * @param {AbortSignal} signal
   */
  async read(run, signal) {
    await drain(run.readSteps(), signal);
    return run.meanLoss();
  }
}
