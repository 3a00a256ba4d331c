/**
 * Moves the cut by its bars, with mouse, finger or keys, and points at tokens in the drawing.
 * @module
 */

import { steppedTo } from "../lib/card.js";
import { within } from "../lib/figure.js";

/** @param {import("./controller.js").LeakProbe} probe */
export function pointAt(probe) {
  const { plot, text } = probe;
  const bounded = (/** @type {number} */ cut) => within(cut, 1, probe.answer.T - 1);
  const move = (/** @type {number} */ cut) => probe.change({ cut });
  const column = (/** @type {MouseEvent} */ { clientX }) =>
    (clientX - plot.node.getBoundingClientRect().left - plot.grid.left) / plot.grid.column;
  dragBar(plot.bar, (event) => bounded(Math.round(column(event))), move);
  dragBar(text.bar, (event) => cutInText(event, text.node, bounded), move);
  plot.bar.addEventListener("keydown", (event) => {
    const cut = steppedTo(event.key, probe.state.cut, 1, probe.answer.T - 1);
    if (cut === null) return;
    event.preventDefault();
    move(cut);
  });
  const over = (/** @type {MouseEvent} */ event) =>
    event.target === plot.bar ? null : { token: within(Math.floor(column(event)), 0, probe.answer.cut - 1) };
  plot.node.addEventListener("click", (event) => probe.change(over(event) ?? {}));
  plot.node.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") probe.preview(over(event));
  });
  plot.node.addEventListener("pointerleave", () => probe.preview(null));
}

/**
 * Where a pointer would cut the text: before the half of a token that it is over.
 * @param {PointerEvent} event
 * @param {Node} text
 * @param {(cut: number) => number} bounded
 */
function cutInText({ clientX, clientY }, text, bounded) {
  const root = /** @type {ShadowRoot} */ (text.getRootNode());
  const over = /** @type {HTMLElement | null | undefined} */ (root.elementFromPoint(clientX, clientY)?.closest("[data-t]"));
  if (!over) return -1;
  const { left, width } = over.getBoundingClientRect();
  return bounded(Number(over.dataset.t) + Number(clientX > left + width / 2));
}

/**
 * @param {HTMLElement} bar
 * @param {(event: PointerEvent) => number} cutAt Where the pointer would cut; -1 where it cannot say.
 * @param {(cut: number) => void} move
 */
function dragBar(bar, cutAt, move) {
  bar.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    bar.focus?.({ preventScroll: true });
    // The bar may be put elsewhere in the text while it is dragged, so the page follows the pointer.
    const follow = (/** @type {PointerEvent} */ to) => {
      const cut = to.pointerId === event.pointerId ? cutAt(to) : -1;
      if (cut >= 0) move(cut);
    };
    const end = () => {
      removeEventListener("pointermove", follow);
      for (const type of ["pointerup", "pointercancel"]) removeEventListener(type, end);
    };
    addEventListener("pointermove", follow);
    for (const type of ["pointerup", "pointercancel"]) addEventListener(type, end);
  });
}
