// The observer of a leak probe: runs the model that is asked on one past with two futures.

import { rollFuture } from "../engine/routing.js";
import { Latest, runInChunks } from "../engine/run_in_chunks.js";
import { headOf, plural } from "../lib/format.js";
import { Session } from "../lib/session.js";

/** @typedef {import("../engine/engine.js").Engine} Engine */
/** @typedef {import("../engine/engine.js").Run} Run */
/** @typedef {{id: number, text: string}} Piece A token; no text where it is no whole character. */
/** @typedef {[string, number, string, number]} Forecast Likeliest next token and its probability, before and after. */
/** @typedef {"kept" | "new" | "lost"} Change */

/** A logit counts as moved beyond this share of the standard deviation, as in `mosa_edu.probes`. */
const ROUNDING_SHARE = 1e-4;
const ROWS_AT_ONCE = 16;
const DIM_LATE = 400;

/** Predictions that moved further than this, in nats, are drawn bold. */
export const FAR = 0.05;

/** Kinds of futures, with what the buttons call them. */
export const FUTURES = /** @type {const} */ ({
  ...{ random: "Random", tail: "Other text", none: "None", edit: "Edit" },
});

/** Rules that heads may choose by; "trained" has a model of its own. */
export const RULES = /** @type {const} */ ({
  ...{ paper: "Paper", prefix: "Prefix", trained: "Trained prefix" },
  ...{ threshold: "Threshold", dense: "Dense" },
});

/** Fields of the state that the model must be run for. */
export const ASKS = /** @type {const} */ (["text", "cut", "rule", "future", "seed", "edit", "own"]);

/**
 * @typedef {Object} LeakState
 * @property {string} text Name of a stored text.
 * @property {number} cut Tokens before the cut.
 * @property {keyof typeof RULES} rule @property {keyof typeof FUTURES} future
 * @property {number} seed Of a random future; which other text.
 * @property {string | null} edit The reader's own future; null while it is as written.
 * @property {string | null} own The reader's own whole text; null for the stored one.
 * @property {number} token Under study. @property {"figure" | "table"} view
 */

/**
 * What a page stores for the probe.
 * @typedef {Object} LeakData
 * @property {Record<string, any>} example A `mosa_edu.records.leak.LeakExample`, as JSON.
 * @property {{name: string, title: string, text: string}[]} texts The example's own first.
 * @property {import("../engine/model.js").Config} config
 * @property {{url: string | null, sha256: string | null, bytes: number}} weights
 * @property {boolean} kernel Whether Python can send the weights. @property {string} model
 * @property {string} about Sentence on the model.
 * @property {Pick<LeakData, "config" | "weights" | "model" | "about"> | null} causal A second model,
 *   which was trained by prefix top-k.
 */

/**
 * What moved in the predictions before the cut.
 * @typedef {Object} Moved
 * @property {number[]} divergence In nats, one a position.
 * @property {boolean[]} changed @property {Forecast[]} forecasts
 */

/**
 * Everything that the picture shows.
 * @typedef {Object} LeakView
 * @property {LeakState} state What was asked for.
 * @property {Piece[]} tokens The past, and the new future.
 * @property {number} T Tokens of the text as written.
 * @property {number} cut @property {number} layers @property {number} heads
 * @property {ArrayLike<number>[]} before Picks by row, ascending.
 * @property {ArrayLike<number>[]} after
 * @property {[number, number]} kept Tokens that a head keeps by the paper's rule, before and after.
 * @property {Moved} moved @property {boolean} same Whether the future is the one that was written.
 */

/** @param {LeakData} data @returns {LeakState} The picture before any touch. */
export function storedState({ example, texts }) {
  const { cut, seed, divergence } = example;
  const token = divergence.indexOf(Math.max(...divergence));
  const asked = { text: texts[0].name, cut, rule: "paper", future: "random", seed, edit: null };
  return /** @type {LeakState} */ ({ ...asked, own: null, token, view: "figure" });
}

/** @param {[number, string]} stored @returns {Piece} */
const pieceOf = ([id, text]) => ({ id, text });

/** @param {LeakData} data @param {LeakState} state @returns {LeakView} The stored example. */
export function storedView({ example }, state) {
  const { tokens, future, cut, layers, heads, before, after } = example;
  const { divergence, changed, forecasts } = example;
  return {
    ...{ state, T: tokens.length, cut, layers, heads, before, after, same: false },
    tokens: [...tokens.slice(0, cut), ...future].map(pieceOf),
    kept: [before[0].length, after[0].length],
    moved: { divergence, changed, forecasts },
  };
}

