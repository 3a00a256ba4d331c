/**
 * Brings the model file into the page, with its progress.
 * @module
 */

import { Engine } from "./engine.js";

/**
 * Fetch a model file and open it.
 * @param {string} url Where the file is, on the page's own site.
 * @param {Object} [options]
 * @param {string} [options.sha256] What the file must be.
 * @param {(received: number, total: number) => void} [options.onProgress] Bytes; the total is 0
 *   when the server does not tell.
 * @param {AbortSignal} [options.signal]
 * @returns {Promise<Engine>}
 * @throws {Error} With a sentence for the reader.
 */
export async function fetchEngine(url, { sha256, onProgress, signal } = {}) {
  if (location.protocol === "file:") {
    throw new Error("A page opened from disk may not read the weights; a web server may.");
  }
  const response = await fetch(url, { signal }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Error("The weights could not be reached.");
  });
  if (!response.ok || !response.body) {
    throw new Error(`The server did not send the weights (${response.status}).`);
  }
  const total = Number(response.headers.get("Content-Length")) || 0;
  const parts = [];
  let received = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    received += value.length;
    onProgress?.(received, total);
  }
  return Engine.open(await new Blob(parts).arrayBuffer(), sha256);
}
