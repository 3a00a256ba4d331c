/**
 * Holds what is asked of a leak probe, has the model answer it, and draws the answer.
 * @module
 */

import { button, html, mono } from "../dom.js";
import { Figure, within } from "../figure.js";
import { plural } from "../format.js";
import { TEXT_CSS } from "../text_css.js";
import { tokenLabels } from "../tokens.js";
import { Changes } from "./compare.js";
import { leakControls } from "./controls.js";
import { LEAK_CSS } from "./css.js";
import { pointAt } from "./drag.js";
import { leakLegendNodes, leakPlot, leakText } from "./panels.js";
import { LeakRunner, storedState, storedView } from "./runner.js";
import { ASKS, leakFields, writtenFields, writtenOf } from "./state.js";
import { leakCaption, leakChanges, leakPicture, leakPython } from "./take.js";
import { leakFinding, leakRows, leakSentence } from "./words.js";

const DIM_LATE = 400;

/** @typedef {import("./state.js").LeakState} LeakState */

export class LeakProbe extends Figure {
  /**
   * @param {import("../host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    super(model, el, "leak", TEXT_CSS + LEAK_CSS, ["cut", "rule", "seed"]);
    this.runner = new LeakRunner(this.data, model, () => this.report());
    /** What a failed load kept from being shown. */
    this.wanted = this.firstFrame();
    /** Tokens of an edited future that found no place. */
    this.left = 0;
    this.take(storedView(this.data, this.wanted), false);
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

  /** The model that is asked. */
  get session() {
    return this.runner.session(this.state ?? this.wanted);
  }

  /** @returns {{model: string, about: string}} What to call the model that gave the answer. */
  get asked() {
    const { causal } = this.data;
    return this.answer.state.rule === "trained" ? causal : this.data;
  }

  /** @param {LeakState} state @returns {LeakState} */
  bounded(state) {
    const tokens = this.runner.tokensOf(state);
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

  /** @param {LeakState} state @param {import("../palette.js").Palette} palette @param {number} width */
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

  /** @param {ReturnType<typeof import("../card.js").fragmentReader>} reader */
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
    const tokens = own && cut === undefined ? this.runner.tokensOf({ ...before, own }) : null;
    if (own) this.controls.own.open(own);
    else if (own === null && before.own !== null) this.controls.own.close();
    super.change(tokens ? { ...changes, cut: Math.floor((2 * tokens.length) / 3) } : changes);
    this.ask(before);
  }

  follow() {
    const { state, telling } = this;
    super.follow();
    if (!telling) this.ask(state);
  }

  /** @param {LeakState} before Have the model answer a state that asks otherwise. */
  ask(before) {
    if (ASKS.some((name) => this.state[name] !== before[name])) void this.refresh();
  }

  /** @returns {boolean} Whether the stored example is what is asked for. */
  isStored() {
    const usual = this.firstFrame();
    return ASKS.every((name) => name === "edit" || this.state[name] === usual[name]);
  }

  /** Compute what is asked for, or show the stored example, or say why neither can be. */
  async refresh() {
    const { session } = this;
    if (!session.engine) {
      if (this.isStored()) return this.show(storedView(this.data, this.state), false);
      const obstacle = session.obstacle();
      if (obstacle) return this.goBack(obstacle);
      if (session.status.name === "loading") return; // whoever asked first goes on with what is asked for by then
      await session.load();
      if (session !== this.session) return this.refresh(); // another model is asked by now
      if (!session.engine) return this.goBack("");
      this.change({}); // the cut is checked now that the text can be cut
    }
    await this.compute();
  }

  /** Bring the model, for whatever is asked for by the time it is here. */
  async bring() {
    const { session } = this;
    if (session.obstacle() || session.engine || session.status.name === "loading") return;
    await session.load();
    if (session.engine && this.state.own !== null) this.change({ own: this.state.own });
    if (session.engine) void this.refresh();
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

  async compute() {
    const { plot, runner, state } = this;
    if ((runner.tokensOf(state)?.length ?? 0) < 2) return; // the figure before stays
    const late = setTimeout(() => plot.node.classList.add("dim"), DIM_LATE);
    const result = await runner.run(state);
    clearTimeout(late);
    if (!result) return;
    this.wanted = state;
    const { view, left } = result;
    if (left || this.left) {
      this.frame.tell(left ? `The last ${plural(left, "token")} of your future left out: the model reads ${this.data.config.max_seq_len}.` : "");
    }
    this.left = left;
    this.show(view, true);
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
    const tokens = this.runner.tokensOf(this.state) ?? [];
    return tokens.slice(this.state.cut).map(({ text }) => text).join("");
  }

  /** @param {string} why */
  goBack(why) {
    this.wanted = this.state;
    super.change({ ...this.firstFrame(), view: this.state.view });
    this.show(storedView(this.data, this.state), false);
    this.frame.tell(why);
  }

  announce() {
    if (ASKS.every((name) => this.state[name] === this.answer.state[name])) super.announce();
  }

  report() {
    if (!this.frame) return;
    const failed = this.runner.session(this.wanted);
    const { status } = failed.status.name === "error" ? failed : this.session;
    const { rule } = this.answer.state;
    this.frame.report(status, this.live, { paper: "", trained: ", trained causally" }[rule] ?? ", rule switched");
    this.controls.report(status);
  }

  dispose() {
    this.runner.work.stop();
    super.dispose();
  }
}
