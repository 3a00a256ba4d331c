/**
 * The top of the card: what it is, how it stands with the model, and what the head keeps.
 * @module
 */

import { HEAD_LEVEL, TEXT_LEVEL } from "./levels.js";
import { bold, button, html, mono, setText } from "../lib/dom.js";
import { fillPill } from "../lib/figure.js";
import { describe, specialists } from "../lib/finding.js";
import { headName } from "../lib/format.js";

const MOST_CHIPS = 5;

/**
 * What a head keeps, in words.
 * @param {import("./routing_view.js").Routing} routing
 * @param {number} row
 */
export function findingOf(routing, row) {
  const { texts, heads, picks } = routing;
  return describe(
    texts,
    Math.floor(row / heads),
    row % heads,
    Array.from(picks[row]),
    routing.ranked(row),
  );
}

/**
 * @param {import("./view.js").Actions} actions
 * @param {import("./moves.js").Moves} moves
 * @param {string} id Of the finding.
 */
export function headerPanel(actions, moves, id) {
  const name = html("span", { class: "name" }, "Routing explorer");
  const pill = html("span", { class: "pill" });
  const wide = button("⤢ Wide", () => moves.widen(), {
    class: "plain wide-button",
    "aria-pressed": "false",
  });
  const who = html("span");
  const keeps = html("span", { class: "keeps" });
  const what = html("span");
  const finding = html("p", { class: "finding", id }, who, keeps, what);
  const detail = html("p", { class: "detail" });
  const chips = html("div", { class: "chips", role: "group", "aria-label": "Heads that keep" });
  const top = html("div", { class: "top" }, name, pill, wide);
  const node = html(
    "header",
    {},
    top,
    html("div", { class: "pad" }, finding, detail, chips),
  );
  /** @param {import("./view.js").View} view */
  const rebuildChips = ({ routing }) => {
    const found = specialists(routing.texts, routing.picks, routing.heads, (row) =>
      routing.ranked(row),
    );
    chips.hidden = !found.length;
    chips.replaceChildren(
      html("span", { class: "lead" }, "Heads that keep"),
      ...found.slice(0, MOST_CHIPS).map(({ chip, layer, head }) => {
        const parts = html("span", {}, chip, " ", html("small", {}, headName(layer, head)));
        return button(parts, () => actions.lock({ row: layer * routing.heads + head }), {
          class: "chip",
        });
      }),
    );
  };
  /**
   * Leave room for the longest words of any head of a text, so that nothing jumps from head to head.
   * @param {import("./view.js").View} view
   */
  const makeRoom = ({ routing, narrow }) => {
    const all = routing.picks.map((_, row) => findingOf(routing, row));
    const longest = (/** @type {string[]} */ texts) =>
      texts.reduce((a, b) => (b.length > a.length ? b : a));
    const ghost = (/** @type {string} */ text, /** @type {string} */ name) =>
      html(
        "p",
        { class: name, style: "position:absolute;visibility:hidden;width:100%;left:0" },
        text,
      );
    const sentence = ghost(
      longest(all.map((found) => found.who + found.keeps + found.what)),
      "finding",
    );
    const second = ghost("", "detail");
    const [lead, list] = longest(all.map((found) => found.detail)).split(/(?<=: )/);
    second.append(lead ?? "", mono(list ?? ""));
    const words = html("div", { style: "position:relative" }, sentence, second);
    detail.after(words);
    const lines = narrow ? 2 : 1;
    for (let size = narrow ? 18 : 21; size >= 14; size--) {
      sentence.style.fontSize = finding.style.fontSize = `${size}px`;
      sentence.style.minHeight = "0";
      if (sentence.offsetHeight <= lines * (narrow ? 24 : 28)) break;
    }
    detail.style.minHeight = `${second.offsetHeight}px`;
    words.remove();
  };
  return {
    node,
    top,
    wide,
    /** Sentence for those who hear it. */
    sentence: () => finding.textContent ?? "",
    /**
     * @param {import("./view.js").View} view
     * @param {number} level
     */
    update(view, level) {
      setText(name, view.isPreview ? "Preview: click to keep, Esc to return" : "Routing explorer");
      if (level < HEAD_LEVEL) return;
      if (level >= TEXT_LEVEL) makeRoom(view);
      const found = findingOf(view.routing, view.row);
      [who.textContent, keeps.textContent, what.textContent] = [found.who, found.keeps, found.what];
      const [lead, list] = found.detail.split(/(?<=: )/);
      detail.replaceChildren(lead ?? "", ...(list ? [mono(list)] : []));
      if (view.whatIf)
        detail.replaceChildren(
          ...(lead?.match(/^[^:.]+\. ?/) ?? []).map((first) => `${first.trim()} `), // lists are of other picks
          bold(view.whatIf),
        );
      if (level >= TEXT_LEVEL) rebuildChips(view);
    },
    /**
     * @param {import("../lib/session.js").Status} status
     * @param {string} variant
     */
    report(status, variant) {
      fillPill(pill, status, true, variant);
    },
  };
}
