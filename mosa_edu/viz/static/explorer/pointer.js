/**
 * One way to point at a drawing: a mouse previews and its click keeps, a finger keeps at once.
 * @module
 */

/**
 * @param {HTMLElement} node Gets `touch-action: pan-y`, so that sideways drags scrub.
 * @param {import("./view.js").Actions} actions
 * @param {(x: number, y: number) => import("./view.js").Target} target What is there, in CSS pixels of the node.
 */
export function followPointer(node, actions, target) {
  node.style.touchAction = "pan-y";
  const place = (/** @type {PointerEvent} */ { clientX, clientY }) => {
    const { left, top } = node.getBoundingClientRect();
    return target(clientX - left, clientY - top);
  };
  let dragging = false;
  node.addEventListener("pointerdown", (event) => {
    dragging = event.pointerType !== "mouse";
  });
  node.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") actions.preview(place(event));
    else if (dragging) actions.lock(place(event));
  });
  node.addEventListener("pointerup", (event) => {
    if (event.pointerType === "mouse" ? event.button === 0 : dragging) actions.lock(place(event));
    dragging = false;
  });
  node.addEventListener("pointercancel", () => (dragging = false));
  node.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") actions.leave();
  });
}
