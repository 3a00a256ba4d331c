/**
 * The one token axis that the score chart, the overview and the heads per token share.
 * @module
 */

const WIDEST_COLUMN = 24;
const NARROWEST_COLUMN = 2;

/** Where columns of tokens stand; all in CSS pixels. */
export class Axis {
  /**
   * @param {number} width Of the drawing.
   * @param {number} T Tokens.
   * @param {boolean} narrow On a phone.
   * @param {number} first First token in view; only matters when not all fit.
   */
  constructor(width, T, narrow, first) {
    this.width = width;
    this.T = T;
    this.narrow = narrow;
    this.left = narrow ? 30 : 58;
    this.right = narrow ? 10 : 48;
    const plot = Math.max(width - this.left - this.right, 40);
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

  /** @param {number} x @returns {number} The nearest token in view. */
  tokenAt(x) {
    const t = this.first + Math.floor((x - this.left) / this.column);
    return Math.max(this.first, Math.min(t, this.first + this.visible - 1));
  }

  /**
   * The first token of a view that shows a token, moved no further than needed.
   * @param {number} t
   * @returns {number}
   */
  firstToShow(t) {
    const room = Math.min(8, this.visible >> 2);
    if (t < this.first + room) return Math.max(0, t - room);
    if (t >= this.first + this.visible - room)
      return Math.min(this.T - this.visible, t + room + 1 - this.visible);
    return this.first;
  }

  /** @returns {number[]} Positions to write under the axis. */
  ticks() {
    const step = [1, 2, 4, 8, 16, 32, 64].find((size) => size * this.column >= 40) ?? 64;
    return Array.from({ length: Math.ceil(this.T / step) }, (_, i) => i * step).filter((t) =>
      this.shows(t),
    );
  }
}

/**
 * Round numbers for an axis from 0 to a highest value.
 * @param {number} highest
 * @returns {number[]}
 */
export function scoreTicks(highest) {
  const step =
    [0.5, 0.25, 0.1, 0.05, 0.02, 0.01].find((size) => highest / size >= 2) ?? highest / 2;
  return Array.from({ length: Math.floor(highest / step + 1e-9) + 1 }, (_, i) => i * step);
}
