// What the panels of the explorer are handed to draw: the routing of a text, and where things stand.

import { pickBest } from "../engine/routing.js";
import { tokenLabels, wordAround } from "../lib/format.js";

/** Scores closer than this are level. */
const LEVEL = 1e-6;

/** What decides among level scores: in layer 0 equal words have equal scores to the last bit; above it
 * they differ by how the processor has rounded. */
const DECIDES = {
  position: "the earlier position wins",
  rounding: "up to rounding, and rounding decides",
};

/** @typedef {import("../explorer.js").Explorer} Explorer */
/** @typedef {import("../engine/engine.js").Candidate} Candidate */
/** @typedef {import("../engine/engine.js").Truth} Truth */
/** @typedef {{id: number, text: string}} TextToken */
/** @typedef {ReturnType<typeof viewOf>} View The picture of one moment. */

/**
 * What a stored trace and a run of the live model both bring; a row is a head, layer after layer.
 * @typedef {Object} RoutingSource
 * @property {TextToken[]} tokens @property {number} layers
 * @property {number} heads Sparse heads of a layer.
 * @property {(row: number, t: number) => number} score Router score between 0 and 1.
 * @property {(row: number) => Uint16Array} order Positions from the best score to the worst.
 * @property {ArrayLike<number>[]} picks Kept positions of each row, ascending.
 * @property {((row: number, i: number, j: number) => number) | null} weight Attention of the i-th pick
 *   to the j-th; null where it is not known.
 * @property {(t: number) => Candidate[]} next The likeliest next tokens.
 * @property {(t: number) => Truth | null} truth The token that really follows; null at the end.
 * @property {boolean} includeFirst Token 0 has a slot whatever its score.
 */

/** @param {import("../engine/engine.js").Run | import("../engine/trace.js").StoredRun} run
 * @param {TextToken[]} tokens @param {boolean} includeFirst @returns {RoutingSource} */
