/**
 * The keyboard: arrows move the token and the head, brackets the head, Escape goes back.
 * @module
 */

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };
const ROWS = { ArrowUp: -1, ArrowDown: 1 };

/** @param {EventTarget | null} target */
const isWriting = (target) =>
  target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement;

/**
 * @param {HTMLElement} root
 * @param {{text: HTMLElement, overview: HTMLElement}} places
 * @param {import("./moves.js").Moves} moves
 */
export function listenToKeys(root, { text, overview }, moves) {
  for (const place of [text, overview]) {
    place.addEventListener("keydown", (event) => {
      const step = STEPS[/** @type {keyof typeof STEPS} */ (event.key)];
      const row = ROWS[/** @type {keyof typeof ROWS} */ (event.key)];
      if (step) moves.stepToken(step);
      else if (row && place === text) moves.stepHead(row);
      else if (row) moves.stepRow(row);
      else if (event.key === "Home") moves.goToken(0);
      else if (event.key === "End") moves.goToken(-1);
      else return;
      event.preventDefault();
    });
  }
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") moves.escape();
    if (isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "[") moves.stepHead(-1);
    if (event.key === "]") moves.stepHead(1);
  });
}
