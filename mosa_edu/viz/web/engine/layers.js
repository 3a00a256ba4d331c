/**
 * The parts of a transformer that are not plain products: norm, activation, rotation, attention.
 * @module
 */

import { multiplyAdd, packColumns, packRows } from "./matmul.js";

const NORM_EPSILON = 1e-5;
const ROW_BLOCK = 32;

/**
 * Layer norm of every row.
 * @param {Float32Array} x Rows of `width` numbers.
 * @param {number} width
 * @param {Float32Array} weight
 * @param {Float32Array} bias
 * @returns {Float32Array}
 */
export function normalise(x, width, weight, bias) {
  const out = new Float32Array(x.length);
  for (let row = 0; row < x.length; row += width) {
    let mean = 0;
    for (let i = 0; i < width; i++) mean += x[row + i];
    mean /= width;
    let variance = 0;
    for (let i = 0; i < width; i++) variance += (x[row + i] - mean) * (x[row + i] - mean);
    const scale = 1 / Math.sqrt(variance / width + NORM_EPSILON);
    for (let i = 0; i < width; i++) {
      out[row + i] = (x[row + i] - mean) * scale * weight[i] + bias[i];
    }
  }
  return out;
}

/**
 * The tanh form of the GELU, in place: x (1 + tanh u) / 2 = x / (1 + exp(-2u)).
 * @param {Float32Array} x
 */
export function gelu(x) {
  const scale = -2 * Math.sqrt(2 / Math.PI);
  for (let i = 0; i < x.length; i++) {
    const value = x[i];
    x[i] = value / (1 + Math.exp(scale * value * (1 + 0.044715 * value * value)));
  }
}

/**
 * Cosines and sines of the rotary angles.
 * @typedef {Object} Rotary
 * @property {number} half Pairs of dimensions that are rotated.
 * @property {Float32Array} cos One row of `half` a position.
 * @property {Float32Array} sin
 */

/**
 * Rotary angles of the first positions; frequencies and angles are rounded as PyTorch does.
 * @param {number} positions
 * @param {number} rotated Dimensions of a head that turn; even.
 * @param {number} base
 * @returns {Rotary}
 */
export function rotaryTable(positions, rotated, base) {
  const half = rotated / 2;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let i = 0; i < half; i++) {
    const power = Math.fround(base ** Math.fround((2 * i) / rotated));
    const frequency = Math.fround(1 / power);
    for (let t = 0; t < positions; t++) {
      const angle = Math.fround(t * frequency);
      cos[t * half + i] = Math.cos(angle);
      sin[t * half + i] = Math.sin(angle);
    }
  }
  return { half, cos, sin };
}

/**
 * Turn queries or keys in place: dimensions i and i + half of each vector form a pair.
 * @param {Float32Array} x Row-major.
 * @param {number} stride Distance between rows.
 * @param {number} start Where the first vector begins.
 * @param {number} count Rows.
 * @param {Rotary} rotary
 * @param {Uint16Array | null} positions Original position of each row; its number without it.
 */
export function rotate(x, stride, start, count, rotary, positions) {
  const { half, cos, sin } = rotary;
  for (let row = 0; row < count; row++) {
    const at = start + row * stride;
    const angle = (positions ? positions[row] : row) * half;
    for (let i = 0; i < half; i++) {
      const first = x[at + i];
      const second = x[at + half + i];
      x[at + i] = first * cos[angle + i] - second * sin[angle + i];
      x[at + half + i] = second * cos[angle + i] + first * sin[angle + i];
    }
  }
}

/**
 * Softmax of the first numbers of a row, in place; the rest of the row becomes 0.
 * @param {Float32Array} logits
 * @param {number} start Where the row begins.
 * @param {number} first First number that counts.
 * @param {number} last Last number that counts.
 * @param {number} width Length of the row.
 * @param {number} scale Factor of the logits.
 */
function softmaxRow(logits, start, first, last, width, scale) {
  let highest = -Infinity;
  for (let j = first; j <= last; j++) if (logits[start + j] > highest) highest = logits[start + j];
  let total = 0;
  for (let j = first; j <= last; j++) {
    const weight = Math.exp((logits[start + j] - highest) * scale);
    logits[start + j] = weight;
    total += weight;
  }
  for (let j = first; j <= last; j++) logits[start + j] /= total;
  logits.fill(0, start, start + first);
  logits.fill(0, start + last + 1, start + width);
}

/**
 * Causal attention of one head.
 * @param {Float32Array} qkv Rows of queries, keys and values, already rotated.
 * @param {number} stride Distance between rows.
 * @param {number} start Where the head's first query begins; keys and values follow it.
 * @param {number} count Rows; row i sees rows 0 to i.
 * @param {number} width Width of the head.
 * @param {Object} [options]
 * @param {number} [options.window] Rows that a query sees at most, itself included.
 * @param {Float32Array | null} [options.weights] Receives the lower triangle, row after row.
 * @returns {Float32Array} Weighted means of the values, `count` rows.
 */
export function attend(qkv, stride, start, count, width, options = {}) {
  const { window = count, weights = null } = options;
  const keys = packColumns(qkv, width, count, 1, stride, start + width);
  const values = packColumns(qkv, count, width, stride, 1, start + 2 * width);
  const out = new Float32Array(count * width);
  for (let top = 0; top < count; top += ROW_BLOCK) {
    const high = Math.min(ROW_BLOCK, count - top);
    const wide = top + high; // no row of the block sees further
    const queries = packRows(qkv, stride, start + top * stride, width, high);
    const logits = new Float32Array(high * wide);
    multiplyAdd(queries, high, width, keys, logits, wide, { width: wide });
    for (let row = 0; row < high; row++) {
      const last = top + row;
      const first = Math.max(0, last - window + 1);
      softmaxRow(logits, row * wide, first, last, wide, 1 / Math.sqrt(width));
      weights?.set(logits.subarray(row * wide, row * wide + last + 1), (last * (last + 1)) / 2);
    }
    const mixing = packRows(logits, wide, 0, wide, high);
    multiplyAdd(mixing, high, wide, values, out, width, { start: top * width });
  }
  return out;
}
