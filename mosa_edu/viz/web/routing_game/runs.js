// One head on one text, and what the loss is when it keeps this or that: the live model tells.

import { rollFuture } from "../engine/routing.js";
import { Latest, runInChunks } from "../engine/run_in_chunks.js";
import { Session } from "../lib/session.js";

/** @typedef {import("../engine/engine.js").Engine} Engine */
/** @typedef {import("../engine/engine.js").Run} Run */
/** @typedef {import("../routing_game.js").GameState} GameState */

const DRAWN_KEYS = 65536;

/** Random selections that are averaged, and swaps that one search tries, as in Python. */
export const DRAWS = 8;
export const TRIES = 120;

/**
 * @typedef {Object} Round
 * @property {string} text Name of the text.
 * @property {{id: number, text: string}[]} tokens @property {number} layer @property {number} head
 * @property {number[]} trained The router's own picks, ascending.
 * @property {ArrayLike<number>} gates Its scores of all tokens.
 * @property {number} trainedLoss Nats per token, as all losses here.
 * @property {number[]} random Losses of random picks, as far as they are known.
 * @property {number | null} off With the head switched off.
 * @property {{picks: number[], loss: number, tries: number}} found The best that swaps have found.
 * @property {Map<string, number>} known Losses of picks that were tried by hand.
 * @property {Run | null} base The model as trained; null if Python ran it.
 */

// Draw k of T positions, as `mosa_edu.probes.routing_game` does.
/** @param {number} seed @param {number} T @param {number} k @returns {number[]} Ascending. */
export function randomPicks(seed, T, k) {
  const keys = rollFuture(seed, T, DRAWN_KEYS);
  const order = keys.map((_, t) => t).sort((s, t) => keys[s] - keys[t] || s - t);
  return order.slice(0, k).sort((s, t) => s - t);
}

// The swap that a search tries next; Python tries the same ones.
/** @param {number[]} picks @param {number} T @param {number} turn */
function swapped(picks, T, turn) {
  const [leaver, comer] = rollFuture(0, 2 * turn + 2, DRAWN_KEYS).slice(-2);
  const others = Array.from({ length: T }, (_, t) => t).filter((t) => !picks.includes(t));
  const kept = picks.filter((_, i) => i !== leaver % picks.length);
  return [...kept, others[comer % others.length]].sort((s, t) => s - t);
}

/** Has the live model judge picks: the reader's first, then those that they are compared with. */
export class Scorer {
  /** @param {import("../routing_game.js").RoutingGame} game */
  constructor(game) {
    this.game = game;
    this.data = game.data;
    const data = /** @type {any} */ ({ ...game.data, examples: [] });
    this.session = new Session(data, game.model, () => game.report());
    this.round = this.stored();
    this.job = new Latest();
    this.wanted = 0; // swaps
  }

  get engine() {
    return /** @type {Engine} */ (this.session.engine);
  }

  /** @returns {Round} What Python recorded. */
  stored() {
    const { contest, texts } = this.data;
    const { layer, head, gates, trained, found, tries } = contest;
    return {
      ...{ text: texts[0].name, layer, head, gates, trained, base: null, known: new Map() },
      tokens: contest.tokens.map((/** @type {[number, string]} */ [id, text]) => ({ id, text })),
      trainedLoss: contest.trained_loss,
      random: contest.random_losses,
      off: contest.off_loss,
      found: { picks: found, loss: contest.found_loss, tries },
    };
  }

  // Run the model as trained.
  /** @param {GameState} state @param {AbortSignal} signal @returns {Promise<Round>} */
  async enter({ text, layer, head }, signal) {
    const stored = this.stored();
    const own = this.data.texts.findIndex((/** @type {any} */ { name }) => name === text);
    const isFirst = own === 0;
    const tokens = isFirst ? stored.tokens : this.session.tokens(this.data.texts[own].text).tokens;
    const base = await runInChunks(this.engine.steps(tokens.map(({ id }) => id)), signal);
    const trainedLoss = await this.read(base, signal);
    const { picks, scores } = base.layers[layer];
    const trained = Array.from(picks[head]);
    const gates = scores.subarray(head * base.T, (head + 1) * base.T);
    const begun = { random: [], off: null, found: { picks: trained, loss: trainedLoss, tries: 0 } };
    const isStored = isFirst && layer === stored.layer && head === stored.head;
    const { random, off, found } = isStored ? stored : begun;
    const round = { text, tokens, layer, head, trained, gates, trainedLoss, base };
    return { ...round, random, off, found, known: new Map() };
  }

