/**
 * Why these tokens: the router's score of every token, and the cut.
 * @module
 */

import { html, mono, svg } from "../dom.js";
import { fraction, headName, plural } from "../format.js";
import { MONO, SANS } from "../palette.js";
import { placeLabels, scoreTicks } from "./axis.js";
import { HEAD_LEVEL } from "./levels.js";
import { followPointer } from "./pointer.js";

const LABEL_GAP = 20;
const FURTHEST_LABEL = 26;
const LONGEST_LABEL = 9;
const CHARACTER = 6.7; // of an 11 px monospaced label

/**
 * @param {number} x
 * @param {number} y
 * @param {number} r
 * @returns {string} A circle as part of a path.
 */
const disc = (x, y, r) =>
  `M${(x - r).toFixed(1)} ${y.toFixed(1)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;

/**
 * The picks worth a word: the best, as many as stand over their dots without long leaders.
 * @param {import("./view.js").View} view
 * @param {number[]} ranked Picks from the best to the worst.
 * @returns {{t: number, word: string, x: number}[]} From left to right.
 */
function chooseLabels(view, ranked) {
  const { axis, token, labels } = view;
  const wish = (/** @type {number} */ t) => {
    const word = labels[t].length > LONGEST_LABEL ? `${labels[t].slice(0, LONGEST_LABEL - 1)}…` : labels[t];
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
      (own, i) => Math.abs(tried[i] - own.x) <= Math.max(FURTHEST_LABEL, own.x - own.most + LABEL_GAP / 2),
    );
    if (fits || t === token) [chosen, places] = [next, tried];
  }
  return chosen.map(({ t, word }, i) => ({ t, word, x: places[i] }));
}

/**
 * Where scores stand in the chart.
 * @param {import("./view.js").View} view
 */
function chartScale(view) {
  const { routing, row, axis } = view;
  const [top, height] = [axis.narrow ? 62 : 60, axis.narrow ? 142 : 148];
  let highest = 1e-6;
  for (let t = 0; t < routing.T; t++) highest = Math.max(highest, routing.score(row, t));
  const bottom = height - 6;
  const y = (/** @type {number} */ score) => bottom - (score / (1.04 * highest)) * (bottom - top);
  return { top, bottom, height, highest, y };
}

/** @typedef {ReturnType<typeof chartScale>} Scale */

/**
 * What changes with the head: grid, dots, stems and the cut.
 * @param {import("./view.js").View} view
 * @param {Scale} scale
 * @returns {SVGElement[]}
 */
function drawHead(view, scale) {
  const { routing, row, axis, palette } = view;
  const { y } = scale;
  const cut = routing.cut(row);
  const dense = axis.column < 4;
  const [small, large] = dense ? [1.5, 2.6] : [2, 3.5];
  let [out, kept, stems] = ["", "", ""];
  for (let t = axis.first; t < axis.first + axis.visible; t++) {
    const [x, level] = [axis.middle(t), y(routing.score(row, t))];
    if (!routing.isKept(row, t)) out += disc(x, level, small);
    else {
      kept += disc(x, level, large);
      if (cut) stems += `M${x.toFixed(1)} ${level.toFixed(1)}V${y(cut.value).toFixed(1)}`;
    }
  }
  const texts = { "font-family": SANS, "font-size": 11, fill: palette.ink2 };
  const grid = scoreTicks(scale.highest).flatMap((value) => {
    const line = svg("path", { d: `M${axis.left} ${y(value)}H${axis.end}`, stroke: palette.rule, "stroke-width": 0.75 });
    if (cut && axis.narrow && Math.abs(y(value) - y(cut.value)) < 12) return [line];
    const name = value ? fraction(value, 2).replace(/0$/, "") : "0";
    return [line, svg("text", { ...texts, x: axis.left - 6, y: y(value) + 4, "text-anchor": "end" }, name)];
  });
  return [
    ...grid,
    svg("path", { d: out, fill: palette.ground, stroke: palette.quiet }),
    svg("path", { d: stems, stroke: palette.pick, "stroke-width": dense ? 1.25 : 2, class: "stems" }),
    svg("path", { d: kept, fill: palette.pick, stroke: palette.ground, "stroke-width": 0.75 }),
  ];
}

/**
 * The thick line between the last token in and the first out, with its value, at height 0.
 * @param {import("./view.js").View} view
 * @returns {SVGElement[]}
 */
function drawCut({ axis, palette, routing, row }) {
  const cut = routing.cut(row);
  if (!cut) return [];
  const place = axis.narrow ? { x: axis.left - 4, "text-anchor": "end" } : { x: axis.end + 6 };
  const text = { ...place, y: 4, "font-family": SANS, "font-size": 11, fill: palette.ink };
  return [
    svg("path", { d: `M${axis.left} 0H${axis.end}`, stroke: palette.ink, "stroke-width": 1.75 }),
    svg("text", { ...text, "font-weight": 700 }, fraction(cut.value)),
    ...(axis.narrow ? [] : [svg("text", { ...text, y: 17, fill: palette.ink2 }, "cut")]),
  ];
}

/**
 * @param {import("./view.js").View} view
 * @param {Scale} scale
 * @returns {string} Where the cut runs, in pixels from the top.
 */
const cutLevel = ({ routing, row }, { y }) => y(routing.cut(row)?.value ?? 0).toFixed(1);

/**
 * The words over some dots, each with a thread to its own.
 * @param {import("./view.js").View} view
 * @param {Scale} scale
 * @param {ReturnType<typeof chooseLabels>} words
 * @returns {SVGElement[]}
 */
function drawWords({ routing, row, token, axis, palette }, { y, top }, words) {
  return words.flatMap(({ t, word, x }) => {
    const at = t === token;
    const tip = Math.max(y(routing.score(row, t)) - 6, top + 2);
    const thread = `M${x.toFixed(1)} 51V54L${axis.middle(t).toFixed(1)} ${top + 2}V${tip.toFixed(1)}`;
    const line = { d: thread, fill: "none", stroke: at ? palette.cursor : palette.dense, "stroke-width": at ? 1.25 : 0.75 };
    const style = { fill: at ? palette.cursor_text : palette.ink, "font-weight": at ? 700 : 400 };
    const turn = { transform: `translate(${x.toFixed(1)} 48) rotate(-45)`, "font-family": MONO, "font-size": 11 };
    return [svg("path", line), svg("text", { ...turn, ...style }, word)];
  });
}

/**
 * What changes with the token: its column, its dot and its word.
 * @param {import("./view.js").View} view
 * @param {Scale} scale
 * @returns {{under: SVGElement[], words: ReturnType<typeof chooseLabels>, over: SVGElement[]}} `words`
 *   are those of the other picks.
 */
function drawToken(view, scale) {
  const { routing, row, token, axis, palette } = view;
  const { y, top, height } = scale;
  const ranked = routing.ranked(row);
  const words = chooseLabels(view, ranked.length ? ranked : Array.from(routing.picks[row]));
  const others = words.filter(({ t }) => t !== token);
  const over = drawWords(view, scale, words.filter(({ t }) => t === token));
  if (!axis.shows(token)) return { under: [], words: others, over };
  const kept = routing.isKept(row, token);
  const [x, level] = [axis.middle(token), y(routing.score(row, token))];
  const cut = routing.cut(row);
  if (cut) over.push(svg("path", { d: `M${x} ${level}V${y(cut.value)}`, stroke: palette.cursor, "stroke-width": 2 }));
  const dot = { d: disc(x, level, kept ? 4.5 : 4), stroke: palette.cursor, "stroke-width": 2 };
  over.push(svg("path", { ...dot, fill: kept ? palette.cursor : palette.ground }));
  const width = Math.max(axis.column, 3);
  const column = { x: x - width / 2, y: top - 4, width, height: height - top + 4, fill: palette.cursor_wash };
  return { under: [svg("rect", column)], words: others, over };
}

/**
 * The whole chart at once, for a picture to keep.
 * @param {import("./view.js").View} view
 * @returns {{node: SVGElement, height: number}}
 */
export function drawChart(view) {
  const scale = chartScale(view);
  const { under, words, over } = drawToken(view, scale);
  const cut = svg("g", {}, ...drawCut(view));
  cut.setAttribute("transform", `translate(0 ${cutLevel(view, scale)})`);
  const node = svg("g", {}, ...under, ...drawHead(view, scale), cut, ...drawWords(view, scale, words), ...over);
  return { node, height: scale.height };
}

/** @param {import("./view.js").Actions} actions */
export function scorePanel(actions) {
  const note = html("span", { class: "note" });
  const [under, head, others, over] = [svg("g"), svg("g"), svg("g"), svg("g")];
  const cut = svg("g", { class: "cut" }); // it stays, so that it can slide
  const chart = svg("svg", { role: "img", class: "chart" }, under, head, cut, others, over);
  let words = ""; // the words that stand there: SVG text is slow to lay out
  const node = html(
    "section",
    { class: "pad why", "aria-label": "Why these tokens" },
    html("div", { class: "line" }, html("span", { class: "h" }, "Why these tokens"), note),
    chart,
  );
  /** @type {import("./view.js").View} */
  let view;
  followPointer(chart, {
    preview: (x) => actions.preview({ token: view.axis.tokenAt(x) }),
    lock: (x) => actions.lock({ token: view.axis.tokenAt(x) }),
    leave: () => actions.leave(),
  });
  return {
    node,
    /**
     * @param {import("./view.js").View} next
     * @param {number} level
     */
    update(next, level) {
      view = next;
      const scale = chartScale(view);
      const redraw = level >= HEAD_LEVEL || view.axisMoved;
      if (redraw) {
        const [width, height] = [view.axis.width, scale.height];
        for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) {
          chart.setAttribute(name, `${value}`);
        }
        chart.setAttribute("aria-label", chartSentence(view));
        note.replaceChildren(...cutNote(view));
        head.replaceChildren(...drawHead(view, scale));
        cut.replaceChildren(...drawCut(view));
        cut.style.transform = `translateY(${cutLevel(view, scale)}px)`;
      }
      const parts = drawToken(view, scale);
      const signature = parts.words.map(({ t, x }) => `${t}:${x.toFixed(1)}`).join();
      if (redraw || signature !== words) others.replaceChildren(...drawWords(view, scale, parts.words));
      words = signature;
      under.replaceChildren(...parts.under);
      over.replaceChildren(...parts.over);
    },
  };
}

/** @param {import("./view.js").View} view @returns {(Node | string)[]} */
function cutNote({ routing, row, labels, axis }) {
  const cut = routing.cut(row);
  if (!cut) return ["This head does not keep its best scores."];
  const score = (/** @type {number} */ t) => ` ${fraction(routing.score(row, t))}`;
  const lead = axis.narrow ? [] : ["Router score of every token. "];
  const last = [...lead, "Last in ", mono(labels[cut.last]), score(cut.last)];
  if (cut.first < 0) return [...last, "; nothing is left out"];
  const tie = cut.tie ? " (a tie: the earlier position wins)" : "";
  return [...last, ", first out ", mono(labels[cut.first]), score(cut.first), tie];
}

/** @param {import("./view.js").View} view */
function chartSentence({ routing, row, layer, head }) {
  const cut = routing.cut(row);
  const kept = plural(routing.picks[row].length, "token");
  const where = cut ? ` at or above the cut of ${fraction(cut.value)}` : "";
  return `Router scores of ${headName(layer, head)}: ${kept} of ${routing.T}${where}.`;
}
