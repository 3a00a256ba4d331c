/**
 * The weights of a `mosa_edu.TransformerLM`, packed for the products of the page.
 * @module
 */

import { readPlainHeads, readSparseHeads } from "./heads.js";
import { gelu, normalise, rotaryTable } from "./layers.js";
import { multiplyAdd, packColumns, packRows } from "./matmul.js";

/** @typedef {import("./matmul.js").Weights} Weights */
/** @typedef {import("./safetensors.js").Tensors} Tensors */

/** Head kinds of a config that the page can compute, and the rule by which they choose. */
const RULE_OF_KIND = /** @type {const} */ ({
  mosa: "paper",
  fixed: "fixed",
  prefix: "prefix",
  threshold: "threshold",
});

/**
 * The fields of `mosa_edu.ModelConfig`.
 * @typedef {Object} Config
 * @property {number} vocab_size
 * @property {number} d_model
 * @property {number} n_layers
 * @property {number} d_head
 * @property {number} max_seq_len
 * @property {number} n_dense_heads
 * @property {number} n_local_heads
 * @property {number} n_sparse_heads
 * @property {"mosa" | "fixed" | "prefix" | "threshold"} sparse
 * @property {number} sparsity
 * @property {boolean} include_first
 * @property {number | null} local_window
 * @property {number | null} d_ff
 * @property {number} rotate_fraction
 * @property {number} rope_base
 * @property {number} capacity_factor
 * @property {boolean} tie_embeddings
 */

/** @typedef {{weight: Float32Array, bias: Float32Array}} Norm */

/**
 * @typedef {Object} Block
 * @property {Norm} normAttention
 * @property {import("./heads.js").PlainHeads | null} dense
 * @property {import("./heads.js").PlainHeads | null} local
 * @property {import("./heads.js").SparseHeads | null} sparse
 * @property {Norm} normFeedforward
 * @property {Weights} up
 * @property {Weights} down
 */

/**
 * @typedef {Object} Model
 * @property {Config} config
 * @property {import("./routing.js").Rule} rule How its sparse heads choose.
 * @property {Float32Array} embedding One row an entry of the vocabulary.
 * @property {Block[]} blocks
 * @property {Norm} normFinal
 * @property {Weights} output
 * @property {import("./layers.js").Rotary} rotary
 */

/**
 * @param {Tensors} tensors
 * @param {string} name
 * @returns {Norm}
 */
function readNorm(tensors, name) {
  return { weight: tensors.get(`${name}.weight`), bias: tensors.get(`${name}.bias`) };
}

/**
 * Read a weight of `nn.Linear`, whose rows are outputs.
 * @param {Tensors} tensors
 * @param {string} name
 * @returns {Weights}
 */
function readLinear(tensors, name) {
  const [outputs, inputs] = tensors.shape(name);
  return packColumns(tensors.get(name), inputs, outputs, 1, inputs);
}

/**
 * @param {Tensors} tensors
 * @param {Config} config
 * @param {number} layer
 * @returns {Block}
 */
function readBlock(tensors, config, layer) {
  const { d_head: width, n_dense_heads: dense, n_local_heads: local } = config;
  const sparse = config.n_sparse_heads;
  const window =
    config.local_window ?? Math.max(Math.floor(config.max_seq_len / config.sparsity), 1);
  const at = `blocks.${layer}.`;
  const heads = `${at}attention.`;
  const routed = config.sparse !== "fixed";
  return {
    normAttention: readNorm(tensors, `${at}norm_attention`),
    dense: dense ? readPlainHeads(tensors, `${heads}dense.`, dense, width, Infinity) : null,
    local: local ? readPlainHeads(tensors, `${heads}local.`, local, width, window) : null,
    sparse: sparse ? readSparseHeads(tensors, `${heads}sparse.`, sparse, width, routed) : null,
    normFeedforward: readNorm(tensors, `${at}norm_feedforward`),
    up: readLinear(tensors, `${at}feedforward.up.weight`),
    down: readLinear(tensors, `${at}feedforward.down.weight`),
  };
}

/**
 * Read a model.
 * @param {Tensors} tensors
 * @param {Config} config
 * @returns {Model}
 * @throws {Error} If its sparse heads are of a kind that the page cannot compute.
 */
export function readModel(tensors, config) {
  const rule = RULE_OF_KIND[config.sparse];
  if (!rule) throw new Error(`The page cannot compute heads of kind ${config.sparse}.`);
  const rotated = 2 * Math.floor(Math.floor(config.rotate_fraction * config.d_head) / 2);
  return {
    config,
    rule,
    embedding: tensors.get("embedding.weight"),
    blocks: Array.from({ length: config.n_layers }, (_, l) => readBlock(tensors, config, l)),
    normFinal: readNorm(tensors, "norm_final"),
    output: readLinear(tensors, config.tie_embeddings ? "embedding.weight" : "unembedding.weight"),
    rotary: rotaryTable(config.max_seq_len, rotated, config.rope_base),
  };
}

/**
 * Add the feed-forward layer of a block to rows of the residual stream.
 * @param {Block} block
 * @param {Float32Array} stream
 */
export function applyFeedforward(block, stream) {
  const { up, down, normFeedforward: norm } = block;
  const rows = stream.length / up.depth;
  const x = normalise(stream, up.depth, norm.weight, norm.bias);
  const wide = new Float32Array(rows * up.width);
  multiplyAdd(packRows(x, up.depth, 0, up.depth, rows), rows, up.depth, up, wide, up.width);
  gelu(wide);
  const packed = packRows(wide, up.width, 0, up.width, rows);
  multiplyAdd(packed, rows, up.width, down, stream, down.width);
}
