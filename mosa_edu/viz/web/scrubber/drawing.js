/**
 * The loss line with its stops, and the picks of two steps under each other.
 * @module
 */

import { placeLabels, svg, writer } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { MONO } from "../lib/palette.js";
import { otherStop } from "./history.js";

const LINE = 84;
const CODE_TOP = 130;
const BAR = 14;

/**
 * @param {number} width
 * @param {number} last Number of the last stop.
 */
export function scrubScale(width, last) {
  const [left, right] = [width < 500 ? 20 : 76, width - 24];
  return { left, right, x: (/** @type {number} */ stop) => left + ((right - left) * stop) / Math.max(last, 1) };
}

/**
 * @param {import("./history.js").History} history
 * @param {import("./history.js").ScrubState} state
 * @param {number} width
 * @param {import("../lib/palette.js").Palette} palette
 * @returns {{nodes: SVGElement[], height: number}}
 */
export function drawScrub(history, state, width, palette) {
  const { left, right, x } = scrubScale(width, history.last);
  const { losses, steps, last, T, labels } = history;
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const y = (/** @type {number} */ loss) => 24 + ((LINE - 24) * (high - loss)) / Math.max(high - low, 1e-9);
  const say = writer(palette);
  const { stop, layer, head } = state;
  const other = otherStop(state);
  const ends = [0, last].filter((end) => Math.abs(x(end) - x(stop)) > 44);
  const named = (/** @type {number} */ at) => ({ x: x(at), "text-anchor": at > last / 2 ? "end" : "start" });
  const column = (right - left) / T;
  const middle = (/** @type {number} */ t) => left + (t + 0.5) * column;
  /** @param {number[]} picks @param {number} top @param {string} fill */
  const code = (picks, top, fill) =>
    svg("path", { fill, d: picks.map((t) => `M${(middle(t) - 0.4 * column).toFixed(1)} ${top}h${(0.8 * column).toFixed(1)}v${BAR}h${(-0.8 * column).toFixed(1)}z`).join("") });
  const [picks, before] = [history.picks(stop, layer, head), history.picks(other, layer, head)];
  const narrow = left < 40;
  // In the gutter there is room for the names of both rows; on a phone they stand over them.
  const [upper, lower] = narrow ? [CODE_TOP + 23, CODE_TOP + 58] : [CODE_TOP + 8, CODE_TOP + 26];
  const axis = lower + BAR + 3;
  const name = (/** @type {number} */ top) => (narrow ? { x: left, y: top - 5 } : { x: 0, y: top + 11 });
  const places = placeLabels(picks.map((t) => ({ x: middle(t), most: right })), width < 500 ? 14 : 18);
  const kept = new Set(before);
  const words = picks.flatMap((t, i) => [
    svg("path", { d: `M${middle(t)} ${axis}V${axis + 3}L${places[i]} ${axis + 9}`, stroke: palette.rule, fill: "none" }),
    svg("text", { "font-family": MONO, "font-size": 12, fill: kept.has(t) ? palette.ink2 : palette.ink, "font-weight": kept.has(t) ? 400 : 600, transform: `translate(${places[i] - 2} ${axis + 18}) rotate(45)` }, labels[t]),
  ]);
  const longest = Math.max(...picks.map((t) => labels[t].length), 1);
  const nodes = [
    say(narrow ? "" : "Loss", { x: 0, y: y(losses[0]) + 4 }),
    svg("path", { d: `M${losses.map((loss, i) => `${x(i).toFixed(1)} ${y(loss).toFixed(1)}`).join("L")}`, fill: "none", stroke: palette.quiet, "stroke-width": 1.5 }),
    ...losses.map((loss, i) => svg("circle", { cx: x(i), cy: y(loss), r: 2.5, fill: palette.ground, stroke: palette.quiet })),
    ...ends.map((end) => say(losses[end].toFixed(2), { ...named(end), y: y(losses[end]) - 8 })),
    svg("circle", { cx: x(stop), cy: y(losses[stop]), r: 5, fill: palette.cursor }),
    say(losses[stop].toFixed(2), { ...named(stop), y: y(losses[stop]) - 8, fill: palette.ink, "font-weight": 600 }),
    ...ends.map((end) => say(`${end ? "" : "step "}${count(steps[end])}`, { ...named(end), y: LINE + 38 })),
    say(`${stop && ends.includes(0) ? "" : "step "}${count(steps[stop])}`, { ...named(stop), y: LINE + 38, fill: palette.cursor_text, "font-weight": 600 }),
    say(`step ${count(steps[other])}`, name(upper)),
    code(before, upper, palette.quiet),
    say(`step ${count(steps[stop])}`, { ...name(lower), fill: palette.pick, "font-weight": 600 }),
    code(picks, lower, palette.pick),
    svg("path", { d: `M${left} ${axis}H${right}`, stroke: palette.rule }),
    ...words,
  ];
  return { nodes, height: Math.max(240, Math.ceil(axis + 30 + longest * 5.2)) };
}
