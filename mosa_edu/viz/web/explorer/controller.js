/**
 * Holds the state of an explorer, turns events into changes and changes into one drawing a frame.
 * @module
 */

import { keptCount } from "../engine/routing.js";
import { Address } from "./address.js";
import { EXPLORER_CSS } from "./css.js";
import { Examples } from "./examples.js";
import { listenToKeys } from "./keys.js";
import { arrange, assemble } from "./layout.js";
import { HEAD_LEVEL, TEXT_LEVEL, TOKEN_LEVEL } from "./levels.js";
import { Live } from "./live.js";
import { Moves } from "./moves.js";
import { buildPanels } from "./panels.js";
import { Requests } from "./requests.js";
import { Routing } from "./routing_view.js";
import { tokenSentence } from "./text.js";
import { viewOf } from "./view.js";
import { CARD_CSS, TEXT_CSS } from "../lib/css.js";
import { headOf, tokenLabels } from "../lib/format.js";
import { openStage } from "../lib/host.js";
import { Session } from "../lib/session.js";

const ANNOUNCE_DELAY = 300;

let explorers = 0;

export class Explorer {
  /**
   * @param {import("../lib/host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    this.model = model;
    this.el = el;
    /** @type {import("../lib/session.js").StoredData} */
    this.data = model.get("data");
    this.examples = new Examples(this.data.examples, this.data.config.include_first);
    this.session = new Session(this.data, model, () => this.report());
    this.live = new Live(this);
    this.requests = new Requests(this);
    this.moves = new Moves(this);
    /** @type {import("./view.js").Target | null} */
    this.pointed = null;
    /** @type {import("./link.js").LinkState} */
    this.state = this.firstFrame();
    this.level = 0;
    /** Whether the next frame shows a change that is kept, which may fade in. */
    this.settles = false;
    this.drawn = { row: -1, token: -1, first: 0 };
    this.size = { narrow: false, wide: false, axisWidth: 726, squareSize: 204, gatheredWidth: 268 };
    this.timer = 0;
    this.width = 0;
    this.routing = new Routing(this.examples.source(this.state.example, null));
    this.labels = tokenLabels(this.routing.texts);
    this.state.token = this.validToken(this.state.token);
    this.stage = openStage(el, CARD_CSS + TEXT_CSS + EXPLORER_CSS, () => this.invalidate(TEXT_LEVEL));
    const id = `finding-${++explorers}`;
    this.nodes = buildPanels(this, id);
    this.frame = assemble(this.stage.root, this.nodes.byName, id);
    this.address = new Address(this, explorers === 1);
    this.observer = new ResizeObserver(() => this.resize());
    this.print = matchMedia("print");
    this.onPrint = () => this.printed();
    this.listen();
    this.address.follow();
    this.draw(TEXT_LEVEL);
    this.report();
  }

  /** @returns {import("./link.js").LinkState} The picture before any touch. */
  firstFrame() {
    const { start } = this.data;
    const { example, layer, head, token } = start;
    return {
      example,
      text: null,
      layer,
      head,
      token,
      k: null,
      view: "figure",
      map: "picks",
      sort: "model",
      off: [],
      first: null,
      tour: 0,
    };
  }

  listen() {
    this.observer.observe(this.frame.card);
    listenToKeys(this.stage.root, this.nodes.keyPlaces, this.moves);
    this.print.addEventListener("change", this.onPrint);
  }

  /** Arrange the card for the width that it has now. */
  resize() {
    const { width } = this.frame.card.getBoundingClientRect();
    if (width < 100 || width === this.width) return; // not laid out yet
    this.width = width;
    this.size = arrange(this.frame, this.nodes.byName, width);
    this.draw(TEXT_LEVEL);
  }

  /** Paper is light, and holds the numbers of the head. */
  printed() {
    if (this.print.matches) this.nodes.printTable(this.view());
    this.draw(TEXT_LEVEL);
  }

  /**
   * Draw a routing from now on.
   * @param {import("./routing_view.js").RoutingSource} source
   */
  setSource(source) {
    const other = source.tokens !== this.routing.tokens;
    this.routing = new Routing(source);
    if (other) {
      this.labels = tokenLabels(this.routing.texts);
      this.pointed = null;
    }
    this.state.token = this.validToken(this.state.token);
    this.settles = true;
    this.invalidate(TEXT_LEVEL);
  }

  /** @param {number} token @returns {number} The last pick of the head if there is no such token. */
  validToken(token) {
    const { T, picks } = this.routing;
    if (token >= 0 && token < T) return token;
    const own = picks[this.row];
    return own[own.length - 1] ?? 0;
  }

  /** @returns {number} */
  get row() {
    return this.state.layer * this.data.config.n_sparse_heads + this.state.head;
  }

  /** @returns {import("./view.js").View} */
  view() {
    return viewOf(this);
  }

  /**
   * @param {number} [T] Tokens of a text, if not of the one that is shown.
   * @returns {number} Tokens that a head keeps by itself.
   */
  usualKept(T = this.routing.T) {
    return keptCount(T, this.data.config.sparsity);
  }

  /** @param {number} level */
  invalidate(level) {
    if (!this.level) requestAnimationFrame(() => this.draw());
    this.level = Math.max(this.level, level);
  }

  /** @param {number} [least] Level at least. */
  draw(least = 0) {
    const view = this.view();
    const moved = view.row !== this.drawn.row ? HEAD_LEVEL : TOKEN_LEVEL;
    const level = Math.max(this.level, least, moved);
    this.level = 0;
    for (const panel of this.nodes.panels) panel.update(view, level);
    this.drawn = { row: view.row, token: view.token, first: view.axis.first };
    this.settles = false;
  }

  /** @param {import("./view.js").Target} target */
  preview(target) {
    const old = this.pointed;
    if (old && old.row === target.row && old.token === target.token && old.other === target.other)
      return;
    this.pointed = target;
    this.invalidate(TOKEN_LEVEL);
  }

  leave() {
    if (!this.pointed) return;
    this.pointed = null;
    this.invalidate(TOKEN_LEVEL);
  }

  /** @param {import("./view.js").Target} target */
  lock({ row = this.row, token = this.state.token }) {
    const { heads } = this.routing;
    this.change({ ...headOf(row, heads), token });
  }

  /**
   * Change what is kept; everything follows from here.
   * @param {Partial<import("./link.js").LinkState>} changes
   */
  change(changes) {
    const before = this.state;
    this.state = { ...before, ...changes };
    this.pointed = null;
    this.settles = true;
    const text = this.state.text !== before.text || this.state.example !== before.example;
    const other = text || ["k", "off", "first"].some((name) => name in changes);
    if (text)
      this.state = {
        ...this.state,
        k: changes.k ?? null,
        token: changes.token ?? -1,
        off: changes.off ?? [],
      };
    if (other) this.live.refresh(text);
    this.state.token = this.validToken(this.state.token);
    const redrawn = other || "map" in changes || "sort" in changes || "view" in changes;
    this.invalidate(redrawn ? TEXT_LEVEL : TOKEN_LEVEL);
    this.settle(this.state.layer !== before.layer || this.state.head !== before.head);
  }

  /**
   * What follows a kept change when the hand rests: link, Python, spoken words.
   * @param {boolean} otherHead
   */
  settle(otherHead) {
    clearTimeout(this.timer);
    requestAnimationFrame(() => setTimeout(() => this.address.write())); // first the picture
    this.timer = setTimeout(() => this.announce(otherHead), ANNOUNCE_DELAY);
  }

  /** @param {boolean} otherHead */
  announce(otherHead) {
    const view = this.view();
    if (view.isPreview || view.state.tour) return; // the tour speaks for itself
    this.nodes.byName.status.textContent = otherHead
      ? this.nodes.finding()
      : tokenSentence(view, view.token);
    (globalThis.requestIdleCallback ?? setTimeout)(() => this.nodes.describe(this.view()));
  }

  /** @param {string} words For the status line. */
  say(words) {
    this.nodes.tell(words);
  }

  report() {
    if (!this.nodes) return;
    this.nodes.report(this.session.status);
    this.live.follow(this.session.status);
  }

  dispose() {
    this.observer.disconnect();
    this.print.removeEventListener("change", this.onPrint);
    clearTimeout(this.timer);
    this.live.runs.stop();
    this.address.dispose();
    this.stage.dispose();
  }
}
