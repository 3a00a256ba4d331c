/**
 * Tokens that many heads keep, and tokens that none does, by name.
 * @module
 */

import { bold, html, mono } from "../lib/dom.js";

const MOST_HUBS = 3;
const MOST_ORPHANS = 8;

/**
 * Words for the tokens that many heads keep, and for those that none does.
 * @param {import("./view.js").View} view
 * @param {(target: import("./view.js").Target) => void} lock
 * @returns {{hubs: (Node | string)[], orphans: (Node | string)[]}}
 */
export function namedTokens({ routing, word }, lock) {
  const name = (/** @type {number} */ t) => {
    const { before, piece, after } = word(t);
    const parts = [before, bold(piece), after].filter(Boolean);
    return html(
      "button",
      { type: "button", class: "word", onclick: () => lock({ token: t }) },
      mono(...parts),
    );
  };
  const between = (/** @type {(Node | string)[][]} */ items) =>
    items.flatMap((item, i) => (i ? [", ", ...item] : item));
  const [hubs, orphans] = [routing.hubs(), routing.orphans()];
  const mean = `the mean is ${routing.mean.toFixed(routing.mean < 2 ? 1 : 0)}`;
  const named = between(hubs.slice(0, MOST_HUBS).map((t) => [name(t), ` ${routing.perToken[t]}`]));
  const more = orphans.length - MOST_ORPHANS;
  return {
    hubs: hubs.length
      ? ["Hubs: ", ...named, ` of ${routing.rows} heads; ${mean}.`]
      : [`No hubs: ${mean}.`],
    orphans: orphans.length
      ? [
          html("i", { class: "ring" }),
          " Orphans, picked by no head: ",
          ...between(orphans.slice(0, MOST_ORPHANS).map((t) => [name(t)])),
          more > 0 ? ` and ${more} more.` : ".",
        ]
      : ["No orphans: every token is picked by some head."],
  };
}
