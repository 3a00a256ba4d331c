/**
 * The words over the dots of the score chart: which fit, where they stand, how they are drawn.
 * @module
 */

import { placeLabels, svg } from "../lib/dom.js";
import { MONO } from "../lib/palette.js";

const LABEL_GAP = 20;
const FURTHEST_LABEL = 26;
const LONGEST_LABEL = 9;
const CHARACTER = 6.7; // of an 11 px monospaced label

/**
 * The picks worth a word: the best, as many as stand over their dots without long leaders.
 * @param {import("./view.js").View} view
 * @param {number[]} ranked Picks from the best to the worst.
 * @returns {{t: number, word: string, x: number}[]} From left to right.
 */
export function chooseLabels(view, ranked) {
  const { axis, token, labels } = view;
  const wish = (/** @type {number} */ t) => {
    const word =
      labels[t].length > LONGEST_LABEL ? `${labels[t].slice(0, LONGEST_LABEL - 1)}…` : labels[t];
    const most = axis.width + (axis.narrow ? 4 : 10) - (word.length * CHARACTER + 8) * Math.SQRT1_2;
    return { t, word, x: axis.middle(t), most };
  };
  const shown = ranked.filter((t) => axis.shows(t) && t !== token);
  const first = axis.shows(token) && view.routing.isKept(view.row, token) ? [token] : [];
  /** @type {ReturnType<typeof wish>[]} */
  let chosen = [];
  /** @type {number[]} */
  let places = [];
  for (const t of [...first, ...shown]) {
    const next = [...chosen, wish(t)].sort((a, b) => a.t - b.t);
    const tried = placeLabels(next, LABEL_GAP);
    const fits = next.every(
      (own, i) =>
        Math.abs(tried[i] - own.x) <= Math.max(FURTHEST_LABEL, own.x - own.most + LABEL_GAP / 2),
    );
    if (fits || t === token) [chosen, places] = [next, tried];
  }
  return chosen.map(({ t, word }, i) => ({ t, word, x: places[i] }));
}

/**
 * The words over some dots, each with a thread to its own.
 * @param {import("./view.js").View} view
 * @param {import("./score_drawing.js").Scale} scale
 * @param {ReturnType<typeof chooseLabels>} words
 * @returns {SVGElement[]}
 */
export function drawWords({ routing, row, token, axis, palette }, { y, top }, words) {
  return words.flatMap(({ t, word, x }) => {
    const at = t === token;
    const tip = Math.max(y(routing.score(row, t)) - 6, top + 2);
    const thread = `M${x.toFixed(1)} 51V54L${axis.middle(t).toFixed(1)} ${top + 2}V${tip.toFixed(1)}`;
    const line = {
      d: thread,
      fill: "none",
      stroke: at ? palette.cursor : palette.dense,
      "stroke-width": at ? 1.25 : 0.75,
    };
    const style = { fill: at ? palette.cursor_text : palette.ink, "font-weight": at ? 700 : 400 };
    const turn = {
      transform: `translate(${x.toFixed(1)} 48) rotate(-45)`,
      "font-family": MONO,
      "font-size": 11,
    };
    return [svg("path", line), svg("text", { ...turn, ...style }, word)];
  });
}
