/**
 * Where routings come from: the stored examples at once, the live model when it has been loaded.
 * @module
 */

import { drain } from "../engine/drain.js";
import { Engine } from "../engine/engine.js";
import { fetchEngine } from "../engine/fetch.js";
import { keptCount } from "../engine/routing.js";
import { selfTest } from "../engine/selftest.js";
import { readTrace } from "../engine/trace.js";
import { bookUrl } from "../host.js";
import { sourceOf, withKept } from "./routing_view.js";

/**
 * What a page stores for the explorer.
 * @typedef {Object} StoredData
 * @property {{name: string, title: string, url: string | null, trace: Record<string, any> | null}[]} examples
 *   At least one; all but the first may have to be fetched.
 * @property {import("../engine/model.js").Config} config
 * @property {Record<string, string>} vocabulary Text of the entries that the examples predict.
 * @property {{url: string | null, sha256: string | null, bytes: number}} weights
 * @property {boolean} kernel Whether Python can send the weights.
 * @property {{example: string, layer: number, head: number, token: number}} start First frame.
 * @property {Record<string, string | null>} links
 * @property {string} model Its name.
 * @property {string} about Sentence on the model.
 */

/**
 * @typedef {Object} Status
 * @property {"stored" | "loading" | "live" | "error"} name
 * @property {number} received
 * @property {number} total
 * @property {string} message What failed.
 * @property {number} milliseconds Of the last run.
 * @property {import("../engine/selftest.js").Verdict | null} verdict
 */

/**
 * What the live model found out.
 * @typedef {Object} LiveResult
 * @property {import("./routing_view.js").RoutingSource} source
 * @property {import("../engine/run.js").Run} run
 */

export class Session {
  /**
   * @param {StoredData} data
   * @param {import("../host.js").Model} model
   * @param {() => void} onStatus
   */
  constructor(data, model, onStatus) {
    this.data = data;
    this.model = model;
    this.onStatus = onStatus;
    /** @type {Status} */
    this.status = { name: "stored", received: 0, total: 0, message: "", milliseconds: 0, verdict: null };
    /** @type {Engine | null} */
    this.engine = null;
    /** @type {Map<string, import("./routing_view.js").RoutingSource>} */
    this.stored = new Map();
    /** @type {AbortController | null} */
    this.work = null;
    /** @type {{key: string, run: import("../engine/run.js").Run} | null} the text without ablations */
    this.base = null;
  }

  /** @param {Partial<Status>} changes */
  tell(changes) {
    Object.assign(this.status, changes);
    this.onStatus();
  }

  /** @param {string} name */
  example(name) {
    return this.data.examples.find((example) => example.name === name) ?? this.data.examples[0];
  }

  /**
   * Fetch the trace of an example that is not in the page.
   * @param {string} name
   * @returns {Promise<string>} What went wrong; empty if nothing.
   */
  async fetchExample(name) {
    const example = this.example(name);
    if (example.trace) return "";
    if (location.protocol === "file:") return `"${example.title}" can only be fetched from a web server.`;
    try {
      const response = await fetch(bookUrl(example.url ?? ""));
      if (!response.ok) throw new Error(`${response.status}`);
      example.trace = await response.json();
      return "";
    } catch {
      return `"${example.title}" could not be fetched.`;
    }
  }

  /**
   * @param {string} name Of an example that is in the page.
   * @param {number | null} k
   * @returns {import("./routing_view.js").RoutingSource} At another k than traced: with the same scores.
   */
  storedSource(name, k) {
    const { name: known, trace: stored } = this.example(name);
    const trace = /** @type {Record<string, any>} */ (stored);
    let source = this.stored.get(known);
    if (!source) {
      source = sourceOf(readTrace(trace), trace.tokens, this.data.config.include_first);
      this.stored.set(known, source);
    }
    return k === null || k === trace.k ? source : withKept(source, k);
  }

  /** @returns {string} Why the model cannot come here; empty if it can. */
  obstacle() {
    const { url } = this.data.weights;
    if (this.model.get("weights")?.byteLength || this.data.kernel) return "";
    if (!url) return "This figure was saved without the model's weights: it shows the stored examples.";
    if (location.protocol === "file:") {
      return "This page was opened from disk, where it may not fetch the model: on a web server it runs your text too.";
    }
    return "";
  }

