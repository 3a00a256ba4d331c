// Reads a safetensors file: 8 bytes of header length, a JSON header, then the numbers.

/**
 * @typedef {Object} Tensors
 * @property {Record<string, string>} metadata Free text entries of the header.
 * @property {(name: string) => Float32Array} get A tensor's numbers in C order.
 * @property {(name: string) => number[]} shape
 * @property {number} parameters How many numbers the file holds.
 */

/** @type {Float32Array | null} */
let halfValues = null;

// The value of every 16-bit pattern, so that decoding is one look-up a number.
/** @returns {Float32Array} 65,536 values. */
function halfTable() {
  if (halfValues) return halfValues;
  halfValues = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    let size = (1 + fraction / 1024) * 2 ** (exponent - 15);
    if (exponent === 0) size = fraction * 2 ** -24;
    if (exponent === 31) size = fraction ? NaN : Infinity;
    halfValues[bits] = bits & 0x8000 ? -size : size;
  }
  return halfValues;
}

/** @param {Uint8Array} bytes @returns {Record<string, any>} */
function parseHeader(bytes) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Error("The header of the weights is damaged.");
  }
}

/** @param {number[]} shape */
const sizeOf = (shape) => shape.reduce((product, size) => product * size, 1);

/** @param {Uint8Array} bytes The whole file. @returns {Tensors}
 * @throws {Error} If the bytes are no safetensors file of F16 and F32 tensors. */
export function openSafetensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < 8 ? Infinity : Number(view.getBigUint64(0, true));
  if (8 + length > bytes.length) throw new Error("The weights are not a whole safetensors file.");
  const { __metadata__: metadata = {}, ...entries } = parseHeader(bytes.subarray(8, 8 + length));
  let parameters = 0;
  for (const { shape } of Object.values(entries)) parameters += sizeOf(shape);

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

// First 32 bits of the fractional parts of roots of the first primes: the constants of FIPS 180-4.
/** @param {number} count How many primes.
 * @param {number} exponent 1/2 for square roots, 1/3 for cube roots. @returns {Int32Array} */
function rootsOfPrimes(count, exponent) {
  const words = new Int32Array(count);
  for (let n = 2, found = 0; found < count; n++) {
    let prime = true;
    for (let divisor = 2; divisor * divisor <= n; divisor++) prime &&= n % divisor !== 0;
    if (prime) words[found++] = ((n ** exponent) % 1) * 2 ** 32;
  }
  return words;
}

const SHA_START = rootsOfPrimes(8, 1 / 2);
const SHA_ROUNDS = rootsOfPrimes(64, 1 / 3);

/** @param {number} word @param {number} bits */
const rotateRight = (word, bits) => (word >>> bits) | (word << (32 - bits));

// Mix one block of 64 bytes into the state.
/** @param {Int32Array} state Eight words, changed in place.
 * @param {Int32Array} schedule Scratch of 64 words. @param {DataView} view Where the block stands.
 * @param {number} offset First byte of the block. */
function mixBlock(state, schedule, view, offset) {
  for (let i = 0; i < 16; i++) schedule[i] = view.getInt32(offset + 4 * i);
  for (let i = 16; i < 64; i++) {
    const early = schedule[i - 15];
    const late = schedule[i - 2];
    const s0 = rotateRight(early, 7) ^ rotateRight(early, 18) ^ (early >>> 3);
    const s1 = rotateRight(late, 17) ^ rotateRight(late, 19) ^ (late >>> 10);
    schedule[i] = schedule[i - 16] + s0 + schedule[i - 7] + s1;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const s1 = rotateRight(e, 6) ^ rotateRight(e, 11) ^ rotateRight(e, 25);
    const chosen = (e & f) ^ (~e & g);
    const t1 = (h + s1 + chosen + SHA_ROUNDS[i] + schedule[i]) | 0;
    const s0 = rotateRight(a, 2) ^ rotateRight(a, 13) ^ rotateRight(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + s0 + majority) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => (state[i] += word));
}

// SHA-256 without the browser's help, which plain http and file:// do not get.
/** @param {Uint8Array} bytes @returns {string} 64 hexadecimal digits. */
export function sha256InScript(bytes) {
  const state = SHA_START.slice();
  const schedule = new Int32Array(64);
  const whole = bytes.length - (bytes.length % 64);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let offset = 0; offset < whole; offset += 64) mixBlock(state, schedule, view, offset);
  const tail = new Uint8Array(bytes.length - whole < 56 ? 64 : 128);
  tail.set(bytes.subarray(whole));
  tail[bytes.length - whole] = 0x80;
  const end = new DataView(tail.buffer);
  end.setBigUint64(tail.length - 8, BigInt(bytes.length) * 8n);
  for (let offset = 0; offset < tail.length; offset += 64) mixBlock(state, schedule, end, offset);
  return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

/** @param {Uint8Array} bytes @returns {Promise<string>} 64 hexadecimal digits. */
export async function sha256(bytes) {
  if (!globalThis.crypto?.subtle) return sha256InScript(bytes);
  const digest = new Uint8Array(
    await crypto.subtle.digest("SHA-256", /** @type {Uint8Array<ArrayBuffer>} */ (bytes)),
  );
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
