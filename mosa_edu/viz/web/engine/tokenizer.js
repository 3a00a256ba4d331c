// Byte-level byte-pair encoding with the pre-tokenisation of GPT-2, equal to the one in Python
// (`mosa_edu.data.tokenizer`). Merging takes n log n steps: a pasted page without a space stays quick.

import { wellFormed } from "../lib/dom.js";
import { wordPattern } from "./letters.js";

const PLACES = 2 ** 32;

// Put a number into a heap whose smallest stands first.
/** @param {number[]} heap @param {number} value */
function pushHeap(heap, value) {
  let at = heap.push(value) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (heap[parent] <= value) break;
    heap[at] = heap[parent];
    at = parent;
  }
  heap[at] = value;
}

/** Take the smallest number out of a heap. @param {number[]} heap Not empty. @returns {number} */
function popHeap(heap) {
  const smallest = heap[0];
  const value = /** @type {number} */ (heap.pop());
  if (heap.length === 0) return smallest;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child + 1 < heap.length && heap[child + 1] < heap[child]) child++;
    if (child >= heap.length || heap[child] >= value) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = value;
  return smallest;
}

/**
 * Merges by pair.
 * @typedef {Object} Merges
 * @property {(left: number, right: number) => number | undefined} rank Rank of a pair's merge.
 * @property {number[]} results The id that each rank's merge makes.
 */

/**
 * Merge the pair of the lowest rank, the first one first, until no pair is left.
 * @param {ArrayLike<number>} bytes Ids, one a byte. @param {Merges} merges @returns {number[]} Ids.
 */
export function mergePairs(bytes, merges) {
  const ids = Array.from(bytes);
  const after = ids.map((_, i) => i + 1);
  const before = ids.map((_, i) => i - 1);
  /** @type {number[]} rank and place in one number, so that equal ranks go from left to right */
  const heap = [];
  /** @param {number} place */
  const consider = (place) => {
    if (place < 0 || after[place] >= ids.length) return;
    const rank = merges.rank(ids[place], ids[after[place]]);
    if (rank !== undefined) pushHeap(heap, rank * PLACES + place);
  };
  ids.forEach((_, place) => consider(place));
  while (heap.length) {
    const key = popHeap(heap);
    const place = key % PLACES;
    const result = merges.results[Math.floor(key / PLACES)];
    const right = after[place];
    if (ids[place] < 0 || right >= ids.length) continue; // merged meanwhile
    const rank = merges.rank(ids[place], ids[right]);
    if (rank === undefined || merges.results[rank] !== result) continue;
    ids[place] = result;
    ids[right] = -1;
    after[place] = after[right];
    if (after[place] < ids.length) before[after[place]] = place;
    consider(before[place]);
    consider(place);
  }
  return ids.filter((id) => id >= 0);
}

/**
 * A token and the code points `[start, end)` of the text it stands for.
 * @typedef {Object} Span
 * @property {number} id
 * @property {string} text Empty for a token that ends inside a character.
 * @property {number} start @property {number} end
 */

// The printable character that stands for each byte in a vocabulary.
/** @returns {string[]} 256 characters. */
function byteCharacters() {
  let spare = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCharCode(printable ? byte : spare++);
  });
}

/** Encodes any text, and says which characters each token stands for. */
export class Tokenizer {
  /** @param {string} merges One merge a line, most frequent first: two entries and a space between.
   *   Entry 0 is `<|endoftext|>`, then come the 256 bytes, then what the merges make. */
  constructor(merges) {
    const characters = byteCharacters();
    const byteOf = new Map(characters.map((character, byte) => [character, byte]));
    const entries = ["", ...characters.slice().sort((a, b) => a.charCodeAt(0) - b.charCodeAt(0))];
    const ids = new Map(entries.map((entry, id) => [entry, id]));
    /** @type {Map<number, number>} the rank of every pair that merges */
    const ranks = new Map();
    /** @type {number[]} */
    const results = [];
    /** @param {number} left @param {number} right */
    const keyOf = (left, right) => left * 65536 + right;
    for (const line of merges.split("\n").filter(Boolean)) {
      const [left, right] = line.split(" ");
      if (!ids.has(left + right)) ids.set(left + right, entries.push(left + right) - 1);
      ranks.set(keyOf(Number(ids.get(left)), Number(ids.get(right))), results.length);
      results.push(Number(ids.get(left + right)));
    }
    /** @type {Merges} */
    this.merges = { rank: (left, right) => ranks.get(keyOf(left, right)), results };
    this.byteIds = Uint16Array.from(characters, (character) => Number(ids.get(character)));
    /** @type {Uint8Array[]} the bytes of every entry */
    this.bytes = entries.map((entry) => Uint8Array.from(entry, (c) => Number(byteOf.get(c))));
    this.pattern = wordPattern();
  }

  /** Number of entries. */
  get size() {
    return this.bytes.length;
  }

  /** @param {string} text Lone surrogates count as U+FFFD. @returns {number[]} Ids. */
  encode(text) {
    const encoder = new TextEncoder(); // writes U+FFFD for a lone surrogate
    const ids = [];
    for (const [word] of text.matchAll(this.pattern)) {
      const bytes = encoder.encode(word);
      const single = Uint16Array.from(bytes, (byte) => this.byteIds[byte]);
      for (const id of mergePairs(single, this.merges)) ids.push(id);
    }
    return ids;
  }

  // Encode a text and say where each token stands.
  //
  // A character belongs to the token that holds its last byte; a token that holds only earlier
  // bytes has an empty span in front of it. So spans follow one another with no gap and no overlap.
  /** @param {string} text Lone surrogates count as U+FFFD. @returns {Span[]} */
  spans(text) {
    const characters = Array.from(wellFormed(text));
    let end = 0;
    let open = 0; // bytes of unfinished characters
    return this.encode(text).map((id) => {
      const start = end;
      open += this.bytes[id].length;
      while (end < characters.length && open >= utf8Length(characters[end])) {
        open -= utf8Length(characters[end++]);
      }
      return { id, text: characters.slice(start, end).join(""), start, end };
    });
  }

  /** @param {Iterable<number>} ids
   * @returns {string} Their text; bytes that are no whole character become U+FFFD. */
  decode(ids) {
    const bytes = Array.from(ids, (id) => Array.from(this.bytes[id])).flat();
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  }

  // An entry of the vocabulary as something to read.
  /** @param {number} id
   * @returns {{text: string, whole: boolean}} Its text, or the hexadecimal digits of its bytes
   *   where they are no whole characters. */
  piece(id) {
    const bytes = this.bytes[id];
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    try {
      return { text: decoder.decode(bytes), whole: true };
    } catch {
      const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
      return { text: digits.join(" "), whole: false };
    }
  }
}

/** @param {string} character One code point. @returns {number} Bytes in UTF-8. */
function utf8Length(character) {
  const point = /** @type {number} */ (character.codePointAt(0));
  return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}