  /** Bring the model in, once. */
  async load() {
    if (this.engine || this.status.name === "loading") return;
    const { url, sha256, bytes } = this.data.weights;
    this.tell({ name: "loading", received: 0, total: bytes });
    try {
      const obstacle = this.obstacle();
      if (obstacle) throw new Error(obstacle);
      const own = await this.ownBytes();
      this.engine = own
        ? await Engine.open(own, sha256 ?? undefined)
        : await fetchEngine(bookUrl(url ?? ""), {
            sha256: sha256 ?? undefined,
            onProgress: (received, total) => this.tell({ received, total: total || bytes }),
          });
      this.tell({ name: "live" });
    } catch (error) {
      this.tell({ name: "error", message: /** @type {Error} */ (error).message });
    }
  }

  /** @returns {Promise<DataView | null>} Weights that are in the page, or that Python sends. */
  async ownBytes() {
    const here = () => (this.model.get("weights")?.byteLength ? this.model.get("weights") : null);
    if (here() || !this.data.kernel) return here();
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("Python did not send the weights.")), 60000);
      this.model.on("change:weights", () => {
        clearTimeout(late);
        resolve(here());
      });
      this.model.set("wants_weights", true);
      this.model.save_changes();
    });
  }

  /**
   * Cut a text into the tokens that the live model reads.
   * @param {string} text
   * @returns {{tokens: import("../engine/bpe.js").Span[], left: number}} And how many are left out.
   */
  tokens(text) {
    const spans = /** @type {Engine} */ (this.engine).tokenizer.spans(text);
    const most = /** @type {Engine} */ (this.engine).config.max_seq_len;
    return { tokens: spans.slice(0, most), left: Math.max(0, spans.length - most) };
  }

  /**
   * Run the live model; a later call ends an earlier one.
   * @param {import("./routing_view.js").TextToken[]} tokens
   * @param {{k: number | null, first: boolean | null, off: number[]}} state
   * @returns {Promise<LiveResult | null>} Null if a later call came.
   */
  async run(tokens, { k, first, off }) {
    const engine = /** @type {Engine} */ (this.engine);
    this.work?.abort();
    const { signal } = (this.work = new AbortController());
    const ids = tokens.map((token) => token.id);
    const key = JSON.stringify([ids, k, first]);
    const heads = engine.config.n_sparse_heads;
    const began = performance.now();
    const options = { ...(k === null ? {} : { k }), ...(first === null ? {} : { includeFirst: first }) };
    const ablate = off.map((row) => ({ layer: Math.floor(row / heads), head: row % heads }));
    try {
      const base = this.base?.key === key ? this.base.run : await drain(engine.steps(ids, options), signal);
      this.base = { key, run: base };
      const run = off.length ? await drain(engine.steps(ids, { ...options, ablate, base }), signal) : base;
      this.tell({ milliseconds: performance.now() - began });
      return { source: sourceOf(run, tokens, run.settings.includeFirst), run };
    } catch (error) {
      if (/** @type {Error} */ (error).name === "AbortError") return null;
      throw error;
    }
  }

  /**
   * Losses of a text, token by token, when the page is idle.
   * @param {import("../engine/run.js").Run} run
   * @returns {Promise<Float32Array | null>} Null if other work came.
   */
  async losses(run) {
    const signal = this.work?.signal;
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
    const engine = /** @type {Engine} */ (this.engine);
    const signal = this.work?.signal;
    try {
      const ids = tokens.map((token) => token.id);
      const run = await drain(engine.steps(ids), signal);
      await drain(run.readSteps(), signal);
      return run.losses;
    } catch {
      return null;
    }
  }

  /** Check the engine against what PyTorch computed. */
  test() {
    if (!this.engine || this.status.verdict) return;
    this.tell({ verdict: selfTest(this.engine) });
  }

  /**
   * @param {number} T
   * @returns {number} Tokens that a head keeps of T.
   */
  usualKept(T) {
    return keptCount(T, this.data.config.sparsity);
  }
}
