// Be the router: pick the tokens of one head by hand and see what the model's loss does.

import { headField, layerField, listField, tokenList } from "./lib/controls.js";
import { Figure } from "./lib/figure.js";
import { TEXT_CSS } from "./lib/css.js";
import { button, div, html, press, setAttribute, svg } from "./lib/dom.js";
import { circle, path, writer } from "./lib/drawing.js";
import { pythonCell, pythonModel, pythonString } from "./lib/export.js";
import { fraction, signed, tokenLabels } from "./lib/format.js";
import { defineElement, drawnBy } from "./lib/host.js";
import { bannerPanel } from "./lib/own_text.js";
import { DRAWS, randomPicks, Scorer, TRIES } from "./routing_game/runs.js";

/** @typedef {import("./lib/palette.js").Palette} Palette */
/** @typedef {import("./routing_game/runs.js").Round} Round */
/** @typedef {"you" | "trained" | "random" | "off" | "found"} Mark */

/**
 * @typedef {Object} GameState
 * @property {string} text Name of a stored text.
 * @property {number} layer @property {number} head
 * @property {number[] | null} picks Ascending; null while it is not known what the router picks.
 * @property {number} token Under study.
 * @property {boolean} hint Whether the router's picks are outlined.
 * @property {"figure" | "table"} view
 */

const GAME_CSS = `
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

const RIVAL_ROW = 28;
const RIVAL_TOP = 22;

// Everybody whose loss is compared.
/** @param {Round} round @param {number | null} yours Null while it is not known.
 * @returns {{name: string, loss: number | null, all?: number[], mark: Mark}[]} */
function rivalsOf({ trainedLoss, random, off, found }, yours) {
  const mean = random.length ? random.reduce((sum, loss) => sum + loss, 0) / random.length : null;
  const best = found.tries ? found.loss : null;
  return [
    { name: "You", loss: yours, mark: "you" },
    { name: "Trained router", loss: trainedLoss, mark: "trained" },
    { name: `Random, mean of ${random.length || DRAWS}`, loss: mean, all: random, mark: "random" },
    { name: "Head off", loss: off, mark: "off" },
    { name: `Best of ${found.tries} swaps`, loss: best, mark: "found" },
  ];
}

// All losses on one axis, as differences from that of the trained router.
/** @param {ReturnType<typeof rivalsOf>} rivals @param {number} width @param {Palette} palette */
function drawRivals(rivals, width, palette) {
  const narrow = width < 500;
  const [left, right] = narrow ? [112, width - 92] : [140, width - 120];
  const zero = /** @type {number} */ (rivals[1].loss);
  const losses = rivals.flatMap(({ loss, all = [] }) => (loss === null ? all : [loss, ...all]));
  const known = losses.map((loss) => loss - zero);
  const [least, most] = [Math.min(-0.004, ...known), Math.max(0.004, ...known)];
  const sizes = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2];
  const step = sizes.find((size) => (most - least) / size <= (narrow ? 3 : 6)) ?? 5;
  const [from, to] = [Math.floor(least / step) * step, Math.ceil(most / step) * step];
  const x = (/** @type {number} */ nats) => left + ((right - left) * (nats - from)) / (to - from);
  const bottom = RIVAL_TOP + rivals.length * RIVAL_ROW;
  const say = writer(palette);
  const length = Math.round((to - from) / step) + 1;
  const ticks = Array.from({ length }, (_, i) => from + i * step);
  const end = { "text-anchor": "end" };
  const nodes = [
    say("better", { x: left, y: 11 }),
    say("worse", { x: right, y: 11, ...end }),
    say("nats a token", { x: width, y: 11, ...end }),
    ...ticks.flatMap((nats) => {
      const isZero = Math.abs(nats) < step / 2;
      const words = isZero ? "0" : signed(nats, step < 0.01 ? 3 : 2);
      const stroke = isZero ? palette.pick : palette.rule;
      return [
        path(`M${x(nats).toFixed(1)} ${RIVAL_TOP - 4}V${bottom}`, { stroke }),
        say(words, { x: x(nats), y: bottom + 14, "text-anchor": "middle" }),
      ];
    }),
  ];
  rivals.forEach(({ name, loss, all = [], mark }, i) => {
    const y = RIVAL_TOP + (i + 0.5) * RIVAL_ROW;
    const fill = { you: palette.cursor_text, trained: palette.pick }[/** @type {"you"} */ (mark)];
    const bold = fill ? { "font-weight": 600, fill } : {};
    const short = name.replace("Trained r", "R").replace(", mean of", " ×");
    const more = loss === null || loss === zero ? "" : ` ${signed(loss - zero)}`;
    const said = loss === null ? "…" : `${loss.toFixed(3)}${more}`;
    nodes.push(
      say(narrow ? short : name, { x: 0, y: y + 4, ...bold }),
      say(said, { x: width, y: y + 4, ...end, ...bold }),
      ...all.map((own) => circle(x(own - zero), y, 3, { fill: "none", stroke: palette.quiet })),
      ...(loss === null ? [] : [markOf(mark, x(loss - zero), y, palette)]),
    );
  });
  return { nodes, height: bottom + 20 };
}

/** @param {Mark} mark @param {number} x @param {number} y @param {Palette} palette */
function markOf(mark, x, y, palette) {
  const stroke = { stroke: palette.ink, "stroke-width": 2, fill: "none" };
  if (mark === "random") return path(`M${x} ${y - 7}v14`, stroke);
  if (mark === "off") return path(`M${x - 4} ${y - 4}l8 8m0 -8l-8 8`, stroke);
  if (mark === "found") return path(`M${x} ${y - 6}l6 6l-6 6l-6 -6z`, { fill: palette.ink });
  const isYou = mark === "you";
  return circle(x, y, isYou ? 6 : 4, { fill: isYou ? palette.cursor : palette.pick });
}

/** @param {Round} round @param {number[]} picks @param {number | null} yours What the reader's picks are worth. */
function gameFinding({ trained, trainedLoss }, picks, yours) {
  const [n, k] = [picks.length, trained.length];
  if (picks.join() === trained.join()) {
    const what = `: ${trainedLoss.toFixed(3)} nats a token.`;
    return { who: "These are the router's own ", keeps: `${k} picks`, what };
  }
  if (yours === null) return { who: "You hold ", keeps: `${n} of ${k} seats`, what: "." };
  const who = `Your ${n === k ? `${k}` : `${n} of ${k}`} picks `;
  const by = Math.abs(yours - trainedLoss);
  if (by < 0.0005) return { who, keeps: "are level with the router's", what: "." };
  const verb = yours < trainedLoss ? "beat" : "lose to";
  return { who, keeps: `${verb} the router's by ${fraction(by)} nats`, what: " a token." };
}

