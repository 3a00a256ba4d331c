/**
 * Holds the state of a mask zoo: a text, a head, how much is kept, and the row under study.
 * @module
 */

import { html, setText } from "../lib/dom.js";
import { Figure, within } from "../lib/figure.js";
import { headName } from "../lib/format.js";
import { ZOO_CSS } from "./css.js";
import { drawZoo } from "./drawing.js";
import { NAMES } from "./masks.js";
import { SPARSITIES, zooControls, zooSquares, zooText } from "./panels.js";
import { ZooTexts } from "./texts.js";
import { zooPython, zooSaid, zooTable } from "./words.js";

const SYNCED = ["layer", "head", "sparsity", "tokens", "query"];
const NOTE =
  "Blue is what a rule leaves of the pairs. In the text, reversed words are kept by the chosen square, underlined ones read by the orange row. Random draws one token of each run; prefix top-k keeps a token that is among the best so far.";

/** @typedef {import("./texts.js").ZooState} ZooState */

export class MaskZoo extends Figure {
  /**
   * @param {import("../lib/host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    super(model, el, "zoo", ZOO_CSS, SYNCED);
    this.texts = new ZooTexts(this.data.texts);
    this.controls = zooControls(this, this.texts, this.stage.root);
    this.text = zooText(this);
    this.squares = zooSquares(this);
    const figure = html("section", { class: "pad body" }, this.text.node, this.squares.node);
    this.mount({ name: "Mask zoo", controls: this.controls.nodes, parts: [figure], note: NOTE });
  }

  /** @returns {ZooState} */
  firstFrame() {
    const [{ name, pieces }] = this.texts.stored;
    const { layer, head, sparsity, query } = this.data.start;
    const place = { text: name, layer, head, query };
    return { ...place, sparsity, tokens: pieces.length, mask: "mosa", view: "figure" };
  }

  /** @param {ZooState} state @returns {ZooState} */
  bounded(state) {
    const { layers, heads } = this.texts;
    const tokens = within(state.tokens, 2, this.texts.open(state.text).labels.length);
    return {
      ...state,
      tokens,
      layer: within(state.layer, 0, layers - 1),
      head: within(state.head, 0, heads - 1),
      query: within(state.query, 0, tokens - 1),
      sparsity: state.sparsity in SPARSITIES ? state.sparsity : 8,
    };
  }

  /** @param {ZooState} state */
  paint(state) {
    const view = this.texts.view(state);
    const pill = view.asTraced ? "Stored example" : `What if: scores as at ${view.T} tokens`;
    setText(this.frame.pill, pill);
    this.controls.show(view);
    this.squares.show(view, this.stage.palette());
    this.text.show(view, this.spoken);
  }

  /** @param {ZooState} state */
  said(state) {
    return zooSaid(this.texts.view(state));
  }

  /** @param {ZooState} state */
  table(state) {
    return zooTable(this.texts.view(state));
  }

  /** @param {ZooState} state @param {import("../lib/palette.js").Palette} palette */
  picture(state, palette) {
    return drawZoo(this.texts.view(state).masks, state.tokens, state.query, palette);
  }

  /** @param {ZooState} state */
  python(state) {
    return zooPython(this.texts.view(state), this.data.model);
  }

  /** @param {ZooState} state */
  provenance({ sparsity, layer, head }) {
    return `Model ${this.data.model}, ${headName(layer, head)}, zero-based; one token in ${sparsity}.`;
  }

  /** @returns {Record<string, import("../lib/figure.js").LinkField>} */
  get fields() {
    const names = this.texts.stored.map(({ name }) => name);
    return {
      zoo: ["text", names],
      l: ["layer"],
      h: ["head"],
      rho: ["sparsity"],
      n: ["tokens", null, Infinity],
      tok: ["query"],
      mask: ["mask", Object.keys(NAMES)],
    };
  }
}
