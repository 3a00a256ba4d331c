// What a reader takes from the explorer: a table, a cell of Python, one picture with its provenance.

import { layerNames, path, writer } from "../lib/drawing.js";
import { cardTable } from "../lib/card.js";
import { findingOf, sentenceOf } from "./card.js";
import { mono, svg, wellFormed } from "../lib/dom.js";
import {
  broken,
  PICTURE_MARGIN,
  PICTURE_WIDTH,
  pictureDocument,
  pythonCell,
  pythonModel,
  pythonString,
} from "../lib/export.js";
import { fraction, headName, headOf, rowName, signed } from "../lib/format.js";
import { LIGHT, MONO, SANS } from "../lib/palette.js";
import { arrangeRows, marksOf } from "./overview.js";
import { drawChart } from "./score_chart.js";
import { Axis } from "./view.js";

/** @typedef {import("./view.js").View} View */

/**
 * All that the figure draws of a head: every token, the best first.
 * @param {View} view @param {number} [most] Rows at most.
 */
export function buildTable({ layer, head, row, token, routing, labels }, most = Infinity) {
  const cut = routing.cut(row);
  const weights = routing.weights(row, token);
  const order = Array.from(routing.source.order(row)).slice(0, most);
  const kept = (/** @type {number} */ t) => routing.isKept(row, t);
  const last = order.findLast(kept);
  const lines = order.map((t, i) => {
    const score = routing.score(row, t);
    const weight = weights.get(t);
    return [
      `${i + 1}`,
      `${t}`,
      mono(labels[t]),
      fraction(score),
      cut ? signed(score - cut.value) : "",
      kept(t) ? "yes" : "no",
      weight === undefined ? "" : fraction(weight, 2),
      `${routing.perToken[t]}`,
    ];
  });
  const names = "Rank,Position,Token,Score,Margin to cut,Picked,Attention".split(",");
  const caption = `Layer ${layer}, head ${head}: every token, in order of the router's score`;
  return cardTable([[...names, `Heads of ${routing.rows}`], ...lines], caption, [2, 5], (i) => {
    const t = order[i];
    const marks = [kept(t) && "kept", t === token && "at", t === last && "last"].filter(Boolean);
    return { class: marks.join(" ") || null, "data-t": t };
  });
}

/** One line a head and token. @param {View} view @returns {(string | number)[][]} Headings first. */
export function rowsOf({ routing }) {
  const names = ["layer", "head", "position", "token_id", "token", "score", "rank", "picked"];
  const rows = routing.picks.flatMap((_, row) => {
    const head = Object.values(headOf(row, routing.heads));
    return routing.tokens.map(({ id, text }, t) => {
      const score = routing.score(row, t).toFixed(6);
      const kept = Number(routing.isKept(row, t));
      return [...head, t, id, text, score, routing.rank(row, t), kept];
    });
  });
  return [names, ...rows];
}

/** Lines of Python that change the model as the reader has changed it. @param {View} view */
function pythonChanges({ state: { off, first }, routing }) {
  const silent = off.map((row) => {
    const { layer, head } = headOf(row, routing.heads);
    return `model.blocks[${layer}].attention.sparse.w_out.data[${head}] = 0  # switched off`;
  });
  if (first === null) return silent;
  const slot = `    block.attention.sparse.selector.include_first = ${first ? "True" : "False"}`;
  return [...silent, "for block in model.blocks:", slot];
}

/** A cell that gives the numbers of the picture. @param {View} view @param {string} name Of the model. */
export function pythonOf(view, name) {
  const { routing, layer, head, row, state, token, whatIf } = view;
  const shown = routing.texts.join("");
  const written = wellFormed(state.text ?? shown);
  // A cut may part a word or a character: the beginning alone would be other tokens.
  const isCut = written !== shown && written.startsWith(shown);
  const spans = `lambda own, spans=tokenizer.spans: spans(own)[:${routing.T}]`;
  const at = `${layer}, ${head}`;
  const picks = state.k === null
    ? [`print(trace.selected(${at}).tolist())`]
    : [`print(sorted(trace.order[${at}, :${state.k}].tolist()))  # the best ${state.k}`];
  if (state.k !== null && !whatIf) {
    picks.push("# The page ran every head at this k; here only this head's cut is moved.");
  }
  const score = `float(trace.router_scores()[${at}, ${token}])`;
  return pythonCell(
    ...(isCut ? ["from types import SimpleNamespace", ""] : []),
    ...pythonModel(name),
    `text = ${pythonString(isCut ? written : shown)}`,
    ...(isCut ? [`tokenizer = SimpleNamespace(spans=${spans})`] : []),
    ...pythonChanges(view),
    `trace = mosa_edu.trace(model, tokenizer, text)`,
    ...picks,
    `print(round(${score}, 3))  # ${routing.isKept(row, token) ? "picked" : "not picked"}`,
  );
}

