/**
 * Three columns of bars: what the token looks at, what comes next, and what the head costs.
 * @module
 */

import { headCost } from "./cost.js";
import { TEXT_LEVEL } from "./levels.js";
import { bold, button, html, mono, setAttribute, setText } from "../lib/dom.js";
import { fraction, percent, plural, rowName } from "../lib/format.js";

const MOST_BARS = 5;

/**
 * @typedef {Object} Bar
 * @property {string} word
 * @property {number} share Of the full width.
 * @property {string} number
 * @property {string} [kind] Classes: "track" shows what the bar is a share of.
 * @property {number} [t] Token that the word stands for; its position is told beside it.
 */

/**
 * A list of bars that is changed in place: rebuilding it at every hover would cost a layout.
 * @param {(t: number) => void} [onPress] Pressing a bar's word, if it stands for a token.
 */
function barList(onPress) {
  const node = html("ul", { class: "bars" });
  /** @type {Record<"row" | "word" | "small" | "fill" | "number", HTMLElement>[]} */
  const kept = [];
  /** @type {number[]} */
  let tokens = [];
  const add = () => {
    const place = kept.length;
    const word = onPress
      ? button("", () => onPress(tokens[place]), { class: "word" })
      : html("span");
    const [small, fill, number] = [html("small"), html("i"), html("span", { class: "bar-number" })];
    const track = html("span", { class: "bar-track" }, fill);
    const row = html("li", {}, html("span", { class: "bar-word" }, word, small), track, number);
    node.append(row);
    return kept[kept.push({ row, word, small, fill, number }) - 1];
  };
  /** @param {Bar[]} bars */
  const show = (bars) => {
    tokens = bars.map(({ t = -1 }) => t);
    bars.forEach(({ word, share, number, kind = "", t = -1 }, i) => {
      const own = kept[i] ?? add();
      own.row.hidden = false;
      setAttribute(own.row, "class", `bar-row ${kind}`);
      setText(own.word, word);
      setText(own.small, t < 0 ? "" : `${t}`);
      setAttribute(own.word, "disabled", onPress && t < 0 ? "" : null);
      setAttribute(own.fill, "style", `width:${(100 * share).toFixed(2)}%`);
      setText(own.number, number);
    });
    for (const { row } of kept.slice(bars.length)) row.hidden = true;
  };
  return { node, show };
}

/** @param {string} name */
function column(name) {
  const title = html("div", { class: "h" });
  const note = html("div", { class: "note" });
  const body = html("div");
  return {
    node: html("section", { class: "col", "aria-label": name }, title, note, body),
    title,
    note,
    body,
  };
}

/**
 * Chips of the heads that keep a token.
 * @param {import("./view.js").View} view
 * @param {import("./view.js").Actions} actions
 */
function keepers({ routing, token }, actions) {
  const chips = routing
    .rowsOf(token)
    .map((row) => button(rowName(row, routing.heads), () => actions.lock({ row }), { class: "chip" }));
  return html("div", { class: "chips wrap" }, ...chips);
}

