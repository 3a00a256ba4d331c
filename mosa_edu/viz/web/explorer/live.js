// Where the routing of a text comes from: a stored trace at once, the live model when it has run.

import { Latest, runInChunks } from "../engine/run_in_chunks.js";
import { keptCount } from "../engine/routing.js";
import { readTrace } from "../engine/trace.js";
import { headOf, rowName } from "../lib/format.js";
import { fetchStored } from "../lib/host.js";
import { sourceOf, withKept } from "./view.js";

const DIM_AFTER = 400;

/** @typedef {import("./link.js").LinkState} LinkState */
/** @typedef {import("./view.js").Routing} Routing */
/** @typedef {import("./view.js").RoutingSource} RoutingSource */
/** @typedef {import("./view.js").TextToken} TextToken */
/** @typedef {import("../engine/engine.js").Run} Run */
/** @typedef {import("../lib/session.js").StoredData} StoredData */

/**
 * The text has been cut into tokens: see `facts`. A run takes long, or is over. A routing is there.
 * More is known of the loss: see `losses`.
 * @typedef {{counted: () => void, waits: (slow: boolean) => void, arrives: (source: RoutingSource) => void, measured: () => void}} Listeners
 */

/** @param {LinkState} state @param {number} heads Of a layer.
 * @returns {string[]} What was changed about the model itself. */
function variants({ off, first }, heads) {
  const named = off.map((row) => rowName(row, heads)).join(", ");
  return [
    ...(off.length ? [off.length > 2 ? `${off.length} heads off` : `${named} off`] : []),
    ...(first === null ? [] : [first ? "token 0 kept" : "no seat for token 0"]),
  ];
}

export class Live {
  /** @param {StoredData} data @param {import("../lib/session.js").Session} session
   * @param {Listeners} on */
  constructor(data, session, on) {
    this.config = data.config;
    this.session = session;
    this.on = on;
    this.examples = data.examples;
    /** @type {Map<string, RoutingSource>} */
    this.sources = new Map();
    /** Whether what is shown was computed for another k or other switches. */
    this.stale = false;
    /** Whether the text that is shown is the one that was asked for. */
    this.arrived = true;
    /** Of the reader's text; tokens are -1 while nobody can count them. */
    this.facts = { tokens: -1, left: 0, k: 0 };
    /** @type {{key: string, losses: Float32Array} | null} of the text in the model as trained */
    this.usual = null;
    /** @type {Float32Array | null} of the text in the model as it is now */
    this.now = null;
    /** @type {{key: string, run: Run} | null} the last text without heads switched off */
    this.base = null;
    this.work = new Latest();
    this.turn = 0; // of what was asked for; answers to earlier questions are dropped
  }

  /** An example, by its name or the first one. @param {string} name */
  example(name) {
    return this.examples.find((example) => example.name === name) ?? this.examples[0];
  }

  /** @param {string} name Of an example that is in the page. @returns {Record<string, any>} */
  trace(name) {
    return /** @type {Record<string, any>} */ (this.example(name).trace);
  }

  /** @param {string} name Of an example that is in the page. @returns {RoutingSource} As it was traced. */
  source(name) {
    const trace = this.trace(name);
    const { include_first } = this.config;
    const source = this.sources.get(name) ??
      sourceOf(readTrace(trace), trace.tokens, include_first);
    this.sources.set(name, source);
    return source;
  }

  /** @param {string} name @returns {Promise<string>} What went wrong with a trace that had to be fetched. */
  async fetchExample(name) {
    const example = this.example(name);
    return example.trace ? "" : fetchStored(example, (trace) => (example.trace = trace));
  }

  get isLive() {
    return this.session.engine !== null;
  }

  /** @param {string} text @returns {string} What the model reads of it, once that can be counted. */
  readPart(text) {
    if (!this.isLive) return text;
    const { tokens, left } = this.session.tokens(text);
    const end = tokens.at(-1)?.end ?? 0;
    return left ? Array.from(text).slice(0, end).join("") : text;
  }

  /** @param {number} T @returns {number} Tokens that a head keeps by itself. */
  usualKept(T) {
    return keptCount(T, this.config.sparsity);
  }

  /** @param {LinkState} state @param {Routing} routing @returns {string} */
  exampleLabel({ text, example }, { tokens }) {
    const isExample = tokens === this.trace(example).tokens;
    const comesSoon = this.isLive && this.facts.tokens >= 2;
    if (text === null || this.arrived || !isExample || comesSoon) return "";
    return `Stored example: ${this.example(example).title}`;
  }

  /** @param {LinkState} state @param {Routing} routing @returns {string} */
  whatIf({ k }, { T }) {
    if (k === null || !this.stale || this.isLive) return "";
    const traced = this.usualKept(T);
    return `What if k were ${Math.min(k, T)}: scores held as traced at k = ${traced}.`;
  }

  /** @param {LinkState} state @returns {string} For the pill. */
  variant(state) {
    return variants(state, this.config.n_sparse_heads)
      .map((words) => `, ${words}`)
      .join("");
  }

