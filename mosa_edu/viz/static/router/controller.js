/**
 * Holds the state of a game of being the router, and draws it.
 * @module
 */

import { headField, layerField, textField } from "../card.js";
import { tokenList } from "../chips.js";
import { button, html, setAttribute, svg } from "../dom.js";
import { Latest } from "../engine/drain.js";
import { bannerPanel } from "../explorer/own_text.js";
import { Figure } from "../figure.js";
import { fraction, signed } from "../format.js";
import { TEXT_CSS } from "../text_css.js";
import { tokenLabels } from "../tokens.js";
import { ArenaRunner, DRAWS, randomPicks, swapped, TRIES } from "./arena.js";
import { drawRivals, rivalsOf } from "./drawing.js";
import { GAME_CSS, gamePython, rivalNumbers, rivalRows, routerFinding } from "./words.js";

/**
 * @typedef {Object} GameState
 * @property {string} text Name of a stored text.
 * @property {number} layer
 * @property {number} head
 * @property {number[] | null} picks Ascending; null while it is not known what the router picks.
 * @property {number} token Under study.
 * @property {boolean} hint Whether the router's picks are outlined.
 * @property {"figure" | "table"} view
 */

export class RouterGame extends Figure {
  /**
   * @param {import("../host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    super(model, el, "router", TEXT_CSS + GAME_CSS, ["layer", "head", "picks"]);
    this.runner = new ArenaRunner(this.data, model, () => this.report());
    this.arena = this.runner.stored();
    this.job = new Latest();
    this.wanted = 0; // swaps
    this.seed = 0;
    this.search = button("", () => this.seek());
    this.mount({
      name: "Be the router",
      controls: this.controls(),
      parts: this.figure(),
      buttons: [this.search],
      note: `A token enters with the gate that the router gives it, whoever picks it. Swaps are kept if the loss of this very text falls: no router could know that. One text is a small sample. ${this.data.about}`,
    });
    this.report();
  }

  /** @returns {GameState} */
  firstFrame() {
    const { layer, head, trained } = this.data.contest;
    return { text: this.data.texts[0].name, layer, head, picks: null, token: trained[0], hint: false, view: "figure" };
  }

  /** @param {GameState} state @returns {GameState} */
  bounded(state) {
    const { n_layers: layers, n_sparse_heads: heads } = this.data.config;
    const own = { ...state, layer: Math.min(state.layer, layers - 1), head: Math.min(state.head, heads - 1) };
    const { tokens, trained } = this.arena;
    if (!this.isHere(own)) return own;
    const picks = (own.picks ?? trained).filter((t) => t < tokens.length).sort((s, t) => s - t);
    return { ...own, picks: picks.slice(0, trained.length), token: Math.min(own.token, tokens.length - 1) };
  }

  /** @param {GameState} state @returns {boolean} Whether the arena is of its head and text. */
  isHere({ text, layer, head }) {
    const { arena } = this;
    return arena.text === text && arena.layer === layer && arena.head === head;
  }

  /** @returns {number[]} What the reader holds. */
  get picks() {
    return (this.isHere(this.state) && this.state.picks) || this.arena.trained;
  }

  /** @returns {number | null} The loss with them, if it is known. */
  get yours() {
    const { trained, trainedLoss, found, known } = this.arena;
    const key = this.picks.join();
    if (key === trained.join()) return trainedLoss;
    return key === found.picks.join() ? found.loss : (known.get(key) ?? null);
  }

  /** @returns {HTMLElement[]} */
  controls() {
    const { texts, config } = this.data;
    this.text = textField(texts, (text) => this.change({ text }));
    this.layer = layerField(config.n_layers, (layer) => this.change({ layer }));
    this.head = headField(config.n_sparse_heads, this.stage.root, () => this.state.head, (head) => this.change({ head }));
    return [this.text.node, this.layer.node, this.head.node];
  }

