/**
 * Keeps the state of an explorer, the page's address and Python's view of it in step.
 * @module
 */

import { readLink, writeLink } from "./link.js";
import { addressOf, writeFragment } from "../lib/card.js";

export class Address {
  /**
   * @param {import("./controller.js").Explorer} explorer
   * @param {boolean} ownsFragment The first explorer of a page has the fragment; a page has only one.
   */
  constructor(explorer, ownsFragment) {
    this.explorer = explorer;
    this.ownsFragment = ownsFragment;
    this.onHash = () => this.read();
    this.quiet = false;
  }

  /** Take over what Python and the fragment say, now and whenever they change. */
  follow() {
    for (const name of ["text", "layer", "head", "selected", "k"]) {
      this.explorer.model.on(`change:${name}`, () => this.readModel());
    }
    this.readModel();
    if (this.ownsFragment) addEventListener("hashchange", this.onHash);
    this.read();
  }

  /**
   * The fragment of this view.
   * @param {Partial<import("./link.js").LinkState>} [changes] What is to be otherwise.
   * @returns {string} Without "#".
   */
  fragment(changes = {}) {
    const { state, data } = this.explorer;
    return writeLink({ ...state, ...changes, live: this.explorer.live.isLive }, data.config.n_sparse_heads);
  }

  /**
   * The address of this view.
   * @param {Partial<import("./link.js").LinkState>} [changes]
   * @returns {string}
   */
  link(changes) {
    return addressOf(this.fragment(changes));
  }

  /** Take over what the fragment says. */
  read() {
    if (!this.ownsFragment) return;
    const { explorer } = this;
    const { config, examples } = explorer.data;
    const { state, complaints, isLink } = readLink(location.hash, explorer.firstFrame(), {
      examples: examples.map(({ name }) => name),
      layers: config.n_layers,
      heads: config.n_sparse_heads,
    });
    if (!isLink) return;
    void explorer.requests.follow(state, complaints);
    explorer.el.scrollIntoView({ block: "start" });
  }

  /** Take over what Python says. */
  readModel() {
    const { explorer } = this;
    if (this.quiet) return;
    const value = (/** @type {string} */ name) => explorer.model.get(name);
    const { n_layers: layers, n_sparse_heads: heads } = explorer.data.config;
    /** @type {Partial<import("./link.js").LinkState>} */
    const changes = {};
    const { state } = explorer;
    const text = value("text") || null;
    if (text !== state.text && value("text") !== undefined) changes.text = text;
    if (value("layer") >= 0 && value("layer") < layers) changes.layer = value("layer");
    if (value("head") >= 0 && value("head") < heads) changes.head = value("head");
    if (value("selected") >= 0) changes.token = value("selected");
    if (value("k") !== undefined) changes.k = value("k") || null;
    if (
      !Object.keys(changes).some(
        (name) =>
          changes[/** @type {keyof typeof changes} */ (name)] !==
          state[/** @type {keyof typeof state} */ (name)],
      )
    )
      return;
    this.quiet = true;
    explorer.change(changes);
    this.quiet = false;
    if (changes.text) {
      explorer.nodes.own.open(changes.text);
      explorer.requests.load();
    }
  }

  /** Tell the page's address and Python what is kept. */
  write() {
    const { explorer } = this;
    const { state, model } = explorer;
    if (this.quiet) return;
    this.quiet = true;
    const values = {
      text: state.text ?? "",
      layer: state.layer,
      head: state.head,
      selected: state.token,
      k: state.k ?? 0,
    };
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
    this.quiet = false;
    if (!this.ownsFragment || explorer.data.kernel) return;
    writeFragment(this.fragment());
  }

  dispose() {
    removeEventListener("hashchange", this.onHash);
  }
}
