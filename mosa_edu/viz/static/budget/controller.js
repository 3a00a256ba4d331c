/**
 * Holds the state of a budget explorer: a model, a kind of head, a length, a sparsity, a price.
 * @module
 */

import { labelled, segmentField } from "../card.js";
import { html, setAttribute, setText, svg } from "../dom.js";
import { count } from "../format.js";
import { Figure } from "../figure.js";
import { budgetOf, KINDS, LONGEST, timesFits } from "./costs.js";
import { drawBudget } from "./drawing.js";
import { budgetPython, budgetRows, budgetSaid } from "./words.js";

const SYNCED = ["preset", "kind", "tokens", "sparsity", "given"];
const BY = { rho: "ρ fixed", k: "k fixed" };

const BUDGET_CSS = `
.budget .controls { grid-template-columns: repeat(3, minmax(0, 1fr)); }
.budget .detail { padding-bottom: 12px; }
.body { padding-top: 16px; padding-bottom: 16px; }
.body svg { display: block; }
.narrow.budget .controls { grid-template-columns: 1fr; }
.narrow.budget .segments > * { flex: 1; }
@media print {
  .controls, footer .row { display: none !important; }
  .mosa { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;

/** @typedef {{preset: string, kind: keyof typeof KINDS, tokens: number, by: keyof typeof BY, sparsity: number, k: number, given: number, view: string}} BudgetState */

export class BudgetExplorer extends Figure {
  /**
   * @param {import("../host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    super(model, el, "budget", BUDGET_CSS, SYNCED);
    this.drawing = svg("svg", { role: "img" });
    this.mount({
      name: "Budget explorer",
      controls: this.controls(),
      parts: [html("section", { class: "pad body" }, this.drawing)],
      note: "One forward pass of one text; a multiplication and an addition count 2. Attention is charged for the whole square although it is causal; top-k, gathering and scattering are not counted. Heads whose number of tokens varies are charged for all their slots.",
    });
  }

  /** @returns {BudgetState} */
  firstFrame() {
    return this.bounded({ ...this.data.start, by: "rho", k: 1, view: "figure" });
  }

  /** @param {string} preset @returns {import("./costs.js").Baseline} */
  baseline(preset) {
    return this.data.models.find((/** @type {{name: string}} */ { name }) => name === preset);
  }

  /** @param {BudgetState} state @returns {BudgetState} */
  bounded(state) {
    const within = (
      /** @type {number} */ value,
      /** @type {number} */ low,
      /** @type {number} */ high,
    ) => Math.max(low, Math.min(high, value));
    const tokens = within(state.tokens, 2, LONGEST);
    const sparsity = within(
      state.by === "k" ? timesFits(tokens, within(state.k, 1, tokens)) : state.sparsity,
      1,
      tokens,
    );
    const k =
      state.by === "k" ? within(state.k, 1, LONGEST) : Math.max(1, timesFits(tokens, sparsity));
    return {
      ...state,
      tokens,
      sparsity,
      k,
      given: within(state.given, 1, this.baseline(state.preset).heads),
    };
  }

  /** @param {BudgetState} state */
  budget({ preset, tokens, ...rest }) {
    return budgetOf(this.baseline(preset), { ...rest, T: tokens });
  }

  /** @returns {Node[]} */
  controls() {
    const select = (
      /** @type {string} */ name,
      /** @type {Record<string, string>} */ names,
      /** @type {(value: string) => void} */ choose,
    ) => {
      const node = html(
        "select",
        { "aria-label": name },
        ...Object.entries(names).map(([value, title]) => html("option", { value }, title)),
      );
      node.addEventListener("change", () => choose(node.value));
      return node;
    };
    const titles = Object.fromEntries(
      this.data.models.map((/** @type {any} */ { name, title }) => [name, title]),
    );
    this.models = select("Dense model", titles, (preset) => this.choose(preset));
    this.kinds = select("Heads to buy", KINDS, (kind) => this.change({ kind }));
    this.by = segmentField("When the text grows", BY, (by) => this.change({ by }));
    const power = (
      /** @type {string} */ name,
      /** @type {number} */ low,
      /** @type {number} */ high,
    ) => slider(name, low, high, (value) => 2 ** value);
    this.length = power("Tokens", 4, 17);
    this.rate = power("Sparsity", 0, 10);
    this.quota = power("Tokens kept", 0, 12);
    this.price = slider("Dense heads given up", 1, 16, (value) => value);
    this.length.input.addEventListener("input", () => this.change({ tokens: this.length.value() }));
    this.rate.input.addEventListener("input", () => this.change({ sparsity: this.rate.value() }));
    this.quota.input.addEventListener("input", () => this.change({ k: this.quota.value() }));
    this.price.input.addEventListener("input", () => this.change({ given: this.price.value() }));
    return [
      labelled("Dense model", this.models),
      labelled("Heads to buy", this.kinds),
      this.by.node,
      this.length.node,
      this.rate.node,
      this.quota.node,
      this.price.node,
    ];
  }

  /** @param {string} preset Begin with its own length and sparsity. */
  choose(preset) {
    const { T, sparsity, given } = this.baseline(preset);
    this.change({ preset, tokens: T, sparsity, given, by: "rho" });
  }

  /** A sparsity that Python sets holds when the text grows. */
  follow() {
    const said = this.model.get("sparsity");
    if (!this.telling && said !== undefined && said !== this.state.sparsity)
      this.state = { ...this.state, by: "rho" };
    super.follow();
  }

  /** @param {BudgetState} state */
  paint(state) {
    const { heads } = this.baseline(state.preset);
    const byK = state.by === "k";
    setText(this.frame.pill, "Exact count");
    this.models.value = state.preset;
    this.kinds.value = state.kind;
    this.by.show(state.by);
    this.length.show(Math.log2(state.tokens), `Tokens T = ${count(state.tokens)}`);
    this.rate.show(
      Math.log2(state.sparsity),
      `Sparsity ρ = ${count(state.sparsity)}, so k = ${count(state.k)}`,
    );
    this.quota.show(
      Math.log2(state.k),
      `Kept k = ${count(state.k)}, so ρ = ${count(state.sparsity)}`,
    );
    this.price.show(state.given, `Dense heads given up: ${state.given} of ${heads}`, heads);
    this.rate.node.hidden = byK;
    this.quota.node.hidden = !byK;
    const budget = this.budget(state);
    const { nodes, width, height } = drawBudget(
      { budget, state, palette: this.stage.palette() },
      Math.round(this.width - (this.width < 560 ? 26 : 34)),
    );
    setAttribute(this.drawing, "width", `${width}`);
    setAttribute(this.drawing, "height", `${height}`);
    setAttribute(this.drawing, "aria-label", this.spoken);
    this.drawing.replaceChildren(...nodes);
  }

  /** @param {BudgetState} state @returns {import("../figure.js").Said} */
  said(state) {
    return budgetSaid(this.budget(state), state);
  }

  /** @param {BudgetState} state */
  table(state) {
    const { title } = this.baseline(state.preset);
    const caption = `${title}: ${count(state.tokens)} tokens, sparsity ${count(state.sparsity)}`;
    return { rows: budgetRows(this.budget(state), state), caption, at: -1, words: [0] };
  }

  /** @param {BudgetState} state @param {import("../palette.js").Palette} palette @param {number} width */
  picture(state, palette, width) {
    return drawBudget({ budget: this.budget(state), state, palette }, width);
  }

  /** @param {BudgetState} state */
  python(state) {
    return budgetPython(this.baseline(state.preset), state);
  }

  /** @param {BudgetState} state */
  provenance(state) {
    return `${this.table(state).caption}; counts of mosa_edu.costs.`;
  }

  /** @param {BudgetState} state */
  link({ preset, kind, tokens, by, sparsity, k, given }) {
    return {
      budget: preset,
      kind,
      t: tokens,
      by,
      ...(by === "k" ? { k } : { rho: sparsity }),
      give: given,
    };
  }

  /** @param {ReturnType<typeof import("../card.js").fragmentReader>} reader */
  stateOf({ whole, oneOf }) {
    const preset = oneOf(
      "budget",
      this.data.models.map((/** @type {{name: string}} */ { name }) => name),
      this.data.start.preset,
    );
    const { T, sparsity, given } = this.baseline(preset);
    return {
      preset,
      kind: oneOf("kind", Object.keys(KINDS), this.data.start.kind),
      tokens: whole("t", T),
      by: oneOf("by", Object.keys(BY), "rho"),
      sparsity: whole("rho", sparsity),
      k: whole("k", 64),
      given: whole("give", given),
    };
  }
}

/**
 * A slider under its value.
 * @param {string} name
 * @param {number} low
 * @param {number} high
 * @param {(step: number) => number} valueOf
 */
function slider(name, low, high, valueOf) {
  const input = html("input", { type: "range", min: low, max: high, step: 1, "aria-label": name });
  const track = html("span", { class: "slider" }, input);
  const node = labelled("", track);
  const label = /** @type {Element} */ (node.firstChild);
  return {
    node,
    input,
    value: () => valueOf(Number(input.value)),
    /** @param {number} step @param {string} words @param {number} [most] */
    show(step, words, most = high) {
      Object.assign(input, { max: most, value: step });
      track.style.setProperty("--fill", `${(Number(input.value) - low) / Math.max(most - low, 1)}`);
      setAttribute(input, "aria-valuetext", words);
      setText(label, words);
    },
  };
}