  /** @returns {Node[]} */
  figure() {
    this.list = tokenList({ study: (token) => this.change({ token }), press: (t) => this.toggle(t) });
    setAttribute(this.list.node, "aria-multiselectable", "true");
    this.count = html("output");
    this.hint = button("Show the router's", () => this.change({ hint: !this.state.hint }));
    const draw = () => randomPicks(++this.seed, this.arena.tokens.length, this.arena.trained.length);
    const seats = [
      this.count,
      button("Clear", () => this.change({ picks: [] })),
      button("Router's picks", () => this.change({ picks: null })),
      button("Random picks", () => this.change({ picks: draw() })),
      button("Best found", () => this.change({ picks: this.arena.found.picks })),
      this.hint,
    ];
    this.readout = html("div", { class: "readout" });
    this.drawing = svg("svg", { role: "img", class: "rivals" });
    this.banner = bannerPanel(() => void this.work());
    return [this.banner.node, html("div", { class: "pad text-block" }, this.list.node), html("div", { class: "pad row wrap seats" }, ...seats), this.readout, html("div", { class: "pad" }, this.drawing)];
  }

  /** @param {number} t Token to put in or out. */
  toggle(t) {
    if (!this.isHere(this.state)) return;
    const { picks, arena } = this;
    const isOut = !picks.includes(t);
    const full = isOut && picks.length >= arena.trained.length;
    this.frame.tell(full ? `All ${picks.length} seats are taken: let one go first.` : "");
    this.change(full ? { token: t } : { token: t, picks: isOut ? [...picks, t] : picks.filter((own) => own !== t) });
  }

  /** Try swaps, or stop trying. */
  seek() {
    const { tries } = this.arena.found;
    this.wanted = this.wanted > tries ? 0 : tries + TRIES;
    this.draw();
    void this.work();
  }

  /** @param {Partial<GameState>} changes */
  change(changes) {
    const { state } = this;
    const moved = /** @type {const} */ (["text", "layer", "head"]).some((name) => name in changes && changes[name] !== state[name]);
    if (moved) this.wanted = 0;
    super.change(moved ? { picks: null, ...changes } : changes);
    this.ask(state);
  }

  follow() {
    const { state, telling } = this;
    super.follow();
    if (!telling) this.ask(state);
  }

  /** @param {GameState} before Compute what is not known of a state that is new. */
  ask(before) {
    if (`${this.state.picks}` === `${before?.picks}` && this.isHere(this.state)) return;
    if (!this.isHere(this.state) || this.yours === null) void this.work();
  }

  /** Compute what is not known yet: the reader's picks first. */
  async work() {
    const { runner } = this;
    await this.job.run(async (signal) => {
      if (!(await this.live()) || signal.aborted) return;
      if (!this.isHere(this.state) || !this.arena.base) {
        this.arena = await runner.enter(this.state, signal);
        super.change({});
      }
      const { arena, picks } = this;
      if (this.yours === null) arena.known.set(picks.join(), await runner.loss(arena, picks, signal));
      super.change({});
      this.report();
      await this.compare(arena, signal);
    });
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
      if (found < lowest || tries % 4 === 3) this.draw();
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
    this.wanted = 0;
    const { view, picks } = this.state;
    super.change({ ...this.firstFrame(), view, picks: this.isHere(this.state) ? picks : null });
    this.frame.tell(obstacle);
    return false;
  }

  /** @param {GameState} state */
  paint(state) {
    const { arena, picks } = this;
    if (this.laid !== arena.text) this.lay(); // else the token in focus would lose it
    this.text.select.value = state.text;
    this.layer.show(`${state.layer}`);
    this.head.number.textContent = `${state.head}`;
    this.count.textContent = `${picks.length} of ${arena.trained.length} seats`;
    setAttribute(this.hint, "aria-pressed", `${state.hint}`);
    const { tries } = arena.found;
    this.search.textContent = this.wanted > tries ? `Stop at ${tries}` : `Try ${TRIES} ${tries ? "more " : ""}swaps`;
    this.mark(state);
    const heard = rivalsOf(arena, this.yours).map(({ name, loss }) => `${name} ${loss === null ? "not known yet" : loss.toFixed(3)}`);
    this.redraw(this.drawing, state, `Losses in nats a token: ${heard.join(", ")}.`);
  }

