// Arrays of numbers as pages store them: little-endian, in base64.

/** @typedef {{dtype: "uint8" | "uint16" | "float32", shape: number[], data: string}} Encoded */
/** @typedef {Uint8Array | Uint16Array | Float32Array} Numbers */

export const ARRAY_TYPES = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array };

/** @param {string} text Base64. @returns {Uint8Array} */
export const bytesOf = (text) =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** @param {Pick<Encoded, "dtype" | "data">} array @returns {Numbers} */
export const decodeArray = ({ dtype, data }) =>
  new ARRAY_TYPES[dtype](/** @type {ArrayBuffer} */ (bytesOf(data).buffer));
