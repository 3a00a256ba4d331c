/**
 * How much of the reader's own text is taken, and when.
 * @module
 */

/** Longest own text that the box takes and a link carries, in characters. */
export const LONGEST_TEXT = 4000;

/** Pause in typing, in milliseconds, before the text is routed. */
export const DEBOUNCE = 250;
