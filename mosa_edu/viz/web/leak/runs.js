/**
 * Runs the live model on a past with two futures; the stored example needs no run.
 * @module
 */

import { rollFuture } from "../engine/routing.js";
import { drain, Latest } from "../engine/run_in_chunks.js";
import { headOf, plural } from "../lib/format.js";
import { Session } from "../lib/session.js";

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
 * @param {import("../engine/engine.js").Run} before
 * @param {import("../engine/engine.js").Run} after
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
 * @property {LeakState} state What was asked for.
 * @property {Piece[]} tokens The past, and the new future.
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

/** @typedef {{id: number, text: string}} Piece A token; no text where it is no whole character. */

/** Kinds of futures, with what the buttons call them. */
export const FUTURES = /** @type {const} */ ({ random: "Random", tail: "Other text", none: "None", edit: "Edit" });

/** @typedef {keyof typeof FUTURES} FutureKind */

/**
 * Tokens that take the place of those after the cut.
 * @param {import("../engine/engine.js").Engine} engine
 * @param {{text: string}[]} texts All stored texts.
 * @param {number} own Which of them is cut; -1 if the reader wrote it.
 * @param {Piece[]} tokens Its tokens.
 * @param {LeakState} state
 * @returns {{future: Piece[], left: number}} And how many of an edited future found no place.
 */
export function futureOf(engine, texts, own, tokens, { cut, future, seed, edit }) {
  const { tokenizer, config } = engine;
  const room = tokens.length - cut;
  const pieces = (/** @type {string} */ text) => tokenizer.spans(text);
  if (future === "none") return { future: [], left: 0 };
  if (future === "edit") {
    const typed = pieces(edit ?? tokens.slice(cut).map(({ text }) => text).join(""));
    const most = config.max_seq_len - cut;
    return { future: typed.slice(0, most), left: Math.max(0, typed.length - most) };
  }
  const others = texts.length - Number(own >= 0);
  if (future === "tail" && others > 0) {
    const other = (own + 1 + (seed % others)) % texts.length;
    return { future: pieces(texts[other].text).slice(-room), left: 0 };
  }
  const drawn = rollFuture(seed, room, config.vocab_size).map((id) => {
    const { text, whole } = tokenizer.piece(id);
    return { id, text: whole ? text : "" };
  });
  return { future: drawn, left: 0 };
}

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
 * @returns {LeakState} The picture before any touch.
 */
export function storedState({ example, texts }) {
  const { cut, seed, divergence } = example;
  const token = divergence.indexOf(Math.max(...divergence));
  return { text: texts[0].name, cut, rule: "paper", future: "random", seed, edit: null, own: null, token, view: "figure" };
}

