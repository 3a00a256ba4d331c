/**
 * Orders heads so that neighbours keep the same tokens.
 * @module
 */

/**
 * @param {import("./routing_view.js").Routing} routing
 * @returns {Uint16Array} rows x rows: how many tokens two heads share.
 */
function sharedPicks({ rows, T, picks, kept }) {
  const shared = new Uint16Array(rows * rows);
  for (let a = 0; a < rows; a++) {
    for (let b = 0; b < rows; b++) {
      for (let i = 0; i < picks[b].length; i++) shared[a * rows + b] += kept[a * T + picks[b][i]];
    }
  }
  return shared;
}

/**
 * A chain through all heads: the head that shares most with all others, then always the head that
 * shares most with the last one, the earlier one among equals.
 * @param {import("./routing_view.js").Routing} routing
 * @returns {number[]} Rows.
 */
export function bySimilarity(routing) {
  const { rows } = routing;
  const shared = sharedPicks(routing);
  const free = new Set(Array.from({ length: rows }, (_, row) => row));
  /** @param {(row: number) => number} value */
  const best = (value) => {
    let found = -1;
    for (const row of free) if (found < 0 || value(row) > value(found)) found = row;
    free.delete(found);
    return found;
  };
  const totals = Array.from(free, (row) =>
    shared.subarray(row * rows, (row + 1) * rows).reduce((a, b) => a + b, 0),
  );
  const chain = [best((row) => totals[row])];
  while (free.size) {
    const last = chain[chain.length - 1];
    chain.push(best((row) => shared[last * rows + row]));
  }
  return chain;
}
