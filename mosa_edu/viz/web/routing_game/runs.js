/**
 * One head on one text, and what the loss is when it keeps this or that.
 * @module
 */

import { rollFuture } from "../engine/routing.js";
import { drain, Latest } from "../engine/run_in_chunks.js";
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
 * @property {import("../engine/engine.js").Run | null} base The model as trained; null if Python ran it.
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
    const { ids } = /** @type {import("../engine/engine.js").Run} */ (base);
    const options = { force: [{ layer, head, positions }], base: /** @type {any} */ (base) };
    const began = performance.now();
    const loss = await this.read(await drain(engine.steps(ids, options), signal), signal);
    this.session.tell({ milliseconds: performance.now() - began });
    return loss;
  }

  /**
   * @param {import("../engine/engine.js").Run} run
   * @param {AbortSignal} signal
   */
  async read(run, signal) {
    await drain(run.readSteps(), signal);
    return run.meanLoss();
  }
}

/** @typedef {import("../routing_game.js").GameState} GameState */

export class Referee {
  /** @param {import("../routing_game.js").RouterGame} game */
  constructor(game) {
    this.game = game;
    this.runner = new ArenaRunner(game.data, game.model, () => game.report());
    this.arena = this.runner.stored();
    this.job = new Latest();
    this.wanted = 0; // swaps
  }

  /** @param {GameState} state @returns {boolean} Whether the arena is of its head and text. */
  isHere({ text, layer, head }) {
    const { arena } = this;
    return arena.text === text && arena.layer === layer && arena.head === head;
  }

  /** @param {number[]} picks @returns {number | null} The loss with them, if it is known. */
  lossOf(picks) {
    const { trained, trainedLoss, found, known } = this.arena;
    const key = picks.join();
    if (key === trained.join()) return trainedLoss;
    return key === found.picks.join() ? found.loss : (known.get(key) ?? null);
  }

  /** Try swaps, or stop trying. */
  seek() {
    const { tries } = this.arena.found;
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
    const { game, runner } = this;
    await this.job.run(async (signal) => {
      if (!(await this.live()) || signal.aborted) return;
      if (!this.isHere(game.state) || !this.arena.base) {
        this.arena = await runner.enter(game.state, signal);
        game.adopt({});
      }
      const { arena, picks } = game;
      if (game.yours === null) arena.known.set(picks.join(), await runner.loss(arena, picks, signal));
      game.adopt({});
      game.report();
      await this.compare(arena, signal);
    });
  }

  /**
   * Compute what the reader's picks are compared with.
   * @param {Arena} arena
   * @param {AbortSignal} signal
   */
  async compare(arena, signal) {
    const { game } = this;
    const [T, k] = [arena.tokens.length, arena.trained.length];
    const loss = (/** @type {number[]} */ picks) => this.runner.loss(arena, picks, signal);
    while (arena.random.length < DRAWS) {
      arena.random = [...arena.random, await loss(randomPicks(arena.random.length + 1, T, k))];
      game.draw();
    }
    arena.off ??= await loss([]);
    game.draw();
    while (arena.found.tries < this.wanted && k < T) {
      const { picks, loss: lowest, tries } = arena.found;
      const other = swapped(picks, T, tries);
      const found = await loss(other);
      arena.found = { ...(found < lowest ? { picks: other, loss: found } : { picks, loss: lowest }), tries: tries + 1 };
      if (found < lowest || tries % 4 === 3) game.draw();
    }
  }

  /** @returns {Promise<boolean>} Whether the model is here; if it cannot come, the first frame is. */
  async live() {
    const { game } = this;
    const { session } = this.runner;
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