/**
 * Headings, and a row a rival.
 * @template {string | number} Cell
 * @param {Round} round @param {number[]} picks @param {number | null} yours
 * @param {(loss: number, more: number) => Cell[]} written A loss, and by how much it is above the router's.
 * @param {(t: number) => string} named @returns {(string | Cell)[][]}
 */
function rivalRows(round, picks, yours, written, named) {
  const { trained, trainedLoss, found } = round;
  const own = { you: picks, trained, random: [], off: [], found: found.picks };
  const rows = rivalsOf(round, yours).map(({ name, loss, mark }) => {
    const losses = loss === null ? ["", ""] : written(loss, loss - trainedLoss);
    return [name, ...losses, own[mark].map((t) => named(t)).join(" ")];
  });
  return [["Who picks", "Nats a token", "Against the router", "Picks"], ...rows];
}

export class RoutingGame extends Figure {
  /** @param {import("./lib/host.js").Model} model @param {HTMLElement} el */
  constructor(model, el) {
    super(model, el, "router", TEXT_CSS + GAME_CSS, ["layer", "head", "picks"]);
    this.scorer = new Scorer(this);
    this.seed = 0;
    this.laid = "";
    /** @type {string[]} */
    this.labels = [];
    const { texts, config, about } = this.data;
    const { root } = this.stage;
    this.text = listField("Text", texts, (text) => this.change({ text }));
    this.layer = layerField(config.n_layers, (layer) => this.change({ layer }));
    this.head = headField(config.n_sparse_heads, root, () => this.state.head, (head) => {
      this.change({ head });
    });
    this.list = tokenList({
      study: (token) => this.change({ token }),
      press: (t) => this.toggle(t),
    });
    setAttribute(this.list.node, "aria-multiselectable", "true");
    this.count = html("output");
    this.hint = button("Show the router's", () => this.change({ hint: !this.state.hint }));
    const draw = () => {
      const { tokens, trained } = this.round;
      return randomPicks(++this.seed, tokens.length, trained.length);
    };
    const buttons = [
      button("Clear", () => this.change({ picks: [] })),
      button("Router's picks", () => this.change({ picks: null })),
      button("Random picks", () => this.change({ picks: draw() })),
      button("Best found", () => this.change({ picks: this.round.found.picks })),
    ];
    this.readout = div("readout");
    this.drawing = svg("svg", { role: "img", class: "rivals" });
    this.banner = bannerPanel(() => void this.scorer.work());
    this.search = button("", () => this.scorer.seek());
    this.mount({
      name: "Be the router",
      controls: [this.text.node, this.layer.node, this.head.node],
      parts: [
        this.banner.node,
        div("pad text-block", this.list.node),
        div("pad row wrap seats", this.count, ...buttons, this.hint),
        this.readout,
        div("pad", this.drawing),
      ],
      buttons: [this.search],
      note:
        `A token enters with the gate that the router gives it, whoever picks it. Swaps are kept if the loss of this very text falls: no router could know that. One text is a small sample. ${about}`,
    });
    this.report();
  }