  /**
   * What can be shown at once; clamps the state's k to the text.
   * @param {LinkState} state @param {Routing} routing What is shown.
   * @returns {RoutingSource | null} Null where the text must be run first.
   */
  atOnce(state, routing) {
    if (state.text !== null && !this.arrived) return null;
    const isOwn = state.text !== null;
    const source = isOwn ? routing.source : this.source(state.example);
    const T = source.tokens.length;
    if (state.k !== null) state.k = Math.max(1, Math.min(state.k, T));
    const k = isOwn ? this.usualKept(T) : this.trace(state.example).k;
    const moved = state.k !== null && state.k !== k;
    this.stale = isOwn || moved;
    return isOwn || moved ? withKept(source, state.k ?? k) : source;
  }

  /** Run the model on what a state asks for; a later call ends an earlier one. @param {LinkState} state */
  async run(state) {
    const turn = ++this.turn;
    const { tokens, left } = state.text === null
      ? { tokens: this.source(state.example).tokens, left: 0 }
      : this.session.tokens(state.text);
    this.facts = { tokens: tokens.length, left, k: this.usualKept(tokens.length) };
    this.on.counted();
    if (tokens.length < 2) return this.work.stop();
    const slow = setTimeout(() => this.on.waits(true), DIM_AFTER);
    const run = await this.work.run((signal) => this.compute(tokens, state, signal));
    clearTimeout(slow);
    if (!run || turn !== this.turn) return;
    this.on.waits(false);
    this.stale = false;
    this.arrived = true;
    this.on.arrives(sourceOf(run, tokens, run.settings.includeFirst));
    await this.measure(run, state, turn);
    this.session.test();
  }

  /** @param {TextToken[]} tokens @param {LinkState} state @param {AbortSignal} signal */
  async compute(tokens, { k, first, off }, signal) {
    const engine = /** @type {import("../engine/engine.js").Engine} */ (this.session.engine);
    const ids = tokens.map(({ id }) => id);
    const options = {
      ...(k === null ? {} : { k: Math.min(k, tokens.length) }),
      ...(first === null ? {} : { includeFirst: first }),
    };
    const key = JSON.stringify([ids, options]);
    const began = performance.now();
    const known = this.base?.key === key ? this.base.run : null;
    const base = known ?? (await runInChunks(engine.steps(ids, options), signal));
    this.base = { key, run: base };
    const ablate = off.map((row) => headOf(row, this.config.n_sparse_heads));
    const run = off.length
      ? await runInChunks(engine.steps(ids, { ...options, ablate, base }), signal)
      : base;
    this.session.tell({ milliseconds: performance.now() - began });
    return run;
  }

  /** Find out how the loss of the text moved. @param {Run} run @param {LinkState} state @param {number} turn */
  async measure(run, state, turn) {
    const key = run.ids.join();
    const changed = this.changes(state);
    if (this.usual?.key !== key) this.usual = null;
    this.tell(null);
    if (!this.usual) {
      const losses = await this.read(run, changed !== "");
      if (!losses) return;
      this.usual = { key, losses };
      if (changed) this.tell(null);
    }
    const now = changed ? await this.read(run) : this.usual.losses;
    if (now && turn === this.turn) this.tell(now);
  }

  /** @param {Float32Array | null} now */
  tell(now) {
    this.now = now;
    this.on.measured();
  }

  /**
   * Losses of a text, token by token, when the page is idle.
   * @param {Run} run @param {boolean} [asTrained] Of the same text in the model as it was trained.
   * @returns {Promise<Float32Array | null>} Null if other work came.
   */
  async read(run, asTrained = false) {
    const { session } = this;
    const { signal } = this.work;
    try {
      const own = asTrained && session.engine
        ? await runInChunks(session.engine.steps(run.ids), signal)
        : run;
      await runInChunks(own.readSteps(), signal);
      return own.losses;
    } catch {
      return null;
    }
  }

  /** @param {LinkState} state @returns {string} What differs from the model as trained, in words. */
  changes(state) {
    const variant = variants(state, this.config.n_sparse_heads).join(", ");
    const k = state.k === null ? [] : [`at k = ${state.k}`];
    return [...k, ...(variant ? [`with ${variant}`] : [])].join(", ");
  }

  /**
   * What is known of the loss of the text, and what to say where that is nothing.
   * @param {LinkState} state @param {Routing} routing
   */
  losses(state, { T, source }) {
    // A live run would compute them here and now.
    const length = this.isLive ? 0 : T - 1;
    const stored = Array.from({ length }, (_, t) => source.truth(t)?.loss ?? NaN);
    const isStored = length > 0 && !stored.some(Number.isNaN);
    return {
      usual: this.usual?.losses ?? (isStored ? Float32Array.from(stored) : null),
      now: this.now,
      changed: this.isLive ? this.changes(state) : "",
      hint: this.isLive
        ? "Switch a head off to see what it is worth."
        : this.session.obstacle() || "A switch loads the live model.",
    };
  }
}
