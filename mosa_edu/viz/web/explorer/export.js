/**
 * What the reader may take along: a link, a cell of Python, a table of numbers.
 * @module
 */

import { standing } from "./routing_view.js";
import { wellFormed } from "../lib/dom.js";
import { pythonString } from "../lib/export.js";
import { headName, headOf, rowName } from "../lib/format.js";

/**
 * One line a head and token.
 * @param {import("./view.js").View} view
 * @returns {(string | number)[][]} Headings first.
 */
export function rowsOf({ routing }) {
  /** @type {(string | number)[][]} */
  const rows = [["layer", "head", "position", "token_id", "token", "score", "rank", "picked"]];
  for (let row = 0; row < routing.rows; row++) {
    const head = [Math.floor(row / routing.heads), row % routing.heads];
    for (let t = 0; t < routing.T; t++) {
      const { id, text } = routing.tokens[t];
      const score = routing.score(row, t).toFixed(6);
      const kept = Number(routing.isKept(row, t));
      rows.push([...head, t, id, text, score, routing.rank(row, t), kept]);
    }
  }
  return rows;
}

/**
 * @param {import("./link.js").LinkState} state
 * @param {number} heads Of a layer.
 * @returns {string[]} Lines of Python that change the model as the reader has changed it.
 */
function changesOf({ off, first }, heads) {
  const silent = off.map((row) => {
    const own = headOf(row, heads);
    return `model.blocks[${own.layer}].attention.sparse.w_out.data[${own.head}] = 0  # switched off`;
  });
  if (first === null) return silent;
  const seat = `    block.attention.sparse.selector.include_first = ${first ? "True" : "False"}`;
  return [...silent, "for block in model.blocks:", seat];
}

/**
 * A cell that gives the numbers of the picture.
 * @param {import("./view.js").View} view
 * @param {string} name Of the model.
 * @returns {string}
 */
export function pythonOf({ routing, layer, head, row, state, token, whatIf }, name) {
  const shown = routing.texts.join("");
  const written = wellFormed(state.text ?? shown);
  const isCut = written !== shown && written.startsWith(shown);
  const lines = [
    ...(isCut ? ["from types import SimpleNamespace", ""] : []),
    "import mosa_edu",
    "",
    `model, tokenizer = mosa_edu.load_pretrained(${pythonString(name)})`,
    `text = ${pythonString(isCut ? written : shown)}`,
    // A cut may part a word or a character: the beginning alone would be other tokens.
    ...(isCut ? [`tokenizer = SimpleNamespace(spans=lambda own, spans=tokenizer.spans: spans(own)[:${routing.T}])`] : []),
    ...changesOf(state, routing.heads),
    `trace = mosa_edu.trace(model, tokenizer, text)`,
    `print(trace.picks(${layer}, ${head}).tolist())`,
  ];
  if (state.k !== null) {
    lines[lines.length - 1] = `print(sorted(trace.order[${layer}, ${head}, :${state.k}].tolist()))  # the best ${state.k}`;
    if (!whatIf)
      lines.push("# The page ran every head at this k; here only this head's cut is moved.");
  }
  const score = `float(trace.router_scores()[${layer}, ${head}, ${token}])`;
  lines.push(
    `print(round(${score}, 3))  # ${standing(routing, row, token).kept ? "picked" : "not picked"}`,
  );
  return `${lines.join("\n")}\n`;
}

/**
 * Where a picture comes from, for its caption.
 * @param {import("./view.js").View} view
 * @param {string} about
 * @param {string} address
 * @returns {string[]} Lines.
 */
export function provenanceOf({ layer, head, routing, state, whatIf }, about, address) {
  const changes = [
    ...state.off.map((row) => `${rowName(row, routing.heads)} switched off`),
    ...(state.first === null ? [] : ["seat of token 0 changed"]),
    ...(whatIf ? [whatIf] : state.k === null ? [] : [`k = ${state.k}`]),
  ];
  return [
    `${headName(layer, head)}, zero-based. ${about}`,
    ...changes.map((change) => `Changed: ${change}.`),
    address,
  ];
}
