/**
 * What the probe found, in words; `mosa_edu.viz.leak` says the same of its example.
 * @module
 */

import { FAR } from "./compare.js";
import { fraction, plural, tokenLabels } from "../lib/format.js";

const WHO = {
  random: "A new future",
  tail: "The future of another text",
  none: "Cutting the future off",
  edit: "An edited future",
};

const WHY = {
  paper: "Every head keeps its best of the whole text, so what comes later decides who is kept earlier.",
  prefix: "Prefix top-k, same weights, trained by the paper's rule: a token competes only with those before it.",
  trained: "A second model, which prefix top-k trained: a token competes only with those before it.",
  threshold: "Threshold, same weights, trained by the paper's rule: each token only has to pass a fixed mark.",
  dense: "All MoSA heads are switched off; dense heads look back, never ahead.",
};

/**
 * @param {import("./compare.js").LeakView} view
 * @param {import("./compare.js").Changes} changes
 */
export function leakFinding({ state, cut, moved, same, kept }, changes) {
  const picks = changes.new + changes.lost;
  const predictions = moved.changed.filter(Boolean).length;
  const [before, after] = kept;
  const detail = [`Nothing before position ${cut} was touched. ${WHY[state.rule]}`];
  if (before !== after && state.rule === "paper") detail.push(`k = ${after} now, not ${before}: the text has another length.`);
  return {
    who: same ? "The same future " : `${WHO[state.future]} `,
    keeps: `rewrites ${picks ? plural(picks, "pick") : "no pick"} in the past`,
    then: "; ",
    what: changedOf(predictions, cut),
    detail: detail.join(" "),
  };
}

/**
 * @param {number} changed
 * @param {number} all
 */
function changedOf(changed, all) {
  if (all === 1) return `its one prediction ${changed ? "changed" : "stays as it was"}.`;
  return `${changed || "none"} of its ${all} predictions changed.`;
}

/**
 * What there is to say of the token under study.
 * @param {import("./compare.js").LeakView} view
 * @param {import("./compare.js").Changes} changes
 * @returns {string}
 */
export function leakSentence({ state, cut, moved }, changes) {
  const t = state.token;
  if (t >= cut) return `position ${t}, in the new future`;
  const heads = (/** @type {"kept" | "new" | "lost"} */ kind) => changes.count(kind, t);
  const rows = state.rule === "dense" ? [] : [`kept by ${plural(heads("kept"), "head")} in both, new in ${heads("new")}, lost in ${heads("lost")}`];
  const [before, p, after, q] = moved.forecasts[t];
  const name = (/** @type {string} */ text) => tokenLabels(["a", text])[1];
  const likely = `${name(before)} ${fraction(p)}, now ${before === after ? "" : `${name(after)} `}${fraction(q)}`;
  return [`position ${t}`, ...rows, `prediction ${movedWords(moved, t)}; likeliest next ${likely}`].join(", ");
}

/**
 * @param {import("./compare.js").Moved} moved
 * @param {number} t
 * @returns {string}
 */
export function movedWords({ changed, divergence }, t) {
  if (!changed[t]) return "as before";
  return `moved by ${divergence[t] < 0.0005 ? "less than .001" : fraction(divergence[t])} nats`;
}

/**
 * @param {import("./compare.js").LeakView} view
 * @param {import("./compare.js").Changes} changes
 * @returns {[mark: string, words: string][]}
 */
export function leakLegend({ moved, state }, changes) {
  const far = moved.divergence.filter((nats) => nats > FAR).length;
  const changed = moved.changed.filter(Boolean).length;
  /** @type {[string, string][]} */
  const picks = [
    ["kept", `picked as before (${changes.count("kept")})`],
    ["new", `picked only now (${changes.new})`],
    ["lost", `dropped now (${changes.lost})`],
  ];
  return [
    ...(state.rule === "dense" ? [] : picks),
    ["thin", `prediction changed (${changed})`],
    ["thick", `by more than ${fraction(FAR, 2)} nats (${far})`],
  ];
}

/**
 * Everything drawn, as rows of text: one a position before the cut.
 * @param {import("./compare.js").LeakView} view
 * @param {import("./compare.js").Changes} changes
 * @returns {string[][]} Headings first.
 */
export function leakRows({ tokens, cut, moved }, changes) {
  const labels = tokenLabels(tokens.map(({ text }) => text));
  const head = ["Position", "Token", "Heads in both", "New", "Lost", "Prediction", "Nats (KL)"];
  return [
    head,
    ...labels.slice(0, cut).map((label, t) => [
      `${t}`,
      label,
      ...["kept", "new", "lost"].map((kind) => `${changes.count(/** @type {"kept"} */ (kind), t)}`),
      moved.changed[t] ? "changed" : "as before",
      fraction(moved.divergence[t], 5),
    ]),
  ];
}
