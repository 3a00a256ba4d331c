/**
 * What a reader takes along from the probe: a cell of Python, a picture, all picks before the cut.
 * @module
 */

import { svg } from "../dom.js";
import { pythonString } from "../explorer/export.js";
import { LIGHT } from "../palette.js";
import { cardPicture, PICTURE_WIDTH } from "../take_along.js";
import { writeLeak } from "./address.js";
import { drawLeak, gridOf } from "./chart.js";
import { leakRows } from "./panels.js";
import { leakFinding, leakLegend } from "./words.js";

/** @typedef {import("./controller.js").LeakProbe} Probe */

/**
 * A cell that counts what the picture shows.
 * @param {Probe} probe
 * @returns {string}
 */
function leakPython({ view, data, written }) {
  const { rule } = view.state;
  const name = pythonString(data.model);
  const after = view.tokens.slice(view.cut).map(({ id }) => id);
  const causal = rule === "dense" ? "prefix" : rule;
  const marks = rule === "threshold";
  const lines = [
    ...(marks ? ["import json", ""] : []),
    ...(rule === "dense" ? ["import torch", ""] : []),
    "import mosa_edu",
    ...(rule === "paper" ? [] : ["from mosa_edu.generation.story import under_rule"]),
    ...(marks ? ["from mosa_edu.pretrained import pretrained_path, read_metadata"] : []),
    "from mosa_edu.probes.futures import count_rewritten",
    "",
    `model, tokenizer = mosa_edu.load_pretrained(${name})`,
    ...(marks ? [`thresholds = json.loads(read_metadata(pretrained_path(${name}))["thresholds"])`] : []),
    ...(rule === "paper" ? [] : [`model = under_rule(model, ${pythonString(causal)}${marks ? ", thresholds" : ""})`]),
    ...(rule === "dense" ? ["for block in model.blocks:  # what MoSA heads say is multiplied by 0", "    torch.nn.init.zeros_(block.attention.sparse.w_out)"] : []),
    `ids = tokenizer.encode(${pythonString(written)})[:${view.T}]`,
    `future = [${after.join(", ")}]`,
    `new, lost, changed = count_rewritten(model, ids, ids[:${view.cut}] + future, ${view.cut})`,
    `print(new, "new picks,", lost, "lost,", changed, "of ${view.cut} predictions changed")`,
  ];
  return `${lines.join("\n")}\n`;
}

/** @param {Probe} probe @returns {import("../take_along.js").Taken} */
export function takenOfLeak(probe) {
  const { view, changes, data, state } = probe;
  const { cut, tokens } = view;
  const picture = () => {
    const grid = gridOf(PICTURE_WIDTH, view);
    const { who, keeps, what, detail } = leakFinding(view, changes);
    const legend = leakLegend(view, changes).map(([mark, words]) => `${{ kept: "grey: ", new: "▲ ", lost: "✕ " }[mark] ?? ""}${words}`);
    const bar = svg("rect", { x: grid.left + cut * grid.column - 1.5, y: 0, width: 3, height: grid.bottom, fill: LIGHT.ink });
    const caption = [detail, legend.join(";  "), tokens.map(({ text }, t) => (t === cut ? ` | ${text}` : text)).join(""), data.about, `#${writeLeak(state)}`];
    return cardPicture(`${who}${keeps}; ${what}`, [...drawLeak(grid, view, changes, LIGHT, cut), bar], grid.height, caption);
  };
  const rows = () => [
    ["layer", "head", "position", "token_id", "change", "nats"],
    ...changes.marks.map(({ row, t, kind }) => [Math.floor(row / view.heads), row % view.heads, t, tokens[t].id, kind, ""]),
    ...leakRows(view, changes).slice(1).map((row, t) => ["", "", t, tokens[t].id, row[5], Number(view.moved.divergence[t].toFixed(6))]),
  ];
  return { name: `mosa-leak-${view.state.own === null ? view.state.text : "own"}-${cut}`, python: () => leakPython(probe), picture, rows };
}
