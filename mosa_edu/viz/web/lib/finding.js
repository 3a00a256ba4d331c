// One true sentence about what a head keeps: the same words, for any text, as `mosa_edu.viz.components.finding`.
//
// All comparisons are of integers, so that both agree to the last case.

import { continuesWord, headOf, stripped, tokenLabels } from "./format.js";
import { KINDS } from "./token_kinds.js";

const MOST_OTHERS = 7;
const MOST_NEXT = 4;

/** @typedef {(typeof KINDS)[number]} Kind */

/**
 * @typedef {Object} Finding
 * @property {string} who The sentence in three parts.
 * @property {string} keeps @property {string} what
 * @property {string} detail A second line, possibly empty.
 * @property {string | null} kind Key of the kind that is named.
 * @property {number} count Picks of that kind.
 */

/** @type {WeakMap<string[], {kinds: Set<string>[], labels: string[]}>} */
const knownTexts = new WeakMap();

/** @param {string[]} texts @param {number} t
 * @returns {Set<string>} Keys of the kinds that a token is of. */
function kindsAt(texts, t) {
  const text = stripped(texts[t]);
  if (!text) return new Set();
  if (continuesWord(texts, t)) return new Set(["piece"]);
  if (!/[\p{L}\p{M}\p{N}]/u.test(text)) return new Set(/\p{P}/u.test(text) ? ["punctuation"] : []);
  const found = new Set(/^[\p{Lu}\p{Lt}]/u.test(text) ? ["capital"] : []);
  if (continuesWord(texts, t + 1)) return found;
  const word = text.toLowerCase();
  for (const { key, words } of KINDS) if (words?.includes(word)) found.add(key);
  return found;
}

/** What is known of a text whatever the head; every head asks. @param {string[]} texts */
function factsOf(texts) {
  let facts = knownTexts.get(texts);
  if (!facts) {
    facts = { kinds: texts.map((_, t) => kindsAt(texts, t)), labels: tokenLabels(texts) };
    knownTexts.set(texts, facts);
  }
  return facts;
}

// The kind with most picks among those that are frequent here and not everywhere.
/** @param {Set<string>[]} kinds @param {number[]} picks
 * @returns {{kind: Kind, inText: number} | null} */
function standsOut(kinds, picks) {
  /** @type {{kind: Kind, inText: number} | null} */
  let found = null;
  let most = 0;
  for (const kind of KINDS) {
    const count = picks.filter((t) => kinds[t].has(kind.key)).length;
    const inText = kinds.filter((own) => own.has(kind.key)).length;
    const frequent = 5 * count >= 2 * picks.length; // 40 % of the picks
    const special = 5 * count * kinds.length >= 9 * inText * picks.length; // 1.8 times its share of the text
    if (count > most && frequent && special) [found, most] = [{ kind, inText }, count];
  }
  return found;
}

// A share in whole percent, halves up, with a space that does not break.
/** @param {number} part @param {number} whole */
function wholePercent(part, whole) {
  const rounded = Math.floor((200 * part + whole) / (2 * whole));
  return rounded ? `${rounded}\u00a0%` : "less than 1\u00a0%";
}

/** @param {string[]} labels @param {number[]} picks @param {number[]} ranked
 * @returns {string} The second line where no kind stands out. */
function detailWithoutKind(labels, picks, ranked) {
  const name = (/** @type {number} */ t) => labels[t];
  if (!ranked.length) {
    const shown = picks.slice(0, MOST_OTHERS + 1);
    return `Its picks: ${shown.map(name).join(", ")}${picks.length > shown.length ? ", …" : "."}`;
  }
  const following = ranked.slice(1, 1 + MOST_NEXT);
  return following.length ? `Next in its ranking: ${following.map(name).join(", ")}.` : "";
}

/**
 * Say what a head keeps.
 * @param {string[]} texts The tokens as written, spaces included; the same array for all heads of a text.
 * @param {number} layer @param {number} head @param {number[]} picks Positions kept, ascending.
 * @param {number[]} ranked The same from the highest score to the lowest; empty if nothing ranks them.
 * @returns {Finding}
 */
export function describe(texts, layer, head, picks, ranked) {
  const [T, k] = [texts.length, picks.length];
  const who = `Layer ${layer}, head ${head} `;
  const plain = { who, what: ".", kind: null, count: 0 };
  if (k === 0) return { ...plain, keeps: "keeps no token", detail: "" };
  if (k === T) {
    const keeps = T === 1 ? "keeps the only token" : `keeps all ${T} tokens`;
    return { ...plain, keeps, detail: "Nothing is left out." };
  }
  const keeps = `keeps ${k} of ${T} tokens`;
  const { kinds, labels } = factsOf(texts);
  const found = standsOut(kinds, picks);
  if (!found) {
    const what = ranked.length ? `, first of all ${labels[ranked[0]]}.` : ".";
    return { ...plain, keeps, what, detail: detailWithoutKind(labels, picks, ranked) };
  }
  const { kind, inText } = found;
  const others = picks.filter((t) => !kinds[t].has(kind.key)).map((t) => labels[t]);
  const count = k - others.length;
  const number = count === k && k > 1 ? "all" : `${count}`;
  const what = `: ${number} ${count === 1 ? kind.one : kind.many}.`;
  let detail = `${kind.share} are ${wholePercent(inText, T)} of the text.`;
  if (others.length === 1) detail += ` The other pick: ${others[0]}.`;
  else if (others.length > 1 && others.length <= MOST_OTHERS) {
    detail += ` The other ${others.length} picks: ${others.join(", ")}.`;
  }
  return { who, keeps, what, detail, kind: kind.key, count };
}

/**
 * For every kind, the head that keeps it most purely, if a head does.
 * @param {string[]} texts
 * @param {ArrayLike<number>[]} picks By row: head after head, layer after layer.
 * @param {number} heads Heads of a layer.
 * @param {(row: number) => number[]} ranked Picks of a row, the best first.
 * @returns {{kind: string, chip: string, layer: number, head: number}[]} The purest kind first.
 */
export function specialists(texts, picks, heads, ranked) {
  /** @type {Map<string, {count: number, k: number, row: number}>} */
  const best = new Map();
  picks.forEach((own, row) => {
    const { layer, head } = headOf(row, heads);
    const { kind, count } = describe(texts, layer, head, Array.from(own), ranked(row));
    const before = kind === null ? null : (best.get(kind) ?? { count: 0, k: 1 });
    if (before && count * before.k > before.count * own.length) {
      best.set(/** @type {string} */ (kind), { count, k: own.length, row });
    }
  });
  return KINDS.flatMap(({ key, chip }) => {
    const found = best.get(key);
    return found ? [{ ...found, kind: key, chip }] : [];
  })
    .sort((a, b) => b.count / b.k - a.count / a.k)
    .map(({ kind, chip, row }) => ({ kind, chip, ...headOf(row, heads) }));
}
