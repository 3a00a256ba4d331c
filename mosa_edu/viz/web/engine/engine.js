/**
 * A trained MoSA model in the page: bytes in, routing and predictions out.
 * @module
 */

import { Tokenizer } from "./bpe.js";
import { applyPlainHeads, applySparseHeads } from "./heads.js";
import { normalise } from "./layers.js";
import { applyFeedforward, readModel } from "./model.js";
import { keptCount } from "./routing.js";
import { Run } from "./run.js";
import { openSafetensors } from "./safetensors.js";
import { sha256 } from "./sha256.js";

/** @typedef {{layer: number, head: number, kind?: "sparse" | "dense" | "local"}} HeadName */

/**
 * How to run the model; everything is optional.
 * @typedef {Object} Options
 * @property {number} [k] Tokens that each head keeps; T / sparsity without it.
 * @property {boolean} [includeFirst] Give token 0 a seat in every head.
 * @property {import("./routing.js").Rule} [rule] How heads choose; the model's own rule without it.
 * @property {HeadName[]} [ablate] Heads whose output is left out; they still choose.
 * @property {{layer: number, head: number, positions: Iterable<number>}[]} [force] Heads whose
 *   tokens the caller chooses.
 * @property {Run} [base] A run of the same text and options but for `ablate` and `force`; layers
 *   below the first changed one are taken from it.
 */

/**
 * Options with the defaults filled in.
 * @typedef {Object} Settings
 * @property {number} k
 * @property {number} sparsity
 * @property {boolean} includeFirst
 * @property {import("./routing.js").Rule} rule
 * @property {HeadName[]} ablate
 * @property {{layer: number, head: number, positions: Uint16Array}[]} force
 */

/** Runs one model. */
export class Engine {
  /**
   * @param {import("./model.js").Model} model
   * @param {Tokenizer} tokenizer
   * @param {Record<string, any>} about
   */
  constructor(model, tokenizer, about) {
    this.model = model;
    this.tokenizer = tokenizer;
    /** @type {import("./model.js").Config} */
    this.config = model.config;
    /** @type {string} */
    this.name = about.name;
    /** @type {string} SHA-256 of the file. */
    this.sha256 = about.sha256;
    /** @type {number} */
    this.parameters = about.parameters;
    /** @type {Record<string, any>} */
    this.provenance = about.provenance;
    /** @type {number[][]} logits by layer and head, for the rule "threshold" */
    this.thresholds = about.thresholds;
    /** @type {import("./selftest.js").Reference} what PyTorch computed with these weights */
    this.reference = about.reference;
  }

  /**
   * Open a model file.
   * @param {ArrayBuffer | ArrayBufferView} file All of its bytes.
   * @param {string} [expected] The SHA-256 that it must have.
   * @returns {Promise<Engine>}
   * @throws {Error} With a sentence for the reader, if it is another file or a broken one.
   */
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

  /**
   * Run the model on a text.
   * @param {ArrayLike<number>} ids 1 to `config.max_seq_len` tokens.
   * @param {Options} [options]
   * @returns {Run}
   */
  forward(ids, options = {}) {
    const steps = this.steps(ids, options);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  }

  /**
   * The same in short steps, one attention or feed-forward layer each; see `drain`.
   * @param {ArrayLike<number>} ids
   * @param {Options} [options]
   * @returns {Generator<number, Run>} Layers done.
   */
  *steps(ids, options = {}) {
    const { blocks } = this.model;
    const { base } = options;
    const run = new Run(this.model, ids, this.settle(ids, options));
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

  /**
   * Check options and fill in the defaults.
   * @param {ArrayLike<number>} ids
   * @param {Options} options
   * @returns {Settings}
   */
  settle(ids, options) {
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

  /**
   * @param {Uint16Array} ids
   * @returns {Float32Array} The residual stream before the first layer.
   */
  embed(ids) {
    const { embedding, config } = this.model;
    const stream = new Float32Array(ids.length * config.d_model);
    ids.forEach((id, t) => {
      const row = id * config.d_model;
      stream.set(embedding.subarray(row, row + config.d_model), t * config.d_model);
    });
    return stream;
  }

  /**
   * Add the attention of one layer to the residual stream of a run.
   * @param {number} layer
   * @param {Run} run
   * @returns {import("./heads.js").LayerRouting}
   */
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

/** @returns {import("./heads.js").LayerRouting} of a layer without sparse heads. */
function noRouting() {
  const none = new Float32Array(0);
  const order = new Uint16Array(0);
  return { logits: none, scores: none, order, picks: [], attention: [] };
}

/**
 * @param {Settings} settings
 * @param {number} layers
 * @returns {number} The first layer in which somebody ablates or forces a head.
 */
function firstChange(settings, layers) {
  return Math.min(layers, ...[...settings.ablate, ...settings.force].map(({ layer }) => layer));
}
