// The card that all figures are, its table, and its links.

import { button, copy, div, html, paragraph, press, span } from "./dom.js";
import { exportButtons } from "./export.js";
import { megabytes } from "./format.js";

const LONGEST_FRAGMENT = 64000;
const TOLD = 6000;

/** @typedef {import("./dom.js").Child} Child */

/**
 * @typedef {Object} Card What a card needs of its figure. @property {string} id Of the finding.
 * @property {string} kind Class of the card.
 * @property {string} name @property {HTMLElement[]} controls
 * @property {Node[]} above What stays over a table.
 * @property {Node[]} parts What a table takes the place of.
 * @property {Node[]} buttons Of this figure alone, at the foot. @property {Child} note
 * @property {string} [listed] What the table lists.
 * @property {() => void} turn Change between figure and table.
 * @property {() => string} fragment @property {() => import("./export.js").Exported} exported
 */

/** @param {Card} figure */
export function figureFrame(figure) {
  const { id, kind, name, controls, above, parts, buttons, note, turn, fragment, exported } =
    figure;
  const { listed = `the ${name.toLowerCase()}` } = figure;
  const [who, keeps, then, what] = [html("span"), span("keeps"), html("span"), html("span")];
  /** @type {Record<string, HTMLElement>} */
  const words = { who, keeps, then, what };
  const finding = html("p", { class: "finding", id }, ...Object.values(words));
  const detail = paragraph("detail");
  const told = html("span", { class: "note told", role: "status" });
  const status = html("div", { class: "hidden", role: "status" });
  const [pill, title] = [span("pill"), span("name", name)];
  let timer = 0;
  const tell = (/** @type {string} */ sentence) => {
    told.textContent = sentence;
    clearTimeout(timer);
    timer = setTimeout(() => (told.textContent = ""), TOLD);
  };
  const turner = button("Table view", turn);
  const { scroll, table } = tableSection(`Table of ${listed}`);
  const share = button("Share link", () => void copy(addressOf(fragment()), tell, "Link copied."));
  const foot = [...buttons, turner, share, ...exportButtons(exported, tell), told];
  const [body, bar] = [html("div", {}, ...parts), div("controls", ...controls)];
  const header = html("header", {}, div("top", title, pill), div("pad", finding, detail));
  const footer = html("footer", {}, div("row wrap", ...foot), paragraph("note", note));
  const card = html(
    "div",
    { class: `card ${kind}`, role: "group", "aria-labelledby": id },
    ...[header, bar, ...above, body, table, footer, status],
  );
  return {
    ...{ card, title, finding, detail, pill, bar, body, scroll, table, told, share, status, tell },
    /** @param {{who: string, keeps: string, then?: string, what: string}} said
     * @param {Child | Child[]} more */
    say(said, more) {
      for (const [part, text] of Object.entries(said)) words[part].textContent = text;
      detail.replaceChildren(...[more].flat());
    },
    /** @param {import("./session.js").Status} state
     * @param {boolean} live Whether what is shown was computed here. @param {string} [variant] */
    report(state, live, variant = "") {
      fillPill(pill, state, live, variant);
    },
    /** @param {(() => HTMLTableElement) | null} build Null shows the figure. */
    show(build) {
      body.hidden = build !== null;
      table.hidden = build === null;
      press(turner, build !== null);
      if (!build) return;
      const { scrollTop } = scroll;
      scroll.replaceChildren(build());
      scroll.scrollTop = scrollTop;
    },
  };
}

// Say where the numbers come from.
/** @param {HTMLElement} pill @param {import("./session.js").Status} status
 * @param {boolean} live Whether what is shown is computed here once the model is.
 * @param {string} variant What was changed about the model. */