  /** @param {Round} round @param {number[]} positions That the head keeps. @param {AbortSignal} signal */
  async loss({ base, layer, head }, positions, signal) {
    const run = /** @type {Run} */ (base);
    const options = { force: [{ layer, head, positions }], base: run };
    const began = performance.now();
    const after = await runInChunks(this.engine.steps(run.ids, options), signal);
    const loss = await this.read(after, signal);
    this.session.tell({ milliseconds: performance.now() - began });
    return loss;
  }

  /** @param {Run} run @param {AbortSignal} signal */
  async read(run, signal) {
    await runInChunks(run.readSteps(), signal);
    return run.meanLoss();
  }

  /** @param {GameState} state Whether the round is of its head and text. */
  isHere({ text, layer, head }) {
    const { round } = this;
    return round.text === text && round.layer === layer && round.head === head;
  }

  /** @param {number[]} picks @returns {number | null} The loss with them, if it is known. */
  lossOf(picks) {
    const { trained, trainedLoss, found, known } = this.round;
    const key = picks.join();
    if (key === trained.join()) return trainedLoss;
    return key === found.picks.join() ? found.loss : (known.get(key) ?? null);
  }

  /** Try swaps, or stop trying. */
  seek() {
    const { tries } = this.round.found;
    this.wanted = this.wanted > tries ? 0 : tries + TRIES;
    this.game.draw();
    void this.work();
  }

  /** @param {GameState} before Compute what is not known of a state that is new. */
  ask(before) {
    const { state, yours } = this.game;
    if (`${state.picks}` === `${before?.picks}` && this.isHere(state)) return;
    if (!this.isHere(state) || yours === null) void this.work();
  }

  /** Compute what is not known yet: the reader's picks first. */
  async work() {
    const { game } = this;
    await this.job.run(async (signal) => {
      if (!(await this.live()) || signal.aborted) return;
      if (!this.isHere(game.state) || !this.round.base) {
        this.round = await this.enter(game.state, signal);
        game.adopt({});
      }
      const { round, picks } = game;
      if (game.yours === null) {
        round.known.set(picks.join(), await this.loss(round, picks, signal));
      }
      game.adopt({});
      game.report();
      await this.compare(round, signal);
    });
  }

  /** @param {Round} round @param {AbortSignal} signal Compute what the reader's picks are compared with. */
  async compare(round, signal) {
    const { game } = this;
    const [T, k] = [round.tokens.length, round.trained.length];
    while (round.random.length < DRAWS) {
      const drawn = randomPicks(round.random.length + 1, T, k);
      round.random = [...round.random, await this.loss(round, drawn, signal)];
      game.draw();
    }
    round.off ??= await this.loss(round, [], signal);
    game.draw();
    while (round.found.tries < this.wanted && k < T) {
      const best = round.found;
      const picks = swapped(best.picks, T, best.tries);
      const loss = await this.loss(round, picks, signal);
      const isBetter = loss < best.loss;
      round.found = { ...(isBetter ? { picks, loss } : best), tries: best.tries + 1 };
      if (isBetter || best.tries % 4 === 3) game.draw();
    }
  }

  /** @returns {Promise<boolean>} Whether the model is here; if it cannot come, the first frame is. */
  async live() {
    const { game, session } = this;
    if (session.engine) return true;
    if (session.status.name === "loading") return false; // whoever asked first goes on
    const obstacle = session.obstacle();
    if (!obstacle) await session.load();
    if (session.engine) return Boolean(void this.work());
    this.wanted = 0;
    const { view, picks } = game.state;
    game.adopt({ ...game.firstFrame(), view, picks: this.isHere(game.state) ? picks : null });
    game.frame.tell(obstacle);
    return false;
  }
}
