/**
 * Holds the state of a game of being the router, and draws it.
 * @module
 */

import { cardTable, complaint, steppedTo, writeFragment } from "../card.js";
import { studyChip, tokenChips } from "../chips.js";
import { html, setAttribute } from "../dom.js";
import { EXPLORER_CSS } from "../explorer/css.js";
import { fraction, signed } from "../format.js";
import { statusPill } from "../frame.js";
import { openStage } from "../host.js";
import { tokenLabels } from "../tokens.js";
import { readGame, writeGame } from "./address.js";
import { ArenaRunner, DRAWS, randomPicks, swapped, TRIES } from "./arena.js";
import { drawRivals, rivalsOf, routerFinding } from "./drawing.js";
import { buildGame, GAME_CSS } from "./layout.js";
import { rivalRows } from "./take.js";

const SYNCED = /** @type {const} */ (["layer", "head", "picks"]);

let games = 0;

export class RouterGame {
  /**
   * @param {import("../host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    this.model = model;
    this.el = el;
    this.data = model.get("data");
    this.runner = new ArenaRunner(this.data, model, () => this.report());
    this.state = this.firstFrame();
    this.arena = this.runner.stored();
    /** @type {number[]} */
    this.picks = [];
    /** @type {number | null} */
    this.yours = null;
    this.shown = this.state.text;
    this.wanted = 0; // swaps
    this.seed = 0;
    this.width = 0;
    this.stage = openStage(el, EXPLORER_CSS + GAME_CSS, () => this.parts && this.draw());
    this.ownsFragment = ++games === 1;
    this.parts = buildGame(this, `router-${games}`);
    this.frame = this.parts.frame;
    this.stage.root.replaceChildren(this.frame.card);
    this.listen();
    this.enter(this.arena);
    this.report();
    this.read();
  }

  listen() {
    this.stage.root.addEventListener("keydown", (event) => {
      if (event.key === "[" || event.key === "]") this.turn(event.key === "[" ? -1 : 1);
      if (event.key === "Escape") this.change(this.firstFrame());
    });
    this.observer = new ResizeObserver(() => {
      const { width } = this.frame.card.getBoundingClientRect();
      if (width < 100 || width === this.width) return;
      this.width = width;
      this.frame.card.classList.toggle("narrow", width < 560);
      this.draw();
    });
    this.observer.observe(this.frame.card);
    this.onHash = () => this.read();
    if (this.ownsFragment) addEventListener("hashchange", this.onHash);
    for (const name of SYNCED) this.model.on(`change:${name}`, () => this.follow(name));
  }

  /** @param {(typeof SYNCED)[number]} name What Python set. */
  follow(name) {
    const value = this.model.get(name);
    const own = name === "picks" ? this.picks : this.state[name];
    if (`${value}` !== `${own}`) this.change({ [name]: value });
  }

  /** @param {number} step To another head. */
  turn(step) {
    const heads = this.data.config.n_sparse_heads;
    this.change({ head: (this.state.head + step + heads) % heads });
  }

  /** @returns {import("./address.js").GameState} */
  firstFrame() {
    const { layer, head } = this.data.contest;
    return { text: this.data.texts[0].name, layer, head, picks: null, token: this.data.contest.trained[0], hint: false, view: "figure" };
  }

  /**
   * Show a head on a text.
   * @param {import("./arena.js").Arena} arena
   */
  enter(arena) {
    this.arena = arena;
    const texts = arena.tokens.map(({ text }) => text);
    this.labels = tokenLabels(texts);
    const { spans, parts } = tokenChips(texts, this.labels);
    this.spans = spans;
    this.parts.list.replaceChildren(...parts.flat());
    this.take(this.state.picks ?? arena.trained);
    this.state.token = Math.min(this.state.token, texts.length - 1);
    this.draw();
  }

  /** @param {number[]} picks */
  take(picks) {
    const { tokens, trained, trainedLoss, found } = this.arena;
    this.picks = picks.filter((t) => t < tokens.length).sort((s, t) => s - t).slice(0, trained.length);
    const key = this.picks.join();
    this.yours = key === trained.join() ? trainedLoss : key === found.picks.join() ? found.loss : null;
  }

  /** @param {number} t Token to put in or out. */
  toggle(t) {
    if (t < 0) return;
    const isOut = !this.picks.includes(t);
    const full = isOut && this.picks.length >= this.arena.trained.length;
    this.frame.tell(full ? `All ${this.picks.length} seats are taken: let one go first.` : "");
    const picks = isOut ? [...this.picks, t] : this.picks.filter((own) => own !== t);
    this.change(full ? { token: t } : { token: t, picks });
    this.spans?.[t].focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event On the text. */
  press(event) {
    const { token } = this.state;
    const to = steppedTo(event.key, token, 0, this.arena.tokens.length - 1);
    if (to === null && event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    if (to === null) return this.toggle(token);
    this.change({ token: to });
    this.spans?.[to].focus();
  }

  /** Try swaps, or stop trying. */
  seek() {
    const { tries } = this.arena.found;
    this.wanted = this.wanted > tries ? 0 : tries + TRIES;
    this.change({});
    void this.work();
  }

  /** @param {Partial<import("./address.js").GameState>} changes */
  change(changes) {
    const before = this.state;
    const moved = /** @type {const} */ (["text", "layer", "head"]).some((name) => name in changes && changes[name] !== before[name]);
    this.state = { ...before, ...(moved ? { picks: null } : {}), ...changes };
    if (moved) this.wanted = 0;
    else if ("picks" in changes) this.take(changes.picks ?? this.arena.trained);
    this.draw();
    if (moved || ("picks" in changes && this.yours === null)) void this.work();
    const chosen = { ...this.state, picks: this.picks };
    for (const name of SYNCED) this.model.set(name, chosen[name]);
    this.model.save_changes();
    if (this.ownsFragment && !this.data.kernel) writeFragment(this.fragment());
  }

  /** @returns {boolean} Whether what is shown is of the head and text that are asked for. */
  get arrived() {
    const { arena, state, shown } = this;
    return shown === state.text && arena.layer === state.layer && arena.head === state.head;
  }

  /** Compute what is not known yet: the reader's picks first. */
  async work() {
    const { runner, state } = this;
    this.job?.abort();
    const { signal } = (this.job = new AbortController());
    if (!(await this.live()) || signal.aborted) return;
    try {
      if (!this.arrived || !this.arena.base) {
        const arena = await runner.enter(state, signal);
        this.shown = state.text;
        this.enter(arena);
      }
      const { arena } = this;
      this.yours ??= await runner.loss(arena, this.picks, signal);
      this.settle();
      await this.compare(arena, signal);
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "AbortError") throw error;
    }
  }

  /**
   * Compute what the reader's picks are compared with.
   * @param {import("./arena.js").Arena} arena
   * @param {AbortSignal} signal
   */
  async compare(arena, signal) {
    const [T, k] = [arena.tokens.length, arena.trained.length];
    const loss = (/** @type {number[]} */ picks) => this.runner.loss(arena, picks, signal);
    while (arena.random.length < DRAWS) {
      arena.random = [...arena.random, await loss(randomPicks(arena.random.length + 1, T, k))];
      this.draw();
    }
    arena.off ??= await loss([]);
    this.draw();
    while (arena.found.tries < this.wanted && k < T) {
      const { picks, loss: lowest, tries } = arena.found;
      const other = swapped(picks, T, tries);
      const found = await loss(other);
      arena.found = { ...(found < lowest ? { picks: other, loss: found } : { picks, loss: lowest }), tries: tries + 1 };
      this.draw();
    }
  }

  /** @returns {Promise<boolean>} Whether the model is here. */
  async live() {
    const { session } = this.runner;
    if (session.engine) return true;
    if (session.status.name === "loading") return false; // whoever asked first goes on
    const obstacle = session.obstacle();
    if (!obstacle) await session.load();
    if (session.engine) return Boolean(void this.work());
    this.frame.tell(obstacle);
    this.wanted = 0;
    this.state = { ...this.firstFrame(), view: this.state.view, picks: this.arrived ? this.state.picks : null };
    this.enter(this.arena);
    return false;
  }

  /** Say what the reader's picks came to. */
  settle() {
    this.draw();
    this.report();
    this.frame.status.textContent = this.frame.finding.textContent;
  }

  draw() {
    const { frame, parts, state, arena, picks, yours } = this;
    const rivals = rivalsOf(arena, yours);
    const said = routerFinding(arena, picks, yours);
    const random = rivals[2].loss;
    const chance = random === null ? "" : ` Random picks: ${signed(random - arena.trainedLoss)}.`;
    frame.say(said, `Layer ${arena.layer}, head ${arena.head}. Loss of the text with its own router: ${arena.trainedLoss.toFixed(3)} nats a token.${chance}`);
    parts.select.value = state.text;
    parts.layer.show(`${state.layer}`);
    parts.number.textContent = `${state.head}`;
    parts.count.textContent = `${picks.length} of ${arena.trained.length} seats`;
    setAttribute(parts.hint, "aria-pressed", `${state.hint}`);
    const { tries } = arena.found;
    parts.search.textContent = this.wanted > tries ? `Stop at ${tries}` : `Try ${TRIES} ${tries ? "more " : ""}swaps`;
    this.mark();
    const inner = Math.max(240, (this.width || 760) - (this.width && this.width < 560 ? 26 : 34));
    const { nodes, height } = drawRivals(rivals, inner, this.stage.palette());
    for (const [name, value] of Object.entries({ width: inner, height })) setAttribute(parts.drawing, name, `${value}`);
    const heard = rivals.map(({ name, loss }) => `${name} ${loss === null ? "not known yet" : loss.toFixed(3)}`).join(", ");
    setAttribute(parts.drawing, "aria-label", `Losses in nats a token: ${heard}.`);
    parts.drawing.replaceChildren(...nodes);
    frame.show(state.view === "table" ? () => cardTable(rivalRows(this), frame.finding.textContent ?? "", 0, [0, 3]) : null);
  }

  /** Mark the tokens, and name the one under study. */
  mark() {
    const { arena, state, picks } = this;
    const [mine, theirs] = [new Set(picks), new Set(arena.trained)];
    this.spans?.forEach((span, t) => {
      span.classList.toggle("in", mine.has(t));
      span.classList.toggle("missed", state.hint && theirs.has(t) && !mine.has(t));
      setAttribute(span, "aria-selected", `${mine.has(t)}`);
    });
    const t = state.token;
    const whose = mine.has(t) ? (state.hint && theirs.has(t) ? "your pick and the router's" : "your pick") : state.hint && theirs.has(t) ? "the router's pick, not yours" : "not picked";
    const words = `position ${t}, gate ${fraction(arena.gates[t])}, ${whose}`;
    studyChip(this.spans ?? [], t, `${this.labels?.[t]}, ${words}`);
    this.parts.readout.replaceChildren(html("code", {}, this.labels?.[t] ?? ""), words);
  }

  /** @returns {string} */
  fragment() {
    return writeGame(this.state, this.picks);
  }

  /** Take over what the fragment says. */
  read() {
    const found = this.ownsFragment ? readGame(location.hash, this.firstFrame(), this.data) : null;
    if (!found) return;
    this.change(found.state);
    this.frame.tell(complaint(found.complaints));
    this.el.scrollIntoView({ block: "start" });
  }

  report() {
    if (!this.parts) return;
    const { status } = this.runner.session;
    this.frame.pill.className = `pill ${status.name}`;
    this.frame.pill.replaceChildren(...statusPill(status, this.arena.base !== null, ""));
    this.parts.banner.report(status);
  }

  dispose() {
    this.observer?.disconnect();
    this.job?.abort();
    removeEventListener("hashchange", this.onHash ?? (() => {}));
    this.stage.dispose();
  }
}
