/**
 * Be the router: pick the tokens of one head by hand and see what the model's loss does.
 * @module
 */

import { headField, layerField, textField, tokenList } from "./lib/card.js";
import { TEXT_CSS } from "./lib/css.js";
import { button, html, setAttribute, svg, writer } from "./lib/dom.js";
import { pythonString } from "./lib/export.js";
import { Figure } from "./lib/figure.js";
import { fraction, signed, tokenLabels } from "./lib/format.js";
import { defineElement, drawnBy } from "./lib/host.js";
import { bannerPanel } from "./lib/own_text.js";
import { DRAWS, randomPicks, Referee, TRIES } from "./routing_game/runs.js";

const RIVAL_ROW = 28;
const RIVAL_TOP = 22;

/** @typedef {{name: string, loss: number | null, all?: number[], mark: "you" | "trained" | "random" | "off" | "found"}} Rival */

/**
 * Everybody whose loss is compared.
 * @param {import("./routing_game/runs.js").Arena} arena
 * @param {number | null} yours Null while it is not known.
 * @returns {Rival[]}
 */
export function rivalsOf({ trainedLoss, random, off, found }, yours) {
  const mean = random.length ? random.reduce((sum, loss) => sum + loss, 0) / random.length : null;
  return [
    { name: "You", loss: yours, mark: "you" },
    { name: "Trained router", loss: trainedLoss, mark: "trained" },
    { name: `Random, mean of ${random.length || DRAWS}`, loss: mean, all: random, mark: "random" },
    { name: "Head off", loss: off, mark: "off" },
    { name: `Best of ${found.tries} swaps`, loss: found.tries ? found.loss : null, mark: "found" },
  ];
}

/**
 * @param {Rival[]} rivals
 * @param {number} width
 * @param {import("./lib/palette.js").Palette} palette
 * @returns {{nodes: SVGElement[], height: number}}
 */
export function drawRivals(rivals, width, palette) {
  const [left, right] = [width < 500 ? 112 : 140, width - (width < 500 ? 92 : 120)];
  const zero = /** @type {number} */ (rivals[1].loss);
  const known = rivals.flatMap(({ loss, all = [] }) => [...(loss === null ? [] : [loss - zero]), ...all.map((own) => own - zero)]);
  const [least, most] = [Math.min(-0.004, ...known), Math.max(0.004, ...known)];
  const step = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2].find((size) => (most - least) / size <= (width < 500 ? 3 : 6)) ?? 5;
  const [from, to] = [Math.floor(least / step) * step, Math.ceil(most / step) * step];
  const x = (/** @type {number} */ nats) => left + ((right - left) * (nats - from)) / (to - from);
  const bottom = RIVAL_TOP + rivals.length * RIVAL_ROW;
  const say = writer(palette);
  const ticks = Array.from({ length: Math.round((to - from) / step) + 1 }, (_, i) => from + i * step);
  const digits = step < 0.01 ? 3 : 2;
  const nodes = [
    say("better", { x: left, y: 11 }),
    say("worse", { x: right, y: 11, "text-anchor": "end" }),
    say("nats a token", { x: width, y: 11, "text-anchor": "end" }),
    ...ticks.flatMap((nats) => [
      svg("path", { d: `M${x(nats).toFixed(1)} ${RIVAL_TOP - 4}V${bottom}`, stroke: Math.abs(nats) < step / 2 ? palette.pick : palette.rule }),
      say(Math.abs(nats) < step / 2 ? "0" : signed(nats, digits), { x: x(nats), y: bottom + 14, "text-anchor": "middle" }),
    ]),
  ];
  rivals.forEach(({ name, loss, all = [], mark }, i) => {
    const y = RIVAL_TOP + (i + 0.5) * RIVAL_ROW;
    const bold = mark === "you" || mark === "trained" ? { "font-weight": 600, fill: mark === "you" ? palette.cursor_text : palette.pick } : {};
    nodes.push(say(width < 500 ? name.replace("Trained r", "R").replace(", mean of", " ×") : name, { x: 0, y: y + 4, ...bold }));
    const difference = loss === null || loss === zero ? "" : ` ${signed(loss - zero)}`;
    nodes.push(say(loss === null ? "…" : `${loss.toFixed(3)}${difference}`, { x: width, y: y + 4, "text-anchor": "end", ...bold }));
    nodes.push(...all.map((own) => svg("circle", { cx: x(own - zero), cy: y, r: 3, fill: "none", stroke: palette.quiet })));
    if (loss !== null) nodes.push(markOf(mark, x(loss - zero), y, palette));
  });
  return { nodes, height: bottom + 20 };
}

/**
 * @param {Rival["mark"]} mark
 * @param {number} x
 * @param {number} y
 * @param {import("./lib/palette.js").Palette} palette
 * @returns {SVGElement}
 */
