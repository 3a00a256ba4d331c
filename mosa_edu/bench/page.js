// What a browser needs for one picture of the explorer, and for one run of the model.

import { fetchEngine } from "../viz/web/engine/engine.js";
import { DEBOUNCE } from "../viz/web/lib/own_text.js";

const REST = 600;

/** @typedef {import("../viz/web/engine/engine.js").Engine} Engine */

// Run the model on ids that are the same every time.
/** @param {Engine} engine @param {number} T Tokens, at most the model's limit.
 * @returns {{first: number, whole: () => number}} Milliseconds until the text is routed and the
 *   predictions at its last token are known; and, when it is asked for, until all are. */
function forward(engine, T) {
  const entries = engine.config.vocab_size - 1;
  const ids = Array.from({ length: T }, (_, t) => 1 + ((t * 7919) % entries));
  const began = performance.now();
  const run = engine.forward(ids);
  run.next(T - 1);
  const first = performance.now() - began;
  const whole = () => {
    run.meanLoss();
    return performance.now() - began;
  };
  return { first, whole };
}

/** @returns {Promise<void>} Resolved when what waits for an idle page is done. */
const rest = () => new Promise((resolve) => setTimeout(resolve, REST));

/** @returns {Promise<number>} When the frame that is being drawn has been painted. */
function painted() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel(); // its turn comes after style, layout and paint
    port1.onmessage = () => resolve(performance.now());
    port2.postMessage(null);
  });
}

/** @returns {Promise<number>} When the next frame begins. */
const frame = () =>
  new Promise((resolve) => requestAnimationFrame(() => resolve(performance.now())));

// Milliseconds of work from a change to its painted frame, without the wait for the screen.
/** @param {() => unknown} change Draws in the next animation frame. */
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

/** @returns {ShadowRoot} Of the page's explorer. */
function explorerRoot() {
  const host = document.querySelector("mosa-explorer > div");
  if (!host?.shadowRoot) throw new Error("This page has no explorer.");
  return host.shadowRoot;
}

/** @param {number} turn Move the pointer to another token. */
function hover(turn) {
  const tokens = explorerRoot().querySelectorAll(".tok[data-t]");
  const over = new PointerEvent("pointermove", { bubbles: true, pointerType: "mouse" });
  return frameWork(() => tokens[(turn * 37) % tokens.length].dispatchEvent(over));
}

/** Choose the next head. */
function otherHead() {
  const heads = explorerRoot().querySelectorAll(".segments[aria-label=Head] button");
  return frameWork(() => /** @type {HTMLButtonElement} */ (heads[1]).click());
}

/**
 * @param {string[]} texts Typed in turn into the explorer's text box, whose model is live.
 * @param {number} repeats
 * @returns {Promise<number[]>} Milliseconds from the end of the pause in typing to the new picture,
 *   after three unmeasured rounds.
 */
async function keystrokeTimes(texts, repeats) {
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
    const spent = (await drawn) - began - DEBOUNCE;
    if (i >= 0) times.push(spent);
    await rest();
  }
  return times;
}

export default { fetchEngine, forward, hover, keystrokeTimes, otherHead, rest };
