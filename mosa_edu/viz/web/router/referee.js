/**
 * Has the live model judge picks: the reader's first, then those that they are compared with.
 * @module
 */

import { Latest } from "../engine/drain.js";
import { ArenaRunner, DRAWS, randomPicks, swapped, TRIES } from "./arena.js";

/** @typedef {import("./controller.js").GameState} GameState */

export class Referee {
  /** @param {import("./controller.js").RouterGame} game */
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
   * @param {import("./arena.js").Arena} arena
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
