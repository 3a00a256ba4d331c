/**
 * Everything the page computes, for measurements and for the tests that hold it against Python.
 * @module
 */

import { keystrokeTimes, pictureTimes } from "./bench/frames.js";
import { Tokenizer } from "./engine/bpe.js";
import { drain } from "./engine/drain.js";
import { Engine } from "./engine/engine.js";
import { fetchEngine } from "./engine/fetch.js";
import { openSafetensors } from "./engine/safetensors.js";
import { selfTest } from "./engine/selftest.js";
import { sha256, sha256InScript } from "./engine/sha256.js";
import { readTrace, traceOf } from "./engine/trace.js";

const WARM_UP = 3;

/**
 * Measure the engine, warm.
 * @param {Engine} engine
 * @param {number} T Tokens of the text, at most the model's limit.
 * @param {number} repeats
 * @returns {{first: number[], whole: number[]}} Milliseconds until the text is routed and the
 *   predictions at its last token are known; until all predictions are.
 */
function forwardTimes(engine, T, repeats) {
  const entries = engine.config.vocab_size - 1;
  const ids = Array.from({ length: T }, (_, t) => 1 + ((t * 7919) % entries));
  /** @type {{first: number[], whole: number[]}} */
  const times = { first: [], whole: [] };
  for (let i = -WARM_UP; i < repeats; i++) {
    const began = performance.now();
    const run = engine.forward(ids);
    run.next(T - 1);
    const first = performance.now() - began;
    run.meanLoss();
    if (i < 0) continue;
    times.first.push(first);
    times.whole.push(performance.now() - began);
  }
  return times;
}

export default {
  Engine,
  Tokenizer,
  drain,
  fetchEngine,
  forwardTimes,
  keystrokeTimes,
  openSafetensors,
  pictureTimes,
  readTrace,
  selfTest,
  sha256,
  sha256InScript,
  traceOf,
};
