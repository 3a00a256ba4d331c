/**
 * Holds the state of a training scrubber and draws it. Nothing moves by itself.
 * @module
 */

import { cardTable, complaint, fragmentReader, labelled, segmentField, shareButton, steppedTo, tableSection, writeFragment } from "../card.js";
import { button, html, setAttribute, svg } from "../dom.js";
import { EXPLORER_CSS } from "../explorer/css.js";
import { count } from "../format.js";
import { bookUrl, openStage } from "../host.js";
import { takeButtons } from "../take_along.js";
import { drawScrub, scrubScale } from "./drawing.js";
import { History, otherStop, scrubFinding } from "./history.js";
import { takenOfScrub } from "./take.js";

const SCRUB_CSS = `
.finding,.detail{contain:none}
.scrub .detail{min-height:40px;margin-bottom:12px!important}
.scrub .controls{grid-template-columns:minmax(96px,1fr) auto auto auto}
.stops{position:relative;margin:12px 0}
.stops svg{display:block}
.stops .slider{position:absolute;top:84px}
.stops .slider input::-webkit-slider-thumb{border-color:var(--mosa-cursor)}
.stops .slider input::-moz-range-thumb{border-color:var(--mosa-cursor)}
.narrow.scrub .controls{display:flex;flex-wrap:wrap}
.narrow.scrub .controls>:first-child{width:100%}
.narrow.scrub .detail{min-height:80px}
.narrow .stops .slider{top:76px}
@media print{.stops .slider{display:none}}
`;

const AGAINST = { start: "Start", before: "Step before" };
const SET = /** @type {const} */ (["step", "layer", "head"]);

let scrubbers = 0;

