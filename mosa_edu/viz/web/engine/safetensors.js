/**
 * Reads a safetensors file: 8 bytes of header length, a JSON header, then the numbers.
 * @module
 */

/**
 * @typedef {Object} Tensors
 * @property {Record<string, string>} metadata Free text entries of the header.
 * @property {(name: string) => Float32Array} get A tensor's numbers in C order.
 * @property {(name: string) => number[]} shape
 * @property {number} parameters How many numbers the file holds.
 */

/** @type {Float32Array | null} */
let halfValues = null;

/**
 * The value of every 16-bit pattern, so that decoding is one look-up a number.
 * @returns {Float32Array} 65,536 values.
 */
function halfTable() {
  if (halfValues) return halfValues;
  halfValues = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent < 31
          ? (1 + fraction / 1024) * 2 ** (exponent - 15)
          : fraction
            ? NaN
            : Infinity;
    halfValues[bits] = bits & 0x8000 ? -size : size;
  }
  return halfValues;
}

/**
 * @param {Uint8Array} bytes
 * @returns {Record<string, any>}
 */
function parseHeader(bytes) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Error("The header of the weights is damaged.");
  }
}

/**
 * Open a safetensors file held in memory.
 * @param {Uint8Array} bytes The whole file.
 * @returns {Tensors}
 * @throws {Error} If the bytes are no safetensors file of F16 and F32 tensors.
 */
export function openSafetensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < 8 ? Infinity : Number(view.getBigUint64(0, true));
  if (8 + length > bytes.length) throw new Error("The weights are not a whole safetensors file.");
  const { __metadata__: metadata = {}, ...entries } = parseHeader(bytes.subarray(8, 8 + length));
  let parameters = 0;
  for (const { shape } of Object.values(entries)) parameters += shape.reduce((a, b) => a * b, 1);

  /** @param {string} name */
  const entryOf = (name) => {
    if (!Object.hasOwn(entries, name)) throw new Error(`The weights lack the tensor ${name}.`);
    return entries[name];
  };
  /** @param {string} name */
  const get = (name) => {
    const { dtype, data_offsets: offsets } = entryOf(name);
    const [from, to] = offsets.map((/** @type {number} */ offset) => 8 + length + offset);
    if (to > bytes.length) throw new Error(`The weights end inside the tensor ${name}.`);
    const data = bytes.slice(from, to).buffer; // a copy: typed arrays must start on an even byte
    if (dtype === "F32") return new Float32Array(data);
    if (dtype !== "F16") throw new Error(`The tensor ${name} is ${dtype}, not F16 or F32.`);
    const table = halfTable();
    const halves = new Uint16Array(data);
    const values = new Float32Array(halves.length);
    // `Float32Array.from` with a function takes ten times as long.
    for (let i = 0; i < halves.length; i++) values[i] = table[halves[i]];
    return values;
  };
  return { metadata, get, shape: (name) => entryOf(name).shape, parameters };
}
