/**
 * Holds the state of a mask zoo: a text, a head, how much is kept, and the row under study.
 * @module
 */

import { labelled, segmentField, steppedTo } from "../card.js";
import { chipOf, studyChip, tokenChips } from "../chips.js";
import { button, html, setAttribute, setText, svg } from "../dom.js";
import { count, headName, plural } from "../format.js";
import { Figure } from "../figure.js";
import { tokenLabels } from "../tokens.js";
import { causality, drawMask, drawRow, drawZoo, viewBox } from "./drawing.js";
import { changedRows, keysOf, NAMES, pairsOf, zooMasks } from "./masks.js";
import { zooPython, ZOO_CSS } from "./words.js";

const SPARSITIES = { 2: "2", 4: "4", 8: "8", 16: "16", 32: "32" };
const SYNCED = ["layer", "head", "sparsity", "tokens", "query"];

/** @typedef {{text: string, layer: number, head: number, sparsity: number, tokens: number, query: number, mask: import("./masks.js").MaskName, view: string}} ZooState */

export class MaskZoo extends Figure {
  /**
   * @param {import("../host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    super(model, el, "zoo", ZOO_CSS, SYNCED);
    /** @type {Map<string, Record<string, any>>} */
    this.texts = new Map(
      this.data.texts.map((/** @type {any} */ own) => [
        own.name,
        {
          ...own,
          labels: tokenLabels(own.pieces),
          order: Uint8Array.from(atob(own.order), (c) => c.charCodeAt(0)),
        },
      ]),
    );
    this.masks = [];
    this.drawn = "";
    this.mount({
      name: "Mask zoo",
      controls: this.controls(),
      parts: [html("section", { class: "pad body" }, this.listing(), this.squares())],
      note: "Blue is what a rule leaves of the pairs. In the text, reversed words are kept by the chosen square, underlined ones read by the orange row. Random draws one token of each run; prefix top-k keeps a token that is among the best so far.",
    });
  }

  /** @returns {ZooState} */
  firstFrame() {
    const { layer, head, sparsity, query } = this.data.start;
    const [own] = this.data.texts;
    return {
      text: own.name,
      layer,
      head,
      sparsity,
      tokens: own.pieces.length,
      query,
      mask: "mosa",
      view: "figure",
    };
  }

  /** @param {ZooState} state @returns {ZooState} */
  bounded(state) {
    const { layers, heads, pieces } = this.own(state);
    const within = (
      /** @type {number} */ value,
      /** @type {number} */ low,
      /** @type {number} */ high,
    ) => Math.max(low, Math.min(high, value));
    const tokens = within(state.tokens, 2, pieces.length);
    return {
      ...state,
      tokens,
      layer: within(state.layer, 0, layers - 1),
      head: within(state.head, 0, heads - 1),
      query: within(state.query, 0, tokens - 1),
      sparsity: state.sparsity in SPARSITIES ? state.sparsity : 8,
    };
  }

  /** @param {ZooState} state @returns {Record<string, any>} The text. */
  own({ text }) {
    return /** @type {Record<string, any>} */ (this.texts.get(text));
  }

  /** @param {ZooState} state @param {number} [T] */
  masksOf(state, T = state.tokens) {
    const { heads, pieces, order } = this.own(state);
    const start = (state.layer * heads + state.head) * pieces.length;
    return zooMasks({
      T,
      length: pieces.length,
      sparsity: state.sparsity,
      seed: 0,
      order: order.subarray(start, start + pieces.length),
    });
  }

  /** @returns {Node[]} */
  controls() {
    const { texts } = this.data;
    this.select = html(
      "select",
      { "aria-label": "Text" },
      ...texts.map((/** @type {any} */ { name, title }) => html("option", { value: name }, title)),
    );
    this.select.addEventListener("change", () =>
      this.change({ text: this.select.value, tokens: Infinity, query: Infinity }),
    );
    const names = Object.fromEntries(
      Array.from({ length: texts[0].layers }, (_, layer) => [layer, `${layer}`]),
    );
    this.layer = segmentField("Layer", names, (layer) => this.change({ layer: Number(layer) }));
    this.number = html("output");
    const step = (/** @type {number} */ by) =>
      this.change({ head: (this.state.head + by + texts[0].heads) % texts[0].heads });
    this.stage.root.addEventListener("keydown", ({ key }) => {
      if (key === "[" || key === "]") step(key === "[" ? -1 : 1);
    });
    const heads = html(
      "div",
      { class: "segments", role: "group", "aria-label": "Head" },
      button("‹", () => step(-1), { "aria-label": "Previous head" }),
      this.number,
      button("›", () => step(1), { "aria-label": "Next head" }),
    );
    this.sparsity = segmentField("Keep one in", SPARSITIES, (sparsity) =>
      this.change({ sparsity: Number(sparsity) }),
    );
    this.range = html("input", {
      type: "range",
      min: 2,
      step: 1,
      "aria-label": "Tokens of the text",
    });
    this.range.addEventListener("input", () => this.change({ tokens: Number(this.range.value) }));
    this.slider = html("span", { class: "slider" }, this.range);
    const length = labelled("", this.slider);
    this.length = /** @type {Element} */ (length.firstChild);
    this.ahead = html("p", { class: "note ahead" });
    return [
      labelled("Text", this.select),
      this.layer.node,
      labelled(`MoSA head of ${texts[0].heads}`, heads),
      this.sparsity.node,
      length,
      this.ahead,
    ];
  }

  /** @returns {HTMLElement} */
  listing() {
    this.list = html("div", {
      class: "text",
      role: "listbox",
      "aria-label": "Tokens",
      dir: "auto",
    });
    /** @type {HTMLElement[]} */
    this.spans = [];
    const readable = (/** @type {number} */ t) => t >= 0 && t < this.state.tokens;
    this.list.addEventListener(
      "click",
      (event) => readable(chipOf(event)) && this.change({ query: chipOf(event) }),
    );
    this.list.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse")
        this.preview(readable(chipOf(event)) ? { query: chipOf(event) } : null);
    });
    this.list.addEventListener("pointerleave", () => this.preview(null));
    this.list.addEventListener("keydown", (event) => {
      const query = steppedTo(event.key, this.state.query, 0, this.state.tokens - 1);
      if (query === null) return;
      event.preventDefault();
      this.change({ query });
      this.spans[query].focus({ preventScroll: true });
    });
    return this.list;
  }

  /** @returns {HTMLElement} */
  squares() {
    this.panels = Object.entries(NAMES).map(([name, title]) => {
      const [rule, pairs, kind, reads] = [
        html("span", { class: "note" }),
        html("b"),
        html("span"),
        html("span", { class: "reads" }),
      ];
      const [mask, row] = [svg("g"), svg("g")];
      const drawing = svg("svg", { role: "img" }, mask, row);
      const turn = button(title, () => this.change({ mask: name }));
      const at = (/** @type {MouseEvent} */ { clientY }) => {
        const { top, height } = drawing.getBoundingClientRect();
        return Math.max(
          0,
          Math.min(
            this.state.tokens - 1,
            Math.floor(((clientY - top) / height) * this.state.tokens),
          ),
        );
      };
      drawing.addEventListener("click", (event) => this.change({ query: at(event), mask: name }));
      drawing.addEventListener("pointermove", (event) => {
        if (event.pointerType === "mouse") this.preview({ query: at(event), mask: name });
      });
      drawing.addEventListener("pointerleave", () => this.preview(null));
      const node = html(
        "div",
        { class: "square" },
        html("p", { class: "line" }, turn, rule),
        drawing,
        html("p", { class: "note" }, pairs, " · ", kind),
        html("p", { class: "note" }, reads),
      );
      return { name, node, rule, pairs, kind, reads, mask, row, drawing, turn };
    });
    return html("div", { class: "squares" }, ...this.panels.map(({ node }) => node));
  }

  /** @param {ZooState} state */
  paint(state) {
    const { layers, pieces, sparsity } = this.own(state);
    setText(
      this.frame.pill,
      state.tokens === pieces.length && state.sparsity === sparsity
        ? "Stored example"
        : `What if: scores as at ${pieces.length} tokens`,
    );
    this.select.value = state.text;
    this.layer.show(`${Math.min(state.layer, layers - 1)}`);
    this.sparsity.show(`${state.sparsity}`);
    setText(this.number, `${state.head}`);
    setText(this.length, `The text ends after ${state.tokens} of ${pieces.length}`);
    Object.assign(this.range, { max: pieces.length, value: state.tokens });
    this.slider.style.setProperty("--fill", `${(state.tokens - 2) / (pieces.length - 2)}`);
    setText(this.ahead, this.goingOn(state));
    this.masks = this.masksOf(state);
    this.paintSquares(state);
    this.paintText(state);
  }

  /** @param {ZooState} state */
  paintSquares({ mask: chosen, query, view, ...rest }) {
    const palette = this.stage.palette();
    const T = rest.tokens;
    const key = JSON.stringify([rest, palette.ink]);
    this.panels.forEach((panel, i) => {
      const mask = this.masks[i];
      const reads = keysOf(mask, query).length;
      const pairs = plural(pairsOf(mask, T), "pair");
      if (key !== this.drawn) {
        panel.mask.replaceChildren(...drawMask(mask, T, palette));
        setAttribute(panel.drawing, "viewBox", viewBox(T));
      }
      panel.row.replaceChildren(...drawRow(mask, T, query, palette));
      setText(panel.rule, mask.rule);
      setText(panel.pairs, pairs);
      setText(panel.kind, causality(mask));
      setAttribute(panel.kind, "class", mask.name === "mosa" ? "reads" : null);
      setText(panel.reads, `row ${query} reads ${reads ? plural(reads, "token") : "none"}`);
      setAttribute(panel.turn, "aria-pressed", `${panel.name === chosen}`);
      setAttribute(
        panel.drawing,
        "aria-label",
        `${NAMES[mask.name]}, ${mask.rule}: ${pairs}, ${causality(mask).slice(2)}. Row ${query} reads ${reads || "none"}.`,
      );
    });
    this.drawn = key;
  }

  /** @param {ZooState} state */
  paintText(state) {
    const { pieces, labels, name } = this.own(state);
    if (this.list.dataset.name !== name) {
      this.list.dataset.name = name;
      const { spans, parts } = tokenChips(pieces, labels);
      this.spans = spans;
      this.list.replaceChildren(...parts.flat());
    }
    const mask = /** @type {import("./masks.js").ZooMask} */ (
      this.masks.find((own) => own.name === state.mask)
    );
    const [kept, keys] = [new Set(mask.kept), new Set(keysOf(mask, state.query))];
    this.spans.forEach((span, t) => {
      const isCut = t >= state.tokens;
      const marks = { in: kept.has(t), att: keys.has(t), after: isCut };
      for (const [name, isOn] of Object.entries(marks)) span.classList.toggle(name, isOn);
      setAttribute(span, "aria-selected", `${t === state.query}`);
      setAttribute(span, "aria-disabled", isCut ? "true" : null);
      const ways = [
        kept.has(t) && "kept",
        keys.has(t) && "read by the row under study",
        isCut && "cut off",
      ];
      setAttribute(
        span,
        "aria-label",
        [labels[t], `position ${t}`, ...ways.filter(Boolean)].join(", "),
      );
    });
    studyChip(this.spans, state.query, this.spoken);
  }

  /** @param {ZooState} state @returns {import("../figure.js").Said} */
  said(state) {
    const { labels } = this.own(state);
    const [dense, mosa] = [0, 4].map((i) => count(pairsOf(this.masksOf(state)[i], state.tokens)));
    const row = `“${labels[state.query]}” at ${state.query}`;
    const reads = this.masksOf(state).map(
      (mask) => `${keysOf(mask, state.query).length || "none"} in ${NAMES[mask.name]}`,
    );
    return {
      who: `${headName(state.layer, state.head)} picks `,
      keeps: `${mosa} of ${dense} pairs`,
      what: " from the whole text.",
      detail: `Rows are queries, columns are keys. One row, ${row}, is orange in all six.`,
      spoken: `${row} reads ${reads.join(", ")}. ${this.goingOn(state)}`,
    };
  }

  /** @param {ZooState} state @returns {string} What a longer text would change of these rows. */
  goingOn(state) {
    const { length } = this.own(state).pieces;
    if (state.tokens === length)
      return "End the text earlier, and see which rows change when it goes on.";
    const later = this.masksOf(state, length);
    const changed = this.masksOf(state).map((mask, i) => changedRows(mask, later[i], state.tokens));
    const others = changed.reduce((sum, rows) => sum + rows, 0) - changed[4];
    return `When it goes on, MoSA rewrites ${changed[4] || "none"} of these ${plural(state.tokens, "row")}; the other five rules rewrite ${others || "none"}.`;
  }

  /** @param {ZooState} state */
  table(state) {
    const masks = this.masksOf(state);
    const { labels } = this.own(state);
    const heading = ["Position", "Token", ...masks.map(({ name }) => NAMES[name])];
    const body = Array.from({ length: state.tokens }, (_, t) => [
      `${t}`,
      labels[t],
      ...masks.map((mask) => `${keysOf(mask, t).length}`),
    ]);
    const total = ["all", "pairs", ...masks.map((mask) => count(pairsOf(mask, state.tokens)))];
    return {
      rows: [heading, ...body, total],
      caption: `Keys that each row reads, ${headName(state.layer, state.head)}, one in ${state.sparsity}`,
      at: state.query,
      words: [1],
    };
  }

  /** @param {ZooState} state @param {import("../palette.js").Palette} palette */
  picture(state, palette) {
    return drawZoo(this.masksOf(state), state.tokens, state.query, palette);
  }

  /** @param {ZooState} state */
  python(state) {
    return zooPython(state, this.own(state).pieces.join(""), this.data.model);
  }

  /** @param {ZooState} state */
  provenance({ sparsity, layer, head }) {
    return `Model ${this.data.model}, ${headName(layer, head)}, zero-based; one token in ${sparsity}.`;
  }

  /** @param {ZooState} state */
  link({ text, layer, head, sparsity, tokens, query, mask }) {
    return { zoo: text, l: layer, h: head, rho: sparsity, n: tokens, tok: query, mask };
  }

  /** @param {ReturnType<typeof import("../card.js").fragmentReader>} reader */
  stateOf({ whole, oneOf }) {
    const usual = this.firstFrame();
    return {
      text: oneOf("zoo", [...this.texts.keys()], usual.text),
      layer: whole("l", usual.layer),
      head: whole("h", usual.head),
      sparsity: whole("rho", usual.sparsity),
      tokens: whole("n", Infinity),
      query: whole("tok", usual.query),
      mask: oneOf("mask", Object.keys(NAMES), usual.mask),
    };
  }
}
