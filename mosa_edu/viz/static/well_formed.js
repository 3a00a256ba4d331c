/**
 * Text that UTF-8 can hold.
 * @module
 */

/**
 * @param {string} text
 * @returns {string} With U+FFFD for lone surrogates, which no UTF-8 text can hold.
 */
export const wellFormed = (text) => text.replace(/\p{Surrogate}/gu, "\ufffd");
