/**
 * One way to point at a drawing: a mouse previews and its click keeps, a finger keeps at once.
 * @module
 */

/**
 * @typedef {Object} Pointing
 * @property {(x: number, y: number) => void} preview Hovered with a mouse, in CSS pixels of the node.
 * @property {(x: number, y: number) => void} lock Clicked, tapped, or scrubbed with a finger.
 * @property {() => void} leave
 */

/**
 * @param {HTMLElement} node Gets `touch-action: pan-y`, so that sideways drags scrub.
 * @param {Pointing} on
 */
export function followPointer(node, on) {
  node.style.touchAction = "pan-y";
  const place = (/** @type {PointerEvent} */ event) => {
    const box = node.getBoundingClientRect();
    return /** @type {[number, number]} */ ([event.clientX - box.left, event.clientY - box.top]);
  };
  let dragging = false;
  node.addEventListener("pointerdown", (event) => {
    dragging = event.pointerType !== "mouse";
  });
  node.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") on.preview(...place(event));
    else if (dragging) on.lock(...place(event));
  });
  node.addEventListener("pointerup", (event) => {
    if (event.pointerType === "mouse" ? event.button === 0 : dragging) on.lock(...place(event));
    dragging = false;
  });
  node.addEventListener("pointercancel", () => (dragging = false));
  node.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") on.leave();
  });
}
