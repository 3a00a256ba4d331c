/**
 * Holds the state of an explorer, turns events into changes and changes into one drawing a frame.
 * @module
 */

import { html } from "../dom.js";
import { tokenLabels, wordAround } from "../tokens.js";
import { openStage } from "../host.js";
import { Axis } from "./axis.js";
import { EXPLORER_CSS } from "./css.js";
import { listenToKeys } from "./keys.js";
import { arrange, assemble } from "./layout.js";
import { HEAD_LEVEL, TEXT_LEVEL, TOKEN_LEVEL } from "./levels.js";
import { Live } from "./live.js";
import { Address } from "./address.js";
import { buildPanels } from "./panels.js";
import { Requests } from "./requests.js";
import { Routing } from "./routing_view.js";
import { Session } from "./session.js";
import { tokenSentence } from "./text.js";

const ANNOUNCE_DELAY = 300;

let explorers = 0;

export class Explorer {
  /**
   * @param {import("../host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    this.model = model;
    this.el = el;
    /** @type {import("./session.js").StoredData} */
    this.data = model.get("data");
    this.session = new Session(this.data, model, () => this.report());
    this.live = new Live(this);
    this.requests = new Requests(this);
    /** @type {import("./view.js").Target | null} */
    this.pointed = null;
    /** @type {import("./link.js").LinkState} */
    this.state = this.firstFrame();
    this.level = 0;
    this.drawn = { row: -1, token: -1, first: 0 };
    this.size = { narrow: false, wide: false, axisWidth: 726, squareSize: 204, gatheredWidth: 268 };
    /** @type {number[]} */
    this.timers = [];
    this.stage = openStage(el, EXPLORER_CSS, () => this.invalidate(TEXT_LEVEL));
    this.nodes = buildPanels(this, `finding-${++explorers}`);
    this.frame = assemble(this.stage.root, this.nodes.byName, `finding-${explorers}`);
    this.setSource(this.session.storedSource(this.state.example, this.state.k));
    this.address = new Address(this, explorers === 1);
    this.listen();
    this.address.follow();
    this.draw();
    this.report();
  }

  /** @returns {import("./link.js").LinkState} The picture before any touch. */
  firstFrame() {
    const { start } = this.data;
    const { example, layer, head, token } = start;
    return { example, text: null, layer, head, token, k: null, view: "figure", map: "picks", sort: "model", off: [], first: null };
  }

  listen() {
    this.observer = new ResizeObserver(() => {
      const width = this.frame.card.getBoundingClientRect().width;
      if (width < 100 || width === this.width) return; // not laid out yet
      this.width = width;
      this.size = arrange(this.frame, this.nodes.byName, width);
      this.level = TEXT_LEVEL;
      this.draw();
    });
    this.observer.observe(this.frame.card);
    listenToKeys(this.stage.root, this.nodes.keyPlaces, this);
    this.print = matchMedia("print");
    this.onPrint = () => {
      if (this.print?.matches) this.nodes.printTable(this.view());
      this.draw(TEXT_LEVEL);
    };
    this.print.addEventListener("change", this.onPrint);
  }

  /**
   * Draw a routing from now on.
   * @param {import("./routing_view.js").RoutingSource} source
   */
  setSource(source) {
    const other = source.tokens !== this.routing?.tokens;
    this.routing = new Routing(source);
    if (other) {
      this.labels = tokenLabels(this.routing.texts);
      this.pointed = null;
    }
    this.state.token = this.validToken(this.state.token);
    this.invalidate(TEXT_LEVEL);
  }

  /** @param {number} token @returns {number} The last pick of the head if there is no such token. */
  validToken(token) {
    const { T, picks } = this.routing;
    if (token >= 0 && token < T) return token;
    const own = picks[this.state.layer * this.data.config.n_sparse_heads + this.state.head];
    return own[own.length - 1] ?? 0;
  }

  /** @returns {number} */
  get row() {
    return this.state.layer * this.data.config.n_sparse_heads + this.state.head;
  }

  /** @returns {import("./view.js").View} */
  view() {
    const { routing, state, size, labels } = this;
    const { row = this.row, token = state.token, other = -1 } = this.pointed ?? {};
    const fit = new Axis(size.axisWidth, routing.T, size.narrow, this.drawn.first);
    const axis = this.pointed ? fit : new Axis(size.axisWidth, routing.T, size.narrow, fit.firstToShow(token));
    return {
      routing,
      row,
      layer: Math.floor(row / routing.heads),
      head: row % routing.heads,
      token,
      other,
      isPreview: this.pointed !== null,
      labels,
      word: (t) => wordAround(routing.texts, t),
      entry: (id) => this.entry(id),
      axis,
      axisMoved: axis.first !== this.drawn.first,
      palette: this.stage.palette(),
      exampleLabel: this.live.exampleLabel(),
      state,
      config: this.data.config,
      off: new Set(state.off),
      usualKept: this.session.usualKept(routing.T),
      narrow: size.narrow,
      wide: size.wide,
      squareSize: size.squareSize,
      gatheredWidth: size.gatheredWidth,
      whatIf: this.live.whatIf(),
    };
  }

  /** @param {number} id @returns {string} */
  entry(id) {
    const piece = this.session.engine?.tokenizer.piece(id) ?? { text: `#${id}`, whole: true };
    return tokenLabels(["a", this.data.vocabulary[id] ?? (piece.whole ? piece.text : `<${piece.text}>`)])[1];
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
  }

  /** @param {import("./view.js").Target} target */
  preview(target) {
    const old = this.pointed;
    if (old && old.row === target.row && old.token === target.token && old.other === target.other) return;
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
    this.change({ layer: Math.floor(row / heads), head: row % heads, token });
  }

  /**
   * Change what is kept; everything follows from here.
   * @param {Partial<import("./link.js").LinkState>} changes
   */
  change(changes) {
    const before = this.state;
    this.state = { ...before, ...changes };
    this.pointed = null;
    this.frame.card.classList.add("settling");
    const text = this.state.text !== before.text || this.state.example !== before.example;
    const other = text || ["k", "off", "first"].some((name) => name in changes);
    if (text) this.state = { ...this.state, k: changes.k ?? null, token: changes.token ?? -1, off: changes.off ?? [] };
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
    this.timers.forEach(clearTimeout);
    this.address.write();
    this.timers = [
      setTimeout(() => this.frame.card.classList.remove("settling"), 200),
      setTimeout(() => this.announce(otherHead), ANNOUNCE_DELAY),
    ];
  }

  /** @param {boolean} otherHead */
  announce(otherHead) {
    const view = this.view();
    if (view.isPreview) return;
    this.nodes.byName.status.textContent = otherHead ? this.nodes.finding() : tokenSentence(view, view.token);
    (globalThis.requestIdleCallback ?? setTimeout)(() => this.nodes.describe(this.view()));
  }

  /** @param {string} words For the status line. */
  say(words) {
    this.nodes.tell(words);
  }

  /** @param {number} step */
  stepToken(step) {
    this.goToken(Math.max(0, Math.min(this.routing.T - 1, this.state.token + step)));
  }

  /** @param {number} token */
  goToken(token) {
    this.lock({ token: token < 0 ? this.routing.T + token : token });
    this.draw();
    this.nodes.focusToken();
  }

  /** @param {number} step */
  stepHead(step) {
    this.lock({ row: (this.row + step + this.routing.rows) % this.routing.rows });
  }

  /** @param {number} step */
  stepRow(step) {
    const order = this.nodes.order();
    this.lock({ row: order[(order.indexOf(this.row) + step + order.length) % order.length] });
  }

  escape() {
    if (this.pointed) return this.leave();
    if (this.el.classList.contains("widened")) return this.widen();
    this.change(this.firstFrame());
  }

  widen() {
    const { el } = this;
    const on = el.classList.toggle("widened");
    if (on) el.popover = "manual"; // the top layer: nothing of the page lies above
    if (el.popover) el[on ? "showPopover" : "hidePopover"]();
    if (!on) el.removeAttribute("popover");
    this.stage.root.classList.toggle("full", on);
    this.nodes.wide.setAttribute("aria-pressed", `${on}`);
    document.documentElement.style.overflow = on ? "hidden" : "";
  }

  report() {
    if (!this.nodes) return;
    this.nodes.report(this.session.status);
    this.live.follow(this.session.status);
  }

  dispose() {
    this.observer?.disconnect();
    this.print?.removeEventListener("change", this.onPrint);
    this.timers.forEach(clearTimeout);
    this.session.work?.abort();
    this.address.dispose();
    this.stage.dispose();
  }
}