export function sourceOf(run, tokens, includeFirst) {
  const { T } = run;
  const layers = /** @type {import("../engine/trace.js").StoredRun["layers"]} */ (run.layers);
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
 * Keep the stored scores and move the cut: what the picks would be at another k. Fewer picks leave
 * each weight its share among those that stay; weights of new picks are unknown.
 * @param {RoutingSource} source @param {number} k @returns {RoutingSource}
 */
export function withKept(source, k) {
  const { weight } = source;
  const picks = source.picks.map((_, row) => pickBest(source.order(row), k, source.includeFirst));
  const places = picks.map((kept, row) => Array.from(kept, (t) => placeOf(source.picks[row], t)));
  const known = weight !== null && places.every((row) => !row.includes(-1));
  /** @param {number} row @param {number} i @param {number} j */
  const share = (row, i, j) => {
    const of = (/** @type {number} */ at) => Number(weight?.(row, places[row][i], places[row][at]));
    let total = 0;
    for (let other = 0; other <= i; other++) total += of(other);
    return total ? of(j) / total : 0;
  };
  return { ...source, picks, weight: known ? share : null };
}

/** @param {ArrayLike<number>} picks @param {number} t @returns {number} -1 if it is not among them. */
export const placeOf = (picks, t) => Array.prototype.indexOf.call(picks, t);

/** A routing with the facts that several panels ask for. */
export class Routing {
  /** @param {RoutingSource} source */
  constructor(source) {
    this.source = source;
    this.tokens = source.tokens;
    this.texts = source.tokens.map((token) => token.text);
    this.labels = tokenLabels(this.texts);
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
    let ranks = this.ranks[row];
    if (!ranks) {
      ranks = this.ranks[row] = new Uint16Array(this.T);
      for (const [i, other] of this.source.order(row).entries()) ranks[other] = i + 1;
    }
    return ranks[t];
  }

  /** @param {number} row @returns {number[]} Picks, the best first; empty if nothing ranks them. */
  ranked(row) {
    const picks = Array.from(this.picks[row]);
    if (picks.every((t) => this.score(row, t) === this.score(row, picks[0]))) return [];
    return picks.sort((s, t) => this.rank(row, s) - this.rank(row, t));
  }

  /**
   * Where the cut runs between kept and left out.
   * @param {number} row
   * @returns {{last: number, first: number, value: number, tie: string} | null} Last token in and first
   *   out (-1 if none), the score of the last one in, what decides if both are level, else nothing.
   *   Null if the row does not keep its best.
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
    const isLevel = first >= 0 && value - this.score(row, first) < LEVEL;
    const exact = row < this.source.heads && last < first;
    const tie = isLevel ? DECIDES[exact ? "position" : "rounding"] : "";
    return { last, first, value, tie };
  }

  /**
   * How a token stands to the cut.
   * @param {number} row @param {number} t
   * @returns {{kept: boolean, margin: string}} In words, for example ".059 above the cut".
   */
  standing(row, t) {
    const kept = this.isKept(row, t);
    const cut = this.cut(row);
    if (!cut) return { kept, margin: "" };
    const margin = this.score(row, t) - cut.value;
    if (Math.abs(margin) < LEVEL) {
      if (cut.tie) return { kept, margin: `level with the cut; ${cut.tie}` };
      return { kept, margin: t === cut.last ? "it sets the cut" : "level with the cut" };
    }
    if (kept && margin < 0) return { kept, margin: "it always has a seat" };
    const size = Math.abs(margin).toFixed(3).replace(/^0/, "");
    return { kept, margin: `${size} ${margin > 0 ? "above" : "below"} the cut` };
  }

  /**
   * Attention of a token to the picks of a head.
   * @param {number} row @param {number} t
   * @returns {{t: number, weight: number}[] | null} In order of the text, itself last; null if the head
   *   does not keep the token or the weights are not known.
   */
  attention(row, t) {
    const { weight } = this.source;
    const place = placeOf(this.picks[row], t);
    if (place < 0 || !weight) return null;
    const picks = Array.from(this.picks[row]).slice(0, place + 1);
    return picks.map((own, j) => ({ t: own, weight: weight(row, place, j) }));
  }

  /** @param {number} row @param {number} t @returns {Map<number, number>} The same by token. */
  weights(row, t) {
    return new Map(this.attention(row, t)?.map((own) => [own.t, own.weight]));
  }

  /** @param {number} t @returns {number[]} Rows that keep a token. */
  rowsOf(t) {
    return Array.from(this.picks.keys()).filter((row) => this.isKept(row, t));
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

const WIDEST_COLUMN = 24;
const NARROWEST_COLUMN = 2;

/** The token axis that the score chart, the overview and its histogram share, in CSS pixels. */
export class Axis {
  /** @param {number} width Of the drawing. @param {number} T Tokens.
   * @param {boolean} narrow On a phone.
   * @param {number} first First token in view; only matters when not all fit. */
  constructor(width, T, narrow, first) {
    this.width = width;
    this.T = T;
    this.narrow = narrow;
    this.left = narrow ? 30 : 58;
    const plot = Math.max(width - this.left - (narrow ? 10 : 48), 40);
    this.column = Math.min(WIDEST_COLUMN, Math.max(plot / T, NARROWEST_COLUMN));
    /** Tokens in view. */
    this.visible = Math.min(T, Math.floor(plot / this.column + 1e-6));
    this.first = Math.max(0, Math.min(first, T - this.visible));
    /** Where the drawing ends. */
    this.end = this.left + this.visible * this.column;
  }

  /** @param {number} t @returns {number} Left edge of a column. */
  x(t) {
    return this.left + (t - this.first) * this.column;
  }

  /** @param {number} t @returns {number} */
  middle(t) {
    return this.x(t) + this.column / 2;
  }

  /** @param {number} t @returns {boolean} */
  shows(t) {
    return t >= this.first && t < this.first + this.visible;
  }

  /** @returns {number[]} Tokens in view. */
  get tokens() {
    return Array.from({ length: this.visible }, (_, i) => this.first + i);
  }

  /** The band of a token under study: on a fine axis wider than its column. @param {number} t */
  band(t) {
    const width = Math.max(this.column, 3);
    return { x: this.middle(t) - width / 2, width };
  }

  /** @param {number} x @returns {number} The nearest token in view. */
  tokenAt(x) {
    const t = this.first + Math.floor((x - this.left) / this.column);
    return Math.max(this.first, Math.min(t, this.first + this.visible - 1));
  }

  /** @param {number} t @returns {number} First token of a view that shows t, moved no further than needed. */
  firstToShow(t) {
    const room = Math.min(8, this.visible >> 2);
    if (t < this.first + room) return Math.max(0, t - room);
    if (t >= this.first + this.visible - room) {
      return Math.min(this.T - this.visible, t + room + 1 - this.visible);
    }
    return this.first;
  }

  /** @returns {number[]} Positions to write under the axis. */
  ticks() {
    const step = [1, 2, 4, 8, 16, 32, 64].find((size) => size * this.column >= 40) ?? 64;
    return this.tokens.filter((t) => t % step === 0);
  }
}

/** @param {Explorer} explorer
 * @param {{all: boolean, chosen: boolean}} change Whether more than head and token is another; whether
 *   it is kept, so that it may fade in. */
export function viewOf(explorer, { all, chosen }) {
  const { routing, state, shown, drawn, layout, data } = explorer;
  const { narrow, axisWidth } = layout;
  const { layer, head, other } = shown;
  const row = layer * routing.heads + head;
  const token = explorer.validToken(shown); // a link's text may be on its way
  const isPreview = shown !== state;
  const fit = new Axis(axisWidth, routing.T, narrow, drawn.first);
  const first = isPreview ? fit.first : fit.firstToShow(token);
  return {
    ...layout,
    state,
    routing,
    labels: routing.labels,
    row,
    layer,
    head,
    token,
    /** A second token that is lit; -1 for none. */
    other,
    isPreview,
    chosen,
    /** What is another than at the last drawing: anything beside head and token; the head. */
    dirty: { all, head: all || row !== drawn.row },
    axis: new Axis(axisWidth, routing.T, narrow, first),
    axisMoved: first !== drawn.first,
    palette: explorer.stage.palette(),
    config: data.config,
    off: new Set(state.off),
    usualKept: explorer.live.usualKept(routing.T),
    /** Over the text while it is not the one that was asked for. */
    exampleLabel: explorer.live.exampleLabel(state, routing),
    /** Says that k was moved without the model; empty otherwise. */
    whatIf: explorer.live.whatIf(state, routing),
    /** @param {number} t */
    word: (t) => wordAround(routing.texts, t),
    /** @param {number} id Of a vocabulary entry. */
    entry: (id) => {
      const piece = explorer.session.engine?.tokenizer.piece(id) ?? { text: `#${id}`, whole: true };
      const text = data.vocabulary[id] ?? (piece.whole ? piece.text : `<${piece.text}>`);
      return tokenLabels(["a", text])[1]; // as after a letter: what goes on with a word shows its dot
    },
  };
}
