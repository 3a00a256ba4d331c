/**
 * The keyboard: arrows move the token and the head, brackets the head, Escape goes back.
 * @module
 */

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };
const ROWS = { ArrowUp: -1, ArrowDown: 1 };

/**
 * @typedef {Object} KeyActions
 * @property {(step: number) => void} stepToken
 * @property {(token: number) => void} goToken Negative counts from the end.
 * @property {(step: number) => void} stepHead Through the heads of all layers.
 * @property {(step: number) => void} stepRow As the overview lists them.
 * @property {() => void} escape
 */

/** @param {EventTarget | null} target */
const isWriting = (target) => target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement;

/**
 * @param {HTMLElement} root
 * @param {{text: HTMLElement, overview: HTMLElement}} places
 * @param {KeyActions} actions
 */
export function listenToKeys(root, { text, overview }, actions) {
  for (const place of [text, overview]) {
    place.addEventListener("keydown", (event) => {
      const step = STEPS[/** @type {keyof typeof STEPS} */ (event.key)];
      const row = ROWS[/** @type {keyof typeof ROWS} */ (event.key)];
      if (step) actions.stepToken(step);
      else if (row && place === text) actions.stepHead(row);
      else if (row) actions.stepRow(row);
      else if (event.key === "Home") actions.goToken(0);
      else if (event.key === "End") actions.goToken(-1);
      else return;
      event.preventDefault();
    });
  }
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") actions.escape();
    if (isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "[") actions.stepHead(-1);
    if (event.key === "]") actions.stepHead(1);
  });
}
