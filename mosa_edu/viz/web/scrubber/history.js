/**
 * A recorded `RoutingHistory`, as the scrubber reads it.
 * @module
 */

import { decodeArray } from "../lib/arrays.js";
import { count, tokenLabels } from "../lib/format.js";

/** Picks of every head on one text, at every recorded step. */
export class History {
  /** @param {Record<string, any>} json As Python wrote it. */
  constructor({ name, pieces, steps, losses, tokens_seen: seen, indices }) {
    this.numbers = decodeArray(indices);
    /** @type {number[]} */
    [, this.layers, this.heads, this.k] = indices.shape;
    /** @type {string} of the run */
    this.name = name;
    /** @type {string} */
    this.text = pieces.join("");
    /** @type {string[]} */
    this.labels = tokenLabels(pieces);
    /** @type {number[]} */
    this.steps = steps;
    /** @type {number[]} */
    this.losses = losses;
    /** @type {number[]} */
    this.seen = seen;
    this.T = pieces.length;
    this.last = steps.length - 1;
  }

  /**
   * @param {number} stop Which recorded step.
   * @param {number} layer
   * @param {number} head
   * @returns {number[]} Positions kept, ascending.
   */
  picks(stop, layer, head) {
    const start = ((stop * this.layers + layer) * this.heads + head) * this.k;
    return [...new Set(this.numbers.subarray(start, start + this.k))].sort((s, t) => s - t);
  }

  /** @param {number} stop @param {number} other @param {number} layer @param {number} head */
  shared(stop, other, layer, head) {
    const kept = new Set(this.picks(other, layer, head));
    return this.picks(stop, layer, head).filter((t) => kept.has(t)).length;
  }
}

/**
 * @typedef {Object} ScrubState
 * @property {string} text Name of a history.
 * @property {number} step Of the training, a recorded one.
 * @property {number} stop Which recorded step that is.
 * @property {number} layer
 * @property {number} head
 * @property {"start" | "before"} against What the picks are compared with.
 * @property {"figure" | "table"} view
 */

/** @param {ScrubState} state @returns {number} The stop that the picks are compared with. */
export const otherStop = ({ stop, against }) => (against === "start" ? 0 : Math.max(0, stop - 1));

/**
 * What changed, in words; `mosa_edu.viz.scrubber` says the same of the last step.
 * @param {History} history
 * @param {ScrubState} state
 */
export function scrubFinding(history, state) {
  const { stop, layer, head } = state;
  const other = otherStop(state);
  const { steps, k, last } = history;
  const same = history.shared(stop, other, layer, head);
  const isStart = state.against === "start";
  const when = isStart ? `By step ${count(steps[stop])}` : `Since step ${count(steps[other])}`;
  const of = isStart ? "picks it began with" : "picks of the step before";
  const end = stop === last ? "" : ` and ${history.shared(stop, last, layer, head)} of those it ends with`;
  return {
    who: `${when} head L${layer}·H${head} has `,
    keeps: `changed ${k - same || "none"} of its ${k} picks`,
    what: ".",
    detail: `It has ${same} of the ${k} ${of}${end}. Loss on this text: ${history.losses[stop].toFixed(2)} nats a token.`,
  };
}
