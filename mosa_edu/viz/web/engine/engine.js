// A trained MoSA model in the page: bytes in, routing and predictions out.

import { normalise, project } from "./layers.js";
import { applyFeedforward, applyPlainHeads, applySparseHeads, readModel } from "./model.js";
import { keptCount } from "./routing.js";
import { Tokenizer } from "./tokenizer.js";
import { openSafetensors, sha256 } from "./weights.js";

const NEXT = 5;
const ROWS_A_STEP = 16;

/** @typedef {{id: number, probability: number}} Candidate */
/** @typedef {{id: number, loss: number, probability: number, rank: number}} Truth */

/** What the engine computed from one text. */
export class Run {
  /** @param {import("./model.js").Model} model @param {ArrayLike<number>} ids
   * @param {Settings} settings */
  constructor(model, ids, settings) {
    this.model = model;
    this.ids = Uint16Array.from(ids);
    /** Number of tokens. */
    this.T = ids.length;
    /** What was asked for, with the defaults filled in. */
    this.settings = settings;
    /** @type {import("./model.js").LayerRouting[]} */
    this.layers = [];
    /** @type {Float32Array[]} the residual stream before each layer */
    this.inputs = [];
    /** The residual stream: after the last layer's attention when the run is done. */
    this.stream = new Float32Array(0);
    /** Tokens whose predictions have been read, from the first on. */
    this.read = 0;
    /** Which predictions are known: those that have been read, and single ones asked for. */
    this.known = new Uint8Array(this.T);
    /** T x 5 likeliest next tokens, and their probabilities. */
    this.nextIds = new Uint16Array(this.T * NEXT);
    this.nextProbabilities = new Float32Array(this.T * NEXT);
    /** Loss in nats of the token that really follows, T - 1. */
    this.losses = new Float32Array(this.T - 1);
    /** How many entries the model found likelier, or as likely and earlier, T - 1. */
    this.ranks = new Uint16Array(this.T - 1);
  }

  // Logits of the tokens that may follow some positions.
  //
  // The last feed-forward layer looks at one token at a time and routes nothing, so it is computed
  // here, for the positions that are wanted.
  /** @param {number} first First position. @param {number} count How many.
   * @returns {Float32Array} `count` rows of vocab_size numbers. */
  logits(first, count) {
    const { blocks, normFinal, output } = this.model;
    const rows = this.stream.slice(first * output.depth, (first + count) * output.depth);
    applyFeedforward(blocks[blocks.length - 1], rows);
    const hidden = normalise(rows, output.depth, normFinal.weight, normFinal.bias);
    return project(hidden, output);
  }

  // The likeliest tokens after a position; computed on the spot if it has not been read yet.
  /** @param {number} t @returns {Candidate[]} Five, the likeliest first. */
  next(t) {
    if (!this.known[t]) this.readRow(t, this.logits(t, 1));
    return Array.from({ length: NEXT }, (_, i) => ({
      id: this.nextIds[t * NEXT + i],
      probability: this.nextProbabilities[t * NEXT + i],
    }));
  }

  // Loss and rank of the token that really follows a position; computed if not read yet.
  /** @param {number} t @returns {Truth | null} Null at the end. */
  truth(t) {
    if (t + 1 >= this.T) return null;
    if (!this.known[t]) this.readRow(t, this.logits(t, 1));
    const loss = this.losses[t];
    return { id: this.ids[t + 1], loss, probability: Math.exp(-loss), rank: this.ranks[t] };
  }

  // Read the predictions of all positions in short steps; run it when the page is idle.
  /** @returns {Generator<number, void>} Positions read so far. */
  *readSteps() {
    while (this.read < this.T) {
      const count = Math.min(ROWS_A_STEP, this.T - this.read);
      const logits = this.logits(this.read, count);
      const size = logits.length / count;
      for (let i = 0; i < count; i++) {
        this.readRow(this.read + i, logits.subarray(i * size, (i + 1) * size));
      }
      this.read += count;
      yield this.read;
    }
  }

  // Mean loss in nats a token; reads what has not been read yet.
  /** @returns {number} NaN for a text of one token. */
  meanLoss() {
    for (const _ of this.readSteps());
    return this.losses.reduce((sum, loss) => sum + loss, 0) / (this.T - 1);
  }

  /** @param {number} t @param {Float32Array} logits One row. */
  readRow(t, logits) {
    this.known[t] = 1;
    const best = bestOf(logits, NEXT);
    const highest = logits[best[0]];
    let total = 0;
    for (let id = 0; id < logits.length; id++) total += Math.exp(logits[id] - highest);
    best.forEach((id, i) => {
      this.nextIds[t * NEXT + i] = id;
      this.nextProbabilities[t * NEXT + i] = Math.exp(logits[id] - highest) / total;
    });
    if (t + 1 >= this.T) return;
    const id = this.ids[t + 1];
    const truth = logits[id];
    this.losses[t] = highest + Math.log(total) - truth;
    this.ranks[t] = logits.reduce(
      (rank, logit, other) => rank + Number(logit > truth || (logit === truth && other < id)),
      0,
    );
  }
}

