/**
 * How much of the picture a change touches; a panel redraws what its level asks for.
 * @module
 */

/** Another token under study. */
export const TOKEN_LEVEL = 1;
/** Another head: other picks. */
export const HEAD_LEVEL = 2;
/** Another text, k, theme or width: everything. */
export const TEXT_LEVEL = 3;
