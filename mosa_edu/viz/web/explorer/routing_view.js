/**
 * One text's routing as the panels read it: a stored trace, or a run of the live model.
 * @module
 */

/** Scores closer than this are level: the earlier position wins. */
const LEVEL = 1e-6;

/** @typedef {{id: number, text: string}} TextToken */
/** @typedef {{id: number, probability: number}} NextToken */
/** @typedef {{id: number, loss: number, probability: number, rank: number}} Truth */

/**
 * What both kinds of source bring; a row is a head, layer after layer.
 * @typedef {Object} RoutingSource
 * @property {TextToken[]} tokens
 * @property {number} layers
 * @property {number} heads Sparse heads of a layer.
 * @property {(row: number, t: number) => number} score Router score between 0 and 1.
 * @property {(row: number) => ArrayLike<number>} order Positions from the best score to the worst.
 * @property {ArrayLike<number>[]} picks Kept positions of each row, ascending.
 * @property {((row: number, i: number, j: number) => number) | null} weight Attention of the i-th pick
 *   to the j-th; null where it is not known.
 * @property {(t: number) => NextToken[]} next The likeliest next tokens.
 * @property {(t: number) => Truth | null} truth The token that really follows; null at the end.
 * @property {boolean} includeFirst Token 0 has a seat whatever its score.
 */

/**
 * @param {import("../engine/engine.js").Run | import("../engine/trace.js").StoredRun} run
 * @param {TextToken[]} tokens
 * @param {boolean} includeFirst
 * @returns {RoutingSource}
 */
export function sourceOf(run, tokens, includeFirst) {
  const { T, layers } = run;
  const heads = layers[0].picks.length;
  const layerOf = (/** @type {number} */ row) => layers[Math.floor(row / heads)];
  return {
    tokens,
    layers: layers.length,
    heads,
    includeFirst,
    score: (row, t) => layerOf(row).scores[(row % heads) * T + t],
    order: (row) => layerOf(row).order.subarray((row % heads) * T, ((row % heads) + 1) * T),
    picks: layers.flatMap((layer) => layer.picks),
    weight: (row, i, j) => layerOf(row).attention[row % heads][(i * (i + 1)) / 2 + j],
    next: (t) => run.next(t),
    truth: (t) => run.truth(t),
  };
}

/**
 * Keep the stored scores and move the cut: what the picks would be at another k.
 *
 * Fewer picks leave each weight its share among those that stay; weights of new picks are unknown.
 * @param {RoutingSource} source
 * @param {number} k
 * @returns {RoutingSource}
 */
export function withKept(source, k) {
  const picks = source.picks.map((_, row) => {
    const best = Array.from(source.order(row)).slice(0, k);
    if (source.includeFirst && !best.includes(0)) best[k - 1] = 0;
    return best.sort((s, t) => s - t);
  });
  const places = picks.map((kept, row) =>
    kept.map((t) => Array.prototype.indexOf.call(source.picks[row], t)),
  );
  const { weight } = source;
  const known = weight !== null && places.every((row) => !row.includes(-1));
  /** @param {number} row @param {number} i @param {number} j */
  const share = (row, i, j) => {
    let total = 0;
    for (let other = 0; other <= i; other++)
      total += Number(weight?.(row, places[row][i], places[row][other]));
    return total ? Number(weight?.(row, places[row][i], places[row][j])) / total : 0;
  };
  return { ...source, picks, weight: known ? share : null };
}

/** A routing with the facts that several panels ask for. */
export class Routing {
  /** @param {RoutingSource} source */
  constructor(source) {
    this.source = source;
    this.tokens = source.tokens;
    this.texts = source.tokens.map((token) => token.text);
    /** Tokens of the text. */
    this.T = this.tokens.length;
    this.layers = source.layers;
    this.heads = source.heads;
    /** Heads of all layers. */
    this.rows = source.layers * source.heads;
    this.picks = source.picks;
    /** Whether a row keeps a token, rows x T. */
    this.kept = new Uint8Array(this.rows * this.T);
    /** How many heads keep each token. */
    this.perToken = new Uint16Array(this.T);
    /** @type {(Uint16Array | undefined)[]} 1 for the best token of a row; by need */
    this.ranks = [];
    source.picks.forEach((picks, row) => {
      for (let i = 0; i < picks.length; i++) {
        this.kept[row * this.T + picks[i]] = 1;
        this.perToken[picks[i]]++;
      }
    });
    /** Mean heads a token. */
    this.mean = this.perToken.reduce((sum, n) => sum + n, 0) / this.T;
  }

