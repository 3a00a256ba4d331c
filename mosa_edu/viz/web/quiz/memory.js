/**
 * What a reader answered: kept in this browser only, or until the page closes where it keeps nothing.
 * @module
 */

const PLACE = "mosa-quiz:";
const TURNED = "mosa-quiz-read-through";

/** @type {Map<string, string>} */
const unkept = new Map();

/** @param {string} name */
export function recall(name) {
  try {
    return localStorage.getItem(PLACE + name) ?? unkept.get(name) ?? null;
  } catch {
    return unkept.get(name) ?? null;
  }
}

/**
 * @param {string} name
 * @param {string | null} value Null forgets.
 */
export function remember(name, value) {
  unkept.delete(name);
  try {
    if (value === null) localStorage.removeItem(PLACE + name);
    else localStorage.setItem(PLACE + name, value);
  } catch {
    if (value !== null) unkept.set(name, value);
  }
}

/** @param {string} text @returns {number} */
function hashed(text) {
  let hash = 2166136261;
  for (const character of text) hash = Math.imul(hash ^ /** @type {number} */ (character.codePointAt(0)), 16777619);
  hash = Math.imul(hash ^ (hash >>> 15), 2246822519); // else the last characters say too little
  return (hash ^ (hash >>> 13)) >>> 0;
}

/**
 * An order of its own for every reader and question, the same each time.
 * @param {string} id Of the question.
 * @param {number} length
 * @returns {number[]}
 */
export function ownOrder(id, length) {
  const reader = recall("reader") ?? Math.random().toString(36).slice(2);
  remember("reader", reader);
  const ranks = Array.from({ length }, (_, i) => hashed(`${i} ${id} ${reader}`));
  return [...ranks.keys()].sort((a, b) => ranks[a] - ranks[b]);
}

/** Whether the reader wants every answer of the book open. */
export const readsThrough = () => recall("read-through") === "yes";

/** @param {boolean} on */
export function readThrough(on) {
  document.dispatchEvent(new CustomEvent(TURNED, { detail: on }));
}

/**
 * Follow the switch, wherever on the page or in another tab it is turned.
 * @param {() => void} follow
 * @returns {() => void} Stops following.
 */
export function onReadThrough(follow) {
  const turned = (/** @type {Event} */ event) => {
    remember("read-through", /** @type {CustomEvent} */ (event).detail ? "yes" : null);
    follow();
  };
  const elsewhere = (/** @type {StorageEvent} */ { key }) => key === `${PLACE}read-through` && follow();
  document.addEventListener(TURNED, turned);
  addEventListener("storage", elsewhere);
  return () => {
    document.removeEventListener(TURNED, turned);
    removeEventListener("storage", elsewhere);
  };
}
