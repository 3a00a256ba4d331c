/**
 * A text as tokens that can be pointed at, one after the other as they are written.
 * @module
 */

import { steppedTo } from "./card.js";
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
 * The tokens as options of a list, of which one is under study.
 * @param {Object} on
 * @param {(t: number) => void} on.study Clicked, or reached by arrow keys, Home and End.
 * @param {(t: number) => void} [on.press] Clicked, or Space or Enter: where that is something else.
 * @param {(t: number) => void} [on.preview] Under a mouse; -1 beside all tokens.
 * @param {() => number} [on.last] The last token that may be studied.
 */
export function tokenList({ study, press = study, preview, last }) {
  const node = html("div", { class: "text", role: "listbox", "aria-label": "Tokens", dir: "auto" });
  /** @type {HTMLElement[]} */
  let spans = [];
  let at = 0;
  let held = false; // whether a token that is laid anew had the focus
  const end = () => last?.() ?? spans.length - 1;
  const allowed = (/** @type {Event} */ event) => (chipOf(event) > end() ? -1 : chipOf(event));
  const then = (/** @type {(t: number) => void} */ act, /** @type {number} */ t) => {
    act(t);
    spans[at]?.focus({ preventScroll: true });
  };
  node.addEventListener("click", (event) => {
    if (allowed(event) >= 0) then(press, allowed(event));
  });
  node.addEventListener("keydown", (event) => {
    const to = steppedTo(event.key, at, 0, end());
    const pressed = press !== study && (event.key === " " || event.key === "Enter");
    if (to === null && !pressed) return;
    event.preventDefault();
    then(pressed ? press : study, to ?? at);
  });
  node.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") preview?.(allowed(event));
  });
  node.addEventListener("pointerleave", () => preview?.(-1));
  return {
    node,
    /** @param {string[]} texts @param {string[]} labels */
    lay(texts, labels) {
      const chips = tokenChips(texts, labels);
      held = spans.some((span) => span.matches(":focus"));
      spans = chips.spans;
      node.replaceChildren(...chips.parts.flat());
      return chips;
    },
    /**
     * Mark all tokens.
     * @param {number} t Under study: it stands for all in the tab order.
     * @param {string} sentence Its name.
     * @param {(t: number) => Record<string, boolean>} classes
     * @param {(t: number) => string | null} [nameOf] Names of the others, if not what is written.
     */
    mark(t, sentence, classes, nameOf = () => null) {
      at = t;
      spans.forEach((span, own) => {
        const marks = { at: own === t, ...classes(own) };
        for (const [name, isOn] of Object.entries(marks)) span.classList.toggle(name, isOn);
        setAttribute(span, "tabindex", own === t ? "0" : "-1");
        setAttribute(span, "aria-label", own === t ? sentence : nameOf(own));
      });
      if (held) spans[t]?.focus({ preventScroll: true });
      held = false;
      return spans;
    },
  };
}
