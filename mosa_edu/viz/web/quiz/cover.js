/**
 * Keeps the output of the cell that follows a question closed, in the book, on the screen.
 * @module
 */

import { html } from "../lib/dom.js";

// In the page, not in a shadow root: the output belongs to the book. Its width stays, so that
// charts which draw themselves meanwhile fit.
const COVER_CSS = `@media screen{.mosa-closed{position:relative;height:48px;min-height:0;overflow:clip;border:1px dashed var(--mosa-quiet,#848d97);border-radius:8px}
.mosa-closed *{visibility:hidden!important}
.mosa-closed::before{content:"Closed until you answer above.";position:absolute;inset:0;padding:13px 16px;font:14px/20px system-ui,sans-serif;color:var(--mosa-ink2,#57606a)}}`;

/**
 * @param {HTMLElement} el Of the question.
 * @returns {(closed: boolean) => void} Does nothing where the page has no such cell.
 */
export function coverOf(el) {
  const output = el.closest(".cell")?.nextElementSibling?.querySelector(":scope>.cell_output");
  if (!output) return () => {};
  if (!document.getElementById("mosa-cover")) document.head.append(html("style", { id: "mosa-cover" }, COVER_CSS));
  return (closed) => void output.classList.toggle("mosa-closed", closed);
}