/** @param {import("./view.js").Actions} actions */
export function attentionPanel(actions) {
  const { node, title, note, body } = column("Attention");
  const list = barList((t) => actions.lock({ token: t }));
  /** @param {import("./view.js").View} view */
  const absent = (view) => {
    const { routing, token, labels } = view;
    const n = routing.perToken[token];
    title.replaceChildren(html("code", { class: "cur" }, labels[token]), " is not in this head");
    note.textContent = n
      ? `It neither sends nor receives here. ${n} of ${plural(routing.rows, "head")} pick it:`
      : "No sparse head picks it: only the dense heads see it.";
    body.replaceChildren(...(n ? [keepers(view, actions)] : []));
  };
  return {
    node,
    /** @param {import("./view.js").View} view */
    update(view) {
      const { routing, row, token, labels } = view;
      if (!routing.isKept(row, token)) return absent(view);
      title.replaceChildren("Attention from ", html("code", { class: "cur" }, labels[token]));
      const weights = routing.attention(row, token);
      if (!weights) {
        note.textContent = "At this k the weights are known only to the live model.";
        return body.replaceChildren();
      }
      const best = weights.toSorted((a, b) => b.weight - a.weight || b.t - a.t);
      const own = best.find(({ t }) => t === token)?.weight ?? 0;
      const seen = `${plural(weights.length, "pick")} in view, itself included`;
      setText(note, own >= 0.95 ? "it looks almost only at itself" : seen);
      const kind = "track cursor";
      /** @type {Bar[]} */
      const rows = best.slice(0, MOST_BARS).map(({ t, weight }) => {
        return { word: labels[t], share: weight, number: fraction(weight, 2), kind, t };
      });
      const rest = best.slice(MOST_BARS);
      const left = rest.reduce((sum, { weight }) => sum + weight, 0);
      if (rest.length)
        rows.push({ word: `${rest.length} more`, share: left, number: fraction(left, 2), kind });
      list.show(rows);
      if (list.node.parentNode !== body) body.replaceChildren(list.node);
    },
  };
}

export function nextPanel() {
  const { node, title, note, body } = column("Next token");
  title.textContent = "Next token";
  let drawn = -1;
  const list = barList();
  body.append(list.node);
  return {
    node,
    /**
     * @param {import("./view.js").View} view
     * @param {number} level
     */
    update({ routing, token, entry, whatIf, labels }, level) {
      if (level < TEXT_LEVEL && token === drawn) return; // the model's guess, not this head's
      drawn = token;
      const best = routing.source.next(token);
      const truth = routing.source.truth(token);
      const held = whatIf ? " (held as traced)" : "";
      if (truth)
        note.replaceChildren(
          "the text says ",
          bold(mono(labels[token + 1])),
          `, rank ${truth.rank + 1}${held}`,
        );
      else
        note.textContent =
          token + 1 < routing.T ? `the model's guesses${held}` : `the text ends here${held}`;
      const top = Math.max(best[0].probability, truth?.probability ?? 0, 1e-9);
      const also = truth && !best.some(({ id }) => id === truth.id) ? [truth] : [];
      list.show(
        [...best, ...also].map(({ id, probability }) => {
          const kind = truth?.id === id ? "truth" : "";
          return { word: entry(id), share: probability / top, number: percent(probability), kind };
        }),
      );
    },
  };
}

/** @param {string | null} link Where costs are explained. */
export function costPanel(link) {
  const { node, title, note, body } = column("Cost of this head");
  title.textContent = "Cost of this head";
  let drawn = -1; // tokens kept
  note.append("share of ", html("i", { class: "swatch" }), " one dense head");
  if (link) note.append(" · ", html("a", { href: link }, "budgets"));
  return {
    node,
    /**
     * @param {import("./view.js").View} view
     * @param {number} level
     */
    update({ routing, row, config }, level) {
      const k = routing.picks[row].length;
      if (level < TEXT_LEVEL && k === drawn) return;
      drawn = k;
      const rows = headCost(config, routing.T, k).map(({ name, share, words }) =>
        html(
          "div",
          { class: "cost" },
          html("div", { class: "cost-line" }, name, bold(percent(share))),
          html(
            "div",
            { class: "share" },
            html("i", { style: `width:${(100 * Math.min(share, 1)).toFixed(2)}%` }),
          ),
          html("div", { class: "note" }, words),
        ),
      );
      const share = Math.floor(routing.T / config.sparsity);
      const floor = share < 2 && k === Math.min(2, routing.T);
      const why = `T / ${config.sparsity} would be ${share}, but a head keeps at least 2 tokens.`;
      body.replaceChildren(
        html("div", { class: "costs" }, ...rows),
        ...(floor ? [html("p", { class: "note" }, why)] : []),
      );
    },
  };
}
