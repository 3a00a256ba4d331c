/**
 * A recorded `DecodingStory`, as the theatre reads it.
 * @module
 */

import { pythonString } from "../lib/export.js";
import { count, plural, rowName, tokenLabels } from "../lib/format.js";

export const THEATRE_CSS = `
.theatre .detail{min-height:40px}
.theatre .controls{grid-template-columns:auto 1fr;align-items:end}
.theatre .controls .row{justify-content:flex-end}
.theatre .tok.given{color:var(--mosa-ink2)}
.theatre .tok.unread{visibility:hidden}
.stops{margin:8px 0}
.stops .slider{top:98px}
.marks i{display:inline-block;width:14px;height:4px;margin:0 3px 2px 0;background:var(--mosa-quiet)}
.marks .now{background:var(--mosa-pick)}
.marks .dense{background:var(--mosa-rule)}
.marks b{color:var(--mosa-cursor-text)}
.narrow.theatre .controls{grid-template-columns:1fr}
.narrow.theatre .segments{display:flex}
.narrow.theatre .segments>*{flex:1 1 auto;padding:6px 4px;font-size:12px}
.narrow.theatre .finding{min-height:72px}
.narrow.theatre .detail{min-height:80px}
.narrow .stops .slider{top:92px}
`;

/** What the rules are called. */
export const DECODING_RULES = /** @type {Record<string, string>} */ ({ prefix: "Prefix top-k", threshold: "Threshold", token: "Token choice" });

/** Who kept which token, and what the cache held. */
export class Story {
  /** @param {Record<string, any>} json As Python wrote it. */
  constructor(json) {
    /** @type {string[]} */
    this.texts = json.tokens.map((/** @type {[number, string]} */ [, text]) => text);
    this.labels = tokenLabels(this.texts);
    /** @type {number[][]} rows of heads, by step */
    this.taken = json.taken;
    /** @type {number[][]} */
    this.refused = json.refused;
    /** @type {number[]} */
    this.bytes = json.bytes;
    const { rule, prompt, layers, heads, limit, dense_heads: dense, model } = json;
    /** @type {string} */
    this.model = model.name;
    /** @type {{layers: number, heads: number, limit: number}} */
    this.shape = { layers, heads, limit };
    this.rule = /** @type {string} */ (rule);
    this.prompt = /** @type {number} */ (prompt);
    this.slotBytes = 2 * json.d_head * json.bytes_per_element;
    this.denseSlots = layers * (dense + heads); // a step
    this.last = this.texts.length - 1;
  }

  /** @param {number} step @returns {number[]} Filled slots of every sparse head after a step. */
  filled(step) {
    const counts = Array(this.shape.layers * this.shape.heads).fill(0);
    for (const rows of this.taken.slice(0, step + 1)) for (const row of rows) counts[row]++;
    return counts;
  }

  /** @param {number} step @returns {number} Slots of all heads, dense ones included. */
  slots(step) {
    return this.bytes[step] / this.slotBytes;
  }

  /** @param {number} step @returns {number} Bytes of as many heads that are all dense. */
  denseBytes(step) {
    return (step + 1) * this.denseSlots * this.slotBytes;
  }

  /** @returns {string[][]} Headings, and a row a step. */
  rows() {
    const names = (/** @type {number[]} */ rows) => rows.map((row) => rowName(row, this.shape.heads)).join(" ");
    const head = ["Step", "Token", "Heads that take it", "No slot left", "Slots", "Bytes", "All dense, bytes", "Which heads"];
    return [head, ...this.labels.map((label, t) => [
      `${t}`,
      label,
      `${this.taken[t].length}`,
      `${this.refused[t].length}`,
      count(this.slots(t)),
      count(this.bytes[t]),
      count(this.denseBytes(t)),
      names(this.taken[t]),
    ])];
  }
}

/** @param {number} bytes @returns {string} "667 KB" of 1,000 bytes */
export const kilobytes = (bytes) => `${count(Math.round(bytes / 1000))} KB`;

/**
 * What a step did, in words; `mosa_edu.viz.decode_theatre` says the same of the last.
 * @param {Story} story
 * @param {number} step
 * @returns {{said: {who: string, keeps: string, what: string}, detail: string}}
 */
export function storyFinding(story, step) {
  const { labels, taken, refused, denseSlots, bytes } = story;
  const { layers, heads } = story.shape;
  const full = refused[step].length ? `; ${refused[step].length} more wanted it and had no slot left` : "";
  return {
    said: { who: `After token ${step} the cache fills `, keeps: `${count(story.slots(step))} of ${count((step + 1) * denseSlots)} slots`, what: "." },
    detail: `“${labels[step]}” went into ${taken[step].length} of ${plural(layers * heads, "sparse head")}${full}. ${kilobytes(bytes[step])}; as many heads, all dense, would hold ${kilobytes(story.denseBytes(step))}.`,
  };
}

/**
 * A cell that decodes the same text again.
 * @param {Story} story
 * @param {number} step
 * @returns {string}
 */
export function storyPython({ rule, prompt, last, model, texts }, step) {
  const name = pythonString(model);
  const lines = [
    "import json",
    "",
    "import mosa_edu",
    "from mosa_edu.generation.story import tell_decoding, under_rule",
    "from mosa_edu.pretrained import pretrained_path, read_metadata",
    "",
    `model, tokenizer = mosa_edu.load_pretrained(${name})`,
    `thresholds = json.loads(read_metadata(pretrained_path(${name}))["thresholds"])`,
    `causal = under_rule(model, ${pythonString(rule)}, thresholds)`,
    `prompt = ${pythonString(texts.slice(0, prompt).join(""))}`,
    `story = tell_decoding(causal, tokenizer, prompt, ${last + 1 - prompt})`,
    `print(story.slots()[${step}], "slots,", story.bytes[${step}], "bytes")`,
  ];
  return `${lines.join("\n")}\n`;
}
