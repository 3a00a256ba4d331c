/**
 * The card that a smaller figure stands in: head, controls, figure, table, foot.
 * @module
 */

import { shareButton, tableSection } from "./card.js";
import { button, html, setAttribute } from "./dom.js";
import { megabytes } from "./format.js";
import { takeButtons } from "./take_along.js";

/**
 * @typedef {Object} Figure What a card needs of its figure.
 * @property {string} id Of the finding.
 * @property {string} kind Class of the card.
 * @property {string} name
 * @property {HTMLElement[]} controls
 * @property {Node[]} above What stays over a table.
 * @property {Node[]} parts What a table takes the place of.
 * @property {Node[]} buttons Of this figure alone, at the foot.
 * @property {string} note
 * @property {() => void} turn Change between figure and table.
 * @property {() => string} fragment
 * @property {() => import("./take_along.js").Taken} taken
 */

/** @param {Figure} figure */
export function figureFrame({ id, kind, name, controls, above, parts, buttons, note, turn, fragment, taken }) {
  const words = { who: html("span"), keeps: html("span", { class: "keeps" }), then: html("span"), what: html("span") };
  const finding = html("p", { class: "finding", id }, ...Object.values(words));
  const detail = html("p", { class: "detail" });
  const told = html("span", { class: "note told", role: "status" });
  const status = html("div", { class: "hidden", role: "status" });
  const pill = html("span", { class: "pill" });
  const tell = (/** @type {string} */ sentence) => void (told.textContent = sentence);
  const turner = button("Table view", turn);
  const { scroll, table } = tableSection(`Table of the ${name.toLowerCase()}`);
  const foot = [...buttons, turner, shareButton(fragment, tell), ...takeButtons(taken, tell), told];
  const body = html("div", {}, ...parts);
  const card = html(
    "div",
    { class: `card ${kind}`, role: "group", "aria-labelledby": id },
    html("header", {}, html("div", { class: "top" }, html("span", { class: "name" }, name), pill), html("div", { class: "pad" }, finding, detail)),
    html("div", { class: "controls" }, ...controls),
    ...above,
    body,
    table,
    html("footer", {}, html("div", { class: "row wrap" }, ...foot), html("p", { class: "note" }, note)),
    status,
  );
  return {
    ...{ card, finding, detail, pill, status, tell },
    /**
     * @param {{who: string, keeps: string, then?: string, what: string}} said
     * @param {string} more
     */
    say(said, more) {
      for (const [part, text] of Object.entries(said)) words[/** @type {keyof typeof words} */ (part)].textContent = text;
      detail.textContent = more;
    },
    /**
     * @param {import("./explorer/session.js").Status} state
     * @param {boolean} live Whether what is shown was computed here.
     * @param {string} [variant]
     */
    report(state, live, variant = "") {
      fillPill(pill, state, live, variant);
    },
    /** @param {(() => HTMLTableElement) | null} build Null shows the figure. */
    show(build) {
      body.hidden = build !== null;
      table.hidden = build === null;
      setAttribute(turner, "aria-pressed", `${build !== null}`);
      if (build) scroll.replaceChildren(build());
    },
  };
}

/**
 * Say where the numbers come from.
 * @param {HTMLElement} pill
 * @param {import("./explorer/session.js").Status} status
 * @param {boolean} live Whether what is shown is computed here once the model is.
 * @param {string} variant What was changed about the model.
 */
export function fillPill(pill, { name, received, total, milliseconds }, live, variant) {
  const kind = name === "live" && !live ? "stored" : name;
  const dot = html("i", { class: `dot ${kind}`, "aria-hidden": "true" });
  const share = html("i", { style: `width:${(total ? (100 * received) / total : 0).toFixed(1)}%` });
  const sizes = `${megabytes(received)}${total ? ` of ${megabytes(total)}` : ""} MB`;
  const words = {
    stored: [dot, "Stored example"],
    loading: [dot, "Loading live model", html("span", { class: "progress" }, share), sizes],
    live: [dot, `Live model${variant}${milliseconds ? `, ${Math.round(milliseconds)} ms` : ""}`],
    error: ["✕ Live model not loaded"],
  };
  pill.className = `pill ${name}`;
  pill.replaceChildren(...words[kind]);
}