export function fillPill(pill, { name, received, total, milliseconds }, live, variant) {
  const kind = name === "live" && !live ? "stored" : name;
  const dot = html("i", { class: `dot ${kind}`, "aria-hidden": "true" });
  const share = html("i", { style: `width:${(total ? (100 * received) / total : 0).toFixed(1)}%` });
  const sizes = `${megabytes(received)}${total ? ` of ${megabytes(total)}` : ""} MB`;
  const words = {
    stored: [dot, "Stored example"],
    loading: [dot, "Loading live model", span("progress", share), sizes],
    live: [dot, `Live model${variant}${milliseconds ? `, ${Math.round(milliseconds)} ms` : ""}`],
    error: ["✕ Live model not loaded"],
  };
  pill.className = `pill ${name}`;
  pill.replaceChildren(...words[kind]);
}

/** @param {(string | Node)[][]} rows Headings first. @param {string} caption
 * @param {number[]} words Columns of words.
 * @param {(row: number) => import("./dom.js").Attributes} mark Of the rows under the headings.
 * @returns {HTMLTableElement} */
export function cardTable([head, ...rows], caption, words, mark) {
  const style = (/** @type {number} */ i) => (words.includes(i) ? "word-cell" : null);
  const names = head.map((name, i) => html("th", { scope: "col", class: style(i) }, name));
  const body = rows.map((row, r) =>
    html("tr", mark(r), ...row.map((cell, i) => html("td", { class: style(i) }, cell)))
  );
  const thead = html("thead", {}, html("tr", {}, ...names));
  return html("table", {}, html("caption", {}, caption), thead, html("tbody", {}, ...body));
}

/** @param {string} name What the table lists. */
export function tableSection(name) {
  const region = { class: "table-scroll", tabindex: 0, role: "region", "aria-label": name };
  const scroll = html("div", region);
  return { scroll, table: html("section", { class: "pad table-view", hidden: true }, scroll) };
}

/** The fragment that figures know of; when the address has another, a link was followed just now. */
let known = globalThis.location?.hash;
globalThis.addEventListener?.("hashchange", () => (known = location.hash));

// Put a fragment into the page's address, but not over one that no figure has read yet.
/** @param {string} fragment Without "#". */
export function writeFragment(fragment) {
  if (location.hash !== known) return;
  try {
    history.replaceState(history.state, "", `#${fragment}`);
    known = location.hash;
  } catch {
    // Some frames have no address of their own, and browsers limit how often it may change.
  }
}

/** @param {string} fragment Without "#". @returns {string} The address of this page there. */
export const addressOf = (fragment) => `${location.href.replace(/#.*/, "")}#${fragment}`;

// Read fields of a fragment, in which nothing is trusted.
/** @param {string} fragment With or without "#". */
export function fragmentReader(fragment) {
  const whole = fragment.replace(/^#/, "").slice(0, LONGEST_FRAGMENT);
  // A program that cut the address may have cut a character: its bytes are left out.
  const fields = new URLSearchParams(whole.replace(/%[0-9a-f]?$/i, ""));
  const [name, last] = [...fields].at(-1) ?? ["", ""];
  if (name && !whole.endsWith(encodeURIComponent("\ufffd"))) {
    fields.set(name, last.replace(/\ufffd+$/, ""));
  }
  /** @type {string[]} */
  const complaints = [];
  /** @param {string} name @param {(value: string) => boolean} isGood
   * @param {string} [what] That there is none of, if it is not. */
  const read = (name, isGood, what = name) => {
    const value = fields.get(name);
    if (value === null || isGood(value)) return value;
    complaints.push(`no ${what} ${value.slice(0, 20)}`);
    return null;
  };
  return {
    fields,
    complaints,
    read,
    /** @param {string} name @param {number} usual */
    whole: (name, usual) => Number(read(name, (value) => /^\d{1,9}$/.test(value)) ?? usual),
    /** @param {string} name @param {string[]} names @param {string} usual */
    oneOf: (name, names, usual) => read(name, (value) => names.includes(value)) ?? usual,
  };
}

/** @param {string[]} complaints */
export const complaint = (complaints) =>
  complaints.length
    ? `The link asks for what is not here (${complaints.join(", ")}): shown as usual.`
    : "";
