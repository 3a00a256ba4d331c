/**
 * Writes a run down as the `RoutingTrace` JSON, version 1, that Python reads.
 * @module
 */

import { NEXT_COUNT } from "./trace.js";
import { ARRAY_TYPES } from "../lib/arrays.js";

/** @typedef {import("../lib/arrays.js").Encoded} Encoded */
/** @typedef {import("../lib/arrays.js").Numbers} Numbers */

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
 * @param {import("./model.js").LayerRouting[]} layers
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
 * @param {import("./engine.js").Run} run Its predictions are read if they have not been.
 * @param {import("./tokenizer.js").Span[]} tokens
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