/**
 * @param {LeakData} data
 * @param {LeakState} state
 * @returns {LeakView} The stored example.
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
    /** @type {{key: string, run: import("../engine/engine.js").Run} | null} the text as written */
    this.base = null;
    this.work = new Latest();
  }

  /** @param {LeakState} state @returns {Session} Of the model that is asked. */
  session({ rule }) {
    return rule === "trained" ? this.causal : this.shipped;
  }

  /**
   * @param {LeakState} state
   * @returns {Piece[] | null} Tokens of the text; null if nobody can cut it yet.
   */
  tokensOf({ text, own }) {
    const place = this.data.texts.findIndex(({ name }) => name === text);
    const stored = own === null && place === 0;
    if (stored) return this.data.example.tokens.map((/** @type {[number, string]} */ [id, written]) => ({ id, text: written }));
    const here = [this.shipped, this.causal].find(({ engine }) => engine); // both models cut alike
    return here?.tokens(own ?? this.data.texts[place].text).tokens ?? null;
  }

  /**
   * @param {LeakState} state
   * @returns {Promise<{view: LeakView, left: number} | null>} Null if a later call came.
   */
  async run(state) {
    const { data } = this;
    const session = this.session(state);
    const engine = /** @type {import("../engine/engine.js").Engine} */ (session.engine);
    const tokens = /** @type {Piece[]} */ (this.tokensOf(state));
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
      const picks = (/** @type {import("../engine/engine.js").Run} */ run) =>
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
   * @param {LeakState["rule"]} rule
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

const LONGEST = 2000;

/** Rules that heads may choose by, with what the buttons call them; "trained" has a model of its own. */
const RULES = /** @type {const} */ ({ paper: "Paper", prefix: "Prefix", trained: "Trained prefix", threshold: "Threshold", dense: "Dense" });

/** @param {LeakData} data @returns {Record<string, string>} Rules that this probe can switch to. */
export const rulesOf = ({ causal }) => Object.fromEntries(Object.entries(RULES).filter(([rule]) => causal || rule !== "trained"));

/** Fields of the state that the model must be run for. */
export const ASKS = /** @type {const} */ (["text", "cut", "rule", "future", "seed", "edit", "own"]);

/**
 * @typedef {Object} LeakState
 * @property {string} text Name of a stored text.
 * @property {number} cut Tokens before the cut.
 * @property {keyof typeof RULES} rule
 * @property {FutureKind} future
 * @property {number} seed Of a random future; which other text.
 * @property {string | null} edit The reader's own future; null while it is as written.
 * @property {string | null} own The reader's own whole text; null for the stored one.
 * @property {number} token Under study.
 * @property {"figure" | "table"} view
 */

/** @param {LeakData} data @returns {Record<string, import("../lib/figure.js").LinkField>} */
export const leakFields = (data) => ({
  leak: ["text", data.texts.map(({ name }) => name)],
  cut: ["cut"],
  rule: ["rule", Object.keys(rulesOf(data))],
  future: ["future", Object.keys(FUTURES)],
  seed: ["seed"],
  tok: ["token"],
});

/** @param {LeakState} state @returns {Record<string, string>} What the reader wrote, as fields of a link. */
export const writtenFields = ({ future, edit, own }) => ({
  ...(future === "edit" && edit !== null ? { edit: edit.slice(0, LONGEST) } : {}),
  ...(own === null ? {} : { text: own.slice(0, LONGEST) }),
});

/** @param {URLSearchParams} fields Of a link, in which nothing is trusted. */
export const writtenOf = (fields) => ({
  edit: fields.get("edit")?.slice(0, LONGEST) ?? null,
  own: fields.get("text")?.slice(0, LONGEST) ?? null,
});

const DIM_LATE = 400;


export class Witness {
  /** @param {import("../leak.js").LeakProbe} probe */
  constructor(probe) {
    this.probe = probe;
    this.runner = new LeakRunner(probe.data, probe.model, () => probe.report());
    /** What a failed load kept from being shown. */
    this.wanted = probe.firstFrame();
    /** Tokens of an edited future that found no place. */
    this.left = 0;
  }

  /** The model that is asked. */
  get session() {
    return this.runner.session(this.probe.state ?? this.wanted);
  }

  /** @returns {import("../lib/session.js").Status} Of the model that failed, else of the one that is asked. */
  get status() {
    const failed = this.runner.session(this.wanted);
    return (failed.status.name === "error" ? failed : this.session).status;
  }

  /** @param {LeakState} before Have the model answer a state that asks otherwise. */
  ask(before) {
    const { state } = this.probe;
    if (ASKS.some((name) => state[name] !== before[name])) void this.refresh();
  }

  /** @returns {boolean} Whether the stored example is what is asked for. */
  isStored() {
    const { state } = this.probe;
    const usual = this.probe.firstFrame();
    return ASKS.every((name) => name === "edit" || state[name] === usual[name]);
  }

  /**
   * Compute what is asked for, or show the stored example, or say why neither can be.
   * @returns {Promise<void>}
   */
  async refresh() {
    const { probe, session } = this;
    if (!session.engine) {
      this.runner.work.stop(); // the other model's answer is not asked for any more
      if (this.isStored()) return probe.show(storedView(probe.data, probe.state), false);
      const obstacle = session.obstacle();
      if (obstacle) return this.goBack(obstacle);
      if (session.status.name === "loading") return; // whoever asked first goes on with what is asked for by then
      await session.load();
      if (session !== this.session) return this.refresh(); // another model is asked by now
      if (!session.engine) return this.goBack("");
      probe.change({}); // the cut is checked now that the text can be cut
    }
    await this.compute();
  }

  /** Bring the model, for whatever is asked for by the time it is here. */
  async bring() {
    const { probe, session } = this;
    if (session.obstacle() || session.engine || session.status.name === "loading") return;
    await session.load();
    if (session.engine && probe.state.own !== null) probe.change({ own: probe.state.own });
    if (session.engine) void this.refresh();
  }

  async compute() {
    const { probe, runner } = this;
    const { plot, state } = probe;
    if ((runner.tokensOf(state)?.length ?? 0) < 2) return; // the figure before stays
    const late = setTimeout(() => plot.node.classList.add("dim"), DIM_LATE);
    const result = await runner.run(state);
    clearTimeout(late);
    if (!result) return;
    this.wanted = state;
    const { view, left } = result;
    if (left || this.left) {
      probe.frame.tell(left ? `The last ${plural(left, "token")} of your future left out: the model reads ${probe.data.config.max_seq_len}.` : "");
    }
    this.left = left;
    probe.show(view, true);
  }

  /** @param {string} why What is shown stays, and the switches say what that is. */
  goBack(why) {
    const { probe } = this;
    const { view } = probe.state;
    this.wanted = probe.state;
    probe.adopt({ ...probe.answer.state, view });
    probe.report();
    probe.frame.tell(why);
  }
}
