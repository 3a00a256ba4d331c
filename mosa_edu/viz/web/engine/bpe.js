/**
 * Byte-level byte-pair encoding with the pre-tokenisation of GPT-2, equal to the one in Python
 * (`mosa_edu.data.tokenizer`).
 * @module
 */

import { mergePairs } from "./merge.js";
import { wellFormed } from "../lib/dom.js";

/**
 * A token and the code points `[start, end)` of the text it stands for.
 * @typedef {Object} Span
 * @property {number} id
 * @property {string} text Empty for a token that ends inside a character.
 * @property {number} start
 * @property {number} end
 */

/** Letters and digits new in Unicode 17; Python's tokenizer knows those of Unicode 16. */
const UNICODE_17 =
  "\\u{88f}\\u{c5c}\\u{cdc}\\u{a7ce}\\u{a7cf}\\u{a7d2}\\u{a7d4}\\u{a7f1}\\u{10940}-\\u{10959}" +
  "\\u{10ec5}-\\u{10ec7}\\u{11db0}-\\u{11ddb}\\u{11de0}-\\u{11de9}\\u{16ea0}-\\u{16eb8}" +
  "\\u{16ebb}-\\u{16ed3}\\u{16ff2}-\\u{16ff6}\\u{187f8}-\\u{187ff}\\u{18d09}-\\u{18d1e}" +
  "\\u{18d80}-\\u{18df2}\\u{1e6c0}-\\u{1e6de}\\u{1e6e0}-\\u{1e6e2}\\u{1e6e4}\\u{1e6e5}" +
  "\\u{1e6e7}-\\u{1e6ed}\\u{1e6f0}-\\u{1e6f4}\\u{1e6fe}\\u{1e6ff}\\u{2b73a}-\\u{2b73f}" +
  "\\u{2cea2}-\\u{2cead}\\u{323b0}-\\u{33479}";

/**
 * The pattern of GPT-2 that cuts a text before any merge. White space is Unicode's, not that of
 * `\s` in JavaScript, which has U+FEFF too and lacks U+0085.
 * @returns {RegExp}
 */
function wordPattern() {
  const known = `(?![${UNICODE_17}])`;
  const space = "\\p{White_Space}";
  const other = `(?:[^${space}\\p{L}\\p{N}]|[${UNICODE_17}])`;
  const word = ` ?(?:${known}\\p{L})+| ?(?:${known}\\p{N})+| ?${other}+`;
  return new RegExp(`'(?:s|t|re|ve|m|ll|d)|${word}|${space}+(?!\\P{White_Space})|${space}+`, "gu");
}

/**
 * The printable character that stands for each byte in a vocabulary.
 * @returns {string[]} 256 characters.
 */
function byteCharacters() {
  let spare = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCharCode(printable ? byte : spare++);
  });
}

/** Encodes any text, and says which characters each token stands for. */
export class Tokenizer {
  /**
   * @param {string} merges One merge a line, most frequent first: two entries and a space between.
   *   Entry 0 is `<|endoftext|>`, then come the 256 bytes, then what the merges make.
   */
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
    /** @type {import("./merge.js").Merges} */
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

  /**
   * @param {string} text Lone surrogates count as U+FFFD.
   * @returns {number[]} Ids.
   */
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

  /**
   * Encode a text and say where each token stands.
   *
   * A character belongs to the token that holds its last byte; a token that holds only earlier
   * bytes has an empty span in front of it. So spans follow one another with no gap and no overlap.
   * @param {string} text Lone surrogates count as U+FFFD.
   * @returns {Span[]}
   */
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

  /**
   * @param {Iterable<number>} ids
   * @returns {string} Their text; bytes that are no whole character become U+FFFD.
   */
  decode(ids) {
    const bytes = Array.from(ids, (id) => Array.from(this.bytes[id])).flat();
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  }

  /**
   * An entry of the vocabulary as something to read.
   * @param {number} id
   * @returns {{text: string, whole: boolean}} Its text, or the hexadecimal digits of its bytes
   *   where they are no whole characters.
   */
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

/**
 * @param {string} character One code point.
 * @returns {number} Bytes in UTF-8.
 */
function utf8Length(character) {
  const point = /** @type {number} */ (character.codePointAt(0));
  return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}
