/**
 * The lists and sliders of a budget explorer.
 * @module
 */

import { KINDS } from "./costs.js";
import { labelled, segmentField, valueSlider } from "../lib/card.js";
import { html } from "../lib/dom.js";
import { count } from "../lib/format.js";

/** What stays when the text grows. */
export const REGIMES = { rho: "ρ fixed", k: "k fixed" };

const MOST_HEADS = 16;

/** @typedef {import("./controller.js").BudgetState} BudgetState */

/**
 * @param {string} name
 * @param {Record<string, string>} titles
 * @param {(value: string) => void} choose
 */
function listField(name, titles, choose) {
  const options = Object.entries(titles).map(([value, title]) => html("option", { value }, title));
  const select = html("select", { "aria-label": name }, ...options);
  select.addEventListener("change", () => choose(select.value));
  return { select, node: labelled(name, select) };
}

/**
 * @param {import("./costs.js").Baseline[]} models
 * @param {(changes: Partial<BudgetState>) => void} change
 */
export function budgetControls(models, change) {
  const titles = Object.fromEntries(models.map(({ name, title }) => [name, title]));
  const model = listField("Dense model", titles, (preset) => {
    const own = models.find(({ name }) => name === preset) ?? models[0];
    change({ preset, tokens: own.T, sparsity: own.sparsity, given: own.given, by: "rho" });
  });
  const kind = listField("Heads to buy", KINDS, (value) =>
    change({ kind: /** @type {any} */ (value) }),
  );
  const by = segmentField("When the text grows", REGIMES, (value) =>
    change({ by: /** @type {any} */ (value) }),
  );
  const length = valueSlider("Tokens", 4, 17, (step) => change({ tokens: 2 ** step }));
  const rate = valueSlider("Sparsity", 0, 10, (step) => change({ sparsity: 2 ** step }));
  const quota = valueSlider("Tokens kept", 1, 12, (step) => change({ k: 2 ** step }));
  const price = valueSlider("Dense heads given up", 1, MOST_HEADS, (given) => change({ given }));
  return {
    nodes: [model, kind, by, length, rate, quota, price].map(({ node }) => node),
    /** @param {BudgetState} state @param {number} heads Dense heads of a layer. */
    show({ preset, kind: own, by: regime, tokens, sparsity, k, given }, heads) {
      model.select.value = preset;
      kind.select.value = own;
      by.show(regime);
      const [rho, kept] = [`ρ = ${count(sparsity)}`, `k = ${count(k)}`];
      length.show(Math.log2(tokens), `Tokens T = ${count(tokens)}`);
      rate.show(Math.log2(sparsity), `Sparsity ${rho}, so ${kept}`);
      quota.show(Math.log2(k), `Kept ${kept}, so ${rho}`);
      price.show(given, `Dense heads given up: ${given} of ${heads}`, heads);
      rate.node.hidden = regime === "k";
      quota.node.hidden = regime !== "k";
    },
  };
}
