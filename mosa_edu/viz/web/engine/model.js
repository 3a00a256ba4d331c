// The weights of a `mosa_edu.TransformerLM`, packed for the products of the page.

import {
  attend,
  gelu,
  multiplyAdd,
  normalise,
  packColumns,
  packRows,
  project,
  rotaryTable,
  rotate,
} from "./layers.js";
import { pickAbove, pickBest, pickPrefix, pickStrided, rankOrder, sigmoid } from "./routing.js";

/** @typedef {import("./layers.js").Weights} Weights */
/** @typedef {import("./layers.js").Rotary} Rotary */
/** @typedef {import("./weights.js").Tensors} Tensors */

/** @typedef {ReturnType<typeof readPlainHeads>} PlainHeads Heads that see every token before them, or the nearest ones. */
/** @typedef {ReturnType<typeof readSparseHeads>} SparseHeads Heads that see the tokens they keep. */
/** @typedef {ReturnType<typeof readNorm>} Norm */
/** @typedef {ReturnType<typeof readBlock>} Block */
/** @typedef {ReturnType<typeof readModel>} Model */

/**
 * What one layer's sparse heads did with a text; the head comes first in every array.
 * @typedef {Object} LayerRouting
 * @property {Float32Array} logits Router logits, H x T; infinite without a router: +, if picked.
 * @property {Float32Array} scores Their sigmoids: the gates.
 * @property {Uint16Array} order H x T positions from the highest logit to the lowest.
 * @property {Uint16Array[]} picks Kept positions of each head, ascending.
 * @property {Float32Array[]} attention Weights of each head: the lower triangle, row after row.
 */

/** @param {number} count */
const headsOf = (count) => Array.from({ length: count }, (_, head) => head);

/** @param {Tensors} tensors @param {string} prefix Where their tensors are, with a dot at the end.
 * @param {number} count @param {number} width @param {number} window Tokens that a query sees. */
function readPlainHeads(tensors, prefix, count, width, window) {
  const [rows, model] = tensors.shape(prefix + "qkv.weight");
  const out = tensors.get(prefix + "out.weight");
  return {
    count,
    width,
    window,
    qkv: packColumns(tensors.get(prefix + "qkv.weight"), model, rows, 1, model),
    out: headsOf(count).map((head) =>
      packColumns(out, width, model, 1, count * width, head * width)
    ),
  };
}

/**
 * @param {Tensors} tensors @param {string} prefix Where their tensors are, with a dot at the end.
 * @param {number} count @param {number} width @param {boolean} routed Whether they have a router.
 */
function readSparseHeads(tensors, prefix, count, width, routed) {
  const model = tensors.shape(prefix + "w_out")[2];
  const qkv = tensors.get(prefix + "w_qkv");
  const out = tensors.get(prefix + "w_out");
  const heads = headsOf(count);
  const router = routed ? tensors.get(prefix + "selector.router.weight") : null;
  return {
    count,
    width,
    router: router && packColumns(router, model, count, 1, model),
    qkv: heads.map((head) =>
      packColumns(qkv, model, 3 * width, 3 * width, 1, head * model * 3 * width)
    ),
    out: heads.map((head) => packColumns(out, width, model, model, 1, head * width * model)),
  };
}

// Add the output of dense or local heads to the residual stream.
/** @param {PlainHeads} heads @param {Float32Array} x Normed tokens, T rows.
 * @param {Float32Array} stream Receives the output. @param {Rotary} rotary
 * @param {(head: number) => boolean} isOff */
export function applyPlainHeads(heads, x, stream, rotary, isOff) {
  const { count, width, qkv: weights } = heads;
  const model = weights.depth;
  const length = x.length / model;
  const stride = 3 * count * width;
  const qkv = project(x, weights);
  for (let head = 0; head < count; head++) {
    const start = head * 3 * width;
    rotate(qkv, stride, start, length, rotary, null);
    rotate(qkv, stride, start + width, length, rotary, null);
    if (isOff(head)) continue;
    const mixed = attend(qkv, stride, start, length, width, { window: heads.window });
    project(mixed, heads.out[head], stream);
  }
}

/**
 * How the sparse heads of a layer choose.
 * @typedef {Object} Choice
 * @property {import("./routing.js").Rule} rule
 * @property {number} k Tokens a head keeps under the paper's rule.
 * @property {number} sparsity The paper's rho, for the other rules.
 * @property {number} capacity Slots of a head under the causal rules.
 * @property {boolean} includeFirst
 * @property {number[]} thresholds One a head, for the rule "threshold".
 * @property {(head: number) => boolean} isOff
 * @property {(head: number) => Uint16Array | null} forced Positions that somebody else chose.
 */

// Let the router score every token for every head.
/** @param {SparseHeads} heads @param {Float32Array} x Normed tokens, T rows.
 * @param {number} length T. @returns {Float32Array} Logits, H x T; 0 without a router. */
function score({ count, router }, x, length) {
  const logits = new Float32Array(count * length);
  if (!router) return logits;
  const byToken = project(x, router);
  for (let t = 0; t < length; t++) {
    for (let head = 0; head < count; head++) logits[head * length + t] = byToken[t * count + head];
  }
  return logits;
}

/** @param {Float32Array} logits Of this head.
 * @param {Uint16Array} order Their positions from the highest to the lowest. @param {number} head
 * @param {Choice} choice @returns {Uint16Array} Ascending positions. */
