// Routing explorer: which tokens each head keeps, why those, and what it saves.
// The class holds the state and what each change means. Panels draw a view of it and ask for changes;
// `Live` knows where the routing of a text comes from.

import { controlBar, experimentsPanel, headPanel, selfTestBadge } from "./explorer/card.js";
import { EXPLORER_CSS } from "./explorer/css.js";
import { buildTable, pictureOf, provenanceOf, pythonOf, rowsOf } from "./explorer/export.js";
import { barPanels, maskPanels } from "./explorer/head.js";
import { readLink, writeLink } from "./explorer/link.js";
import { Live } from "./explorer/live.js";
import { overviewPanel } from "./explorer/overview.js";
import { scorePanel } from "./explorer/score_chart.js";
import { readoutPanel, textPanel, tokenSentence } from "./explorer/text.js";
import { tourPanel } from "./explorer/tour.js";
import { Routing, viewOf } from "./explorer/view.js";
import { addressOf, complaint } from "./lib/card.js";
import { chipOf } from "./lib/controls.js";
import { Figure, within } from "./lib/figure.js";
import { TEXT_CSS } from "./lib/css.js";
import { button, div, html, isCommand, press, setAttribute, setText } from "./lib/dom.js";
import { headOf } from "./lib/format.js";
import { defineElement, drawnBy } from "./lib/host.js";
import { bannerPanel, ownTextPanel } from "./lib/own_text.js";
import { Session } from "./lib/session.js";

const SNUG = 740;
const TWO_COLUMNS = 1100;
const COLUMN_GAP = 25;
const LEFT_COLUMN = 758;

/** @typedef {import("./explorer/link.js").LinkState & {other: number}} State `other` is a second token pointed at. */
/** @typedef {{row?: number, token?: number, other?: number}} Target */
/** @typedef {import("./explorer/view.js").View} View */

/** A phone, two columns or what is between; sizes of axis, masks and gathered mask. @param {number} width */
function layoutOf(width) {
  const [narrow, wide] = [width < 560, width >= TWO_COLUMNS];
  const inner = width - 2 - (narrow ? 24 : 32);
  const right = wide ? width - 2 - LEFT_COLUMN - 33 : inner;
  const half = Math.floor((right - COLUMN_GAP) / 2);
  const squareSize = narrow ? half : wide ? Math.min(204, half) : Math.floor((204 * inner) / 726);
  return {
    narrow,
    wide,
    axisWidth: wide ? LEFT_COLUMN - 32 : inner,
    squareSize,
    gatheredWidth: narrow || wide ? right : inner - 2 * (squareSize + COLUMN_GAP),
  };
}

/**
 * Build all panels and put them into the card: one column, two when there is room.
 * @param {Explorer} explorer
 */
function assemble(explorer) {
  const { data } = explorer;
  const controls = controlBar(explorer);
  const banner = bannerPanel(() => explorer.load());
  const own = ownTextPanel(explorer, data.config.max_seq_len);
  const text = textPanel(explorer);
  const overview = overviewPanel(explorer);
  const experiments = experimentsPanel(explorer);
  const badge = selfTestBadge(data.links.selftest);
  const readout = readoutPanel();
  const scores = scorePanel(explorer);
  const [masks, bars] = [maskPanels(explorer), barPanels(explorer)];
  const leak = data.links.leak ? [": ", html("a", { href: data.links.leak }, "the leak")] : [];
  const why = "Picks are made over the whole text, so a later word can push out an earlier one";
  explorer.build({
    name: "Routing explorer",
    listed: "all tokens",
    controls: controls.nodes,
    parts: [scores.node, overview.node],
    note: html("span", {}, why, ...leak, `. ${data.about}`),
  });
  const { bar, body, table, detail, pill, told, status, share, scroll } = explorer.frame;
  const head = headPanel(explorer);
  const tour = tourPanel(explorer, {
    ...{ text: text.node, scores: scores.node, overview: overview.node },
    ...{ sparse: masks[1].node, attention: bars[0].node, cost: bars[2].node },
  });
  const wide = button("⤢ Wide", () => explorer.widen(), {
    class: "plain wide-button",
    "aria-pressed": "false",
  });
  const row = (/** @type {{node: HTMLElement}[]} */ panels, name = "columns") =>
    div(name, ...panels.map(({ node }) => node));
  const left = div("left", text.node, readout.node, body, table);
  const right = div("right pad", row(masks), row(bars, "columns still"));
  const columns = div("body", left, right);
  const paper = div("paper");
  detail.after(head.node);
  pill.after(tour.start, wide);
  bar.after(banner.node, own.node, columns, experiments.node);
  status.before(tour.node, paper);
  told.after(badge.node);
  share.hidden = data.kernel; // a notebook's address is its own
  scroll.addEventListener("click", (event) => {
    const t = chipOf(event);
    if (t >= 0) explorer.select({ token: t });
  });
  return {
    ...{ controls, banner, own, text, overview, experiments, badge, wide, left, columns, paper },
    /** The text comes last: it asks where its tokens stand, and what changed after would be laid out again. */
    drawn: [head, controls, overview, experiments, readout, scores, ...masks, ...bars, tour, text],
  };
}

