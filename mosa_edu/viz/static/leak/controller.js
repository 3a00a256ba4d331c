/**
 * Holds the state of a leak probe and draws it.
 * @module
 */

import { cardTable, complaint, steppedTo, writeFragment } from "../card.js";
import { keptCount } from "../engine/routing.js";
import { EXPLORER_CSS } from "../explorer/css.js";
import { plural } from "../format.js";
import { statusPill } from "../frame.js";
import { openStage } from "../host.js";
import { tokenLabels } from "../tokens.js";
import { readLeak, writeLeak } from "./address.js";
import { Changes } from "./compare.js";
import { LEAK_CSS } from "./css.js";
import { dragBar } from "./drag.js";
import { buildProbe } from "./layout.js";
import { leakRows } from "./panels.js";
import { LeakRunner, storedState, storedView } from "./runner.js";

const DIM_LATE = 400;
const REST = 300;
const SYNCED = /** @type {const} */ (["cut", "rule", "seed"]);

let probes = 0;

export class LeakProbe {
  /**
   * @param {import("../host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    this.model = model;
    this.el = el;
    /** @type {import("./runner.js").LeakData} */
    this.data = model.get("data");
    this.runner = new LeakRunner(this.data, model, () => this.report());
    this.state = storedState(this.data);
    this.stage = openStage(el, EXPLORER_CSS + LEAK_CSS, () => this.view && this.draw());
    this.parts = buildProbe(this, `leak-${++probes}`);
    this.stage.root.replaceChildren(this.parts.card);
    this.ownsFragment = probes === 1;
    /** What a failed load kept from being shown. */
    this.wanted = this.state;
    this.pointed = -1;
    /** Tokens of an edited future that found no place. */
    this.left = 0;
    this.width = 0;
    this.timer = 0;
    this.show(storedView(this.data, this.state), false);
    this.listen();
    this.read();
    this.report();
  }

  listen() {
    const { text, plot, card } = this.parts;
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(card);
    const bounded = (/** @type {number} */ cut) => Math.max(1, Math.min(this.view.T - 1, cut));
    dragBar(plot.bar, ({ clientX }) => bounded(Math.round((clientX - plot.node.getBoundingClientRect().left - this.grid.left) / this.grid.column)), (cut) => this.change({ cut }));
    dragBar(text.bar, (event) => this.cutInText(event, bounded), (cut) => this.change({ cut }));
    plot.bar.addEventListener("keydown", (event) => {
      const cut = steppedTo(event.key, this.state.cut, 1, this.view.T - 1);
      if (cut === null) return;
      event.preventDefault();
      this.change({ cut });
    });
    text.node.addEventListener("keydown", (event) => {
      const token = steppedTo(event.key, this.state.token, 0, this.view.tokens.length - 1);
      if (token === null) return;
      event.preventDefault();
      this.study(token);
      text.focus(token);
    });
    plot.node.addEventListener("click", (event) => {
      if (event.target !== plot.bar) this.study(this.tokenAt(event.clientX));
    });
    plot.node.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" && event.target !== plot.bar) this.preview(this.tokenAt(event.clientX));
    });
    plot.node.addEventListener("pointerleave", () => this.preview(-1));
    this.stage.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.change(storedState(this.data));
    });
    this.onHash = () => this.read();
    if (this.ownsFragment) addEventListener("hashchange", this.onHash);
    for (const name of SYNCED) this.model.on(`change:${name}`, () => this.follow(name));
    for (const name of SYNCED) this.follow(name);
  }

  /**
   * Where a pointer would cut the text: before the half of a token that it is over.
   * @param {PointerEvent} event
   * @param {(cut: number) => number} bounded
   */
  cutInText({ clientX, clientY }, bounded) {
    const root = /** @type {ShadowRoot} */ (this.stage.root.getRootNode());
    const over = /** @type {HTMLElement | null | undefined} */ (root.elementFromPoint(clientX, clientY)?.closest("[data-t]"));
    if (!over) return -1;
    const { left, width } = over.getBoundingClientRect();
    return bounded(Number(over.dataset.t) + Number(clientX > left + width / 2));
  }

  /** @param {number} x @returns {number} */
  tokenAt(x) {
    const { left } = this.parts.plot.node.getBoundingClientRect();
    return Math.max(0, Math.min(this.view.cut - 1, Math.floor((x - left - this.grid.left) / this.grid.column)));
  }

  resize() {
    const width = this.parts.card.getBoundingClientRect().width;
    if (width < 100 || width === this.width) return;
    this.width = width;
    this.parts.card.classList.toggle("narrow", width < 560);
    this.draw();
  }

  /**
   * Show a result from now on.
   * @param {import("./compare.js").LeakView} view
   * @param {boolean} live
   */
  show(view, live) {
    const { text, plot } = this.parts;
    this.view = view;
    this.live = live;
    this.changes = new Changes(view);
    this.labels = tokenLabels(view.tokens.map(({ text: own }) => own));
    this.state.token = Math.min(this.state.token, view.tokens.length - 1);
    text.build(view, this.labels, this.changes);
    plot.node.classList.remove("dim");
    this.draw();
  }

  /** Draw the view, the token under study and the controls. */
  draw() {
    const { parts, state, changes, labels } = this;
    const token = Math.min(this.pointed < 0 ? state.token : this.pointed, this.view.tokens.length - 1);
    const view = { ...this.view, state: { ...this.view.state, token } };
    const inner = Math.max(240, (this.width || 758) - (this.width && this.width < 560 ? 26 : 34));
    this.grid = parts.plot.draw(inner, view, changes, this.stage.palette(), Math.min(state.cut, view.T - 1));
    parts.sayings.say(view, changes);
    parts.sayings.read(view, changes, labels);
    parts.text.mark(token, parts.sayings.readout.textContent ?? "");
    parts.show(state, view);
    parts.figure.hidden = state.view === "table";
    parts.table.hidden = state.view !== "table";
    if (state.view === "table") {
      const caption = `${parts.sayings.finding.textContent} By position before the cut`;
      parts.scroll.replaceChildren(cardTable(leakRows(view, changes), caption, token, [1, 5]));
    }
  }

  /** @param {number} token */
  study(token) {
    this.pointed = -1;
    this.change({ token });
  }

  /** @param {number} token Less than 0 ends a preview. */
  preview(token) {
    if (token === this.pointed) return;
    this.pointed = token;
    this.draw();
  }

  /**
   * Change what is asked for; whatever needs the model brings it.
   * @param {Partial<import("./address.js").LeakState>} changes
   */
  change(changes) {
    const before = this.state;
    this.state = { ...before, ...changes };
    this.pointed = -1;
    const tokens = this.runner.tokensOf(this.state);
    if (tokens && changes.own && changes.cut === undefined) this.state.cut = Math.floor((2 * tokens.length) / 3);
    if (tokens) this.state.cut = Math.max(1, Math.min(this.state.cut, tokens.length - 1));
    const asks = /** @type {const} */ (["text", "cut", "rule", "future", "seed", "edit", "own"]);
    if (asks.some((name) => this.state[name] !== before[name])) void this.refresh();
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.settle(), REST);
  }

  /** @returns {boolean} Whether the stored example is what is asked for. */
  isStored() {
    const usual = storedState(this.data);
    return /** @type {const} */ (["text", "cut", "rule", "future", "seed", "own"]).every((name) => this.state[name] === usual[name]);
  }

  /** Compute what is asked for, or show the stored example, or say why neither can be. */
  async refresh() {
    const { session } = this.runner;
    if (!this.runner.isLive) {
      if (this.isStored()) return this.show(storedView(this.data, this.state), false);
      const obstacle = session.obstacle();
      if (obstacle) return this.goBack(obstacle);
      if (session.status.name === "loading") return; // whoever asked first goes on with what is asked for by then
      await session.load();
      if (!this.runner.isLive) return this.goBack("");
      this.change({}); // the cut is checked now that the text can be cut
    }
    await this.compute();
  }

  /** Open or close the box for the reader's own text; opening it brings the model. */
  ownText() {
    const { own } = this.parts;
    if (own.node.hidden) {
      own.open(this.written);
      own.box.focus();
      own.box.select();
      void this.bring();
    } else {
      own.close();
      if (this.state.own !== null) this.change({ own: null, edit: null });
    }
    this.draw();
    this.report();
  }

  /** Bring the model, for whatever is asked for by the time it is here. */
  async bring() {
    const { session } = this.runner;
    if (session.obstacle() || this.runner.isLive || session.status.name === "loading") return;
    await session.load();
    if (this.runner.isLive && this.state.own !== null) this.change({ own: this.state.own });
    if (this.runner.isLive) void this.refresh();
  }

  /** @param {string} text The reader's own. */
  route(text) {
    if (text !== this.state.own) this.change({ own: text, edit: null, token: 0 });
    this.report();
  }

  /** @returns {string} The text that is shown, as it was written. */
  get written() {
    const { own, text } = this.view.state;
    return own ?? this.data.texts.find(({ name }) => name === text)?.text ?? "";
  }

  async compute() {
    const { parts, runner, state } = this;
    if ((runner.tokensOf(state)?.length ?? 0) < 2) return; // the figure before stays
    const late = setTimeout(() => parts.plot.node.classList.add("dim"), DIM_LATE);
    const result = await runner.run(state);
    clearTimeout(late);
    if (!result) return;
    if (result.left || this.left) {
      this.say(result.left ? `The last ${plural(result.left, "token")} of your future left out: the model reads ${this.data.config.max_seq_len}.` : "");
    }
    this.left = result.left;
    this.show(result.view, true);
    this.report();
    this.announce();
  }

  /** @returns {string} What the text as written says after the cut. */
  writtenFuture() {
    const tokens = this.runner.tokensOf(this.state) ?? [];
    return tokens.slice(this.state.cut).map(({ text }) => text).join("");
  }

  /** @param {string} why */
  goBack(why) {
    this.wanted = this.state;
    this.state = { ...storedState(this.data), view: this.state.view };
    this.show(storedView(this.data, this.state), false);
    this.say(why);
  }

  settle() {
    for (const name of SYNCED) this.model.set(name, this.state[name]);
    this.model.save_changes();
    if (this.ownsFragment && !this.data.kernel) writeFragment(writeLeak(this.state));
  }

  announce() {
    this.parts.status.textContent = this.parts.sayings.finding.textContent;
  }

  /** Take over what the fragment says. */
  read() {
    const names = this.data.texts.map(({ name }) => name);
    const found = this.ownsFragment ? readLeak(location.hash, storedState(this.data), names) : null;
    if (!found) return;
    if (found.state.own !== null) this.parts.own.open(found.state.own);
    this.change(found.state);
    if (found.complaints.length) this.say(complaint(found.complaints));
    this.el.scrollIntoView({ block: "start" });
  }

  /** @param {(typeof SYNCED)[number]} name What Python set. */
  follow(name) {
    const value = this.model.get(name);
    if (value !== undefined && value !== "" && value !== 0 && value !== this.state[name]) this.change({ [name]: value });
  }

  /** @param {string} words */
  say(words) {
    this.parts.told.textContent = words;
  }

  report() {
    if (!this.parts) return;
    const { status } = this.runner.session;
    const variant = this.view.state.rule === "paper" ? "" : ", rule switched";
    this.parts.pill.className = `pill ${status.name}`;
    this.parts.pill.replaceChildren(...statusPill(status, this.live ?? false, variant));
    this.parts.banner.report(status);
    const { session, isLive } = this.runner;
    const { own } = this.state;
    const { tokens, left } = isLive && own !== null ? session.tokens(own) : { tokens: this.view.tokens, left: 0 };
    const k = tokens.length ? keptCount(tokens.length, this.data.config.sparsity) : 0;
    this.parts.own.report(status, { obstacle: isLive ? "" : session.obstacle(), tokens: isLive ? tokens.length : -1, left, k });
  }

  dispose() {
    this.observer?.disconnect();
    this.runner.work?.abort();
    clearTimeout(this.timer);
    removeEventListener("hashchange", this.onHash ?? (() => {}));
    this.stage.dispose();
  }
}

