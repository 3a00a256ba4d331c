/**
 * Matrix products in plain JavaScript, fast enough for a model in a page.
 *
 * Both factors are packed so that the inner loop reads two streams of four numbers each and keeps
 * 16 sums in registers. Every sum runs over the inner dimension in order, in double precision, so a
 * row's result does not depend on where the row stands: equal tokens get equal scores.
 * @module
 */

/** Rows and columns of a tile; the loop of `multiplyAdd` is written out for four. */
const TILE = 4;

/**
 * The right factor of a product.
 * @typedef {Object} Weights
 * @property {Float32Array} panels Four columns at a time, inner dimension next, column last.
 * @property {number} depth Inner dimension.
 * @property {number} width Columns.
 */

/**
 * Pack rows of a matrix as the left factor of a product.
 * @param {Float32Array} matrix Row-major.
 * @param {number} stride Distance between rows.
 * @param {number} start Where the first row begins.
 * @param {number} depth Numbers to take of each row.
 * @param {number} count How many rows.
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
 * @param {number} depth Inner dimension.
 * @param {number} width Columns.
 * @param {number} down Step of the inner dimension.
 * @param {number} across Step from column to column.
 * @param {number} [start]
 * @returns {Weights}
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
 * @param {Float32Array} a Packed rows of `depth` numbers.
 * @param {number} count Rows of `a`.
 * @param {number} depth Inner dimension; at most `b.depth`, whose rest is then left out.
 * @param {Weights} b
 * @param {Float32Array} out Row-major.
 * @param {number} stride Distance between rows of `out`.
 * @param {Object} [where]
 * @param {Uint16Array | null} [where.rows] Where each row goes; in order without it.
 * @param {number} [where.start] Where the first row of `out` begins.
 * @param {number} [where.width] Only the first columns of `b`.
 */
export function multiplyAdd(a, count, depth, b, out, stride, where = {}) {
  const { rows = null, start = 0, width = b.width } = where;
  const panels = b.panels;
  for (let j = 0; j < width; j += TILE) {
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