/** Arrange the card for a layout. @param {Explorer} explorer */
function arrange({ layout: { narrow, wide }, width, parts, frame: { card, bar } }) {
  const { columns, left, text, banner, own } = parts;
  card.classList.toggle("narrow", narrow);
  card.classList.toggle("two", wide);
  card.classList.toggle("snug", width < SNUG);
  // On a phone the text comes before the controls, also for the keyboard.
  if (narrow && bar.parentElement !== left) text.node.after(banner.node, bar, own.node);
  if (!narrow && bar.parentElement === left) columns.before(bar, banner.node, own.node);
}

/** @extends {Figure<State>} */
export class Explorer extends Figure {
  /** @param {import("./lib/host.js").Model} model @param {HTMLElement} el */
  constructor(model, el) {
    const synced = ["text", "layer", "head", "selected", "k"];
    super(model, el, "explorer", TEXT_CSS + EXPLORER_CSS, synced);
    this.session = new Session(this.data, model, () => this.report());
    this.live = new Live(this.data, this.session, {
      counted: () => this.reportText(),
      waits: (slow) => this.parts.columns.classList.toggle("dim", slow),
      arrives: (source) => this.show(source),
      measured: () => this.reportLoss(),
    });
    this.begun = false; // whether the live model has run
    this.turn = 0; // of what was asked for; what comes late for an earlier question is dropped
    this.otherHead = false; // whether the last change was of the head
    this.dirty = false; // whether the next frame draws more than another head or token
    this.chosen = false; // whether it shows what was chosen for good, which may fade in
    this.drawn = { row: -1, first: 0 };
    this.layout = layoutOf(this.width);
    const { start } = this.data;
    this.routing = new Routing(this.live.source(start.example));
    this.start = { ...start, token: this.validToken(start) };
    this.parts = assemble(this);
    this.begin();
    this.report();
  }

  /** @returns {State} */
  firstFrame() {
    const { example, layer, head, token } = this.start;
    return {
      ...{ example, text: null, layer, head, token, other: -1, k: null, off: [], first: null },
      ...{ view: "figure", map: "picks", sort: "model", tour: 0 },
    };
  }

  /** @returns {View} */
  view(change = { all: false, chosen: false }) {
    return viewOf(this, change);
  }

  draw(all = true) {
    const change = { all: all || this.dirty, chosen: this.chosen };
    this.dirty = this.chosen = false;
    if (change.all) {
      this.layout = layoutOf(this.width);
      arrange(this);
    }
    const view = this.view(change);
    const isTable = view.state.view === "table";
    if (!isTable || !view.isPreview) this.frame.show(isTable ? () => buildTable(view) : null);
    for (const panel of this.parts.drawn) panel.update(view);
    this.drawn = { row: view.row, first: view.axis.first };
    if (change.all && this.stage.isPaper()) {
      this.parts.paper.replaceChildren(buildTable(view, view.routing.picks[view.row].length + 3));
    }
  }

  /** Or the last pick of the head. @param {{layer: number, head: number, token: number}} at */
  validToken({ layer, head, token }) {
    const { T, picks, heads } = this.routing;
    if (token >= 0 && token < T) return token;
    const own = picks[layer * heads + head];
    return own[own.length - 1] ?? 0;
  }

  get row() {
    return this.state.layer * this.routing.heads + this.state.head;
  }

  /** @param {Target} target @returns {Partial<State>} */
  partsOf({ row, ...parts }) {
    return row === undefined ? parts : { ...parts, ...headOf(row, this.routing.heads) };
  }

  /** @param {Target | null} target */
  preview(target) {
    super.preview(target && this.partsOf(target));
  }

  /** @param {Target} target */
  select({ row = this.row, token = this.state.token }) {
    this.change(this.partsOf({ row, token }));
  }

  /** @param {Partial<State>} changes */
  enter(changes) {
    const before = this.state;
    const isOther = (/** @type {"text" | "example"} */ name) =>
      name in changes && changes[name] !== before[name];
    const otherText = isOther("text") || isOther("example");
    const usual = otherText ? { k: null, token: -1, off: [] } : {};
    this.state = this.shown = { ...before, ...usual, ...changes };
    const { state } = this;
    this.otherHead = state.layer !== before.layer || state.head !== before.head;
    const among = (/** @type {string[]} */ names) => names.some((name) => name in changes);
    this.dirty ||= among(["map", "sort", "view"]);
    if (otherText) this.live.arrived = state.text === null;
    if (otherText || among(["k", "off", "first"])) this.reroute();
    state.token = this.validToken(state);
    this.chosen = true;
    this.drawSoon();
  }

