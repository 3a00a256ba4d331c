/**
 * All that the figure draws of a head, as a table: every token in order of its score.
 * @module
 */

import { cardTable, chipOf, tableSection } from "../lib/card.js";
import { mono } from "../lib/dom.js";
import { fraction, signed } from "../lib/format.js";

/**
 * The rows of the table, as plain values.
 * @param {import("./view.js").View} view
 * @returns {{t: number, kept: boolean, cells: string[]}[]} The best token first.
 */
export function tableRows({ routing, row, token, labels }) {
  const cut = routing.cut(row);
  const weights = new Map(routing.attention(row, token)?.map(({ t, weight }) => [t, weight]));
  return Array.from(routing.source.order(row), (t, i) => {
    const score = routing.score(row, t);
    const kept = routing.isKept(row, t);
    const weight = weights.get(t);
    const cells = [
      `${i + 1}`,
      `${t}`,
      labels[t],
      fraction(score),
      cut ? signed(score - cut.value) : "",
      kept ? "yes" : "no",
      weight === undefined ? "" : fraction(weight, 2),
      `${routing.perToken[t]}`,
    ];
    return { t, kept, cells };
  });
}

/**
 * @param {import("./view.js").View} view
 * @param {number} [most] Rows at most.
 * @returns {HTMLTableElement}
 */
export function buildTable(view, most = Infinity) {
  const { layer, head, token, routing } = view;
  const names = ["Rank", "Position", "Token", "Score", "Margin to cut", "Picked", "Attention", `Heads of ${routing.rows}`];
  const rows = tableRows(view).slice(0, most);
  const lastKept = rows.findLastIndex(({ kept }) => kept);
  const lines = rows.map(({ cells }) => cells.map((text, i) => (i === 2 ? mono(text) : text)));
  const caption = `Layer ${layer}, head ${head}: every token, in order of the router's score`;
  return cardTable([names, ...lines], caption, [2, 5], (i) => {
    const { t, kept } = rows[i];
    const marks = [kept && "kept", t === token && "at", i === lastKept && "last"].filter(Boolean);
    return { class: marks.join(" ") || null, "data-t": t };
  });
}

/** @param {import("./view.js").Actions} actions */
export function tablePanel(actions) {
  const { scroll, table: node } = tableSection("Table of all tokens");
  scroll.addEventListener("click", (event) => {
    const t = chipOf(event);
    if (t >= 0) actions.lock({ token: t });
  });
  return {
    node,
    /** @param {import("./view.js").View} view */
    update(view) {
      node.hidden = view.state.view !== "table";
      if (node.hidden || view.isPreview) return;
      const top = scroll.scrollTop;
      scroll.replaceChildren(buildTable(view));
      scroll.scrollTop = top;
    },
  };
}
