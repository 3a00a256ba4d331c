/**
 * Holds the state of a game of being the router, and draws it; a referee has the model judge.
 * @module
 */

import { headField, layerField, textField, tokenList } from "../lib/card.js";
import { TEXT_CSS } from "../lib/css.js";
import { button, html, setAttribute, svg } from "../lib/dom.js";
import { Figure } from "../lib/figure.js";
import { fraction, signed, tokenLabels } from "../lib/format.js";
import { bannerPanel } from "../lib/own_text.js";
import { randomPicks, TRIES } from "./arena.js";
import { drawRivals, rivalsOf } from "./drawing.js";
import { Referee } from "./referee.js";
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
   * @param {import("../lib/host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    super(model, el, "router", TEXT_CSS + GAME_CSS, ["layer", "head", "picks"]);
    this.referee = new Referee(this);
    this.seed = 0;
    this.search = button("", () => this.referee.seek());
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
    if (!this.referee.isHere(own)) return own;
    const picks = (own.picks ?? trained).filter((t) => t < tokens.length).sort((s, t) => s - t);
    return { ...own, picks: picks.slice(0, trained.length), token: Math.min(own.token, tokens.length - 1) };
  }

  get arena() {
    return this.referee.arena;
  }

  /** @returns {number[]} What the reader holds. */
  get picks() {
    return (this.referee.isHere(this.state) && this.state.picks) || this.arena.trained;
  }

  /** @returns {number | null} The loss with them, if it is known. */
  get yours() {
    return this.referee.lossOf(this.picks);
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
    this.banner = bannerPanel(() => void this.referee.work());
    return [this.banner.node, html("div", { class: "pad text-block" }, this.list.node), html("div", { class: "pad row wrap seats" }, ...seats), this.readout, html("div", { class: "pad" }, this.drawing)];
  }

  /** @param {number} t Token to put in or out. */
  toggle(t) {
    if (!this.referee.isHere(this.state)) return;
    const { picks, arena } = this;
    const isOut = !picks.includes(t);
    const full = isOut && picks.length >= arena.trained.length;
    this.frame.tell(full ? `All ${picks.length} seats are taken: let one go first.` : "");
    this.change(full ? { token: t } : { token: t, picks: isOut ? [...picks, t] : picks.filter((own) => own !== t) });
  }

  /** @param {Partial<GameState>} changes */
  change(changes) {
    const { state } = this;
    const moved = /** @type {const} */ (["text", "layer", "head"]).some((name) => name in changes && changes[name] !== state[name]);
    if (moved) this.referee.wanted = 0;
    super.change(moved ? { picks: null, ...changes } : changes);
    this.referee.ask(state);
  }

  follow() {
    const { state, telling } = this;
    super.follow();
    if (!telling) this.referee.ask(state);
  }

  /** @param {Partial<GameState>} changes Made to fit the arena, without asking for anything. */
  adopt(changes) {
    super.change(changes);
  }

  /** @param {GameState} state */
  paint(state) {
    const { arena, picks, referee } = this;
    if (this.laid !== arena.text) this.lay(); // else the token in focus would lose it
    this.text.select.value = state.text;
    this.layer.show(`${state.layer}`);
    this.head.number.textContent = `${state.head}`;
    this.count.textContent = `${picks.length} of ${arena.trained.length} seats`;
    setAttribute(this.hint, "aria-pressed", `${state.hint}`);
    const { tries } = arena.found;
    this.search.textContent = referee.wanted > tries ? `Stop at ${tries}` : `Try ${TRIES} ${tries ? "more " : ""}swaps`;
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

  /** @param {GameState} _ @param {import("../lib/palette.js").Palette} palette @param {number} width */
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

  /** @returns {Record<string, import("../lib/figure.js").LinkField>} */
  get fields() {
    return { router: ["text", this.data.texts.map((/** @type {{name: string}} */ { name }) => name)], l: ["layer"], h: ["head"], tok: ["token"] };
  }

  /** @param {GameState} state */
  link(state) {
    const { picks, hint } = state;
    const own = picks && picks.join() !== this.arena.trained.join() ? { picks: picks.join(".") } : {};
    return { ...super.link(state), ...own, ...(hint ? { hint: 1 } : {}) };
  }

  /** @param {ReturnType<typeof import("../lib/card.js").fragmentReader>} reader */
  stateOf(reader) {
    const said = reader.read("picks", (value) => /^(\d{1,4}(\.\d{1,4}){0,500})?$/.test(value));
    const picks = said === null ? null : [...new Set(said.split(".").filter(Boolean).map(Number))];
    return { ...super.stateOf(reader), picks, hint: reader.fields.get("hint") === "1" };
  }

  report() {
    if (!this.frame) return;
    const { status } = this.referee.runner.session;
    this.frame.report(status, this.arena.base !== null);
    this.banner.report(status);
  }

  dispose() {
    this.referee.job.stop();
    super.dispose();
  }
}