/**
 * @param {Float32Array} values @param {number} count
 * @returns {number[]} Indices of the highest values, the highest first, the earlier among equals.
 */
function bestOf(values, count) {
  /** @type {number[]} */
  const best = [];
  for (let i = 0; i < values.length; i++) {
    if (best.length === count && values[i] <= values[best[count - 1]]) continue;
    let at = best.length;
    while (at > 0 && values[best[at - 1]] < values[i]) at--;
    best.splice(at, 0, i);
    if (best.length > count) best.pop();
  }
  return best;
}

/** @typedef {{layer: number, head: number, kind?: "sparse" | "dense" | "local"}} HeadName */

/**
 * How to run the model; everything is optional.
 * @typedef {Object} Options
 * @property {number} [k] Tokens that each head keeps; T / sparsity without it.
 * @property {boolean} [includeFirst] Keep token 0 in every head.
 * @property {import("./routing.js").Rule} [rule] How heads choose; the model's own rule without it.
 * @property {HeadName[]} [ablate] Heads whose output is left out; they still choose.
 * @property {{layer: number, head: number, positions: Iterable<number>}[]} [force] Heads whose
 *   tokens the caller chooses.
 * @property {Run} [base] A run of the same text and options but for `ablate` and `force`; layers
 *   below the first changed one are taken from it.
 */

/** @typedef {ReturnType<Engine["settingsFor"]>} Settings Options with the defaults filled in. */

/** Runs one model. */
export class Engine {
  /** @param {import("./model.js").Model} model @param {Tokenizer} tokenizer
   * @param {Record<string, any>} about */
  constructor(model, tokenizer, about) {
    this.model = model;
    this.config = model.config;
    this.tokenizer = tokenizer;
    this.name = /** @type {string} */ (about.name);
    this.sha256 = /** @type {string} of the file */ (about.sha256);
    this.parameters = /** @type {number} */ (about.parameters);
    this.provenance = /** @type {Record<string, any>} */ (about.provenance);
    /** Logits by layer and head, for the rule "threshold". */
    this.thresholds = /** @type {number[][]} */ (about.thresholds);
    /** What PyTorch computed with these weights. */
    this.reference = /** @type {Reference} */ (about.reference);
  }

  /** @param {ArrayBuffer | ArrayBufferView} file All of its bytes.
   * @param {string} [expected] The SHA-256 that it must have. @returns {Promise<Engine>}
   * @throws {Error} With a sentence for the reader, if it is another file or a broken one. */
  static async open(file, expected) {
    const bytes = ArrayBuffer.isView(file)
      ? new Uint8Array(file.buffer, file.byteOffset, file.byteLength)
      : new Uint8Array(file);
    const digest = await sha256(bytes);
    if (expected && digest !== expected) {
      throw new Error("These weights are not those of this page (their SHA-256 differs).");
    }
    const tensors = openSafetensors(bytes);
    /** @param {string} entry */
    const told = (entry) => {
      if (entry in tensors.metadata) return tensors.metadata[entry];
      throw new Error(`The weights come without their ${entry}.`);
    };
    const model = readModel(tensors, JSON.parse(told("config")));
    return new Engine(model, new Tokenizer(told("merges")), {
      name: told("name"),
      sha256: digest,
      parameters: tensors.parameters,
      thresholds: JSON.parse(told("thresholds")),
      provenance: JSON.parse(told("provenance")),
      reference: JSON.parse(told("reference")),
    });
  }

  /** @param {ArrayLike<number>} ids 1 to `config.max_seq_len` tokens. @param {Options} [options]
   * @returns {Run} */
  forward(ids, options = {}) {
    const steps = this.steps(ids, options);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  }

  // The same in short steps, one attention or feed-forward layer each; see `runInChunks`.
  /** @param {ArrayLike<number>} ids @param {Options} [options]
   * @returns {Generator<number, Run>} Layers done. */
  *steps(ids, options = {}) {
    const { blocks } = this.model;
    const { base } = options;
    const run = new Run(this.model, ids, this.settingsFor(ids, options));
    const first = base ? firstChange(run.settings, blocks.length) : 0;
    run.layers = base ? base.layers.slice(0, first) : [];
    run.inputs = base ? base.inputs.slice(0, first + 1) : [this.embed(run.ids)];
    run.stream = (run.inputs[first] ?? base?.stream).slice();
    for (let layer = first; layer < blocks.length; layer++) {
      if (layer > first) {
        applyFeedforward(blocks[layer - 1], run.stream);
        run.inputs.push(run.stream.slice());
        yield layer;
      }
      run.layers.push(this.attention(layer, run));
      yield layer;
    }
    return run;
  }

