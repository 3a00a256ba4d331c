// Mask zoo: six answers to who may look at whom, on one text.

import { bytesOf } from "./lib/arrays.js";
import {
  headField,
  layerField,
  listField,
  onHover,
  segmentField,
  tokenList,
  valueSlider,
} from "./lib/controls.js";
import { Figure, within } from "./lib/figure.js";
import {
  button,
  div,
  html,
  paragraph,
  press,
  setAttribute,
  setText,
  span,
  svg,
} from "./lib/dom.js";
import { headName, plural, tokenLabels } from "./lib/format.js";
import { defineElement, drawnBy } from "./lib/host.js";
import {
  causality,
  drawMask,
  drawRow,
  drawZoo,
  goingOn,
  keysOf,
  NAMES,
  pairsOf,
  viewBox,
  zooMasks,
  zooPython,
  zooSaid,
  zooTable,
} from "./mask_zoo/masks.js";

/** @typedef {import("./lib/palette.js").Palette} Palette */
/** @typedef {import("./mask_zoo/masks.js").MaskName} MaskName */
/** @typedef {import("./mask_zoo/masks.js").ZooMask} ZooMask */

/**
 * A text as Python stores it.
 * @typedef {Object} StoredText
 * @property {string} name @property {string} title
 * @property {string[]} pieces The tokens as written.
 * @property {number} layers @property {number} heads @property {number} sparsity Of the model.
 * @property {string} order Base64: positions from best to worst, of every layer and head.
 */

/**
 * What the reader studies.
 * @typedef {Object} ZooState
 * @property {string} text Name of a text.
 * @property {number} layer @property {number} head @property {number} sparsity
 * @property {number} tokens How many of the text are read.
 * @property {number} query Row under study.
 * @property {MaskName} mask Square whose choice the text shows. @property {"figure" | "table"} view
 */

/** @typedef {ReturnType<MaskZoo["view"]>} ZooView A state with all that follows from it. */

const ZOO_CSS = `
.zoo .controls { display: flex; flex-wrap: wrap; gap: 12px 16px; }
.zoo .field:first-child { flex: 1 1 160px; }
.zoo .field:nth-child(5) { flex: 3 1 260px; }
.ahead { flex: 2 1 240px; align-self: end; min-height: 32px; }
.body { padding-top: 12px; padding-bottom: 16px; }
.text { font: 14px/28px var(--mosa-mono); overflow-wrap: anywhere; padding-bottom: 12px; }
.tok { position: relative; padding: 2px; margin: 0 -2px; border-radius: 4px; cursor: pointer; }
.mosa .tok.in { background: var(--mosa-pick); color: var(--mosa-pick-ink); }
.tok.att { box-shadow: 0 6px 0 -2px var(--mosa-cursor); }
.mosa .tok.at, .tok:focus-visible { outline: 2px solid var(--mosa-cursor); outline-offset: 1px; z-index: 1; }
.tok.after { opacity: .45; cursor: default; text-decoration: line-through; }
.squares { display: grid; grid-template-columns: repeat(3, 1fr); gap: 20px 16px; }
.narrow .squares { grid-template-columns: 1fr 1fr; gap: 16px 12px; }
.square .line { display: flex; flex-wrap: wrap; align-items: center; gap: 2px 8px; }
.square button { min-height: 28px; padding: 2px 10px; font-weight: 600; }
.narrow .square .line { flex-direction: column; align-items: flex-start; }
.narrow .square button { min-height: 44px; padding: 2px 8px; }
.square svg { display: block; width: 100%; margin: 6px 0; cursor: crosshair; }
.square .note b { font-weight: 600; }
.square .reads { color: var(--mosa-cursor-text); font-weight: 600; }
@media (forced-colors: active) { .tok.in { outline: 1px solid; } }
`;

/** What one token in so many is kept of. */
const SPARSITIES = { 2: "2", 4: "4", 8: "8", 16: "16", 32: "32" };

