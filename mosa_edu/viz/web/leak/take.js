/**
 * What a reader takes along from the probe: a cell of Python, a picture, all picks before the cut.
 * @module
 */

import { pythonString } from "../lib/export.js";
import { drawLeak, gridOf } from "./chart.js";
import { leakLegend } from "./words.js";
import { svg } from "../lib/dom.js";

/**
 * A cell that counts what the picture shows.
 * @param {import("./compare.js").LeakView} view
 * @param {string} model Its name.
 * @param {string} written The text.
 * @returns {string}
 */
export function leakPython(view, model, written) {
  const { rule } = view.state;
  const own = rule === "paper" || rule === "trained";
  const name = pythonString(model);
  const after = view.tokens.slice(view.cut).map(({ id }) => id);
  const causal = rule === "dense" ? "prefix" : rule;
  const marks = rule === "threshold";
  const lines = [
    ...(marks ? ["import json", ""] : []),
    ...(rule === "dense" ? ["import torch", ""] : []),
    "import mosa_edu",
    ...(own ? [] : ["from mosa_edu.generation.story import under_rule"]),
    ...(marks ? ["from mosa_edu.pretrained import pretrained_path, read_metadata"] : []),
    "from mosa_edu.probes.futures import count_rewritten",
    "",
    `model, tokenizer = mosa_edu.load_pretrained(${name})`,
    ...(marks ? [`thresholds = json.loads(read_metadata(pretrained_path(${name}))["thresholds"])`] : []),
    ...(own ? [] : [`model = under_rule(model, ${pythonString(causal)}${marks ? ", thresholds" : ""})`]),
    ...(rule === "dense" ? ["for block in model.blocks:  # what MoSA heads say is multiplied by 0", "    torch.nn.init.zeros_(block.attention.sparse.w_out)"] : []),
    `ids = tokenizer.encode(${pythonString(written)})[:${view.T}]`,
    `future = [${after.join(", ")}]`,
    `new, lost, changed = count_rewritten(model, ids, ids[:${view.cut}] + future, ${view.cut})`,
    `print(new, "new picks,", lost, "lost,", changed, "of ${view.cut} predictions changed")`,
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * @param {import("./compare.js").LeakView} view
 * @param {import("./compare.js").Changes} changes
 * @param {import("../lib/palette.js").Palette} palette
 * @param {number} width
 */
export function leakPicture(view, changes, palette, width) {
  const grid = gridOf(width, view);
  const { cut } = view;
  const bar = svg("rect", { x: grid.left + cut * grid.column - 1.5, y: 0, width: 3, height: grid.bottom, fill: palette.ink });
  return { nodes: [...drawLeak(grid, view, changes, palette, cut), bar], height: grid.height };
}

/**
 * What stands under the picture: the legend, and the text with its cut.
 * @param {import("./compare.js").LeakView} view
 * @param {import("./compare.js").Changes} changes
 * @param {string} about
 */
export function leakCaption(view, changes, about) {
  /** @type {Record<string, string>} */
  const marks = { kept: "grey: ", new: "▲ ", lost: "✕ " };
  const legend = leakLegend(view, changes).map(([mark, words]) => `${marks[mark] ?? ""}${words}`);
  const text = view.tokens.map((token, t) => (t === view.cut ? ` | ${token.text}` : token.text));
  return `${legend.join(";  ")}\n${text.join("")}\n${about}`;
}

/**
 * Every pick that stayed, came or went, and every prediction that was compared.
 * @param {import("./compare.js").LeakView} view
 * @param {import("./compare.js").Changes} changes
 * @returns {(string | number)[][]} Headings first.
 */
export function leakChanges({ heads, tokens, moved, cut }, changes) {
  const picks = changes.marks.map(({ row, t, kind }) => [Math.floor(row / heads), row % heads, t, tokens[t].id, kind, ""]);
  const nats = (/** @type {number} */ t) => Number(moved.divergence[t].toFixed(6));
  const predictions = tokens.slice(0, cut).map(({ id }, t) => ["", "", t, id, moved.changed[t] ? "changed" : "as before", nats(t)]);
  return [["layer", "head", "position", "token_id", "change", "nats"], ...picks, ...predictions];
}