function choose(logits, order, head, choice) {
  const { rule, k, sparsity, capacity } = choice;
  const forced = choice.forced(head);
  if (forced) return forced;
  if (rule === "fixed") return pickStrided(logits.length, sparsity);
  if (rule === "prefix") return pickPrefix(logits, sparsity, capacity);
  if (rule === "threshold") return pickAbove(logits, choice.thresholds[head], capacity);
  return pickBest(order, k, choice.includeFirst);
}

/**
 * Score the tokens and choose which each head keeps.
 * @param {SparseHeads} heads @param {Float32Array} x Normed tokens, T rows.
 * @param {number} length T. @param {Choice} choice @returns {LayerRouting} Without attention yet.
 */
function route(heads, x, length, choice) {
  const logits = score(heads, x, length);
  const order = new Uint16Array(logits.length);
  const picks = [];
  for (let head = 0; head < heads.count; head++) {
    const own = logits.subarray(head * length, (head + 1) * length);
    let ranked = rankOrder(own);
    const chosen = choose(own, ranked, head, choice);
    if (!heads.router) {
      own.fill(-Infinity);
      for (const t of chosen) own[t] = Infinity;
      ranked = rankOrder(own);
    }
    order.set(ranked, head * length);
    picks.push(chosen);
  }
  return { logits, scores: logits.map(sigmoid), order, picks, attention: [] };
}

// Add the output of sparse heads to the residual stream.
/** @param {SparseHeads} heads @param {Float32Array} x Normed tokens, T rows.
 * @param {Float32Array} stream Receives the output. @param {Rotary} rotary @param {Choice} choice
 * @returns {LayerRouting} */
export function applySparseHeads(heads, x, stream, rotary, choice) {
  const { count, width } = heads;
  const model = heads.out[0].width;
  const length = x.length / model;
  const routing = route(heads, x, length, choice);
  for (let head = 0; head < count; head++) {
    const picks = routing.picks[head];
    const n = picks.length;
    const triangle = new Float32Array((n * (n + 1)) / 2);
    routing.attention.push(triangle);
    const qkv = new Float32Array(n * 3 * width);
    multiplyAdd(packRows(x, model, 0, model, n, picks), n, model, heads.qkv[head], qkv, 3 * width);
    rotate(qkv, 3 * width, 0, n, rotary, picks);
    rotate(qkv, 3 * width, width, n, rotary, picks);
    const mixed = attend(qkv, 3 * width, 0, n, width, { weights: triangle });
    if (choice.isOff(head)) continue;
    for (let i = 0; i < n; i++) {
      const gate = routing.scores[head * length + picks[i]];
      for (let c = 0; c < width; c++) mixed[i * width + c] *= gate;
    }
    project(mixed, heads.out[head], stream, picks);
  }
  return routing;
}

/** Head kinds of a config that the page can compute, and the rule by which they choose. */
const RULE_OF_KIND = /** @type {const} */ ({
  mosa: "paper",
  fixed: "fixed",
  prefix: "prefix",
  threshold: "threshold",
});

/**
 * The fields of `mosa_edu.ModelConfig`.
 * @typedef {{
 *   vocab_size: number, d_model: number, n_layers: number, d_head: number, d_ff: number | null,
 *   max_seq_len: number, n_dense_heads: number, n_local_heads: number, n_sparse_heads: number,
 *   sparse: keyof typeof RULE_OF_KIND, sparsity: number, include_first: boolean,
 *   local_window: number | null, rotate_fraction: number, rope_base: number,
 *   capacity_factor: number, tie_embeddings: boolean,
 * }} Config
 */

/** @param {Tensors} tensors @param {string} name */
function readNorm(tensors, name) {
  return { weight: tensors.get(`${name}.weight`), bias: tensors.get(`${name}.bias`) };
}

// Read a weight of `nn.Linear`, whose rows are outputs.
/** @param {Tensors} tensors @param {string} name @returns {Weights} */
function readLinear(tensors, name) {
  const [outputs, inputs] = tensors.shape(name);
  return packColumns(tensors.get(name), inputs, outputs, 1, inputs);
}

/** @param {Tensors} tensors @param {Config} config @param {number} layer */
function readBlock(tensors, config, layer) {
  const { d_head: width, n_dense_heads: dense, n_local_heads: local } = config;
  const sparse = config.n_sparse_heads;
  const window = config.local_window ??
    Math.max(Math.floor(config.max_seq_len / config.sparsity), 1);
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

/** @param {Tensors} tensors @param {Config} config
 * @throws {Error} If its sparse heads are of a kind that the page cannot compute. */
export function readModel(tensors, config) {
  const rule = RULE_OF_KIND[config.sparse];
  if (!rule) throw new Error(`The page cannot compute heads of kind ${config.sparse}.`);
  const rotated = 2 * Math.floor(Math.floor(config.rotate_fraction * config.d_head) / 2);
  return {
    config,
    rule: /** @type {import("./routing.js").Rule} How its sparse heads choose. */ (rule),
    embedding: tensors.get("embedding.weight"),
    blocks: Array.from({ length: config.n_layers }, (_, l) => readBlock(tensors, config, l)),
    normFinal: readNorm(tensors, "norm_final"),
    output: readLinear(tensors, config.tie_embeddings ? "embedding.weight" : "unembedding.weight"),
    rotary: rotaryTable(config.max_seq_len, rotated, config.rope_base),
  };
}

// Add the feed-forward layer of a block to rows of the residual stream.
/** @param {Block} block @param {Float32Array} stream */
export function applyFeedforward(block, stream) {
  const { up, down, normFeedforward: norm } = block;
  const wide = project(normalise(stream, up.depth, norm.weight, norm.bias), up);
  gelu(wide);
  project(wide, down, stream);
}