/** Picks before the cut that moved. */
export class Changes {
  /** @param {LeakView} view */
  constructor({ before, after, cut }) {
    /** @type {{row: number, t: number, kind: Change}[]} */
    this.marks = before.flatMap((picks, row) => {
      const [old, now] = [new Set(Array.from(picks)), new Set(Array.from(after[row]))];
      const all = [...new Set([...old, ...now])].filter((t) => t < cut).sort((s, t) => s - t);
      return all.map((t) => ({ row, t, kind: !old.has(t) ? "new" : now.has(t) ? "kept" : "lost" }));
    });
    this.new = this.count("new");
    this.lost = this.count("lost");
  }

  /** @param {Change} kind @param {number} [token] Only of this token. */
  count(kind, token) {
    return this.marks.filter((own) => own.kind === kind && own.t === (token ?? own.t)).length;
  }
}

/** @param {Float32Array} logits One row. @returns Likeliest entry, and log of the sum of exponentials. */
function summarise(logits) {
  let [best, sum] = [0, 0];
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[best]) best = id;
  for (let id = 0; id < logits.length; id++) sum += Math.exp(logits[id] - logits[best]);
  return { best, log: logits[best] + Math.log(sum) };
}

// Compare the predictions before the cut, in short steps.
/** @param {Run} before @param {Run} after @param {number} cut @param {(id: number) => string} entry
 * @returns {Generator<number, Moved>} */
function* movedSteps(before, after, cut, entry) {
  /** @type {Record<"divergence" | "largest", number[]>} */
  const { divergence, largest } = { divergence: [], largest: [] };
  /** @type {Forecast[]} */
  const forecasts = [];
  let [sum, squares, numbers] = [0, 0, 0];
  for (let first = 0; first < cut; first += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, cut - first);
    const [old, now] = [before.logits(first, count), after.logits(first, count)];
    const size = old.length / count;
    for (let i = 0; i < count; i++) {
      const [p, q] = [old, now].map((logits) => logits.subarray(i * size, (i + 1) * size));
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
      const [was, is] = [p[one.best] - one.log, q[other.best] - other.log].map(Math.exp);
      forecasts.push([entry(one.best), was, entry(other.best), is]);
    }
    yield first + count;
  }
  const deviation = Math.sqrt(Math.max(squares / numbers - (sum / numbers) ** 2, 0));
  const changed = largest.map((most) => most > ROUNDING_SHARE * deviation);
  return { divergence, changed, forecasts };
}

export class Observer {
  /** @param {import("../leak.js").LeakProbe} probe */
  constructor(probe) {
    this.probe = probe;
    this.data = /** @type {LeakData} */ (probe.data);
    /** @param {Partial<LeakData> | null} own @param {string} sent */
    const session = (own, sent) => {
      const data = /** @type {any} */ ({ ...probe.data, ...own, examples: [] });
      return new Session(data, probe.model, () => probe.report(), sent);
    };
    this.shipped = session(null, "weights");
    this.causal = session(this.data.causal, "causal_weights");
    /** @type {{key: string, run: Run} | null} the text as written */
    this.base = null;
    this.work = new Latest();
    /** What a failed load kept from being shown. */
    this.wanted = probe.firstFrame();
    /** Tokens of an edited future that found no place. */
    this.left = 0;
  }

  /** @param {LeakState} [state] @returns {Session} Of the model that is asked. */
  session(state = this.probe.state ?? this.wanted) {
    return state?.rule === "trained" ? this.causal : this.shipped;
  }

  /** Of the model that failed, else of the one that is asked. */
  get status() {
    const failed = this.session(this.wanted).status;
    return failed.name === "error" ? failed : this.session().status;
  }

  /** @param {Partial<LeakState>} state @returns {Piece[] | null} Its tokens; null if nobody can cut the text yet. */
  tokensOf({ text, own = null }) {
    const place = this.data.texts.findIndex(({ name }) => name === text);
    if (own === null && place === 0) return this.data.example.tokens.map(pieceOf);
    const here = [this.shipped, this.causal].find(({ engine }) => engine); // both models cut alike
    return here?.tokens(own ?? this.data.texts[place].text).tokens ?? null;
  }

  // Tokens that take the place of those after the cut.
  /** @param {Engine} engine @param {Piece[]} tokens @param {LeakState} state
   * @returns {{future: Piece[], left: number}} And how many of an edited future found no place. */
  futureOf({ tokenizer, config }, tokens, { text, own, cut, future, seed, edit }) {
    const { texts } = this.data;
    if (future === "none") return { future: [], left: 0 };
    if (future === "edit") {
      const typed = tokenizer.spans(edit ?? tokens.slice(cut).map((piece) => piece.text).join(""));
      const most = config.max_seq_len - cut;
      return { future: typed.slice(0, most), left: Math.max(0, typed.length - most) };
    }
    const room = tokens.length - cut;
    const place = own === null ? texts.findIndex(({ name }) => name === text) : -1;
    const others = texts.length - Number(place >= 0);
    if (future === "tail" && others > 0) {
      const other = texts[(place + 1 + (seed % others)) % texts.length];
      return { future: tokenizer.spans(other.text).slice(-room), left: 0 };
    }
    const drawn = rollFuture(seed, room, config.vocab_size);
    return { future: drawn.map((id) => ({ id, text: entryOf(tokenizer, id) })), left: 0 };
  }

