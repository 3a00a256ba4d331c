/**
 * Runs of the live model on a text; a later one ends an earlier one.
 * @module
 */

import { drain, Latest } from "../engine/run_in_chunks.js";
import { sourceOf } from "./routing_view.js";
import { headOf } from "../lib/format.js";

/**
 * What the live model found out.
 * @typedef {Object} LiveResult
 * @property {import("./routing_view.js").RoutingSource} source
 * @property {import("../engine/engine.js").Run} run
 */

export class Runs {
  /** @param {import("../lib/session.js").Session} session */
  constructor(session) {
    this.session = session;
    this.work = new Latest();
    /** @type {{key: string, run: import("../engine/engine.js").Run} | null} the text without ablations */
    this.base = null;
  }

  /** @returns {import("../engine/engine.js").Engine} */
  engine() {
    return /** @type {import("../engine/engine.js").Engine} */ (this.session.engine);
  }

  /** End what is running. */
  stop() {
    this.work.stop();
  }

  /**
   * Run the live model; a later call ends an earlier one.
   * @param {import("./routing_view.js").TextToken[]} tokens
   * @param {{k: number | null, first: boolean | null, off: number[]}} state
   * @returns {Promise<LiveResult | null>} Null if a later call came.
   */
  async run(tokens, { k, first, off }) {
    const engine = this.engine();
    const ids = tokens.map((token) => token.id);
    const key = JSON.stringify([ids, k, first]);
    const heads = engine.config.n_sparse_heads;
    const began = performance.now();
    const options = {
      ...(k === null ? {} : { k }),
      ...(first === null ? {} : { includeFirst: first }),
    };
    const ablate = off.map((row) => headOf(row, heads));
    return this.work.run(async (signal) => {
      const base =
        this.base?.key === key ? this.base.run : await drain(engine.steps(ids, options), signal);
      this.base = { key, run: base };
      const run = off.length
        ? await drain(engine.steps(ids, { ...options, ablate, base }), signal)
        : base;
      this.session.tell({ milliseconds: performance.now() - began });
      return { source: sourceOf(run, tokens, run.settings.includeFirst), run };
    });
  }

  /**
   * Losses of a text, token by token, when the page is idle.
   * @param {import("../engine/engine.js").Run} run
   * @returns {Promise<Float32Array | null>} Null if other work came.
   */
  async losses(run) {
    const signal = this.work.signal;
    try {
      await drain(run.readSteps(), signal);
      return run.losses;
    } catch {
      return null;
    }
  }

  /**
   * Losses of the same text in the model as it was trained.
   * @param {import("./routing_view.js").TextToken[]} tokens
   * @returns {Promise<Float32Array | null>}
   */
  async usualLosses(tokens) {
    const engine = this.engine();
    const signal = this.work.signal;
    try {
      const ids = tokens.map((token) => token.id);
      const run = await drain(engine.steps(ids), signal);
      await drain(run.readSteps(), signal);
      return run.losses;
    } catch {
      return null;
    }
  }
}
