/**
 * How long the page works on one picture: from a change to the painted frame.
 * @module
 */

import { DEBOUNCE } from "../lib/limits.js";

const REST = 600;

/** @returns {Promise<void>} Settled when what waits for an idle page is done. */
export const rest = () => new Promise((resolve) => setTimeout(resolve, REST));

/** @returns {Promise<number>} When the frame that is being drawn has been painted. */
function painted() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel(); // its turn comes after style, layout and paint
    port1.onmessage = () => resolve(performance.now());
    port2.postMessage(null);
  });
}

/** @returns {Promise<number>} When the next frame begins. */
const frame = () => new Promise((resolve) => requestAnimationFrame(() => resolve(performance.now())));

/**
 * Milliseconds of work from a change to its painted frame, without the wait for the screen.
 * @param {() => void} change Draws in the next animation frame.
 */
async function frameWork(change) {
  await frame();
  await painted(); // what came before is over
  const opening = frame(); // asked for first, so it runs before the drawing
  const began = performance.now();
  change();
  const changed = performance.now() - began;
  const opened = await opening;
  return changed + (await painted()) - opened;
}

/**
 * The explorer of a page.
 * @returns {ShadowRoot}
 */
function explorerRoot() {
  const host = document.querySelector("mosa-explorer > div");
  if (!host?.shadowRoot) throw new Error("This page has no explorer.");
  return host.shadowRoot;
}

/**
 * Move the pointer to another token.
 * @param {number} turn
 * @returns {Promise<number>} Milliseconds.
 */
export function hover(turn) {
  const tokens = explorerRoot().querySelectorAll(".tok[data-t]");
  const over = new PointerEvent("pointermove", { bubbles: true, pointerType: "mouse" });
  return frameWork(() => tokens[(turn * 37) % tokens.length].dispatchEvent(over));
}

/**
 * Choose the next head.
 * @returns {Promise<number>} Milliseconds.
 */
export function otherHead() {
  const heads = explorerRoot().querySelectorAll(".segments[aria-label=Head] button");
  return frameWork(() => /** @type {HTMLButtonElement} */ (heads[1]).click());
}

/**
 * @param {string[]} texts Typed in turn into the explorer's text box, whose model is live.
 * @param {number} repeats
 * @returns {Promise<number[]>} Milliseconds from the end of the pause in typing to the new picture,
 *   after three unmeasured rounds.
 */
export async function keystrokeTimes(texts, repeats) {
  const root = explorerRoot();
  const box = /** @type {HTMLTextAreaElement} */ (root.querySelector("textarea"));
  const list = /** @type {Element} */ (root.querySelector(".text"));
  const times = [];
  for (let i = -3; i < repeats; i++) {
    const drawn = new Promise((resolve) => {
      const observer = new MutationObserver(() => {
        observer.disconnect();
        resolve(painted());
      });
      observer.observe(list, { childList: true });
    });
    box.value = texts[(i + 3) % texts.length];
    const began = performance.now();
    box.dispatchEvent(new Event("input"));
    const taken = (await drawn) - began - DEBOUNCE;
    if (i >= 0) times.push(taken);
    await rest();
  }
  return times;
}