  /** @returns {GameState} */
  firstFrame() {
    const { contest: { layer, head, trained }, texts } = this.data;
    const where = { text: texts[0].name, layer, head, token: trained[0] };
    return { ...where, picks: null, hint: false, view: "figure" };
  }

  /** @param {GameState} state @returns {GameState} */
  bounded(state) {
    const { n_layers: layers, n_sparse_heads: heads } = this.data.config;
    const [layer, head] = [Math.min(state.layer, layers - 1), Math.min(state.head, heads - 1)];
    const own = { ...state, layer, head };
    const { tokens, trained } = this.round;
    if (!this.scorer.isHere(own)) return own;
    const picks = (own.picks ?? trained).filter((t) => t < tokens.length).sort((s, t) => s - t);
    const token = Math.min(own.token, tokens.length - 1);
    return { ...own, picks: picks.slice(0, trained.length), token };
  }

  get round() {
    return this.scorer.round;
  }

  /** @returns {number[]} What the reader holds. */
  get picks() {
    return (this.scorer.isHere(this.state) && this.state.picks) || this.round.trained;
  }

  /** @returns {number | null} The loss with them, if it is known. */
  get yours() {
    return this.scorer.lossOf(this.picks);
  }

  /** @param {number} t Token to put in or out. */
  toggle(t) {
    if (!this.scorer.isHere(this.state)) return;
    const { picks, round } = this;
    const isOut = !picks.includes(t);
    const full = isOut && picks.length >= round.trained.length;
    this.frame.tell(full ? `All ${picks.length} seats are taken: let one go first.` : "");
    const next = isOut ? [...picks, t] : picks.filter((own) => own !== t);
    this.change(full ? { token: t } : { token: t, picks: next });
  }

  /** @param {Partial<GameState>} changes */
  change(changes) {
    const { state } = this;
    const moved = /** @type {const} */ (["text", "layer", "head"]).some((name) =>
      name in changes && changes[name] !== state[name]
    );
    if (moved) this.scorer.wanted = 0;
    super.change(moved ? { picks: null, ...changes } : changes);
    this.scorer.ask(state);
  }

  /** @param {GameState} before */
  followed(before) {
    this.scorer.ask(before);
  }

  /** @param {Partial<GameState>} changes Made to fit the round, without asking for anything. */
  adopt(changes) {
    super.change(changes);
  }

  /** @param {GameState} state */
  paint(state) {
    const { round, picks, scorer, list } = this;
    if (this.laid !== round.text) { // else the token in focus would lose it
      const texts = round.tokens.map(({ text }) => text);
      this.labels = tokenLabels(texts);
      this.laid = round.text;
      list.lay(texts, this.labels);
    }
    this.text.select.value = state.text;
    this.layer.show(`${state.layer}`);
    this.head.number.textContent = `${state.head}`;
    this.count.textContent = `${picks.length} of ${round.trained.length} seats`;
    press(this.hint, state.hint);
    const { tries } = round.found;
    const start = `Try ${TRIES} ${tries ? "more " : ""}swaps`;
    this.search.textContent = scorer.wanted > tries ? `Stop at ${tries}` : start;
    this.mark(state);
    const heard = rivalsOf(round, this.yours).map(({ name, loss }) =>
      `${name} ${loss === null ? "not known yet" : loss.toFixed(3)}`
    );
    this.redraw(this.drawing, state, `Losses in nats a token: ${heard.join(", ")}.`);
  }

  announce() {
    if (this.yours !== null) super.announce();
  }

