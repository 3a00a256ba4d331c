// Budget explorer: what heads cost, and how many a budget buys.

import { budgetPython, budgetRows, budgetSaid, drawBudget } from "./budget/drawing.js";
import { budgetOf, HEAD_KINDS, LONGEST, timesFits } from "./engine/costs.js";
import { keptCount } from "./engine/routing.js";
import { listField, segmentField, valueSlider } from "./lib/controls.js";
import { Figure, within } from "./lib/figure.js";
import { html, setText, svg } from "./lib/dom.js";
import { redraw } from "./lib/drawing.js";
import { count } from "./lib/format.js";
import { defineElement, drawnBy } from "./lib/host.js";

/** @typedef {import("./engine/costs.js").Baseline} Baseline */

/**
 * @typedef {Object} BudgetState
 * @property {string} preset Name of a dense model.
 * @property {string} kind @property {number} tokens
 * @property {keyof typeof REGIMES} by What the reader holds fixed; the other one of the two follows.
 * @property {number} sparsity @property {number} k
 * @property {number} given Dense heads of a layer given up. @property {"figure" | "table"} view
 */

const BUDGET_CSS = `
.budget .controls { grid-template-columns: repeat(3, minmax(0, 1fr)); }
.body { padding-top: 16px; padding-bottom: 16px; }
.body svg { display: block; }
.narrow.budget .controls { grid-template-columns: 1fr; }
.narrow.budget .segments > * { flex: 1; }
`;

/** What stays when the text grows. */
const REGIMES = { rho: "ρ fixed", k: "k fixed" };
const MOST_HEADS = 16;

/** What heads may be bought. */
const BOUGHT = Object.entries(HEAD_KINDS).slice(1)
  .map(([name, { label }]) => ({ name, title: label }));

/** @param {BudgetExplorer} figure */
function budgetControls(figure) {
  const change = (/** @type {Partial<BudgetState>} */ changes) => figure.change(changes);
  const model = listField("Dense model", figure.models, (preset) => {
    const { T, sparsity, given } = figure.baseline(preset);
    change({ preset, tokens: T, sparsity, given, by: "rho" });
  });
  const kind = listField("Heads to buy", BOUGHT, (own) => change({ kind: own }));
  const by = segmentField("When the text grows", REGIMES, (own) => change({ by: own }));
  const length = valueSlider("Tokens", 4, 17, (step) => change({ tokens: 2 ** step }));
  const rate = valueSlider("Sparsity", 0, 10, (step) => change({ sparsity: 2 ** step }));
  const slots = valueSlider("Tokens kept", 1, 12, (step) => change({ k: 2 ** step }));
  const price = valueSlider("Dense heads given up", 1, MOST_HEADS, (given) => change({ given }));
  return {
    nodes: [model, kind, by, length, rate, slots, price].map(({ node }) => node),
    /** @param {BudgetState} state @param {number} heads Dense heads of a layer. */
    show(state, heads) {
      const { tokens, sparsity, k, given } = state;
      const [rho, kept] = [`ρ = ${count(sparsity)}`, `k = ${count(k)}`];
      model.select.value = state.preset;
      kind.select.value = state.kind;
      by.show(state.by);
      length.show(Math.log2(tokens), `Tokens T = ${count(tokens)}`);
      rate.show(Math.log2(sparsity), `Sparsity ${rho}, so ${kept}`);
      slots.show(Math.log2(k), `Kept ${kept}, so ${rho}`);
      price.show(given, `Dense heads given up: ${given} of ${heads}`, heads);
      rate.node.hidden = state.by === "k";
      slots.node.hidden = state.by !== "k";
    },
  };
}

class BudgetExplorer extends Figure {
  /** @param {import("./lib/host.js").Model} model @param {HTMLElement} el */
  constructor(model, el) {
    super(model, el, "budget", BUDGET_CSS, ["preset", "kind", "tokens", "sparsity", "given"]);
    this.models = /** @type {Baseline[]} */ (this.data.models);
    this.drawing = svg("svg", { role: "img" });
    this.controls = budgetControls(this);
    this.mount({
      name: "Budget explorer",
      controls: this.controls.nodes,
      parts: [html("section", { class: "pad body" }, this.drawing)],
      note:
        "One forward pass of one text; a multiplication and an addition count 2. Attention is charged for the whole square although it is causal; top-k, gathering and scattering are not counted. Heads whose number of tokens varies are charged for all their slots.",
    });
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
    return { ...state, tokens, given, sparsity, k: keptCount(tokens, sparsity) };
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
    const drawn = this.picture(state, this.stage.palette(), width);
    redraw(this.drawing, drawn, width, this.spoken);
  }

  /** @param {BudgetState} state */
  said(state) {
    return budgetSaid(this.budget(state), state);
  }

  /** @param {BudgetState} state */
  table(state) {
    const rows = budgetRows(this.budget(state), state);
    return { rows, caption: this.provenance(state), at: -1, words: [0] };
  }

  /** @param {BudgetState} state @param {import("./lib/palette.js").Palette} palette @param {number} width */
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

  /** @param {ReturnType<typeof import("./lib/card.js").fragmentReader>} reader */
  stateOf({ whole, oneOf }) {
    const { start } = this.data;
    const preset = oneOf("budget", this.models.map(({ name }) => name), start.preset);
    const { T, sparsity, given } = this.baseline(preset);
    return {
      preset,
      kind: oneOf("kind", BOUGHT.map(({ name }) => name), start.kind),
      tokens: whole("t", T),
      by: oneOf("by", Object.keys(REGIMES), "rho"),
      sparsity: whole("rho", sparsity),
      k: whole("k", 64),
      given: whole("give", given),
    };
  }
}

const budget = drawnBy(BudgetExplorer);

defineElement("mosa-budget", budget);

export default budget;
