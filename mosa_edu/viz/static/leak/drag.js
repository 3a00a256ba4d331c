/**
 * Drags a bar by mouse or finger.
 * @module
 */

/**
 * @param {HTMLElement} bar
 * @param {(event: PointerEvent) => number} cutAt Where the pointer would cut; -1 where it cannot say.
 * @param {(cut: number) => void} move
 */
export function dragBar(bar, cutAt, move) {
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
