/**
 * The `RoutingTrace` JSON, version 1, that Python writes and reads: from a run, and back for drawing.
 * @module
 */

/** @typedef {{dtype: "uint8" | "uint16" | "float32", shape: number[], data: string}} EncodedArray */
/** @typedef {Uint8Array | Uint16Array | Float32Array} Numbers */

const ARRAY_TYPES = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array };
const NEXT_COUNT = 5;

/**
 * @param {Numbers} array
 * @param {number[]} shape
 * @returns {EncodedArray} Little-endian base64, as every machine that runs a browser stores it.
 */
function encodeArray(array, shape) {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  const dtype = /** @type {EncodedArray["dtype"]} */ (array.constructor.name.replace("Array", "").toLowerCase());
  return { dtype, shape, data: btoa(text) };
}

/**
 * @param {EncodedArray} array
 * @returns {Numbers}
 */
function decodeArray({ dtype, data }) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  return new ARRAY_TYPES[dtype](bytes.buffer);
}

/**
 * Lay the arrays of all heads into one, each in a row of the same width.
 * @param {ArrayLike<number>[]} rows
 * @param {number} width
 * @param {Uint8Array | Uint16Array} out
 * @param {number} [scale] Factor before rounding.
 */
function layRows(rows, width, out, scale = 1) {
  rows.forEach((row, i) => {
    for (let j = 0; j < row.length; j++) out[i * width + j] = Math.round(row[j] * scale);
  });
  return out;
}

/**
 * Write a run down.
 * @param {import("./engine.js").Engine} engine
 * @param {import("./run.js").Run} run Its predictions are read if they have not been.
 * @param {import("./bpe.js").Span[]} tokens
 * @param {Record<string, any>} [provenance]
 * @returns {Record<string, any>} Plain JSON values.
 */
export function traceOf(engine, run, tokens, provenance = engine.provenance) {
  run.meanLoss();
  const { T, layers } = run;
  const heads = layers[0].picks.length;
  const picks = layers.flatMap((layer) => layer.picks);
  const k = Math.max(...picks.map((own) => own.length));
  const triangle = (k * (k + 1)) / 2;
  const rows = layers.length * heads;
  const perToken = [layers.length, heads, T];
  const Positions = T <= 256 ? Uint8Array : Uint16Array;
  const scores = layRows(layers.map(({ scores: own }) => own), heads * T, new Uint16Array(rows * T), 65535);
  const order = layRows(layers.map(({ order: own }) => own), heads * T, new Positions(rows * T));
  const weights = layRows(
    layers.flatMap((layer) => layer.attention),
    triangle,
    new Uint8Array(rows * triangle),
    255,
  );
  const likely = layRows([run.nextProbabilities], 0, new Uint16Array(T * NEXT_COUNT), 65535);
  const counts = Uint16Array.from(picks, (own) => own.length);
  return {
    version: 1,
    model: { name: engine.name, sha256: engine.sha256 },
    tokens,
    T,
    k,
    sparsity: engine.config.sparsity,
    layers: layers.length,
    heads,
    scores: encodeArray(scores, perToken),
    order: encodeArray(order, perToken),
    indices: encodeArray(layRows(picks, k, new Uint16Array(rows * k)), [layers.length, heads, k]),
    attention: encodeArray(weights, [layers.length, heads, triangle]),
    next_top: {
      ids: encodeArray(run.nextIds, [T, NEXT_COUNT]),
      probabilities: encodeArray(likely, [T, NEXT_COUNT]),
    },
    next_true: { loss: encodeArray(run.losses, [T - 1]), rank: encodeArray(run.ranks, [T - 1]) },
    ...(counts.some((count) => count < k) && { counts: encodeArray(counts, [layers.length, heads]) }),
    provenance,
  };
}

/**
 * A stored run, in the shape of a live one as far as drawing goes: `layers`, `next` and `truth` mean
 * the same as in `Run`; `logits` are missing.
 * @typedef {Object} StoredRun
 * @property {number} T
 * @property {{k: number, sparsity: number}} settings
 * @property {Omit<import("./heads.js").LayerRouting, "logits" | "dense">[]} layers
 * @property {import("./bpe.js").Span[]} tokens
 * @property {(t: number) => import("./run.js").Candidate[]} next
 * @property {(t: number) => {id: number, loss: number, probability: number, rank: number} | null} truth
 * @property {{name: string, sha256: string | null}} model
 * @property {Record<string, any>} provenance
 */

/**
 * Read a trace.
 * @param {Record<string, any>} trace Parsed JSON.
 * @returns {StoredRun}
 * @throws {Error} If it is of another version.
 */
export function readTrace(trace) {
  if (trace.version !== 1) throw new Error(`This page reads traces of version 1, not ${trace.version}.`);
  const { T, k, sparsity, tokens, model, provenance, next_top: top, next_true: fate } = trace;
  const loss = fate && decodeArray(fate.loss);
  const rank = fate && decodeArray(fate.rank);
  const ids = decodeArray(top.ids);
  const probabilities = decodeArray(top.probabilities);
  return {
    T,
    settings: { k, sparsity },
    layers: readLayers(trace),
    tokens,
    next: (t) =>
      Array.from({ length: NEXT_COUNT }, (_, i) => ({
        id: ids[t * NEXT_COUNT + i],
        probability: probabilities[t * NEXT_COUNT + i] / 65535,
      })),
    truth: (t) =>
      loss && t + 1 < T
        ? { id: tokens[t + 1].id, loss: loss[t], probability: Math.exp(-loss[t]), rank: rank[t] }
        : null,
    model,
    provenance,
  };
}

/**
 * @param {Record<string, any>} trace
 * @returns {StoredRun["layers"]}
 */
function readLayers({ T, k, layers, heads, ...trace }) {
  const scores = decodeArray(trace.scores);
  const order = decodeArray(trace.order);
  const indices = decodeArray(trace.indices);
  const weights = decodeArray(trace.attention);
  const counts = trace.counts && decodeArray(trace.counts);
  const triangle = (k * (k + 1)) / 2;
  return Array.from({ length: layers }, (_, layer) => {
    const from = layer * heads;
    const span = [from * T, (from + heads) * T];
    const rows = Array.from({ length: heads }, (_, head) => from + head);
    const size = (/** @type {number} */ row) => (counts ? counts[row] : k);
    return {
      scores: Float32Array.from(scores.subarray(...span), (score) => score / 65535),
      order: Uint16Array.from(order.subarray(...span)),
      picks: rows.map((row) => Uint16Array.from(indices.subarray(row * k, row * k + size(row)))),
      attention: rows.map((row) => {
        const length = (size(row) * (size(row) + 1)) / 2;
        const own = weights.subarray(row * triangle, row * triangle + length);
        return Float32Array.from(own, (weight) => weight / 255);
      }),
    };
  });
}
