/**
 * Runs the live model on a past with two futures; the stored example needs no run.
 * @module
 */

import { drain, Latest } from "../engine/drain.js";
import { movedSteps } from "./compare.js";
import { futureOf } from "./futures.js";
import { headOf } from "../lib/format.js";
import { Session } from "../lib/session.js";

/**
 * What a page stores for the probe.
 * @typedef {Object} LeakData
 * @property {Record<string, any>} example A `mosa_edu.records.leak.LeakExample`, as JSON.
 * @property {{name: string, title: string, text: string}[]} texts The example's own first.
 * @property {import("../engine/model.js").Config} config
 * @property {{url: string | null, sha256: string | null, bytes: number}} weights
 * @property {boolean} kernel Whether Python can send the weights.
 * @property {string} model
 * @property {string} about Sentence on the model.
 * @property {Pick<LeakData, "config" | "weights" | "model" | "about"> | null} causal A second model,
 *   which was trained by prefix top-k.
 */

/**
 * @param {LeakData} data
 * @returns {import("./state.js").LeakState} The picture before any touch.
 */
export function storedState({ example, texts }) {
  const { cut, seed, divergence } = example;
  const token = divergence.indexOf(Math.max(...divergence));
  return { text: texts[0].name, cut, rule: "paper", future: "random", seed, edit: null, own: null, token, view: "figure" };
}

/**
 * @param {LeakData} data
 * @param {import("./state.js").LeakState} state
 * @returns {import("./compare.js").LeakView} The stored example.
 */
export function storedView({ example }, state) {
  const { tokens, future, cut, layers, heads, before, after, divergence, changed, forecasts } = example;
  const piece = (/** @type {[number, string]} */ [id, text]) => ({ id, text });
  return {
    state,
    tokens: [...tokens.slice(0, cut), ...future].map(piece),
    T: tokens.length,
    cut,
    layers,
    heads,
    before,
    after,
    kept: [before[0].length, after[0].length],
    moved: { divergence, changed, forecasts },
    same: false,
  };
}

export class LeakRunner {
  /**
   * @param {LeakData} data
   * @param {import("../lib/host.js").Model} model
   * @param {() => void} onStatus
   */
  constructor(data, model, onStatus) {
    this.data = data;
    const session = (/** @type {Partial<LeakData> | null} */ own, /** @type {string} */ sent) =>
      new Session(/** @type {any} */ ({ ...data, ...own, examples: [] }), model, onStatus, sent);
    this.shipped = session(null, "weights");
    this.causal = session(data.causal, "causal_weights");
    /** @type {{key: string, run: import("../engine/run.js").Run} | null} the text as written */
    this.base = null;
    this.work = new Latest();
  }

  /** @param {import("./state.js").LeakState} state @returns {Session} Of the model that is asked. */
  session({ rule }) {
    return rule === "trained" ? this.causal : this.shipped;
  }

  /**
   * @param {import("./state.js").LeakState} state
   * @returns {import("./futures.js").Piece[] | null} Tokens of the text; null if nobody can cut it yet.
   */
  tokensOf({ text, own }) {
    const place = this.data.texts.findIndex(({ name }) => name === text);
    const stored = own === null && place === 0;
    if (stored) return this.data.example.tokens.map((/** @type {[number, string]} */ [id, written]) => ({ id, text: written }));
    const here = [this.shipped, this.causal].find(({ engine }) => engine); // both models cut alike
    return here?.tokens(own ?? this.data.texts[place].text).tokens ?? null;
  }

  /**
   * @param {import("./state.js").LeakState} state
   * @returns {Promise<{view: import("./compare.js").LeakView, left: number} | null>} Null if a later call came.
   */
  async run(state) {
    const { data } = this;
    const session = this.session(state);
    const engine = /** @type {import("../engine/engine.js").Engine} */ (session.engine);
    const tokens = /** @type {import("./futures.js").Piece[]} */ (this.tokensOf(state));
    const own = state.own === null ? data.texts.findIndex(({ name }) => name === state.text) : -1;
    const { future, left } = futureOf(engine, data.texts, own, tokens, state);
    const began = performance.now();
    const ids = tokens.map(({ id }) => id);
    const other = [...tokens.slice(0, state.cut), ...future];
    const otherIds = other.map(({ id }) => id);
    const options = this.options(state.rule);
    const key = JSON.stringify([ids, state.rule]);
    return this.work.run(async (signal) => {
      const before = this.base?.key === key ? this.base.run : await drain(engine.steps(ids, options), signal);
      this.base = { key, run: before };
      const after = await drain(engine.steps(otherIds, options), signal);
      const piece = (/** @type {number} */ id) => engine.tokenizer.piece(id);
      const entry = (/** @type {number} */ id) => (piece(id).whole ? piece(id).text : "");
      const moved = await drain(movedSteps(before, after, state.cut, entry), signal);
      session.tell({ milliseconds: performance.now() - began });
      const quiet = state.rule === "dense";
      const picks = (/** @type {import("../engine/run.js").Run} */ run) =>
        run.layers.flatMap((layer) => layer.picks.map((row) => (quiet ? [] : row)));
      const view = {
        state,
        tokens: other,
        T: tokens.length,
        cut: state.cut,
        layers: before.layers.length,
        heads: before.layers[0].picks.length,
        before: picks(before),
        after: picks(after),
        kept: /** @type {[number, number]} */ ([before.settings.k, after.settings.k]),
        moved,
        same: ids.join() === otherIds.join(),
      };
      return { view, left };
    });
  }

  /**
   * @param {import("./state.js").LeakState["rule"]} rule
   * @returns {import("../engine/engine.js").Options}
   */
  options(rule) {
    const { n_layers: layers, n_sparse_heads: heads } = this.data.config;
    if (rule === "trained") return {};
    if (rule !== "dense") return { rule };
    const ablate = Array.from({ length: layers * heads }, (_, row) => headOf(row, heads));
    return { rule: "prefix", ablate };
  }
}