  /** @param {LeakState} state @returns {Promise<{view: LeakView, left: number} | null>} Null if a later call came. */
  run(state) {
    const session = this.session(state);
    const engine = /** @type {Engine} */ (session.engine);
    const tokens = /** @type {Piece[]} */ (this.tokensOf(state));
    const { future, left } = this.futureOf(engine, tokens, state);
    const began = performance.now();
    const other = [...tokens.slice(0, state.cut), ...future];
    const [ids, otherIds] = [tokens, other].map((pieces) => pieces.map(({ id }) => id));
    const options = this.options(state.rule);
    const key = JSON.stringify([ids, state.rule]);
    return this.work.run(async (signal) => {
      const known = this.base?.key === key ? this.base.run : null;
      const before = known ?? (await runInChunks(engine.steps(ids, options), signal));
      this.base = { key, run: before };
      const after = await runInChunks(engine.steps(otherIds, options), signal);
      const entry = (/** @type {number} */ id) => entryOf(engine.tokenizer, id);
      const moved = await runInChunks(movedSteps(before, after, state.cut, entry), signal);
      session.tell({ milliseconds: performance.now() - began });
      /** @param {Run} run */
      const picks = (run) =>
        run.layers.flatMap((layer) =>
          layer.picks.map((row) => (state.rule === "dense" ? [] : row))
        );
      /** @type {LeakView} */
      const view = {
        ...{ state, moved, tokens: other, T: tokens.length, cut: state.cut },
        layers: before.layers.length,
        heads: before.layers[0].picks.length,
        before: picks(before),
        after: picks(after),
        kept: [before.settings.k, after.settings.k],
        same: ids.join() === otherIds.join(),
      };
      return { view, left };
    });
  }

  /** @param {LeakState["rule"]} rule @returns {import("../engine/engine.js").Options} */
  options(rule) {
    const { n_layers: layers, n_sparse_heads: heads } = this.data.config;
    if (rule === "trained") return {};
    if (rule !== "dense") return { rule };
    const ablate = Array.from({ length: layers * heads }, (_, row) => headOf(row, heads));
    return { rule: "prefix", ablate };
  }

  /** @param {LeakState} before Have the model answer a state that asks otherwise. */
  ask(before) {
    if (ASKS.some((name) => this.probe.state[name] !== before[name])) void this.refresh();
  }

  // Compute what is asked for, or show the stored example, or say why neither can be.
  /** @returns {Promise<void>} */
  async refresh() {
    const { probe } = this;
    const session = this.session();
    if (!session.engine) {
      this.work.stop(); // the other model's answer is not asked for any more
      const usual = probe.firstFrame();
      const isUsual = ASKS.every((name) => name === "edit" || probe.state[name] === usual[name]);
      if (isUsual) return probe.show(storedView(this.data, probe.state), false);
      const obstacle = session.obstacle();
      if (obstacle) return this.goBack(obstacle);
      if (session.status.name === "loading") return; // whoever asked first goes on with what is asked for by then
      await session.load();
      if (session !== this.session()) return this.refresh(); // another model is asked by now
      if (!session.engine) return this.goBack("");
      probe.change({}); // the cut is checked now that the text can be cut
    }
    await this.compute();
  }

  /** Bring the model, for whatever is asked for by the time it is here. */
  async bring() {
    const { probe } = this;
    const session = this.session();
    if (session.obstacle() || session.engine || session.status.name === "loading") return;
    await session.load();
    if (session.engine && probe.state.own !== null) probe.change({ own: probe.state.own });
    if (session.engine) void this.refresh();
  }

  async compute() {
    const { probe, data } = this;
    const { plot, state } = probe;
    if ((this.tokensOf(state)?.length ?? 0) < 2) return; // the figure before stays
    const late = setTimeout(() => plot.node.classList.add("dim"), DIM_LATE);
    const result = await this.run(state);
    clearTimeout(late);
    if (!result) return;
    this.wanted = state;
    const { view, left } = result;
    const cut = `The last ${plural(left, "token")} of your future left out`;
    const told = `${cut}: the model reads ${data.config.max_seq_len}.`;
    if (left || this.left) probe.frame.tell(left ? told : "");
    this.left = left;
    probe.show(view, true);
  }

  /** @param {string} why What is shown stays, and the switches say what that is. */
  goBack(why) {
    const { probe } = this;
    this.wanted = probe.state;
    probe.adopt({ ...probe.answer.state, view: probe.state.view });
    probe.report();
    probe.frame.tell(why);
  }
}

/** @param {import("../engine/tokenizer.js").Tokenizer} tokenizer @param {number} id */
function entryOf(tokenizer, id) {
  const { text, whole } = tokenizer.piece(id);
  return whole ? text : "";
}