/** @param {MaskZoo} zoo */
function zooControls(zoo) {
  const { layers, heads } = zoo.stored[0];
  const { root } = zoo.stage;
  const text = listField("Text", zoo.stored, (name) => {
    zoo.change({ text: name, tokens: Infinity, query: Infinity });
  });
  const layer = layerField(layers, (own) => zoo.change({ layer: own }));
  const turn = (/** @type {number} */ own) => zoo.change({ head: own });
  const head = headField(heads, root, () => zoo.state.head, turn, "MoSA head");
  const sparsity = segmentField("Keep one in", SPARSITIES, (own) => {
    zoo.change({ sparsity: Number(own) });
  });
  const length = valueSlider("Tokens of the text", 2, 256, (tokens) => zoo.change({ tokens }));
  const ahead = paragraph("note ahead");
  return {
    nodes: [...[text, layer, head, sparsity, length].map(({ node }) => node), ahead],
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

/** @param {MaskZoo} zoo */
function zooText(zoo) {
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
      const factsOf = (/** @type {number} */ t) => ({
        in: kept.has(t) && "kept",
        att: keys.has(t) && "read by the row under study",
        after: t >= state.tokens && "cut off",
      });
      const marks = (/** @type {number} */ t) => {
        const facts = Object.entries(factsOf(t)).map(([mark, fact]) => [mark, fact !== false]);
        return Object.fromEntries(facts);
      };
      const nameOf = (/** @type {number} */ t) =>
        [labels[t], `position ${t}`, ...Object.values(factsOf(t)).filter(Boolean)].join(", ");
      list.mark(state.query, spoken, marks, nameOf).forEach((own, t) => {
        setAttribute(own, "aria-selected", `${t === state.query}`);
        setAttribute(own, "aria-disabled", t >= state.tokens ? "true" : null);
      });
    },
  };
}

/** @param {MaskZoo} zoo @param {MaskName} name One square, with its name above it and its counts below. */
function zooSquare(zoo, name) {
  const [rule, pairs] = [span("note"), html("b")];
  const [kind, reads] = [html("span"), span("reads")];
  const [all, row] = [svg("g"), svg("g")];
  const drawing = svg("svg", { role: "img" }, all, row);
  const turn = button(NAMES[name], () => zoo.change({ mask: name }));
  const at = (/** @type {MouseEvent} */ { clientY }) => {
    const { top, height } = drawing.getBoundingClientRect();
    const { tokens } = zoo.state;
    return within(Math.floor(((clientY - top) / height) * tokens), 0, tokens - 1);
  };
  drawing.addEventListener("click", (event) => zoo.change({ query: at(event), mask: name }));
  onHover(drawing, (event) => zoo.preview(event && { query: at(event), mask: name }));
  const counts = paragraph("note", pairs, " · ", kind);
  return {
    node: div("square", paragraph("line", turn, rule), drawing, counts, paragraph("note", reads)),
    /** @param {ZooMask} mask @param {ZooState} state @param {Palette} palette @param {boolean} isFresh Whether more than the row under study has changed. */
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
      press(turn, name === chosen);
      const about = `${NAMES[name]}, ${mask.rule}: ${said}, ${causality(mask).slice(2)}.`;
      setAttribute(drawing, "aria-label", `${about} Row ${query} reads ${keys || "none"}.`);
    },
  };
}

class MaskZoo extends Figure {
  /** @param {import("./lib/host.js").Model} model @param {HTMLElement} el */
  constructor(model, el) {
    super(model, el, "zoo", ZOO_CSS, ["layer", "head", "sparsity", "tokens", "query"]);
    this.stored = /** @type {StoredText[]} */ (this.data.texts);
    /** @type {Map<string, {text: StoredText, labels: string[], order: Uint8Array}>} */
    this.opened = new Map();
    this.drawn = "";
    this.controls = zooControls(this);
    this.text = zooText(this);
    const names = /** @type {MaskName[]} */ (Object.keys(NAMES));
    this.squares = names.map((name) => zooSquare(this, name));
    const squares = div("squares", ...this.squares.map(({ node }) => node));
    this.mount({
      name: "Mask zoo",
      controls: this.controls.nodes,
      parts: [html("section", { class: "pad body" }, this.text.node, squares)],
      note:
        "Blue is what a rule leaves of the pairs. In the text, reversed words are kept by the chosen square, underlined ones read by the orange row. Random draws one token of each run; prefix top-k keeps a token that is among the best so far.",
    });
  }