export class TrainingScrubber {
  /**
   * @param {import("../host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    this.model = model;
    this.el = el;
    /** @type {{histories: {name: string, title: string, url: string | null, recorded: string | null, history: Record<string, any> | null}[], start: {layer: number, head: number}}} */
    this.data = model.get("data");
    /** @type {Map<string, History>} */
    this.opened = new Map();
    this.history = this.open(this.data.histories[0].name);
    this.state = this.firstFrame();
    this.width = 0;
    this.stage = openStage(el, EXPLORER_CSS + SCRUB_CSS, () => this.drawing && this.draw());
    this.ownsFragment = ++scrubbers === 1;
    this.build(`scrub-${scrubbers}`);
    this.observer = new ResizeObserver(() => {
      const { width } = this.card.getBoundingClientRect();
      if (width < 100 || width === this.width) return;
      this.width = width;
      this.card.classList.toggle("narrow", width < 560);
      this.draw();
    });
    this.observer.observe(this.card);
    this.onHash = () => void this.read();
    if (this.ownsFragment) addEventListener("hashchange", this.onHash);
    for (const name of SET) model.on(`change:${name}`, () => this.follow());
    this.follow();
    this.draw();
    void this.read();
  }

  /** @returns {import("./history.js").ScrubState} */
  firstFrame() {
    const { layer, head } = this.data.start;
    return { text: this.data.histories[0].name, stop: this.history.last, layer, head, against: "start", view: "figure" };
  }

  /** @param {string} name @returns {History} Of a history that is in the page. */
  open(name) {
    const found = this.opened.get(name) ?? new History(/** @type {any} */ (this.data.histories.find((own) => own.name === name)).history);
    this.opened.set(name, found);
    return found;
  }

  /** @param {string} id Of the finding. */
  build(id) {
    const { histories } = this.data;
    this.words = { who: html("span"), keeps: html("span", { class: "keeps" }), what: html("span") };
    this.finding = html("p", { class: "finding", id }, ...Object.values(this.words));
    this.detail = html("p", { class: "detail", role: "status" });
    this.select = html("select", { "aria-label": "Text" }, ...histories.map(({ name, title }) => html("option", { value: name }, title)));
    this.select.addEventListener("change", () => void this.change({ text: this.select.value }));
    const names = Object.fromEntries(Array.from({ length: this.history.layers }, (_, layer) => [layer, `${layer}`]));
    this.layer = segmentField("Layer", names, (layer) => void this.change({ layer: Number(layer) }));
    this.against = segmentField("Compared with", AGAINST, (against) => void this.change({ against: /** @type {any} */ (against) }));
    this.number = html("output");
    const head = (/** @type {number} */ step) => void this.change({ head: (this.state.head + step + this.history.heads) % this.history.heads });
    const heads = html("div", { class: "segments", role: "group", "aria-label": "Head" }, button("‹", () => head(-1), { class: "seg", "aria-label": "Previous head" }), this.number, button("›", () => head(1), { class: "seg", "aria-label": "Next head" }));
    this.drawing = svg("svg", { role: "img" });
    this.range = html("input", { type: "range", min: 0, step: 1, "aria-label": "Training step" });
    this.range.addEventListener("input", () => void this.change({ stop: Number(this.range.value) }));
    this.slider = html("span", { class: "slider", style: "--fill:0" }, this.range);
    const plot = html("div", { class: "stops" }, this.drawing, this.slider);
    plot.addEventListener("click", ({ clientX, target }) => {
      if (target === this.range) return;
      const { left, right } = scrubScale(this.inner, this.history.last);
      const share = (clientX - plot.getBoundingClientRect().left - left) / (right - left);
      void this.change({ stop: Math.max(0, Math.min(this.history.last, Math.round(share * this.history.last))) });
    });
    const step = (/** @type {string} */ key) => void this.change({ stop: steppedTo(key, this.state.stop, 0, this.history.last) ?? 0 });
    const turn = () => void this.change({ view: this.state.view === "table" ? "figure" : "table" });
    this.turn = button("Table view", turn, { "aria-pressed": "false" });
    this.told = html("span", { class: "note told", role: "status" });
    this.figure = html("section", { class: "pad" }, plot);
    this.section = tableSection("Table of all recorded steps");
    this.pill = html("span", { class: "pill" });
    const tell = (/** @type {string} */ words) => this.say(words);
    const foot = [button("‹ Step", () => step("ArrowLeft")), button("Step ›", () => step("ArrowRight")), this.turn, shareButton(() => this.fragment(), tell), ...takeButtons(() => takenOfScrub(this), tell), this.told];
    const note = "Recorded steps stand at equal distances; the loss is on this text, in nats a token. Bold words are picks that the upper row does not have.";
    this.card = html(
      "div",
      { class: "card scrub", role: "group", "aria-labelledby": id },
      html("header", {}, html("div", { class: "top" }, html("span", { class: "name" }, "Training scrubber"), this.pill), html("div", { class: "pad" }, this.finding, this.detail)),
      html("div", { class: "controls" }, labelled("Text", this.select), this.layer.node, labelled(`Head of ${this.history.heads}`, heads), this.against.node),
      this.figure,
      this.section.table,
      html("footer", {}, html("div", { class: "row wrap" }, ...foot), html("p", { class: "note" }, note)),
    );
    this.stage.root.replaceChildren(this.card);
    this.stage.root.addEventListener("keydown", (event) => {
      if (event.key === "[" || event.key === "]") head(event.key === "[" ? -1 : 1);
      if (event.key === "Escape") void this.change(this.firstFrame());
    });
  }

  /** @returns {number} Width of the drawing. */
  get inner() {
    return Math.max(240, (this.width || 760) - (this.width && this.width < 560 ? 26 : 34));
  }

  draw() {
    const { history, state, words } = this;
    const { detail, ...said } = scrubFinding(history, state);
    for (const [name, text] of Object.entries(said)) words[/** @type {keyof typeof words} */ (name)].textContent = text;
    if (this.detail.textContent !== detail) this.detail.textContent = detail;
    this.pill.textContent = `${history.last + 1} recorded steps`;
    this.select.value = state.text;
    this.layer.show(`${state.layer}`);
    this.against.show(state.against);
    this.number.textContent = `${state.head}`;
    this.range.max = `${history.last}`;
    this.range.value = `${state.stop}`;
    setAttribute(this.range, "aria-valuetext", `Step ${count(history.steps[state.stop])}, loss ${history.losses[state.stop].toFixed(2)}`);
    const { left, right } = scrubScale(this.inner, history.last);
    Object.assign(this.slider.style, { left: `${left - 8}px`, width: `${right - left + 16}px` });
    const { nodes, height } = drawScrub(history, state, this.inner, this.stage.palette());
    setAttribute(this.drawing, "width", `${this.inner}`);
    setAttribute(this.drawing, "height", `${Math.max(height, 240)}`);
    setAttribute(this.drawing, "aria-label", `${this.finding.textContent} ${detail}`);
    this.drawing.replaceChildren(...nodes);
    this.figure.hidden = state.view === "table";
    const { table, scroll } = this.section;
    table.hidden = state.view !== "table";
    this.turn.setAttribute("aria-pressed", `${state.view === "table"}`);
    if (!table.hidden) scroll.replaceChildren(cardTable(this.rows(), `Layer ${state.layer}, head ${state.head}, at every recorded step`, state.stop, [5]));
  }

  /** @returns {string[][]} Headings, and a row a recorded step. */
  rows() {
    const { history, state } = this;
    const { layer, head } = state;
    const against = state.against === "start" ? "As at start" : "As step before";
    const headings = ["Step", "Tokens seen", "Loss", against, "As at end", "Picks"];
    return [headings, ...history.steps.map((step, stop) => [
      count(step),
      count(history.seen[stop]),
      history.losses[stop].toFixed(3),
      `${history.shared(stop, otherStop({ ...state, stop }), layer, head)}`,
      `${history.shared(stop, history.last, layer, head)}`,
      history.picks(stop, layer, head).map((t) => history.labels[t]).join(" "),
    ])];
  }

  /** @param {Partial<import("./history.js").ScrubState>} changes */
  async change(changes) {
    const wanted = { ...this.state, ...changes };
    const failure = await this.fetchHistory(wanted.text);
    if (failure) {
      this.say(failure);
      return this.draw(); // the list shows the old one again
    }
    this.state = wanted;
    this.history = this.open(wanted.text);
    const { layers, heads, last } = this.history;
    for (const [name, most] of /** @type {const} */ ([["layer", layers - 1], ["head", heads - 1], ["stop", last]])) {
      this.state[name] = Math.max(0, Math.min(most, this.state[name]));
    }
    this.draw();
    for (const [name, value] of Object.entries({ step: this.history.steps[this.state.stop], layer: this.state.layer, head: this.state.head })) this.model.set(name, value);
    this.model.save_changes();
    if (this.ownsFragment && !this.model.get("kernel")) writeFragment(this.fragment());
  }

  /**
   * @param {string} name
   * @returns {Promise<string>} What went wrong; empty if nothing.
   */
  async fetchHistory(name) {
    const own = /** @type {TrainingScrubber["data"]["histories"][number]} */ (this.data.histories.find((one) => one.name === name));
    if (own.history) return "";
    if (location.protocol === "file:") return `"${own.title}" can only be fetched from a web server.`;
    try {
      const response = await fetch(bookUrl(own.url ?? ""));
      if (!response.ok) throw new Error(`${response.status}`);
      own.history = await response.json();
      return "";
    } catch {
      return `"${own.title}" could not be fetched.`;
    }
  }

  /** @returns {string} */
  fragment() {
    const { text, stop, layer, head, against, view } = this.state;
    const fields = new URLSearchParams({ scrub: text, step: `${this.history.steps[stop]}`, l: `${layer}`, h: `${head}`, against });
    if (view === "table") fields.set("view", view);
    return fields.toString();
  }

  /** Take over what the fragment says. */
  async read() {
    const { fields, complaints, whole, oneOf } = fragmentReader(location.hash);
    if (!this.ownsFragment || !fields.has("scrub")) return;
    const usual = this.firstFrame();
    const text = oneOf("scrub", this.data.histories.map(({ name }) => name), usual.text);
    const view = oneOf("view", ["figure", "table"], "figure");
    const against = oneOf("against", Object.keys(AGAINST), "start");
    const state = { text, view, against, layer: whole("l", usual.layer), head: whole("h", usual.head) };
    const step = whole("step", Infinity);
    await this.change({ .../** @type {any} */ (state), stop: 0 });
    await this.change({ stop: this.stopOf(step) });
    this.say(complaint(complaints));
    this.el.scrollIntoView({ block: "start" });
  }

  /** @param {number} step @returns {number} The last stop that is not later. */
  stopOf(step) {
    return Math.max(0, this.history.steps.findLastIndex((own) => own <= step));
  }

  /** Take over what Python says. */
  follow() {
    const [step, layer, head] = SET.map((name) => this.model.get(name));
    const { state, history } = this;
    if (step === undefined || (step === history.steps[state.stop] && layer === state.layer && head === state.head)) return;
    this.state = { ...state, layer, head, stop: this.stopOf(step) };
    this.draw();
  }

  /** @param {string} words */
  say(words) {
    this.told.textContent = words;
  }

  dispose() {
    this.observer.disconnect();
    removeEventListener("hashchange", this.onHash);
    this.stage.dispose();
  }
}