/** Where a picture comes from. @param {View} view @param {string} about @param {string} address @returns {string[]} Lines. */
export function provenanceOf({ layer, head, routing, state, whatIf }, about, address) {
  const changes = [
    ...state.off.map((row) => `${rowName(row, routing.heads)} switched off`),
    ...(state.first === null ? [] : ["seat of token 0 changed"]),
    ...(whatIf ? [whatIf] : state.k === null ? [] : [`k = ${state.k}`]),
  ];
  const changed = changes.map((change) => `Changed: ${change}.`);
  return [`${headName(layer, head)}, zero-based. ${about}`, ...changed, address];
}

const CELL = 8.4; // of a 14 px monospaced character
const TEXT_LINE = 26;
const WIDE = /[\u1100-\uffdf]|\p{Extended_Pictographic}/u;

/** @param {string} text */
const widthOf = (text) =>
  Array.from(text).reduce((sum, character) => sum + (WIDE.test(character) ? 2 : 1), 0) * CELL;

/** The tokens in lines, picks in reverse. @param {View} view */
function pictureText({ routing, labels, row, token, palette }) {
  let [x, y, bottom] = [0, 0, 0];
  const parts = routing.texts.flatMap((text, t) => {
    const body = text.trim() || labels[t];
    const width = widthOf(body);
    const lead = text.startsWith(" ") && x > 0 ? CELL : 0;
    [x, y] = x + lead + width > PICTURE_WIDTH ? [0, y + TEXT_LINE] : [x + lead, y];
    bottom = y + TEXT_LINE;
    const box = { x: x - 2, y: y + 3, width: width + 4, height: 20, rx: 4 };
    const ring = { ...box, fill: "none", stroke: palette.cursor, "stroke-width": 2 };
    const kept = routing.isKept(row, t);
    const fill = kept ? palette.pick_ink : palette.ink;
    const word = { x, y: y + 18, fill, textLength: width, lengthAdjust: "spacingAndGlyphs" };
    [x, y] = text.includes("\n") ? [0, y + TEXT_LINE] : [x + width, y];
    return [
      ...(kept ? [svg("rect", { ...box, fill: palette.pick })] : []),
      ...(t === token ? [svg("rect", ring)] : []),
      svg("text", word, body),
    ];
  });
  const node = svg("g", { "font-family": MONO, "font-size": 14 }, ...parts);
  return { node, height: bottom };
}

/** @param {View} view */
function pictureHeads(view) {
  const { routing, axis, palette, row, token, layer, head } = view;
  const rows = arrangeRows(routing, false, false);
  const marks = (/** @type {number} */ own) => marksOf(view, rows, own, axis.x(0));
  const others = rows.order.filter((own) => own !== row);
  const top = (/** @type {number} */ layer) => rows.y[layer * routing.heads];
  const [y, height, width] = [rows.y[row], rows.height, axis.end - axis.left];
  const band = { x: axis.left, y: y - 1, width, height: rows.size + 2, fill: palette.pick_wash };
  const tag = { x: axis.end + 5, y: y + 6, fill: palette.pick, "font-weight": 700 };
  const node = svg(
    "g",
    { "font-family": SANS, "font-size": 11 },
    svg("rect", band),
    svg("rect", { ...axis.band(token), y: 0, height, fill: palette.cursor_wash }),
    path(others.map(marks).join(""), { fill: palette.quiet }),
    path(marks(row), { fill: palette.pick }),
    ...layerNames(writer(palette), routing.layers, axis.left, top),
    svg("text", tag, headName(layer, head)),
  );
  return { node, height };
}

/**
 * Finding, text, scores, all heads, caption and provenance; always light.
 * @param {View} shown @param {string[]} provenance Lines under the picture.
 * @returns {string} An SVG document.
 */
export function pictureOf(shown, provenance) {
  const axis = new Axis(PICTURE_WIDTH, shown.routing.T, false, 0);
  const view = { ...shown, palette: LIGHT, axis, narrow: false, chosen: false };
  const found = findingOf(view.routing, view.row);
  const sentence = sentenceOf(found);
  let y = PICTURE_MARGIN;
  /** @type {SVGElement[]} */
  const parts = [];
  /** @param {SVGElement} node @param {number} height */
  const put = (node, height) => {
    parts.push(svg("g", { transform: `translate(${PICTURE_MARGIN} ${y})` }, node));
    y += height;
  };
  /** @param {string} text @param {number} size @param {number} height @param {number} [weight] */
  const line = (text, size, height, weight = 400) => {
    const style = { "font-size": size, "font-weight": weight, fill: LIGHT.ink, y: size };
    for (const words of broken(text, size * (weight > 400 ? 0.6 : 0.52))) {
      put(writer(LIGHT)(words, style), height);
    }
  };
  line(sentence, 21, 32, 600);
  line(found.detail, 13, 26);
  const text = pictureText(view);
  put(text.node, text.height + 12);
  line("Why these tokens: the router's score of every token, and the cut", 13, 24, 600);
  const chart = drawChart(view);
  put(chart.node, chart.height + 16);
  line(`All ${view.routing.rows} heads: a mark where the head picks the token`, 13, 24, 600);
  const heads = pictureHeads(view);
  put(heads.node, heads.height + 16);
  for (const words of provenance) line(words, 11, 16);
  return pictureDocument(sentence, y + PICTURE_MARGIN, parts);
}
