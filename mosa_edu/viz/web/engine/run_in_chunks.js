// Runs long work in steps, so that keys and scrolling get their turn in between.

/** @returns {Promise<void>} Settled after the events that wait now. */
function nextTurn() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel(); // setTimeout would wait 4 ms a step
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/**
 * Finish a generator step by step.
 * @template T
 * @param {Generator<unknown, T>} steps For example `engine.steps(ids)` or `run.readSteps()`.
 * @param {AbortSignal} [signal] Ends the work between two steps.
 * @param {number} [budget] Milliseconds to work before others get their turn.
 * @returns {Promise<T>} What the generator returns.
 * @throws {DOMException} "AbortError", if the signal said so.
 */
export async function runInChunks(steps, signal, budget = 8) {
  let began = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    const { done, value } = steps.next();
    if (done) return /** @type {T} */ (value);
    if (performance.now() - began < budget) continue;
    await nextTurn();
    began = performance.now();
  }
}

/** Work of which only the latest goes on: beginning one ends the one before. */
export class Latest {
  constructor() {
    this.control = new AbortController();
  }

  get signal() {
    return this.control.signal;
  }

  stop() {
    this.control.abort();
  }

  /**
   * @template T @param {(signal: AbortSignal) => Promise<T>} work
   * @returns {Promise<T | null>} Null if it was ended.
   */
  async run(work) {
    this.stop();
    this.control = new AbortController();
    try {
      return await work(this.signal);
    } catch (error) {
      if (/** @type {Error} */ (error).name === "AbortError") return null;
      throw error;
    }
  }
}