  /** @param {ArrayLike<number>} ids @param {Options} options Checked, and filled in with defaults. */
  settingsFor(ids, options) {
    const T = ids.length;
    const { max_seq_len: limit, sparsity, include_first: includeFirst } = this.config;
    if (T < 1 || T > limit) throw new RangeError(`The model reads 1 to ${limit} tokens, not ${T}.`);
    const k = options.k ?? keptCount(T, sparsity);
    const possible = Number.isInteger(k) && k >= 1 && k <= T;
    if (!possible) throw new RangeError(`k must be 1 to ${T}, not ${k}.`);
    return {
      k,
      sparsity: options.k === undefined ? sparsity : T / k,
      includeFirst: options.includeFirst ?? includeFirst,
      rule: options.rule ?? this.model.rule,
      ablate: options.ablate ?? [],
      force: (options.force ?? []).map(({ layer, head, positions }) => ({
        layer,
        head,
        positions: Uint16Array.from(new Set(positions)).sort(),
      })),
    };
  }

  /** @param {Uint16Array} ids @returns {Float32Array} The residual stream before the first layer. */
  embed(ids) {
    const { embedding, config } = this.model;
    const stream = new Float32Array(ids.length * config.d_model);
    ids.forEach((id, t) => {
      const row = id * config.d_model;
      stream.set(embedding.subarray(row, row + config.d_model), t * config.d_model);
    });
    return stream;
  }

  // Add the attention of one layer to the residual stream of a run.
  /** @param {number} layer @param {Run} run @returns {import("./model.js").LayerRouting} */
  attention(layer, run) {
    const { blocks, rotary, config } = this.model;
    const { normAttention: norm, dense, local, sparse } = blocks[layer];
    const { settings, stream, T } = run;
    const x = normalise(stream, config.d_model, norm.weight, norm.bias);
    /** @param {string} kind @returns {(head: number) => boolean} */
    const isOff = (kind) => (head) =>
      settings.ablate.some(
        (off) => off.layer === layer && off.head === head && (off.kind ?? "sparse") === kind,
      );
    if (dense) applyPlainHeads(dense, x, stream, rotary, isOff("dense"));
    if (local) applyPlainHeads(local, x, stream, rotary, isOff("local"));
    if (!sparse) return noRouting();
    const { capacity_factor: factor, max_seq_len: limit, sparsity } = config;
    const forced = settings.force.filter((own) => own.layer === layer);
    return applySparseHeads(sparse, x, stream, rotary, {
      ...settings,
      capacity: Math.min(T, Math.ceil((factor * limit) / sparsity)),
      thresholds: this.thresholds[layer] ?? [],
      isOff: isOff("sparse"),
      forced: (head) => forced.find((own) => own.head === head)?.positions ?? null,
    });
  }
}

/** @returns {import("./model.js").LayerRouting} of a layer without sparse heads. */
function noRouting() {
  const none = new Float32Array(0);
  const order = new Uint16Array(0);
  return { logits: none, scores: none, order, picks: [], attention: [] };
}

/** @param {Settings} settings @param {number} layers
 * @returns {number} The first layer in which somebody ablates or forces a head. */
function firstChange(settings, layers) {
  return Math.min(layers, ...[...settings.ablate, ...settings.force].map(({ layer }) => layer));
}

/**
 * Fetch a model file and open it.
 * @param {string} url Where the file is, on the page's own site. @param {Object} [options]
 * @param {string} [options.sha256] What the file must be.
 * @param {(received: number, total: number) => void} [options.onProgress] Bytes; the total is 0
 *   when the server does not tell.
 * @param {AbortSignal} [options.signal] @returns {Promise<Engine>}
 * @throws {Error} With a sentence for the reader.
 */
export async function fetchEngine(url, { sha256, onProgress, signal } = {}) {
  if (location.protocol === "file:") {
    throw new Error("A page opened from disk may not read the weights; a web server may.");
  }
  const response = await fetch(url, { signal }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Error("The weights could not be reached.");
  });
  if (!response.ok || !response.body) {
    throw new Error(`The server did not send the weights (${response.status}).`);
  }
  const total = Number(response.headers.get("Content-Length")) || 0;
  const parts = [];
  let received = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    received += value.length;
    onProgress?.(received, total);
  }
  return Engine.open(await new Blob(parts).arrayBuffer(), sha256);
}

/**
 * Values that were stored with the weights.
 * @typedef {Object} Reference
 * @property {number[]} ids Tokens of a text.
 * @property {number[][][]} picks Kept positions, by layer and head.
 * @property {number[]} losses Loss of each token that follows.
 */

/** @typedef {ReturnType<typeof selfTest>} Verdict */

/** The page must agree with PyTorch to this many nats. */
export const TOLERANCE = 2e-3;

// Run the stored text and compare: losses in nats, and the heads that kept other tokens.
/** @param {Engine} engine */
export function selfTest(engine) {
  const { ids, picks, losses } = engine.reference;
  const run = engine.forward(ids);
  run.meanLoss();
  const difference = Math.max(...losses.map((loss, t) => Math.abs(loss - run.losses[t])));
  const unequal =
    picks.flatMap((heads, layer) =>
      heads.filter((own, head) => `${own}` !== `${run.layers[layer].picks[head]}`)
    ).length;
  const passed = difference <= TOLERANCE && unequal === 0;
  return { passed, difference, heads: picks.flat().length, unequal };
}
