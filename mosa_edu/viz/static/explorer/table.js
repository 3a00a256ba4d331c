/**
 * All that the figure draws of a head, as a table: every token in order of its score.
 * @module
 */

import { html, mono } from "../dom.js";
import { fraction, signed } from "../format.js";

const HEADINGS = [
  "Rank",
  "Position",
  "Token",
  "Score",
  "Margin to cut",
  "Picked",
  "Attention",
  "Heads",
];
const WORD_COLUMNS = new Set(["Token", "Picked"]);

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
  const caption = `Layer ${layer}, head ${head}: every token, in order of the router's score`;
  const names = HEADINGS.map((name) => (name === "Heads" ? `Heads of ${routing.rows}` : name));
  const cell = (/** @type {string} */ text, /** @type {number} */ i) => {
    const word = WORD_COLUMNS.has(HEADINGS[i]);
    return html(
      "td",
      { class: word ? "word-cell" : null },
      HEADINGS[i] === "Token" ? mono(text) : text,
    );
  };
  const rows = tableRows(view).slice(0, most);
  const lastKept = rows.findLastIndex(({ kept }) => kept);
  return html(
    "table",
    {},
    html("caption", {}, caption),
    html(
      "thead",
      {},
      html(
        "tr",
        {},
        ...names.map((name, i) =>
          html(
            "th",
            { scope: "col", class: WORD_COLUMNS.has(HEADINGS[i]) ? "word-cell" : null },
            name,
          ),
        ),
      ),
    ),
    html(
      "tbody",
      {},
      ...rows.map(({ t, kept, cells }, i) => {
        const marks = [kept ? "kept" : "", t === token ? "at" : "", i === lastKept ? "last" : ""]
          .join(" ")
          .trim();
        return html("tr", { class: marks || null, "data-t": t }, ...cells.map(cell));
      }),
    ),
  );
}

/** @param {import("./view.js").Actions} actions */
export function tablePanel(actions) {
  const scroll = html("div", {
    class: "table-scroll",
    tabindex: 0,
    role: "region",
    "aria-label": "Table of all tokens",
  });
  const node = html("section", { class: "pad table-view", hidden: true }, scroll);
  scroll.addEventListener("click", (event) => {
    const row = /** @type {HTMLElement} */ (event.target).closest("tr[data-t]");
    if (row) actions.lock({ token: Number(/** @type {HTMLElement} */ (row).dataset.t) });
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
