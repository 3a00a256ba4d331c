/**
 * What the smaller figures' cards have in common: choices, tables, links.
 * @module
 */

import { button, html, setAttribute } from "./dom.js";

/**
 * @param {string} name
 * @param {...Node} children
 */
export const labelled = (name, ...children) => html("div", { class: "field" }, html("span", { class: "label" }, name), ...children);

/**
 * Where a key moves something to.
 * @param {string} key
 * @param {number} at
 * @param {number} first
 * @param {number} last
 * @returns {number | null} Null for other keys.
 */
export function steppedTo(key, at, first, last) {
  /** @type {Record<string, number>} */
  const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 8, PageDown: -8, Home: -Infinity, End: Infinity };
  return key in steps ? Math.max(first, Math.min(last, at + steps[key])) : null;
}

/**
 * A row of buttons of which one is chosen; arrow keys move between them.
 * @param {string} name
 * @param {Record<string, string>} names
 * @param {(key: string) => void} choose
 */
export function segmentField(name, names, choose) {
  const keys = Object.keys(names);
  const buttons = keys.map((key) => button(names[key], () => choose(key), { role: "radio", class: "seg" }));
  const group = html("div", { class: "segments", role: "radiogroup", "aria-label": name }, ...buttons);
  group.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (buttons.findIndex((one) => one.matches(":focus")) + step + keys.length) % keys.length;
    choose(keys[next]);
    buttons[next].focus();
  });
  return {
    node: labelled(name, group),
    /** @param {string} chosen */
    show(chosen) {
      buttons.forEach((one, i) => {
        setAttribute(one, "aria-checked", `${keys[i] === chosen}`);
        setAttribute(one, "tabindex", keys[i] === chosen ? "0" : "-1");
      });
    },
  };
}

/**
 * @param {string[][]} rows Headings first.
 * @param {string} caption
 * @param {number} at Row that the reader studies.
 * @param {number[]} words Columns of words.
 * @returns {HTMLTableElement}
 */
export function cardTable([head, ...rows], caption, at, words) {
  const style = (/** @type {number} */ i) => (words.includes(i) ? "word-cell" : null);
  const names = head.map((name, i) => html("th", { scope: "col", class: style(i) }, name));
  const body = rows.map((row, r) =>
    html("tr", { class: r === at ? "at" : null }, ...row.map((text, i) => html("td", { class: style(i) }, text))),
  );
  return html("table", {}, html("caption", {}, caption), html("thead", {}, html("tr", {}, ...names)), html("tbody", {}, ...body));
}

/** @param {string} name What the table lists. */
export function tableSection(name) {
  const scroll = html("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": name });
  return { scroll, table: html("section", { class: "pad table-view", hidden: true }, scroll) };
}

/**
 * Put a fragment into the page's address.
 * @param {string} fragment Without "#".
 */
export function writeFragment(fragment) {
  try {
    history.replaceState(history.state, "", `#${fragment}`);
  } catch {
    // Some frames have no address of their own, and browsers limit how often it may change.
  }
}

/**
 * @param {() => string} fragment
 * @param {(words: string) => void} tell
 */
export function shareButton(fragment, tell) {
  return button("Share link", async () => {
    try {
      await navigator.clipboard.writeText(`${location.href.replace(/#.*/, "")}#${fragment()}`);
      tell("Link copied.");
    } catch {
      tell("The browser does not let this page copy.");
    }
  });
}

/**
 * Read fields of a fragment, in which nothing is trusted.
 * @param {string} fragment With or without "#".
 */
export function fragmentReader(fragment) {
  const fields = new URLSearchParams(fragment.replace(/^#/, "").slice(0, 16000));
  /** @type {string[]} */
  const complaints = [];
  /**
   * @param {string} name
   * @param {(value: string) => boolean} isGood
   */
  const read = (name, isGood) => {
    const value = fields.get(name);
    if (value === null || isGood(value)) return value;
    complaints.push(`no ${name} ${value.slice(0, 20)}`);
    return null;
  };
  return {
    fields,
    complaints,
    /** @param {string} name @param {number} usual */
    whole: (name, usual) => Number(read(name, (value) => /^\d{1,9}$/.test(value)) ?? usual),
    /** @param {string} name @param {string[]} names @param {string} usual */
    oneOf: (name, names, usual) => read(name, (value) => names.includes(value)) ?? usual,
  };
}

/** @param {string[]} complaints */
export const complaint = (complaints) =>
  complaints.length ? `The link asks for what is not here (${complaints.join(", ")}): shown as usual.` : "";