  /** @param {number} row @param {number} t @returns {boolean} */
  isKept(row, t) {
    return this.kept[row * this.T + t] === 1;
  }

  /** @param {number} row @param {number} t @returns {number} */
  score(row, t) {
    return this.source.score(row, t);
  }

  /** @param {number} row @param {number} t @returns {number} 1 for the best. */
  rank(row, t) {
    const ranks = (this.ranks[row] ??= this.rankRow(row));
    return ranks[t];
  }

  /** @param {number} row */
  rankRow(row) {
    const ranks = new Uint16Array(this.T);
    Array.from(this.source.order(row)).forEach((t, i) => (ranks[t] = i + 1));
    return ranks;
  }

  /**
   * Picks from the best to the worst; empty if nothing ranks them.
   * @param {number} row
   * @returns {number[]}
   */
  ranked(row) {
    const picks = Array.from(this.picks[row]);
    if (picks.every((t) => this.score(row, t) === this.score(row, picks[0]))) return [];
    return picks.sort((s, t) => this.rank(row, s) - this.rank(row, t));
  }

  /**
   * Where the cut runs between kept and left out.
   * @param {number} row
   * @returns {{last: number, first: number, value: number, tie: boolean} | null} Last token in and first
   *   out (-1 if none), the score of the last one in, whether both are level. Null if the row does not
   *   keep its best.
   */
  cut(row) {
    const order = this.source.order(row);
    const forced = this.source.includeFirst && this.isKept(row, 0);
    let [last, first, taken] = [-1, -1, 0];
    for (let i = 0; i < this.T && first < 0; i++) {
      if (!this.isKept(row, order[i])) first = order[i];
      else if ((taken += 1)) last = order[i];
    }
    const missing = this.picks[row].length - taken;
    if (last < 0 || missing > (forced && this.rank(row, 0) > taken ? 1 : 0)) return null;
    const value = this.score(row, last);
    return { last, first, value, tie: first >= 0 && value - this.score(row, first) < LEVEL };
  }

  /**
   * Attention of a token to the picks of a head.
   * @param {number} row
   * @param {number} t
   * @returns {{t: number, weight: number}[] | null} In order of the text, itself last; null if the head
   *   does not keep the token or the weights are not known.
   */
  attention(row, t) {
    const { weight } = this.source;
    const place = Array.prototype.indexOf.call(this.picks[row], t);
    if (place < 0 || !weight) return null;
    return Array.from({ length: place + 1 }, (_, j) => ({
      t: this.picks[row][j],
      weight: weight(row, place, j),
    }));
  }

  /** @param {number} t @returns {number[]} Rows that keep a token. */
  rowsOf(t) {
    return Array.from({ length: this.rows }, (_, row) => row).filter((row) => this.isKept(row, t));
  }

  /** @returns {number[]} Tokens kept by at least twice the mean, most heads first. */
  hubs() {
    return Array.from(this.perToken.keys())
      .filter((t) => this.perToken[t] > 0 && this.perToken[t] >= 2 * this.mean)
      .sort((s, t) => this.perToken[t] - this.perToken[s] || s - t);
  }

  /** @returns {number[]} Tokens that no head keeps. */
  orphans() {
    return Array.from(this.perToken.keys()).filter((t) => this.perToken[t] === 0);
  }
}

/**
 * How a token stands to the cut, in words.
 * @param {Routing} routing
 * @param {number} row
 * @param {number} t
 * @returns {{kept: boolean, margin: string}} For example ".059 above the cut".
 */
export function standing(routing, row, t) {
  const kept = routing.isKept(row, t);
  const cut = routing.cut(row);
  if (!cut) return { kept, margin: "" };
  const margin = routing.score(row, t) - cut.value;
  if (Math.abs(margin) < LEVEL) {
    if (cut.tie) return { kept, margin: "level with the cut; the earlier position wins" };
    return { kept, margin: t === cut.last ? "it sets the cut" : "level with the cut" };
  }
  if (kept && margin < 0) return { kept, margin: "it always has a seat" };
  const size = Math.abs(margin).toFixed(3).replace(/^0/, "");
  return { kept, margin: `${size} ${margin > 0 ? "above" : "below"} the cut` };
}