  /** @returns {ZooState} */
  firstFrame() {
    const [{ name, pieces }] = this.stored;
    const tokens = pieces.length;
    return { text: name, ...this.data.start, tokens, mask: "mosa", view: "figure" };
  }

  /** @param {ZooState} state @returns {ZooState} */
  bounded(state) {
    const { layers, heads } = this.stored[0];
    const tokens = within(state.tokens, 2, this.open(state.text).labels.length);
    return {
      ...state,
      tokens,
      layer: within(state.layer, 0, layers - 1),
      head: within(state.head, 0, heads - 1),
      query: within(state.query, 0, tokens - 1),
      sparsity: state.sparsity in SPARSITIES ? state.sparsity : 8,
    };
  }

  /** @param {string} name */
  open(name) {
    const text = this.stored.find((own) => own.name === name) ?? this.stored[0];
    const { order, pieces } = text;
    const fresh = () => ({ text, labels: tokenLabels(pieces), order: bytesOf(order) });
    const found = this.opened.get(text.name) ?? fresh();
    this.opened.set(text.name, found);
    return found;
  }

  // A state with its masks, the same rules on the whole text, and whether anything is held that would
  // move in the model.
  /** @param {ZooState} state */
  view(state) {
    const { text, labels, order } = this.open(state.text);
    const { pieces, heads, name } = text;
    const { sparsity, tokens } = state;
    const T = pieces.length;
    const start = (state.layer * heads + state.head) * T;
    const own = { length: T, sparsity, seed: 0, order: order.subarray(start, start + T) };
    const asTraced = tokens === T && sparsity === text.sparsity;
    const [masks, whole] = [zooMasks({ T: tokens, ...own }), zooMasks({ T, ...own })];
    return { state, name, pieces, labels, T, asTraced, masks, whole };
  }

  /** @param {ZooState} state */
  paint(state) {
    const view = this.view(state);
    const palette = this.stage.palette();
    const what = `What if: scores as at ${view.T} tokens`;
    setText(this.frame.pill, view.asTraced ? "Stored example" : what);
    this.controls.show(view);
    const { text, layer, head, sparsity, tokens } = state;
    const key = [text, layer, head, sparsity, tokens, palette.ink].join();
    this.squares.forEach((own, i) => own.show(view.masks[i], state, palette, key !== this.drawn));
    this.drawn = key;
    this.text.show(view, this.spoken);
  }

  /** @param {ZooState} state */
  said(state) {
    return zooSaid(this.view(state));
  }

  /** @param {ZooState} state */
  table(state) {
    return zooTable(this.view(state));
  }

  /** @param {ZooState} state @param {Palette} palette */
  picture(state, palette) {
    return drawZoo(this.view(state).masks, state.tokens, state.query, palette);
  }

  /** @param {ZooState} state */
  python(state) {
    return zooPython(this.view(state), this.data.model);
  }

  /** @param {ZooState} state */
  provenance({ sparsity, layer, head }) {
    const where = `Model ${this.data.model}, ${headName(layer, head)}, zero-based`;
    return `${where}; one token in ${sparsity}.`;
  }

  /** @returns {Record<string, import("./lib/figure.js").LinkField>} */
  get fields() {
    return {
      zoo: ["text", this.stored.map(({ name }) => name)],
      ...{ l: ["layer"], h: ["head"], rho: ["sparsity"] },
      n: ["tokens", null, Infinity],
      tok: ["query"],
      mask: ["mask", Object.keys(NAMES)],
    };
  }
}

const maskZoo = drawnBy(MaskZoo);

defineElement("mosa-mask-zoo", maskZoo);

export default maskZoo;
