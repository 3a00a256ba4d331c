/**
 * One way to point at a drawing: a mouse previews and its click keeps, a finger keeps at once.
 * @module
 */

/**
 * Whether a finger scrubs: a page that scrolls hears one move, too, before it is cancelled.
 * @param {PointerEvent} from
 * @param {PointerEvent} to
 */
const goesSideways = (from, to) => Math.abs(to.clientX - from.clientX) > Math.abs(to.clientY - from.clientY);

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
  /** @type {PointerEvent | null} where a finger went down */
  let down = null;
  let scrubs = false;
  node.addEventListener("pointerdown", (event) => {
    [down, scrubs] = [event.pointerType === "mouse" ? null : event, false];
  });
  node.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") actions.preview(place(event));
    else if (down && (scrubs ||= goesSideways(down, event))) actions.lock(place(event));
  });
  node.addEventListener("pointerup", (event) => {
    if (event.pointerType === "mouse" ? event.button === 0 : down) actions.lock(place(event));
    down = null;
  });
  node.addEventListener("pointercancel", () => (down = null));
  node.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") actions.leave();
  });
}
