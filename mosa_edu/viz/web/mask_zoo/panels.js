/**
 * The parts of the zoo's card: controls, the text, the squares.
 * @module
 */

import {
  headField,
  layerField,
  segmentField,
  textField,
  tokenList,
  valueSlider,
} from "../lib/card.js";
import { button, html, setAttribute, setText, svg } from "../lib/dom.js";
import { plural } from "../lib/format.js";
import { causality, drawMask, drawRow, viewBox } from "./drawing.js";
import { keysOf, NAMES, pairsOf } from "./masks.js";
import { goingOn } from "./words.js";

/** What one token in so many is kept of. */
export const SPARSITIES = { 2: "2", 4: "4", 8: "8", 16: "16", 32: "32" };

/** @typedef {import("./texts.js").ZooView} ZooView */
/** @typedef {import("./texts.js").ZooState} ZooState */
/** @typedef {{change: (changes: Partial<ZooState>) => void, preview: (changes: Partial<ZooState> | null) => void, state: ZooState}} Zoo */

/**
 * @param {Zoo} zoo
 * @param {import("./texts.js").ZooTexts} texts
 * @param {Node} root Where the keys [ and ] count.
 */
export function zooControls(zoo, { stored, layers, heads }, root) {
  const text = textField(stored, (name) => zoo.change({ text: name, tokens: Infinity, query: Infinity }));
  const layer = layerField(layers, (own) => zoo.change({ layer: own }));
  const head = headField(heads, root, () => zoo.state.head, (own) => zoo.change({ head: own }), "MoSA head");
  const sparsity = segmentField("Keep one in", SPARSITIES, (own) => zoo.change({ sparsity: Number(own) }));
  const length = valueSlider("Tokens of the text", 2, 256, (tokens) => zoo.change({ tokens }));
  const ahead = html("p", { class: "note ahead" });
  return {
    nodes: [text, layer, head, sparsity, length].map(({ node }) => node).concat(ahead),
    /** @param {ZooView} view */
    show(view) {
      const { state, T } = view;
      text.select.value = state.text;
      layer.show(`${state.layer}`);
      sparsity.show(`${state.sparsity}`);
      setText(head.number, `${state.head}`);
      length.show(state.tokens, `The text ends after ${state.tokens} of ${T}`, T);
      setText(ahead, goingOn(view));
    },
  };
}

/** @param {Zoo} zoo */
export function zooText(zoo) {
  const list = tokenList({
    study: (query) => zoo.change({ query }),
    preview: (query) => zoo.preview(query < 0 ? null : { query }),
    last: () => zoo.state.tokens - 1,
  });
  let shown = "";
  return {
    node: list.node,
    /** @param {ZooView} view @param {string} spoken What is said of the row under study. */
    show({ state, name, pieces, labels, masks }, spoken) {
      if (shown !== name) list.lay(pieces, labels);
      shown = name;
      const mask = masks[Object.keys(NAMES).indexOf(state.mask)];
      const [kept, keys] = [new Set(mask.kept), new Set(keysOf(mask, state.query))];
      const isCut = (/** @type {number} */ t) => t >= state.tokens;
      const marks = (/** @type {number} */ t) => ({ in: kept.has(t), att: keys.has(t), after: isCut(t) });
      const nameOf = (/** @type {number} */ t) => {
        const facts = [kept.has(t) && "kept", keys.has(t) && "read by the row under study", isCut(t) && "cut off"];
        return [labels[t], `position ${t}`, ...facts].filter(Boolean).join(", ");
      };
      list.mark(state.query, spoken, marks, nameOf).forEach((span, t) => {
        setAttribute(span, "aria-selected", `${t === state.query}`);
        setAttribute(span, "aria-disabled", isCut(t) ? "true" : null);
      });
    },
  };
}

/**
 * One square, with its name above and its counts below.
 * @param {Zoo} zoo
 * @param {import("./masks.js").MaskName} name
 */
function zooSquare(zoo, name) {
  const [rule, pairs, kind, reads] = [
    html("span", { class: "note" }),
    html("b"),
    html("span"),
    html("span", { class: "reads" }),
  ];
  const [all, row] = [svg("g"), svg("g")];
  const drawing = svg("svg", { role: "img" }, all, row);
  const turn = button(NAMES[name], () => zoo.change({ mask: name }));
  const at = (/** @type {MouseEvent} */ { clientY }) => {
    const { top, height } = drawing.getBoundingClientRect();
    const { tokens } = zoo.state;
    return Math.max(0, Math.min(tokens - 1, Math.floor(((clientY - top) / height) * tokens)));
  };
  drawing.addEventListener("click", (event) => zoo.change({ query: at(event), mask: name }));
  drawing.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") zoo.preview({ query: at(event), mask: name });
  });
  drawing.addEventListener("pointerleave", () => zoo.preview(null));
  const node = html(
    "div",
    { class: "square" },
    html("p", { class: "line" }, turn, rule),
    drawing,
    html("p", { class: "note" }, pairs, " · ", kind),
    html("p", { class: "note" }, reads),
  );
  return {
    node,
    /**
     * @param {import("./masks.js").ZooMask} mask
     * @param {ZooState} state
     * @param {import("../lib/palette.js").Palette} palette
     * @param {boolean} isFresh Whether more than the row under study has changed.
     */
    show(mask, { tokens, query, mask: chosen }, palette, isFresh) {
      const keys = keysOf(mask, query).length;
      const said = plural(pairsOf(mask, tokens), "pair");
      if (isFresh) {
        all.replaceChildren(...drawMask(mask, tokens, palette));
        setAttribute(drawing, "viewBox", viewBox(tokens));
      }
      row.replaceChildren(...drawRow(mask, tokens, query, palette));
      setText(rule, mask.rule);
      setText(pairs, said);
      setText(kind, causality(mask));
      setAttribute(kind, "class", name === "mosa" ? "reads" : null);
      setText(reads, `row ${query} reads ${keys ? plural(keys, "token") : "none"}`);
      setAttribute(turn, "aria-pressed", `${name === chosen}`);
      const about = `${NAMES[name]}, ${mask.rule}: ${said}, ${causality(mask).slice(2)}.`;
      setAttribute(drawing, "aria-label", `${about} Row ${query} reads ${keys || "none"}.`);
    },
  };
}

/** @param {Zoo} zoo */
export function zooSquares(zoo) {
  const names = /** @type {import("./masks.js").MaskName[]} */ (Object.keys(NAMES));
  const squares = names.map((name) => zooSquare(zoo, name));
  let drawn = "";
  return {
    node: html("div", { class: "squares" }, ...squares.map(({ node }) => node)),
    /** @param {ZooView} view @param {import("../lib/palette.js").Palette} palette */
    show({ state, masks }, palette) {
      const { text, layer, head, sparsity, tokens } = state;
      const key = [text, layer, head, sparsity, tokens, palette.ink].join();
      squares.forEach((square, i) => square.show(masks[i], state, palette, key !== drawn));
      drawn = key;
    },
  };
}
