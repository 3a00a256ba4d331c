/**
 * The `RoutingTrace` JSON, version 1, that Python writes and reads: from a run, and for drawing.
 * @module
 */

/** @typedef {{dtype: "uint8" | "uint16" | "float32", shape: number[], data: string}} Encoded */
/** @typedef {Uint8Array | Uint16Array | Float32Array} Numbers */

const ARRAY_TYPES = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array };
const NEXT_COUNT = 5;

/**
 * @param {Encoded["dtype"]} dtype
 * @param {number[]} shape
 * @param {Numbers} array
 * @returns {Encoded} Little-endian base64, as every machine that runs a browser stores numbers.
 */
function encodeArray(dtype, shape, array) {
  let text = "";
  for (const byte of new Uint8Array(array.buffer)) text += String.fromCharCode(byte);
  return { dtype, shape, data: btoa(text) };
}

/**
 * @param {Encoded} array
 * @returns {Numbers}
 */
function decodeArray({ dtype, data }) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  return new ARRAY_TYPES[dtype](bytes.buffer);
}

/**
 * Lay rows of numbers into one array, each in as much room as the widest may need.
 * @param {"uint8" | "uint16"} dtype
 * @param {number[]} shape Of the result; its last number is the room of a row.
 * @param {ArrayLike<number>[]} rows
 * @param {number} [scale] Factor before rounding.
 * @returns {Encoded}
 */
function encodeRows(dtype, shape, rows, scale = 1) {
  const width = shape[shape.length - 1];
  const out = new ARRAY_TYPES[dtype](rows.length * width);
  rows.forEach((row, i) => {
    for (let j = 0; j < row.length; j++) out[i * width + j] = Math.round(row[j] * scale);
  });
  return encodeArray(dtype, shape, out);
}

/**
 * @param {import("./heads.js").LayerRouting[]} layers
 * @param {number} T
 * @returns {Record<string, any>} The fields of a trace that tell of the routing.
 */
function encodeRouting(layers, T) {
  const heads = layers[0].picks.length;
  const picks = layers.flatMap((layer) => layer.picks);
  const attention = layers.flatMap((layer) => layer.attention);
  const k = Math.max(...picks.map((own) => own.length));
  const triangle = (k * (k + 1)) / 2;
  const ragged = picks.some((own) => own.length < k);
  /** @param {"scores" | "order"} name */
  const perHead = (name) =>
    layers.flatMap((layer) =>
      layer.picks.map((_, head) => layer[name].subarray(head * T, (head + 1) * T)),
    );
  const shape = [layers.length, heads];
  return {
    k,
    layers: layers.length,
    heads,
    scores: encodeRows("uint16", [...shape, T], perHead("scores"), 65535),
    order: encodeRows(T <= 256 ? "uint8" : "uint16", [...shape, T], perHead("order")),
    indices: encodeRows("uint16", [...shape, k], picks),
    attention: encodeRows("uint8", [...shape, triangle], attention, 255),
    ...(ragged && {
      counts: encodeArray("uint16", shape, Uint16Array.from(picks, (own) => own.length)),
    }),
  };
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
  const { T } = run;
  const likely = Uint16Array.from(run.nextProbabilities, (share) => Math.round(share * 65535));
  return {
    version: 1,
    model: { name: engine.name, sha256: engine.sha256 },
    tokens,
    T,
    sparsity: engine.config.sparsity,
    ...encodeRouting(run.layers, T),
    next_top: {
      ids: encodeArray("uint16", [T, NEXT_COUNT], run.nextIds),
      probabilities: encodeArray("uint16", [T, NEXT_COUNT], likely),
    },
    next_true: {
      loss: encodeArray("float32", [T - 1], run.losses),
      rank: encodeArray("uint16", [T - 1], run.ranks),
    },
    provenance,
  };
}

/**
 * A stored run, in the shape of a live one as far as drawing goes: `layers`, `next` and `truth`
 * mean the same as in `Run`; `logits` are missing.
 * @typedef {Object} StoredRun
 * @property {number} T
 * @property {{k: number, sparsity: number}} settings
 * @property {Omit<import("./heads.js").LayerRouting, "logits" | "dense">[]} layers
 * @property {import("./bpe.js").Span[]} tokens
 * @property {(t: number) => import("./run.js").Candidate[]} next
 * @property {(t: number) => import("./run.js").Truth | null} truth
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
  if (trace.version !== 1) {
    throw new Error(`This page reads traces of version 1, not ${trace.version}.`);
  }
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
