/**
 * Holds the state of a budget explorer: a model, a kind of head, a length, a sparsity, a price.
 * @module
 */

import { budgetControls, REGIMES } from "./controls.js";
import { budgetOf, keptTokens, KINDS, LONGEST, timesFits } from "./costs.js";
import { BUDGET_CSS } from "./css.js";
import { drawBudget } from "./drawing.js";
import { budgetPython, budgetRows, budgetSaid } from "./words.js";
import { html, setAttribute, setText, svg } from "../lib/dom.js";
import { Figure, within } from "../lib/figure.js";
import { count } from "../lib/format.js";

const SYNCED = ["preset", "kind", "tokens", "sparsity", "given"];
const NOTE =
  "One forward pass of one text; a multiplication and an addition count 2. Attention is charged for the whole square although it is causal; top-k, gathering and scattering are not counted. Heads whose number of tokens varies are charged for all their slots.";

/**
 * @typedef {Object} BudgetState
 * @property {string} preset Name of a dense model.
 * @property {keyof typeof KINDS} kind
 * @property {number} tokens
 * @property {keyof typeof REGIMES} by What the reader holds fixed; the other one of the two follows.
 * @property {number} sparsity
 * @property {number} k
 * @property {number} given Dense heads of a layer given up.
 * @property {"figure" | "table"} view
 */

export class BudgetExplorer extends Figure {
  /**
   * @param {import("../lib/host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    super(model, el, "budget", BUDGET_CSS, SYNCED);
    /** @type {import("./costs.js").Baseline[]} */
    this.models = this.data.models;
    this.drawing = svg("svg", { role: "img" });
    this.controls = budgetControls(this.models, (changes) => this.change(changes));
    const parts = [html("section", { class: "pad body" }, this.drawing)];
    this.mount({ name: "Budget explorer", controls: this.controls.nodes, parts, note: NOTE });
  }

  /** @returns {BudgetState} */
  firstFrame() {
    return this.bounded({ ...this.data.start, by: "rho", k: 1, view: "figure" });
  }

  /** @param {string} preset */
  baseline(preset) {
    return this.models.find(({ name }) => name === preset) ?? this.models[0];
  }

  /** @param {BudgetState} state @returns {BudgetState} */
  bounded(state) {
    const tokens = within(state.tokens, 2, LONGEST);
    const given = within(state.given, 1, this.baseline(state.preset).heads);
    if (state.by === "k") {
      const k = within(state.k, 2, LONGEST);
      return { ...state, tokens, given, k, sparsity: timesFits(tokens, Math.min(k, tokens)) };
    }
    const sparsity = within(state.sparsity, 1, tokens);
    return { ...state, tokens, given, sparsity, k: keptTokens({ T: tokens, sparsity }) };
  }

  /** @param {BudgetState} state */
  budget({ preset, kind, tokens, sparsity, given }) {
    return budgetOf(this.baseline(preset), { kind, T: tokens, sparsity, given });
  }

  /** A sparsity that Python sets is the one that stays when the text grows. */
  follow() {
    const said = this.model.get("sparsity");
    if (!this.telling && said !== undefined && said !== this.state.sparsity) {
      this.state = { ...this.state, by: "rho" };
    }
    super.follow();
  }

  /** @param {BudgetState} state */
  paint(state) {
    setText(this.frame.pill, "Exact count");
    this.controls.show(state, this.baseline(state.preset).heads);
    const width = Math.round(this.width - (this.width < 560 ? 26 : 34));
    const { nodes, height } = this.picture(state, this.stage.palette(), width);
    setAttribute(this.drawing, "width", `${width}`);
    setAttribute(this.drawing, "height", `${height}`);
    setAttribute(this.drawing, "aria-label", this.spoken);
    this.drawing.replaceChildren(...nodes);
  }

  /** @param {BudgetState} state */
  said(state) {
    return budgetSaid(this.budget(state), state);
  }

  /** @param {BudgetState} state */
  table(state) {
    const caption = this.provenance(state);
    return { rows: budgetRows(this.budget(state), state), caption, at: -1, words: [0] };
  }

  /** @param {BudgetState} state @param {import("../lib/palette.js").Palette} palette @param {number} width */
  picture(state, palette, width) {
    return drawBudget({ budget: this.budget(state), state, palette }, width);
  }

  /** @param {BudgetState} state */
  python(state) {
    return budgetPython(this.baseline(state.preset), state);
  }

  /** @param {BudgetState} state */
  provenance({ preset, tokens, sparsity }) {
    return `${this.baseline(preset).title}: ${count(tokens)} tokens, sparsity ${count(sparsity)}`;
  }

  /** @param {BudgetState} state */
  link({ preset, kind, tokens, by, sparsity, k, given }) {
    const rate = by === "k" ? { k } : { rho: sparsity };
    return { budget: preset, kind, t: tokens, by, ...rate, give: given };
  }

  /** @param {ReturnType<typeof import("../lib/card.js").fragmentReader>} reader */
  stateOf({ whole, oneOf }) {
    const { start } = this.data;
    const names = this.models.map(({ name }) => name);
    const preset = oneOf("budget", names, start.preset);
    const { T, sparsity, given } = this.baseline(preset);
    return {
      preset,
      kind: oneOf("kind", Object.keys(KINDS), start.kind),
      tokens: whole("t", T),
      by: oneOf("by", Object.keys(REGIMES), "rho"),
      sparsity: whole("rho", sparsity),
      k: whole("k", 64),
      given: whole("give", given),
    };
  }
}
