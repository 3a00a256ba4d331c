/**
 * Everything the page computes, for measurements and for the tests that hold it against Python.
 * @module
 */

import { Tokenizer } from "./engine/bpe.js";
import { drain } from "./engine/drain.js";
import { Engine } from "./engine/engine.js";
import { fetchEngine } from "./engine/fetch.js";
import { openSafetensors } from "./engine/safetensors.js";
import { selfTest } from "./engine/selftest.js";
import { sha256, sha256InScript } from "./engine/sha256.js";
import { readTrace, traceOf } from "./engine/trace.js";

/**
 * @param {number} repeats
 * @param {() => void} work
 * @returns {{median: number, fastest: number}} Milliseconds, after three unmeasured rounds.
 */
function time(repeats, work) {
  for (let i = 0; i < 3; i++) work();
  const times = Array.from({ length: repeats }, () => {
    const began = performance.now();
    work();
    return performance.now() - began;
  }).sort((a, b) => a - b);
  return { median: times[repeats >> 1], fastest: times[0] };
}

/**
 * Measure the engine, warm.
 * @param {Engine} engine
 * @param {number[]} lengths Tokens of the texts, at most the model's limit.
 * @param {number} [repeats]
 * @returns {{T: number, forward: ReturnType<typeof time>, rest: ReturnType<typeof time>}[]}
 *   `forward`: routing of the text and predictions at its last token; `rest`: all predictions.
 */
function measure(engine, lengths, repeats = 15) {
  return lengths.map((T) => {
    const entries = engine.config.vocab_size - 1;
    const ids = Array.from({ length: T }, (_, t) => 1 + ((t * 7919) % entries));
    const forward = time(repeats, () => engine.forward(ids).next(T - 1));
    const run = engine.forward(ids);
    const rest = time(repeats, () => {
      run.read = 0;
      run.meanLoss();
    });
    return { T, forward, rest };
  });
}

export default {
  Engine,
  Tokenizer,
  drain,
  fetchEngine,
  measure,
  openSafetensors,
  readTrace,
  selfTest,
  sha256,
  sha256InScript,
  traceOf,
};
