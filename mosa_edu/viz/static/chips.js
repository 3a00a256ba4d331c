/**
 * A text as tokens that can be pointed at, one after the other as they are written.
 * @module
 */

import { html, setAttribute } from "./dom.js";

/**
 * @param {string[]} texts The tokens as written, spaces included.
 * @param {string[]} labels
 * @returns {{spans: HTMLElement[], parts: (string | Node)[][]}} A chip a token; and each with the
 *   spaces before and after it.
 */
export function tokenChips(texts, labels) {
  const spans = texts.map((text, t) => {
    const place = { class: `tok${text.trim() ? "" : " sign"}`, role: "option", tabindex: -1, "data-t": t };
    return html("span", place, text.trim() || labels[t]);
  });
  const parts = spans.map((span, t) => {
    const text = texts[t];
    if (!text.trim()) return ["", span, text.replace(/[^\n]/g, "")];
    const [lead, tail] = [/^\s*/, /\s*$/].map((edge) => edge.exec(text)?.[0] ?? "");
    return [lead, span, tail];
  });
  return { spans, parts };
}

/**
 * The token that an event is about.
 * @param {Event} event
 * @returns {number} -1 beside the tokens.
 */
export function chipOf({ target }) {
  const span = /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (target).closest("[data-t]"));
  return span ? Number(span.dataset.t) : -1;
}

/**
 * Let one chip stand for all in the tab order, and give it its name.
 * @param {HTMLElement[]} spans
 * @param {number} t
 * @param {string} sentence
 */
export function studyChip(spans, t, sentence) {
  spans.forEach((span, own) => {
    span.classList.toggle("at", own === t);
    setAttribute(span, "tabindex", own === t ? "0" : "-1");
    setAttribute(span, "aria-label", own === t ? sentence : null);
  });
}
