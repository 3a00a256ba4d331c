/**
 * The texts that come with the page, traced beforehand.
 * @module
 */

import { readTrace } from "../engine/trace.js";
import { sourceOf, withKept } from "./routing_view.js";
import { bookUrl } from "../lib/host.js";

/**
 * @typedef {Object} Example
 * @property {string} name In links.
 * @property {string} title
 * @property {string | null} url Where the trace is, if not here.
 * @property {Record<string, any> | null} trace
 */

export class Examples {
  /**
   * @param {Example[]} all At least one; all but the first may have to be fetched.
   * @param {boolean} includeFirst Whether the model gives token 0 a seat in every head.
   */
  constructor(all, includeFirst) {
    this.all = all;
    this.includeFirst = includeFirst;
    /** @type {Map<string, import("./routing_view.js").RoutingSource>} */
    this.sources = new Map();
  }

  /** @param {string} name @returns {Example} The first one if there is no such example. */
  find(name) {
    return this.all.find((example) => example.name === name) ?? this.all[0];
  }

  /**
   * Fetch the trace of an example that is not in the page.
   * @param {string} name
   * @returns {Promise<string>} What went wrong; empty if nothing.
   */
  async fetch(name) {
    const example = this.find(name);
    if (example.trace) return "";
    if (location.protocol === "file:") {
      return `"${example.title}" can only be fetched from a web server.`;
    }
    try {
      const response = await fetch(bookUrl(example.url ?? ""));
      if (!response.ok) throw new Error(`${response.status}`);
      example.trace = await response.json();
      return "";
    } catch {
      return `"${example.title}" could not be fetched.`;
    }
  }

  /**
   * @param {string} name Of an example that is in the page.
   * @returns {Record<string, any>} Its trace.
   */
  trace(name) {
    return /** @type {Record<string, any>} */ (this.find(name).trace);
  }

  /**
   * @param {string} name Of an example that is in the page.
   * @param {number | null} k
   * @returns {import("./routing_view.js").RoutingSource} At another k than traced: with the same scores.
   */
  source(name, k) {
    const trace = this.trace(name);
    const known = this.find(name).name;
    let source = this.sources.get(known);
    if (!source) {
      source = sourceOf(readTrace(trace), trace.tokens, this.includeFirst);
      this.sources.set(known, source);
    }
    return k === null || k === trace.k ? source : withKept(source, k);
  }
}
