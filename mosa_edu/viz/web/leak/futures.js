/**
 * What may follow the cut instead of what was written there.
 * @module
 */

/** @typedef {{id: number, text: string}} Piece A token; no text where it is no whole character. */

/** Kinds of futures, with what the buttons call them. */
export const FUTURES = /** @type {const} */ ({ random: "Random", tail: "Other text", none: "None", edit: "Edit" });

/** @typedef {keyof typeof FUTURES} FutureKind */

/**
 * Draw tokens, as `mosa_edu.probes.futures.roll_future` does: mulberry32, never token 0.
 * @param {number} seed
 * @param {number} count
 * @param {number} entries Of the vocabulary.
 * @returns {number[]}
 */
export function rollFuture(seed, count, entries) {
  let state = Math.imul(seed, 0x9e3779b1);
  return Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const drawn = (mixed ^ (mixed >>> 14)) >>> 0;
    return 1 + Math.floor((drawn * (entries - 1)) / 2 ** 32);
  });
}

/**
 * Tokens that take the place of those after the cut.
 * @param {import("../engine/engine.js").Engine} engine
 * @param {{text: string}[]} texts All stored texts.
 * @param {number} own Which of them is cut; -1 if the reader wrote it.
 * @param {Piece[]} tokens Its tokens.
 * @param {import("./state.js").LeakState} state
 * @returns {{future: Piece[], left: number}} And how many of an edited future found no place.
 */
export function futureOf(engine, texts, own, tokens, { cut, future, seed, edit }) {
  const { tokenizer, config } = engine;
  const room = tokens.length - cut;
  const pieces = (/** @type {string} */ text) => tokenizer.spans(text);
  if (future === "none") return { future: [], left: 0 };
  if (future === "edit") {
    const typed = pieces(edit ?? tokens.slice(cut).map(({ text }) => text).join(""));
    const most = config.max_seq_len - cut;
    return { future: typed.slice(0, most), left: Math.max(0, typed.length - most) };
  }
  const others = texts.length - Number(own >= 0);
  if (future === "tail" && others > 0) {
    const other = (own + 1 + (seed % others)) % texts.length;
    return { future: pieces(texts[other].text).slice(-room), left: 0 };
  }
  const drawn = rollFuture(seed, room, config.vocab_size).map((id) => {
    const { text, whole } = tokenizer.piece(id);
    return { id, text: whole ? text : "" };
  });
  return { future: drawn, left: 0 };
}
