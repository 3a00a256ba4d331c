/**
 * All losses on one axis, as differences from that of the trained router.
 * @module
 */

import { svg, writer } from "../lib/dom.js";
import { signed } from "../lib/format.js";
import { DRAWS } from "./arena.js";

const RIVAL_ROW = 28;
const RIVAL_TOP = 22;

/** @typedef {{name: string, loss: number | null, all?: number[], mark: "you" | "trained" | "random" | "off" | "found"}} Rival */

/**
 * Everybody whose loss is compared.
 * @param {import("./arena.js").Arena} arena
 * @param {number | null} yours Null while it is not known.
 * @returns {Rival[]}
 */
export function rivalsOf({ trainedLoss, random, off, found }, yours) {
  const mean = random.length ? random.reduce((sum, loss) => sum + loss, 0) / random.length : null;
  return [
    { name: "You", loss: yours, mark: "you" },
    { name: "Trained router", loss: trainedLoss, mark: "trained" },
    { name: `Random, mean of ${random.length || DRAWS}`, loss: mean, all: random, mark: "random" },
    { name: "Head off", loss: off, mark: "off" },
    { name: `Best of ${found.tries} swaps`, loss: found.tries ? found.loss : null, mark: "found" },
  ];
}

/**
 * @param {Rival[]} rivals
 * @param {number} width
 * @param {import("../lib/palette.js").Palette} palette
 * @returns {{nodes: SVGElement[], height: number}}
 */
export function drawRivals(rivals, width, palette) {
  const [left, right] = [width < 500 ? 112 : 140, width - (width < 500 ? 92 : 120)];
  const zero = /** @type {number} */ (rivals[1].loss);
  const known = rivals.flatMap(({ loss, all = [] }) => [...(loss === null ? [] : [loss - zero]), ...all.map((own) => own - zero)]);
  const [least, most] = [Math.min(-0.004, ...known), Math.max(0.004, ...known)];
  const step = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2].find((size) => (most - least) / size <= (width < 500 ? 3 : 6)) ?? 5;
  const [from, to] = [Math.floor(least / step) * step, Math.ceil(most / step) * step];
  const x = (/** @type {number} */ nats) => left + ((right - left) * (nats - from)) / (to - from);
  const bottom = RIVAL_TOP + rivals.length * RIVAL_ROW;
  const say = writer(palette);
  const ticks = Array.from({ length: Math.round((to - from) / step) + 1 }, (_, i) => from + i * step);
  const digits = step < 0.01 ? 3 : 2;
  const nodes = [
    say("better", { x: left, y: 11 }),
    say("worse", { x: right, y: 11, "text-anchor": "end" }),
    say("nats a token", { x: width, y: 11, "text-anchor": "end" }),
    ...ticks.flatMap((nats) => [
      svg("path", { d: `M${x(nats).toFixed(1)} ${RIVAL_TOP - 4}V${bottom}`, stroke: Math.abs(nats) < step / 2 ? palette.pick : palette.rule }),
      say(Math.abs(nats) < step / 2 ? "0" : signed(nats, digits), { x: x(nats), y: bottom + 14, "text-anchor": "middle" }),
    ]),
  ];
  rivals.forEach(({ name, loss, all = [], mark }, i) => {
    const y = RIVAL_TOP + (i + 0.5) * RIVAL_ROW;
    const bold = mark === "you" || mark === "trained" ? { "font-weight": 600, fill: mark === "you" ? palette.cursor_text : palette.pick } : {};
    nodes.push(say(width < 500 ? name.replace("Trained r", "R").replace(", mean of", " ×") : name, { x: 0, y: y + 4, ...bold }));
    const difference = loss === null || loss === zero ? "" : ` ${signed(loss - zero)}`;
    nodes.push(say(loss === null ? "…" : `${loss.toFixed(3)}${difference}`, { x: width, y: y + 4, "text-anchor": "end", ...bold }));
    nodes.push(...all.map((own) => svg("circle", { cx: x(own - zero), cy: y, r: 3, fill: "none", stroke: palette.quiet })));
    if (loss !== null) nodes.push(markOf(mark, x(loss - zero), y, palette));
  });
  return { nodes, height: bottom + 20 };
}

/**
 * @param {Rival["mark"]} mark
 * @param {number} x
 * @param {number} y
 * @param {import("../lib/palette.js").Palette} palette
 * @returns {SVGElement}
 */
function markOf(mark, x, y, palette) {
  const stroke = { stroke: palette.ink, "stroke-width": 2, fill: "none" };
  if (mark === "random") return svg("path", { ...stroke, d: `M${x} ${y - 7}v14` });
  if (mark === "off") return svg("path", { ...stroke, d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8` });
  if (mark === "found") return svg("path", { fill: palette.ink, d: `M${x} ${y - 6}l6 6l-6 6l-6 -6z` });
  return svg("circle", { cx: x, cy: y, r: mark === "you" ? 6 : 4, fill: mark === "you" ? palette.cursor : palette.pick });
}
