/**
 * The look of the scrubber, and what a reader takes along from it: a cell of Python, all picks.
 * @module
 */

import { pythonString } from "../lib/export.js";

export const SCRUB_CSS = `
.scrub .detail{min-height:40px}
.scrub .controls{grid-template-columns:minmax(96px,1fr) auto auto auto}
.stops{margin:12px 0}
.stops .slider{top:84px}
.narrow.scrub .controls{display:flex;flex-wrap:wrap}
.narrow.scrub .controls>:first-child{width:100%}
.narrow.scrub .detail{min-height:80px}
.narrow .stops .slider{top:76px}
`;

/**
 * A cell that prints the picks of a step.
 * @param {import("./history.js").History} history
 * @param {import("./history.js").ScrubState} state
 * @returns {string} Empty if the package has no such record.
 */
export function scrubPython({ name, text, steps }, { stop, layer, head }) {
  if (name !== "explorer") return "";
  const lines = [
    "from mosa_edu.results import recorded_history",
    "from mosa_edu.texts import PROBES",
    "",
    `text = ${pythonString(text)}`,
    "history = recorded_history(next(name for name, own in PROBES.items() if own == text))",
    `stop = history.steps.index(${steps[stop]})`, // the record may have steps between those of a page
    `picks = history.indices[stop, ${layer}, ${head}].tolist()`,
    'print(f"step {history.steps[stop]}, loss {history.losses[stop]:.2f}:", picks)',
    "print([history.pieces[t] for t in picks])",
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * @param {import("./history.js").History} history
 * @returns {(string | number)[][]} Headings, and a row a pick of any head at any step.
 */
export function scrubPicks(history) {
  const { steps, losses, labels, layers, heads } = history;
  const where = Array.from({ length: layers * heads }, (_, row) => [Math.floor(row / heads), row % heads]);
  const picks = steps.flatMap((step, stop) =>
    where.flatMap(([layer, head]) => history.picks(stop, layer, head).map((t) => [step, losses[stop], layer, head, t, labels[t]])),
  );
  return [["step", "loss", "layer", "head", "position", "token"], ...picks];
}