  /** @param {GameState} state Mark the tokens, and name the one under study. */
  mark({ hint, token }) {
    const { round, labels } = this;
    const [mine, theirs] = [new Set(this.picks), new Set(hint ? round.trained : [])];
    const t = Math.min(token, labels.length - 1);
    const also = theirs.has(t) ? " and the router's" : "";
    const notMine = also ? "the router's pick, not yours" : "not picked";
    const whose = mine.has(t) ? `your pick${also}` : notMine;
    const words = `position ${t}, gate ${fraction(round.gates[t])}, ${whose}`;
    const spans = this.list.mark(t, `${labels[t]}, ${words}`, (own) => ({
      in: mine.has(own),
      missed: theirs.has(own) && !mine.has(own),
    }));
    spans.forEach((span, own) => setAttribute(span, "aria-selected", `${mine.has(own)}`));
    this.readout.replaceChildren(html("code", {}, labels[t]), words);
  }

  said() {
    const { round, picks, yours } = this;
    const random = rivalsOf(round, yours)[2].loss;
    const chance = random === null ? "" : ` Random picks: ${signed(random - round.trainedLoss)}.`;
    const loss = `${round.trainedLoss.toFixed(3)} nats a token`;
    const own = `Loss of the text with its own router: ${loss}.${chance}`;
    const detail = `Layer ${round.layer}, head ${round.head}. ${own}`;
    return { ...gameFinding(round, picks, yours), detail, spoken: "" };
  }

  /** @param {GameState} _ @param {Palette} palette @param {number} width */
  picture(_, palette, width) {
    return drawRivals(rivalsOf(this.round, this.yours), width, palette);
  }

  table() {
    const { round, picks, yours, labels } = this;
    /** @param {number} loss @param {number} more */
    const written = (loss, more) => [loss.toFixed(4), signed(more, 4)];
    const rows = rivalRows(round, picks, yours, written, (t) => labels[t]);
    return { rows, caption: this.frame.finding.textContent ?? "", at: 0, words: [0, 3] };
  }

  python() {
    const { tokens, layer, head } = this.round;
    const text = tokens.map((own) => own.text).join("");
    return pythonCell(
      ...pythonModel(
        this.data.model,
        "from mosa_edu.probes.routing_game import loss_with_selected",
      ),
      `text = ${pythonString(text)}`,
      "ids = tokenizer.encode(text)",
      `mine = loss_with_selected(model, ids, ${layer}, ${head}, [${this.picks.join(", ")}])`,
      `trained = loss_with_selected(model, ids, ${layer}, ${head}, None)`,
      'print(f"{mine:.3f} with these picks, {trained:.3f} with the router\'s")',
    );
  }

  exported() {
    const { round, picks, yours } = this;
    const rows = () => rivalRows(round, picks, yours, (loss, more) => [loss, more], String);
    return { ...super.exported(), rows };
  }

  provenance() {
    const { round, picks, labels, data } = this;
    const text = round.tokens.map((own) => own.text).join("");
    return `Picked: ${picks.map((t) => labels[t]).join(" ")}\n${text}\n${data.about}`;
  }

  /** @returns {Record<string, import("./lib/figure.js").LinkField>} */
  get fields() {
    const names = this.data.texts.map((/** @type {{name: string}} */ { name }) => name);
    return { router: ["text", names], l: ["layer"], h: ["head"], tok: ["token"] };
  }

  /** @param {GameState} state */
  link(state) {
    const { picks, hint } = state;
    const own = picks && picks.join() !== this.round.trained.join() && { picks: picks.join(".") };
    return { ...super.link(state), ...own, ...(hint && { hint: 1 }) };
  }

  /** @param {ReturnType<typeof import("./lib/card.js").fragmentReader>} reader */
  stateOf(reader) {
    const said = reader.read("picks", (value) => /^(\d{1,4}(\.\d{1,4}){0,500})?$/.test(value));
    const numbers = said?.split(".").filter(Boolean).map(Number);
    const picks = numbers ? [...new Set(numbers)] : null;
    return { ...super.stateOf(reader), picks, hint: reader.fields.get("hint") === "1" };
  }

  report() {
    if (!this.frame) return;
    const { status } = this.scorer.session;
    this.frame.report(status, this.round.base !== null);
    this.banner.report(status);
  }

  dispose() {
    this.scorer.job.stop();
    super.dispose();
  }
}

const routingGame = drawnBy(RoutingGame);

defineElement("mosa-routing-game", routingGame);

export default routingGame;