function markOf(mark, x, y, palette) {
  const stroke = { stroke: palette.ink, "stroke-width": 2, fill: "none" };
  if (mark === "random") return svg("path", { ...stroke, d: `M${x} ${y - 7}v14` });
  if (mark === "off") return svg("path", { ...stroke, d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8` });
  if (mark === "found") return svg("path", { fill: palette.ink, d: `M${x} ${y - 6}l6 6l-6 6l-6 -6z` });
  return svg("circle", { cx: x, cy: y, r: mark === "you" ? 6 : 4, fill: mark === "you" ? palette.cursor : palette.pick });
}

export const GAME_CSS = `
.router .controls{grid-template-columns:minmax(96px,1fr) auto auto}
.tok.missed{box-shadow:inset 0 0 0 1.5px var(--mosa-pick)}
.seats{gap:8px 12px;padding-bottom:12px}
.seats output{font-weight:600;min-width:88px}
.rivals{display:block;margin:12px 0}
.narrow.router .controls{display:flex;flex-wrap:wrap}
.narrow.router .controls>:first-child{width:100%}
.narrow.router .finding{min-height:72px}
.narrow.router .detail{min-height:60px}
.narrow.router .readout{min-height:60px}
@media print{.seats{display:none}}
`;

/**
 * What the reader's picks are worth, in words; `mosa_edu.viz.be_the_router` says the same of the first.
 * @param {import("./routing_game/runs.js").Arena} arena
 * @param {number[]} picks
 * @param {number | null} yours
 * @returns {{who: string, keeps: string, what: string}}
 */
export function routerFinding({ trained, trainedLoss }, picks, yours) {
  const [n, k] = [picks.length, trained.length];
  const of = n === k ? `${k}` : `${n} of ${k}`;
  if (picks.join() === trained.join()) return { who: "These are the router's own ", keeps: `${k} picks`, what: `: ${trainedLoss.toFixed(3)} nats a token.` };
  if (yours === null) return { who: "You hold ", keeps: `${n} of ${k} seats`, what: "." };
  const by = Math.abs(yours - trainedLoss);
  const level = by < 0.0005;
  const keeps = level ? "are level with the router's" : `${yours < trainedLoss ? "beat" : "lose to"} the router's by ${fraction(by)} nats`;
  return { who: `Your ${of} picks `, keeps, what: level ? "." : " a token." };
}

/**
 * @param {import("./routing_game/runs.js").Arena} arena
 * @param {number[]} picks
 * @param {number | null} yours
 * @param {string[]} labels
 * @returns {string[][]} Headings, and a row a rival.
 */
export const rivalRows = (arena, picks, yours, labels) =>
  rivalCells(arena, picks, yours, (loss, more) => [loss.toFixed(4), signed(more, 4)], (t) => labels[t]);

/**
 * @param {import("./routing_game/runs.js").Arena} arena
 * @param {number[]} picks
 * @param {number | null} yours
 * @returns {(string | number)[][]} Headings, and a row a rival: full numbers, and positions.
 */
export const rivalNumbers = (arena, picks, yours) =>
  rivalCells(arena, picks, yours, (loss, more) => [loss, more], String);

/**
 * @template {string | number} Cell
 * @param {import("./routing_game/runs.js").Arena} arena
 * @param {number[]} picks
 * @param {number | null} yours
 * @param {(loss: number, more: number) => Cell[]} written A loss, and by how much it is above the router's.
 * @param {(t: number) => string} named
 * @returns {(string | Cell)[][]}
 */
function rivalCells(arena, picks, yours, written, named) {
  const { trained, trainedLoss, found } = arena;
  const own = { you: picks, trained, random: [], off: [], found: found.picks };
  const rows = rivalsOf(arena, yours).map(({ name, loss, mark }) => {
    const losses = loss === null ? ["", ""] : written(loss, loss - trainedLoss);
    return [name, ...losses, own[mark].map((t) => named(t)).join(" ")];
  });
  return [["Who picks", "Nats a token", "Against the router", "Picks"], ...rows];
}

/**
 * A cell that gives the losses of the picture.
 * @param {import("./routing_game/runs.js").Arena} arena
 * @param {number[]} picks
 * @param {string} name Of the model.
 * @returns {string}
 */
export function gamePython({ tokens, layer, head }, picks, name) {
  const lines = [
    "import mosa_edu",
    "from mosa_edu.probes.hand_picks import loss_with_picks",
    "",
    `model, tokenizer = mosa_edu.load_pretrained(${pythonString(name)})`,
    `text = ${pythonString(tokens.map((own) => own.text).join(""))}`,
    "ids = tokenizer.encode(text)",
    `mine = loss_with_picks(model, ids, ${layer}, ${head}, [${picks.join(", ")}])`,
    `trained = loss_with_picks(model, ids, ${layer}, ${head}, None)`,
    'print(f"{mine:.3f} with these picks, {trained:.3f} with the router\'s")',
  ];
  return `${lines.join("\n")}\n`;
}

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
   * @param {import("./lib/host.js").Model} model
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

  /** @param {GameState} _ @param {import("./lib/palette.js").Palette} palette @param {number} width */
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

  /** @returns {Record<string, import("./lib/figure.js").LinkField>} */
  get fields() {
    return { router: ["text", this.data.texts.map((/** @type {{name: string}} */ { name }) => name)], l: ["layer"], h: ["head"], tok: ["token"] };
  }

  /** @param {GameState} state */
  link(state) {
    const { picks, hint } = state;
    const own = picks && picks.join() !== this.arena.trained.join() ? { picks: picks.join(".") } : {};
    return { ...super.link(state), ...own, ...(hint ? { hint: 1 } : {}) };
  }

  /** @param {ReturnType<typeof import("./lib/card.js").fragmentReader>} reader */
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

const router = drawnBy(RouterGame);

defineElement("mosa-routing-game", router);

export default router;
