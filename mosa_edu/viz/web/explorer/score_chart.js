// Why these tokens: the router's score of every token, and the cut.

import { div, html, mono, setAttribute, span, svg } from "../lib/dom.js";
import { path, placeLabels } from "../lib/drawing.js";
import { followPointer } from "../lib/figure.js";
import { fraction, headName, plural } from "../lib/format.js";
import { MONO, SANS } from "../lib/palette.js";

const LABEL_GAP = 20;
const FURTHEST_LABEL = 26;
const LONGEST_LABEL = 9;
const CHARACTER = 6.7; // of an 11 px monospaced label

/** @typedef {import("./view.js").View} View */
/** @typedef {{top: number, height: number, highest: number, y: (score: number) => number}} Scale */
/** @typedef {{t: number, word: string, x: number}} Label */

/** @param {number} x @param {number} y @param {number} r @returns {string} A circle as part of a path. */
const disc = (x, y, r) =>
  `M${(x - r).toFixed(1)} ${y.toFixed(1)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;

/** Where scores stand in the chart. @param {View} view @returns {Scale} */
function chartScale({ routing, row, axis }) {
  const [top, height] = axis.narrow ? [62, 142] : [60, 148];
  const bottom = height - 6;
  let highest = 1e-6;
  for (let t = 0; t < routing.T; t++) highest = Math.max(highest, routing.score(row, t));
  const y = (/** @type {number} */ score) => bottom - (score / (1.04 * highest)) * (bottom - top);
  return { top, height, highest, y };
}

/** @param {number} highest @returns {number[]} Round numbers for an axis from 0. */
function scoreTicks(highest) {
  const steps = [0.5, 0.25, 0.1, 0.05, 0.02, 0.01];
  const step = steps.find((size) => highest / size >= 2) ?? highest / 2;
  return Array.from({ length: Math.floor(highest / step + 1e-9) + 1 }, (_, i) => i * step);
}

/** What changes with the head: grid, dots and stems. @param {View} view @param {Scale} scale */
function drawHead(view, { y, highest }) {
  const { routing, row, axis, palette } = view;
  const cut = routing.cut(row);
  const dense = axis.column < 4;
  const [small, large] = dense ? [1.5, 2.6] : [2, 3.5];
  let [out, kept, stems] = ["", "", ""];
  for (const t of axis.tokens) {
    const [x, level] = [axis.middle(t), y(routing.score(row, t))];
    if (!routing.isKept(row, t)) out += disc(x, level, small);
    else {
      kept += disc(x, level, large);
      if (cut) stems += `M${x.toFixed(1)} ${level.toFixed(1)}V${y(cut.value).toFixed(1)}`;
    }
  }
  const style = { "font-family": SANS, "font-size": 11, fill: palette.ink2, "text-anchor": "end" };
  const grid = scoreTicks(highest).flatMap((value) => {
    const d = `M${axis.left} ${y(value)}H${axis.end}`;
    const line = path(d, { stroke: palette.rule, "stroke-width": 0.75 });
    if (cut && axis.narrow && Math.abs(y(value) - y(cut.value)) < 12) return [line];
    const name = value ? fraction(value, 2).replace(/0$/, "") : "0";
    return [line, svg("text", { ...style, x: axis.left - 6, y: y(value) + 4 }, name)];
  });
  const stem = { stroke: palette.pick, "stroke-width": dense ? 1.25 : 2 };
  return [
    ...grid,
    path(out, { fill: palette.ground, stroke: palette.quiet }),
    path(stems, { ...stem, class: view.chosen ? "stems fades" : "stems" }),
    path(kept, { fill: palette.pick, stroke: palette.ground, "stroke-width": 0.75 }),
  ];
}

/** The thick line between the last token in and the first out, with its value, at height 0. @param {View} view */
function drawCut({ axis, palette, routing, row }) {
  const cut = routing.cut(row);
  if (!cut) return [];
  const place = axis.narrow ? { x: axis.left - 4, "text-anchor": "end" } : { x: axis.end + 6 };
  const text = { ...place, y: 4, "font-family": SANS, "font-size": 11, fill: palette.ink };
  return [
    path(`M${axis.left} 0H${axis.end}`, { stroke: palette.ink, "stroke-width": 1.75 }),
    svg("text", { ...text, "font-weight": 700 }, fraction(cut.value)),
    ...(axis.narrow ? [] : [svg("text", { ...text, y: 17, fill: palette.ink2 }, "cut")]),
  ];
}

/** Where the cut runs, in pixels from the top. @param {View} view @param {Scale} scale */
const cutHeight = ({ routing, row }, { y }) => y(routing.cut(row)?.value ?? 0).toFixed(1);

/**
 * The picks worth a word: the best, as many as stand over their dots without long leaders.
 * @param {View} view @returns {Label[]} From left to right.
 */
function chooseLabels({ axis, token, labels, routing, row }) {
  const wish = (/** @type {number} */ t) => {
    const isLong = labels[t].length > LONGEST_LABEL;
    const word = isLong ? `${labels[t].slice(0, LONGEST_LABEL - 1)}…` : labels[t];
    const most = axis.width + (axis.narrow ? 4 : 10) - (word.length * CHARACTER + 8) * Math.SQRT1_2;
    return { t, word, x: axis.middle(t), most };
  };
  const ranked = routing.ranked(row);
  const best = ranked.length ? ranked : Array.from(routing.picks[row]);
  const own = axis.shows(token) && routing.isKept(row, token) ? [token] : [];
  /** @type {ReturnType<typeof wish>[]} */
  let chosen = [];
  /** @type {number[]} */
  let places = [];
  for (const t of [...own, ...best.filter((other) => axis.shows(other) && other !== token)]) {
    const next = [...chosen, wish(t)].sort((a, b) => a.t - b.t);
    const tried = placeLabels(next, LABEL_GAP);
    const fits = next.every(({ x, most }, i) => {
      return Math.abs(tried[i] - x) <= Math.max(FURTHEST_LABEL, x - most + LABEL_GAP / 2);
    });
    if (fits || t === token) [chosen, places] = [next, tried];
  }
  return chosen.map(({ t, word }, i) => ({ t, word, x: places[i] }));
}

/** The words over some dots, each with a thread to its own. @param {View} view @param {Scale} scale @param {Label[]} words */
function drawWords({ routing, row, token, axis, palette }, { y, top }, words) {
  return words.flatMap(({ t, word, x }) => {
    const at = t === token;
    const tip = Math.max(y(routing.score(row, t)) - 6, top + 2);
    const d = `M${x.toFixed(1)} 51V54L${axis.middle(t).toFixed(1)} ${top + 2}V${tip.toFixed(1)}`;
    const stroke = at
      ? { stroke: palette.cursor, "stroke-width": 1.25 }
      : { stroke: palette.dense, "stroke-width": 0.75 };
    const style = { fill: at ? palette.cursor_text : palette.ink, "font-weight": at ? 700 : 400 };
    const transform = `translate(${x.toFixed(1)} 48) rotate(-45)`;
    return [
      path(d, { fill: "none", ...stroke }),
      svg("text", { transform, "font-family": MONO, "font-size": 11, ...style }, word),
    ];
  });
}

/** What changes with the token: its column, its dot and its word. @param {View} view @param {Scale} scale */
function drawToken(view, scale) {
  const { routing, row, token, axis, palette } = view;
  const { y, top, height } = scale;
  const chosen = chooseLabels(view);
  /** Of the other picks. */
  const words = chosen.filter(({ t }) => t !== token);
  const over = drawWords(view, scale, chosen.filter(({ t }) => t === token));
  if (!axis.shows(token)) return { under: [], words, over };
  const kept = routing.isKept(row, token);
  const [x, level] = [axis.middle(token), y(routing.score(row, token))];
  const cut = routing.cut(row);
  const stroke = { stroke: palette.cursor, "stroke-width": 2 };
  if (cut) over.push(path(`M${x} ${level}V${y(cut.value)}`, { ...stroke }));
  const fill = kept ? palette.cursor : palette.ground;
  over.push(path(disc(x, level, kept ? 4.5 : 4), { ...stroke, fill }));
  const column = { ...axis.band(token), y: top - 4, height: height - top + 4 };
  return { under: [svg("rect", { ...column, fill: palette.cursor_wash })], words, over };
}

/** The whole chart at once, for a picture to keep. @param {View} view */
export function drawChart(view) {
  const scale = chartScale(view);
  const { under, words, over } = drawToken(view, scale);
  const transform = `translate(0 ${cutHeight(view, scale)})`;
  const cut = svg("g", { transform }, ...drawCut(view));
  const parts = [...drawHead(view, scale), cut, ...drawWords(view, scale, words)];
  return { node: svg("g", {}, ...under, ...parts, ...over), height: scale.height };
}

/** @param {View} view @returns {(Node | string)[]} */
function cutNote({ routing, row, labels, axis }) {
  const cut = routing.cut(row);
  if (!cut) return ["This head does not keep its best scores."];
  const score = (/** @type {number} */ t) => ` ${fraction(routing.score(row, t))}`;
  const lead = axis.narrow ? [] : ["Router score of every token. "];
  const last = [...lead, "Last in ", mono(labels[cut.last]), score(cut.last)];
  if (cut.first < 0) return [...last, "; nothing is left out"];
  const tie = cut.tie ? ` (level: ${cut.tie})` : "";
  return [...last, ", first out ", mono(labels[cut.first]), score(cut.first), tie];
}

/** @param {View} view */
function chartSentence({ routing, row, layer, head }) {
  const cut = routing.cut(row);
  const kept = plural(routing.picks[row].length, "token");
  const where = cut ? ` at or above the cut of ${fraction(cut.value)}` : "";
  return `Router scores of ${headName(layer, head)}: ${kept} of ${routing.T}${where}.`;
}

/** @param {import("../explorer.js").Explorer} explorer */
export function scorePanel(explorer) {
  const note = span("note");
  const [under, head, others, over] = [svg("g"), svg("g"), svg("g"), svg("g")];
  const cut = svg("g", { class: "cut" }); // it stays, so that it can slide
  const chart = svg("svg", { role: "img", class: "chart" }, under, head, cut, others, over);
  const title = span("h", "Why these tokens");
  const line = div("line", title, note);
  let drawn = ""; // the words that stand there: SVG text is slow to lay out
  /** @type {View} */
  let view;
  followPointer(chart, explorer, (x) => ({ token: view.axis.tokenAt(x) }));
  return {
    node: html("section", { class: "pad why", "aria-label": "Why these tokens" }, line, chart),
    /** @param {View} next */
    update(next) {
      view = next;
      const scale = chartScale(view);
      const redraw = view.dirty.head || view.axisMoved;
      if (redraw) {
        setAttribute(chart, "width", `${view.axis.width}`);
        setAttribute(chart, "height", `${scale.height}`);
        setAttribute(chart, "aria-label", chartSentence(view));
        note.replaceChildren(...cutNote(view));
        head.replaceChildren(...drawHead(view, scale));
        cut.replaceChildren(...drawCut(view));
        cut.classList.toggle("fades", view.chosen);
        cut.style.transform = `translateY(${cutHeight(view, scale)}px)`;
      }
      const parts = drawToken(view, scale);
      const words = parts.words.map(({ t, x }) => `${t}:${x.toFixed(1)}`).join();
      if (redraw || words !== drawn) {
        others.replaceChildren(...drawWords(view, scale, parts.words));
      }
      drawn = words;
      under.replaceChildren(...parts.under);
      over.replaceChildren(...parts.over);
    },
  };
}
