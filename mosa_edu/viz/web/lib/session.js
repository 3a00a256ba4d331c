// Brings the trained model into the page, once, and says how that goes.

import { Engine, fetchEngine, selfTest } from "../engine/engine.js";
import { bookUrl } from "./host.js";

/**
 * A text that comes with the page, traced beforehand; its trace may have to be fetched.
 * @typedef {{name: string, title: string, url: string | null, trace: Record<string, any> | null}} Example
 */

/**
 * What a page stores for the explorer.
 * @typedef {Object} StoredData
 * @property {Example[]} examples @property {import("../engine/model.js").Config} config
 * @property {Record<string, string>} vocabulary Text of the entries that the examples predict.
 * @property {{url: string | null, sha256: string | null, bytes: number}} weights
 * @property {boolean} kernel Whether Python can send the weights.
 * @property {{example: string, layer: number, head: number, token: number}} start First frame.
 * @property {Record<string, string | null>} links @property {string} model Its name.
 * @property {string} about Sentence on the model.
 */

/**
 * @typedef {Object} Status
 * @property {"stored" | "loading" | "live" | "error"} name @property {number} received
 * @property {number} total @property {string} message What failed.
 * @property {number} milliseconds Of the last run.
 * @property {import("../engine/engine.js").Verdict | null} verdict
 */

export class Session {
  /** @param {StoredData} data @param {import("./host.js").Model} model @param {() => void} onStatus
   * @param {string} [sent] Where Python puts the weights. */
  constructor(data, model, onStatus, sent = "weights") {
    this.data = data;
    this.model = model;
    this.onStatus = onStatus;
    this.sent = sent;
    /** @type {Status} */
    this.status = {
      ...{ name: "stored", received: 0, total: 0, message: "", milliseconds: 0, verdict: null },
    };
    /** @type {Engine | null} */
    this.engine = null;
  }

  /** @param {Partial<Status>} changes */
  tell(changes) {
    Object.assign(this.status, changes);
    this.onStatus();
  }

  /** @returns {string} Why the model cannot come here; empty if it can. */
  obstacle() {
    const { url } = this.data.weights;
    if (this.model.get(this.sent)?.byteLength || this.data.kernel) return "";
    if (!url) {
      return "This figure was saved without the model's weights: it shows the stored examples.";
    }
    if (location.protocol === "file:") {
      return "This page was opened from disk, where it may not fetch the model: on a web server it runs your text too.";
    }
    return "";
  }

  /** Bring the model in, once. */
  async load() {
    if (this.engine || this.status.name === "loading") return;
    const { url, sha256, bytes } = this.data.weights;
    this.tell({ name: "loading", received: 0, total: bytes });
    try {
      const obstacle = this.obstacle();
      if (obstacle) throw new Error(obstacle);
      const own = await this.ownBytes();
      this.engine = own
        ? await Engine.open(own, sha256 ?? undefined)
        : await fetchEngine(bookUrl(url ?? ""), {
          sha256: sha256 ?? undefined,
          onProgress: (received, total) => this.tell({ received, total: total || bytes }),
        });
      this.tell({ name: "live" });
    } catch (error) {
      this.tell({ name: "error", total: bytes, message: /** @type {Error} */ (error).message });
    }
  }

  /** @returns {Promise<DataView | null>} Weights that are in the page, or that Python sends. */
  async ownBytes() {
    const here = () => (this.model.get(this.sent)?.byteLength ? this.model.get(this.sent) : null);
    if (here() || !this.data.kernel) return here();
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("Python did not send the weights.")), 60000);
      this.model.on(`change:${this.sent}`, () => {
        clearTimeout(late);
        resolve(here());
      });
      this.model.set(`wants_${this.sent}`, true);
      this.model.save_changes();
    });
  }

  /** @param {string} text Cut into the tokens that the live model reads, and how many are left out. */
  tokens(text) {
    const { tokenizer, config } = /** @type {Engine} */ (this.engine);
    const [spans, most] = [tokenizer.spans(text), config.max_seq_len];
    return { tokens: spans.slice(0, most), left: Math.max(0, spans.length - most) };
  }

  /** Check the engine against what PyTorch computed. */
  test() {
    if (!this.engine || this.status.verdict) return;
    this.tell({ verdict: selfTest(this.engine) });
  }
}
