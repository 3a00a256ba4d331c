/**
 * The stored texts with the orders of their scores, and what the six rules make of one.
 * @module
 */

import { bytesOf } from "../lib/arrays.js";
import { tokenLabels } from "../lib/format.js";
import { zooMasks } from "./masks.js";

/**
 * A text as Python stores it.
 * @typedef {Object} StoredText
 * @property {string} name
 * @property {string} title
 * @property {string[]} pieces The tokens as written.
 * @property {number} layers
 * @property {number} heads
 * @property {number} sparsity Of the model.
 * @property {string} order Base64: positions from best to worst, of every layer and head.
 */

/**
 * What the reader studies.
 * @typedef {Object} ZooState
 * @property {string} text Name of a text.
 * @property {number} layer
 * @property {number} head
 * @property {number} sparsity
 * @property {number} tokens How many of the text are read.
 * @property {number} query Row under study.
 * @property {import("./masks.js").MaskName} mask Square whose choice the text shows.
 * @property {"figure" | "table"} view
 */

/**
 * A state with all that follows from it.
 * @typedef {Object} ZooView
 * @property {ZooState} state
 * @property {string} name
 * @property {string[]} pieces
 * @property {string[]} labels
 * @property {number} T Tokens of the whole text.
 * @property {number} heads
 * @property {boolean} asTraced Whether nothing is held that would move in the model.
 * @property {import("./masks.js").ZooMask[]} masks
 * @property {import("./masks.js").ZooMask[]} whole The same rules on the whole text.
 */

export class ZooTexts {
  /** @param {StoredText[]} stored At least one, all of one model. */
  constructor(stored) {
    this.stored = stored;
    const [{ layers, heads }] = stored;
    this.layers = layers;
    this.heads = heads;
    /** @type {Map<string, {text: StoredText, labels: string[], order: Uint8Array}>} */
    this.opened = new Map();
  }

  /** @param {string} name */
  open(name) {
    const text = this.stored.find((own) => own.name === name) ?? this.stored[0];
    const found = this.opened.get(text.name) ?? {
      text,
      labels: tokenLabels(text.pieces),
      order: bytesOf(text.order),
    };
    this.opened.set(text.name, found);
    return found;
  }

  /** @param {ZooState} state @returns {ZooView} */
  view(state) {
    const { text, labels, order } = this.open(state.text);
    const { pieces, heads, sparsity, name } = text;
    const T = pieces.length;
    const start = (state.layer * heads + state.head) * T;
    const own = order.subarray(start, start + T);
    const masks = (/** @type {number} */ tokens) =>
      zooMasks({ T: tokens, length: T, sparsity: state.sparsity, seed: 0, order: own });
    const asTraced = state.tokens === T && state.sparsity === sparsity;
    return {
      state,
      name,
      pieces,
      labels,
      T,
      heads,
      asTraced,
      masks: masks(state.tokens),
      whole: masks(T),
    };
  }
}