  announce() {
    if (this.yours !== null) super.announce();
  }

  /** Lay out the text of the arena. */
  lay() {
    const texts = this.arena.tokens.map(({ text }) => text);
    this.labels = tokenLabels(texts);
    this.laid = this.arena.text;
    this.list.lay(texts, this.labels);
  }

  /** @param {GameState} state Mark the tokens, and name the one under study. */
  mark({ hint, token }) {
    const { arena, labels } = this;
    const [mine, theirs] = [new Set(this.picks), new Set(hint ? this.arena.trained : [])];
    const t = Math.min(token, labels.length - 1);
    const also = theirs.has(t) ? " and the router's" : "";
    const whose = mine.has(t) ? `your pick${also}` : also ? "the router's pick, not yours" : "not picked";
    const words = `position ${t}, gate ${fraction(arena.gates[t])}, ${whose}`;
    const marks = (/** @type {number} */ own) => ({ in: mine.has(own), missed: theirs.has(own) && !mine.has(own) });
    const spans = this.list.mark(t, `${labels[t]}, ${words}`, marks);
    spans.forEach((span, own) => setAttribute(span, "aria-selected", `${mine.has(own)}`));
    this.readout.replaceChildren(html("code", {}, labels[t]), words);
  }

  said() {
    const { arena, picks, yours } = this;
    const random = rivalsOf(arena, yours)[2].loss;
    const chance = random === null ? "" : ` Random picks: ${signed(random - arena.trainedLoss)}.`;
    const detail = `Layer ${arena.layer}, head ${arena.head}. Loss of the text with its own router: ${arena.trainedLoss.toFixed(3)} nats a token.${chance}`;
    return { ...routerFinding(arena, picks, yours), detail, spoken: "" };
  }

  /** @param {GameState} _ @param {import("../palette.js").Palette} palette @param {number} width */
  picture(_, palette, width) {
    return drawRivals(rivalsOf(this.arena, this.yours), width, palette);
  }

  table() {
    const { arena, picks, yours, labels } = this;
    return { rows: rivalRows(arena, picks, yours, labels), caption: this.frame.finding.textContent ?? "", at: 0, words: [0, 3] };
  }

  python() {
    return gamePython(this.arena, this.picks, this.data.model);
  }

  taken() {
    const { arena, picks, yours } = this;
    return { ...super.taken(), rows: () => rivalNumbers(arena, picks, yours) };
  }

  provenance() {
    const { arena, picks, labels, data } = this;
    const text = arena.tokens.map((own) => own.text).join("");
    return `Picked: ${picks.map((t) => labels[t]).join(" ")}\n${text}\n${data.about}`;
  }

  /** @returns {Record<string, import("../figure.js").LinkField>} */
  get fields() {
    return { router: ["text", this.data.texts.map((/** @type {{name: string}} */ { name }) => name)], l: ["layer"], h: ["head"], tok: ["token"] };
  }

  /** @param {GameState} state */
  link(state) {
    const { picks, hint } = state;
    const own = picks && picks.join() !== this.arena.trained.join() ? { picks: picks.join(".") } : {};
    return { ...super.link(state), ...own, ...(hint ? { hint: 1 } : {}) };
  }

  /** @param {ReturnType<typeof import("../card.js").fragmentReader>} reader */
  stateOf(reader) {
    const said = reader.read("picks", (value) => /^(\d{1,4}(\.\d{1,4}){0,500})?$/.test(value));
    const picks = said === null ? null : [...new Set(said.split(".").filter(Boolean).map(Number))];
    return { ...super.stateOf(reader), picks, hint: reader.fields.get("hint") === "1" };
  }

  report() {
    if (!this.frame) return;
    const { status } = this.runner.session;
    this.frame.report(status, this.arena.base !== null);
    this.banner.report(status);
  }

  dispose() {
    this.job.stop();
    super.dispose();
  }
}
