/**
 * Everything the page computes, for measurements and for the tests that hold it against Python.
 * @module
 */

import { hover, keystrokeTimes, otherHead, rest } from "./bench/frames.js";
import { Engine, fetchEngine, selfTest } from "./engine/engine.js";
import { drain } from "./engine/run_in_chunks.js";
import { Tokenizer } from "./engine/tokenizer.js";
import { readTrace } from "./engine/trace.js";
import { openSafetensors, sha256, sha256InScript } from "./engine/weights.js";
import { traceOf } from "./engine/write_trace.js";

/**
 * Run the model on a text of ids that are the same every time.
 * @param {Engine} engine
 * @param {number} T Tokens of the text, at most the model's limit.
 * @returns {{first: number, whole: () => number}} Milliseconds until the text is routed and the
 *   predictions at its last token are known; and, when it is asked for, until all are.
 */
function forward(engine, T) {
  const entries = engine.config.vocab_size - 1;
  const ids = Array.from({ length: T }, (_, t) => 1 + ((t * 7919) % entries));
  const began = performance.now();
  const run = engine.forward(ids);
  run.next(T - 1);
  const first = performance.now() - began;
  const whole = () => {
    run.meanLoss();
    return performance.now() - began;
  };
  return { first, whole };
}

export default {
  Engine,
  Tokenizer,
  drain,
  fetchEngine,
  forward,
  hover,
  keystrokeTimes,
  openSafetensors,
  otherHead,
  readTrace,
  rest,
  selfTest,
  sha256,
  sha256InScript,
  traceOf,
};