  /** Show at once what can be, and let the live model compute the rest. */
  reroute() {
    const source = this.live.atOnce(this.state, this.routing);
    if (source) this.show(source);
    this.dirty = true;
    this.report();
    if (this.live.isLive) void this.live.run(this.state);
  }

  /** Draw a routing from now on. @param {import("./explorer/view.js").RoutingSource} source */
  show(source) {
    if (source.tokens !== this.routing.tokens) this.shown = this.state;
    this.routing = new Routing(source);
    this.state.token = this.validToken(this.state);
    this.chosen = this.dirty = true;
    this.drawSoon();
  }

  /** The address follows at once, after the picture; the rest waits until the hand rests. */
  commitSoon() {
    super.commitSoon();
    requestAnimationFrame(() => setTimeout(() => this.writeAddress()));
  }

  announce() {
    const view = this.view();
    if (view.isPreview || view.state.tour) return; // the tour speaks for itself
    const finding = this.frame.finding.textContent ?? "";
    setText(this.frame.status, this.otherHead ? finding : tokenSentence(view, view.token));
    (globalThis.requestIdleCallback ?? setTimeout)(() => this.parts.text.describe(this.view()));
  }

  load() {
    void this.session.load();
  }

  /** Open or close the box for the reader's own text; opening it brings the model. */
  toggleOwnText() {
    const { own } = this.parts;
    if (own.node.hidden) {
      own.begin(this.state.text ?? this.routing.texts.join(""));
      if (!this.session.obstacle()) this.load();
    } else own.close();
    this.report();
  }

  /** What is shown from now on is not the reader's own. */
  leaveOwnText() {
    if (!this.parts.own.node.hidden) this.toggleOwnText();
  }

  /** @param {string} name Of a stored example. */
  async showExample(name) {
    this.leaveOwnText();
    const turn = ++this.turn;
    const failure = await this.live.fetchExample(name);
    if (turn !== this.turn) return;
    if (!failure) return this.change({ example: name, text: null });
    this.frame.tell(failure);
    this.draw(); // the list shows the old one again
  }

  /** @param {string} text The reader's own. */
  route(text) {
    this.turn++;
    if (text !== this.state.text) this.change({ text });
  }

  /** Change the model itself, which only the live one can. @param {Partial<State>} changes */
  askModel(changes) {
    this.change(changes);
    if (!this.live.isLive) this.load();
  }

  /** Say how it stands with the model, and run it when it has come. */
  report() {
    const { status } = this.session;
    this.frame.report(status, true, this.live.variant(this.state));
    this.parts.banner.report(status);
    this.parts.badge.report(status);
    setAttribute(this.parts.controls.own, "aria-expanded", `${!this.parts.own.node.hidden}`);
    this.reportText();
    if (!this.live.isLive) this.reportLoss();
    // A switch that no model stands behind must not look as if it were on.
    const { off, first } = this.state;
    const isSwitched = off.length > 0 || first !== null;
    if (status.name === "error" && isSwitched) this.change({ off: [], first: null });
    if (status.name !== "live" || this.begun) return;
    this.begun = true;
    void this.live.run(this.state);
  }

  reportText() {
    const obstacle = this.live.isLive ? "" : this.session.obstacle();
    this.parts.own.report(this.session.status, { obstacle, ...this.live.facts });
  }

  reportLoss() {
    this.parts.experiments.report(this.live.losses(this.state, this.routing));
  }

  /** @param {URLSearchParams} fields */
  isLink(fields) {
    return ["ex", "text", "layer", "tour"].some((name) => fields.has(name));
  }

  /** @param {State} state */
  link(state) {
    const text = state.text === null ? null : this.live.readPart(state.text);
    return writeLink({ ...state, text, live: this.live.isLive }, this.data.config.n_sparse_heads);
  }

  /** The address of this view, but for some changes. @param {Partial<State>} changes */
  addressWith(changes) {
    return addressOf(this.fragment({ ...this.state, ...changes }));
  }

  /** @param {Parameters<typeof readLink>[0]} reader */
  stateOf(reader) {
    const { config, examples } = this.data;
    return readLink(reader, this.firstFrame(), {
      examples: examples.map((/** @type {{name: string}} */ { name }) => name),
      layers: config.n_layers,
      heads: config.n_sparse_heads,
    });
  }

