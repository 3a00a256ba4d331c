// What a transformer computes, in plain JavaScript: products, norm, activation, rotation, attention.
//
// Both factors of a product are packed so that the inner loop reads two streams of four numbers each
// and keeps 16 sums in registers. Every sum runs over the inner dimension in order, in double
// precision, so a row's result does not depend on where the row stands: equal tokens get equal scores.

/** Rows and columns of a tile; the loop of `multiplyAdd` is written out for four. */
const TILE = 4;

/**
 * The right factor of a product.
 * @typedef {Object} Weights
 * @property {Float32Array} panels Four columns at a time, inner dimension next, column last.
 * @property {number} depth Inner dimension. @property {number} width Columns.
 */

/**
 * Pack rows of a matrix as the left factor of a product.
 * @param {Float32Array} matrix Row-major. @param {number} stride Distance between rows.
 * @param {number} start Where the first row begins.
 * @param {number} depth Numbers to take of each row. @param {number} count How many rows.
 * @param {Uint16Array | null} [rows] Which rows; the first `count` without it.
 * @returns {Float32Array} Panels of four rows; missing rows are 0.
 */
export function packRows(matrix, stride, start, depth, count, rows = null) {
  const packed = new Float32Array(Math.ceil(count / TILE) * TILE * depth);
  for (let i = 0; i < count; i++) {
    const from = start + (rows ? rows[i] : i) * stride;
    let to = (i - (i % TILE)) * depth + (i % TILE);
    for (let p = 0; p < depth; p++, to += TILE) packed[to] = matrix[from + p];
  }
  return packed;
}

/**
 * Pack the right factor of a product.
 * @param {Float32Array} matrix Holds element (p, j) at `start + p * down + j * across`.
 * @param {number} depth Inner dimension. @param {number} width Columns.
 * @param {number} down Step of the inner dimension.
 * @param {number} across Step from column to column. @param {number} [start] @returns {Weights}
 */
export function packColumns(matrix, depth, width, down, across, start = 0) {
  const panels = new Float32Array(Math.ceil(width / TILE) * TILE * depth);
  for (let j = 0; j < width; j++) {
    let from = start + j * across;
    let to = (j - (j % TILE)) * depth + (j % TILE);
    for (let p = 0; p < depth; p++, to += TILE, from += down) panels[to] = matrix[from];
  }
  return { panels, depth, width };
}

const tile = new Float64Array(TILE * TILE);

/**
 * Add a product to a matrix: `out[rows[i], j] += sum over p of a[i, p] * b[p, j]`.
 * @param {Float32Array} a Packed rows of `depth` numbers. @param {number} count Rows of `a`.
 * @param {number} depth Inner dimension; at most `b.depth`, whose rest is then left out.
 * @param {Weights} b @param {Float32Array} out Row-major.
 * @param {number} stride Distance between rows of `out`. @param {Object} [where]
 * @param {Uint16Array} [where.rows] Where each row goes; in order without it.
 * @param {number} [where.start] Where the first row of `out` begins.
 * @param {number} [where.width] Only the first columns of `b`.
 */
export function multiplyAdd(a, count, depth, b, out, stride, where = {}) {
  const { rows, start = 0, width = b.width } = where;
  const panels = b.panels;
  for (let j = 0; j < width; j += TILE) {
    // deno-fmt-ignore
    for (let i = 0; i < count; i += TILE) {
      let s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
      let s20 = 0, s21 = 0, s22 = 0, s23 = 0, s30 = 0, s31 = 0, s32 = 0, s33 = 0;
      let q = j * b.depth;
      let p = i * depth;
      for (const end = p + TILE * depth; p < end; p += TILE, q += TILE) {
        const a0 = a[p], a1 = a[p + 1], a2 = a[p + 2], a3 = a[p + 3];
        const b0 = panels[q], b1 = panels[q + 1], b2 = panels[q + 2], b3 = panels[q + 3];
        s00 += a0 * b0; s01 += a0 * b1; s02 += a0 * b2; s03 += a0 * b3;
        s10 += a1 * b0; s11 += a1 * b1; s12 += a1 * b2; s13 += a1 * b3;
        s20 += a2 * b0; s21 += a2 * b1; s22 += a2 * b2; s23 += a2 * b3;
        s30 += a3 * b0; s31 += a3 * b1; s32 += a3 * b2; s33 += a3 * b3;
      }
      tile[0] = s00; tile[1] = s01; tile[2] = s02; tile[3] = s03;
      tile[4] = s10; tile[5] = s11; tile[6] = s12; tile[7] = s13;
      tile[8] = s20; tile[9] = s21; tile[10] = s22; tile[11] = s23;
      tile[12] = s30; tile[13] = s31; tile[14] = s32; tile[15] = s33;
      const high = Math.min(TILE, count - i);
      const wide = Math.min(TILE, width - j);
      for (let r = 0; r < high; r++) {
        const to = start + (rows ? rows[i + r] : i + r) * stride + j;
        for (let c = 0; c < wide; c++) out[to + c] += tile[r * TILE + c];
      }
    }
  }
}

// Add rows times weights to a matrix.
/** @param {Float32Array} x Rows of `weights.depth` numbers. @param {Weights} weights
 * @param {Float32Array} [out] Zeros without it. @param {Uint16Array} [rows] Where each row goes. */
export function project(x, weights, out, rows) {
  const { depth, width } = weights;
  const count = x.length / depth;
  const sum = out ?? new Float32Array(count * width);
  multiplyAdd(packRows(x, depth, 0, depth, count), count, depth, weights, sum, width, { rows });
  return sum;
}

const NORM_EPSILON = 1e-5;
const ROW_BLOCK = 32;

/** @param {Float32Array} x Rows of `width` numbers. @param {number} width
 * @param {Float32Array} weight @param {Float32Array} bias @returns {Float32Array} */
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

// The tanh form of the GELU, in place: x (1 + tanh u) / 2 = x / (1 + exp(-2u)).
/** @param {Float32Array} x */
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
 * @property {Float32Array} cos One row of `half` a position. @property {Float32Array} sin
 */

// Rotary angles of the first positions; frequencies and angles are rounded as PyTorch does.
/** @param {number} positions @param {number} rotated Dimensions of a head that turn; even.
 * @param {number} base @returns {Rotary} */
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
 * @param {Float32Array} x Row-major. @param {number} stride Distance between rows.
 * @param {number} start Where the first vector begins. @param {number} count Rows.
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

// Softmax of the first numbers of a row, in place; the rest of the row becomes 0.
/** @param {Float32Array} logits @param {number} start Where the row begins.
 * @param {number} first First number that counts. @param {number} last Last number that counts.
 * @param {number} width Length of the row. @param {number} scale Factor of the logits. */
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
 * @param {number} count Rows; row i sees rows 0 to i. @param {number} width Width of the head.
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
