/**
 * Holds what is asked of a leak probe, and draws what its witness answers.
 * @module
 */

import { Changes } from "./compare.js";
import { leakControls } from "./controls.js";
import { LEAK_CSS } from "./css.js";
import { pointAt } from "./drag.js";
import { leakLegendNodes, leakPlot, leakText } from "./panels.js";
import { storedState, storedView } from "./runner.js";
import { ASKS, leakFields, writtenFields, writtenOf } from "./state.js";
import { leakCaption, leakChanges, leakPicture, leakPython } from "./take.js";
import { Witness } from "./witness.js";
import { leakFinding, leakRows, leakSentence } from "./words.js";
import { TEXT_CSS } from "../lib/css.js";
import { button, html, mono } from "../lib/dom.js";
import { Figure, within } from "../lib/figure.js";
import { tokenLabels } from "../lib/format.js";

/** @typedef {import("./state.js").LeakState} LeakState */

export class LeakProbe extends Figure {
  /**
   * @param {import("../lib/host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    super(model, el, "leak", TEXT_CSS + LEAK_CSS, ["cut", "rule", "seed"]);
    this.witness = new Witness(this);
    this.take(storedView(this.data, this.firstFrame()), false);
    this.controls = leakControls(this);
    this.text = leakText(this);
    this.plot = leakPlot();
    this.heading = html("p", { class: "h" });
    this.readout = html("div", { class: "readout" });
    this.marks = html("p", { class: "note marks" });
    const roll = () => this.change({ future: this.state.future === "tail" ? "tail" : "random", seed: this.state.seed + 1 });
    this.mount({
      name: "Leak probe",
      controls: this.controls.fields,
      above: [...this.controls.boxes, html("div", { class: "pad text-block" }, this.text.node), this.readout],
      parts: [html("section", { class: "pad why" }, this.heading, this.plot.node, this.marks)],
      buttons: [button("Re-roll the future", roll)],
      note: ["Both runs read the same tokens before the cut.", this.data.about, this.data.causal?.about ?? ""].join(" ").trim(),
    });
    pointAt(this);
    this.report();
  }

  /** @returns {LeakState} */
  firstFrame() {
    return storedState(this.data);
  }

  /** @returns {{model: string, about: string}} What to call the model that gave the answer. */
  get asked() {
    const { causal } = this.data;
    return this.answer.state.rule === "trained" ? causal : this.data;
  }

  /** @param {LeakState} state @returns {LeakState} */
  bounded(state) {
    const tokens = this.witness.runner.tokensOf(state);
    return tokens ? { ...state, cut: within(state.cut, 1, tokens.length - 1) } : state;
  }

  /**
   * Take an answer over, to be drawn.
   * @param {import("./compare.js").LeakView} answer
   * @param {boolean} live
   */
  take(answer, live) {
    Object.assign(this, { answer, live, changes: new Changes(answer), laid: false });
  }

  /** @param {LeakState} state @returns {import("./compare.js").LeakView} The answer, with a token under study. */
  view({ token }) {
    const { answer } = this;
    return { ...answer, state: { ...answer.state, token: Math.min(token, answer.tokens.length - 1) } };
  }

  /** @param {LeakState} shown */
  paint(shown) {
    const { changes, plot, text, readout } = this;
    const view = this.view(shown);
    if (!this.laid) text.lay(view, changes);
    this.laid = true;
    readout.replaceChildren(mono(tokenLabels(view.tokens.map(({ text: own }) => own))[view.state.token]), leakSentence(view, changes));
    text.mark(view.state.token, readout.textContent ?? "");
    plot.draw(this.inner, view, changes, this.stage.palette(), Math.min(shown.cut, view.T - 1));
    this.marks.replaceChildren(...leakLegendNodes(view, changes));
    const rows = `all ${view.layers * view.heads} heads`;
    this.heading.textContent = view.state.rule === "dense" ? "No MoSA head takes part" : `Before the cut: picks of ${rows}`;
    this.controls.show(shown, this.writtenFuture());
  }

  said() {
    return { ...leakFinding(this.answer, this.changes), spoken: "" };
  }

  /** @param {LeakState} state */
  table(state) {
    const { finding } = this.frame;
    const view = this.view(state);
    return { rows: leakRows(view, this.changes), caption: `${finding.textContent} By position before the cut`, at: view.state.token, words: [1, 5] };
  }

  /** @param {LeakState} state @param {import("../lib/palette.js").Palette} palette @param {number} width */
  picture(state, palette, width) {
    return leakPicture(this.view(state), this.changes, palette, width);
  }

  python() {
    return leakPython(this.answer, this.asked.model, this.written);
  }

  provenance() {
    return leakCaption(this.answer, this.changes, this.asked.about);
  }

  taken() {
    const { text, own, cut } = this.answer.state;
    return { ...super.taken(), name: `mosa-leak-${own === null ? text : "own"}-${cut}`, rows: () => leakChanges(this.answer, this.changes) };
  }

  get fields() {
    return leakFields(this.data);
  }

  /** @param {LeakState} state */
  link(state) {
    return { ...super.link(state), ...writtenFields(state) };
  }

  /** @param {ReturnType<typeof import("../lib/card.js").fragmentReader>} reader */
  stateOf(reader) {
    return { ...super.stateOf(reader), ...writtenOf(reader.fields) };
  }

  /**
   * Change what is asked for; whatever needs the model brings it.
   * @param {Partial<LeakState>} changes
   */
  change(changes) {
    const before = this.state;
    const { own, cut } = changes;
    const tokens = own && cut === undefined ? this.witness.runner.tokensOf({ ...before, own }) : null;
    if (own) this.controls.own.open(own);
    else if (own === null && before.own !== null) this.controls.own.close();
    super.change(tokens ? { ...changes, cut: Math.floor((2 * tokens.length) / 3) } : changes);
    this.witness.ask(before);
  }

  follow() {
    const { state, telling } = this;
    super.follow();
    if (!telling) this.witness.ask(state);
  }

  /** @param {Partial<LeakState>} changes Made without asking for anything. */
  adopt(changes) {
    super.change(changes);
  }

  /** @param {string} text The reader's own. */
  route(text) {
    if (text !== this.state.own) this.change({ own: text, edit: null, token: 0 });
    this.report();
  }

  /** @returns {string} The text that is shown, as it was written. */
  get written() {
    const { own, text } = this.answer.state;
    return own ?? this.data.texts.find((/** @type {{name: string}} */ { name }) => name === text)?.text ?? "";
  }

  /**
   * Show an answer from now on.
   * @param {import("./compare.js").LeakView} answer
   * @param {boolean} live
   */
  show(answer, live) {
    this.take(answer, live);
    this.plot.node.classList.remove("dim");
    this.draw();
    this.report();
    this.announce();
  }

  /** @returns {string} What the text as written says after the cut. */
  writtenFuture() {
    const tokens = this.witness.runner.tokensOf(this.state) ?? [];
    return tokens.slice(this.state.cut).map(({ text }) => text).join("");
  }

  announce() {
    if (ASKS.every((name) => this.state[name] === this.answer.state[name])) super.announce();
  }

  report() {
    if (!this.frame) return;
    const { status, session } = this.witness;
    const { rule } = this.answer.state;
    this.frame.report(this.live ? session.status : status, this.live, { paper: "", trained: ", trained causally" }[rule] ?? ", rule switched");
    this.controls.report(status);
  }

  dispose() {
    this.witness.runner.work.stop();
    super.dispose();
  }
}