  /** @param {State} state @param {string[]} complaints About what the link asks for and cannot have. */
  async showLink(state, complaints) {
    const turn = ++this.turn;
    const failure = await this.live.fetchExample(state.example);
    if (turn !== this.turn) return;
    if (failure) return this.frame.tell(failure);
    const { text, token, k } = state;
    const isOwn = text !== null;
    const { T } = this.live.trace(state.example);
    if (!isOwn && k !== null && k !== within(k, Math.min(2, T), T)) {
      complaints.push(`no k ${k}`);
      state.k = null;
    }
    if (!isOwn && token >= T) complaints.push(`no token ${token}`);
    this.enter(state);
    if (isOwn) {
      this.state.token = token; // how many tokens there are shows when the text has been run
      this.parts.own.open(text);
    }
    const isLive = state.live && state.k !== null;
    if (isOwn || state.off.length || state.first !== null || isLive) this.load();
    if (complaints.length) this.frame.tell(complaint(complaints));
  }

  toPython() {
    const { text, layer, head, token, k } = this.state;
    return { text: text ?? "", layer, head, selected: token, k: k ?? 0 };
  }

  /** @param {Record<string, any>} values @returns {Partial<State>} */
  fromPython({ text, layer, head, selected, k }) {
    const { n_layers: layers, n_sparse_heads: heads } = this.data.config;
    return {
      ...(text === undefined ? {} : { text: text || null }),
      ...(layer >= 0 && layer < layers ? { layer } : {}),
      ...(head >= 0 && head < heads ? { head } : {}),
      ...(selected >= 0 ? { token: selected } : {}),
      ...(k === undefined ? {} : { k: k || null }),
    };
  }

  /** @param {State} before */
  followed(before) {
    this.commitSoon();
    if (!this.state.text || this.state.text === before.text) return;
    this.parts.own.open(this.state.text);
    this.load();
  }

  /** @returns {import("./lib/export.js").Exported} */
  exported() {
    const view = this.view();
    const address = addressOf(this.fragment()).slice(0, 160);
    return {
      name: `mosa-L${view.layer}-H${view.head}`,
      python: () => pythonOf(view, this.data.model),
      picture: () => pictureOf(view, provenanceOf(view, this.data.about, address)),
      rows: () => rowsOf(view),
    };
  }

  listen() {
    super.listen();
    const { list } = this.parts.text;
    const { canvas } = this.parts.overview;
    for (const place of /** @type {HTMLElement[]} */ ([list, canvas])) {
      place.addEventListener("keydown", (event) => {
        const { token } = this.state;
        const row = (/** @type {number} */ by) =>
          place === list ? this.stepHead(by) : this.stepRow(by);
        /** @type {Record<string, () => void>} */
        const steps = {
          ArrowLeft: () => this.goToken(token - 1),
          ArrowRight: () => this.goToken(token + 1),
          ArrowUp: () => row(-1),
          ArrowDown: () => row(1),
          Home: () => this.goToken(0),
          End: () => this.goToken(Infinity),
        };
        if (!(event.key in steps)) return;
        steps[event.key]();
        event.preventDefault();
      });
    }
    this.stage.root.addEventListener("keydown", (event) => {
      const { key, target } = event;
      const isWriting = target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement;
      if (isWriting || isCommand(event)) return;
      if (key === "[") this.stepHead(-1);
      if (key === "]") this.stepHead(1);
    });
  }

  /** @param {number} token Or the nearest that there is. */
  goToken(token) {
    this.select({ token: within(token, 0, this.routing.T - 1) });
    this.draw(false); // the keyboard must not wait for a frame to find its token
    this.parts.text.focus();
  }

  /** @param {number} step Through the heads of all layers. */
  stepHead(step) {
    const { rows } = this.routing;
    this.select({ row: (this.row + step + rows) % rows });
  }

  /** @param {number} step As the overview lists the heads. */
  stepRow(step) {
    const order = this.parts.overview.order();
    const place = order.indexOf(this.row) + step + order.length;
    this.select({ row: order[place % order.length] });
  }

  /** From the tour, from a preview, from the full width, then to the first frame. */
  escape() {
    const isPreview = this.shown !== this.state;
    if (this.state.tour) this.change({ tour: 0 });
    else if (!isPreview && this.el.classList.contains("widened")) this.widen();
    else {
      if (!isPreview) this.leaveOwnText();
      super.escape();
    }
  }

  /** To the full width of the window, and back. */
  widen() {
    const { el } = this;
    const on = el.classList.toggle("widened");
    if (on) el.popover = "manual"; // the top layer: nothing of the page lies above
    if (el.popover) el[on ? "showPopover" : "hidePopover"]();
    if (!on) el.removeAttribute("popover");
    this.stage.root.classList.toggle("full", on);
    press(this.parts.wide, on);
    document.documentElement.style.overflow = on ? "hidden" : "";
  }

  dispose() {
    this.live.work.stop();
    super.dispose();
  }
}

const explorer = drawnBy(Explorer);

defineElement("mosa-explorer", explorer);

export default explorer;
