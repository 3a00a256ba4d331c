/**
 * Leak probe: give a text another future and see which picks and predictions before the cut move.
 * @module
 */

import { keptCount } from "./engine/routing.js";
import {
  leakCaption,
  leakChanges,
  leakFinding,
  leakLegendNodes,
  leakPicture,
  leakPlot,
  leakPython,
  leakRows,
  leakSentence,
  leakText,
  pointAt,
} from "./leak/drawing.js";
import {
  ASKS,
  Changes,
  FUTURES,
  leakFields,
  rulesOf,
  storedState,
  storedView,
  Witness,
  writtenFields,
  writtenOf,
} from "./leak/runs.js";
import { labelled, segmentField, textField } from "./lib/card.js";
import { TEXT_CSS } from "./lib/css.js";
import { button, html, mono } from "./lib/dom.js";
import { Figure, within } from "./lib/figure.js";
import { tokenLabels } from "./lib/format.js";
import { defineElement, drawnBy } from "./lib/host.js";
import { DEBOUNCE } from "./lib/limits.js";
import { bannerPanel, ownTextPanel } from "./lib/own_text.js";

/**
 * The reader's own future.
 * @param {(text: string) => void} write
 */
function editBox(write) {
  const box = html("textarea", { rows: 2, spellcheck: "false", dir: "auto", maxlength: 2000, "aria-label": "Your future, after the cut" });
  const node = html("div", { class: "pad own", hidden: true }, html("label", { class: "label" }, "What comes after the cut"), box);
  let timer = 0;
  box.addEventListener("keydown", (event) => event.stopPropagation());
  const settle = () => {
    timer = 0;
    write(box.value);
  };
  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(settle, DEBOUNCE);
  });
  // What is chosen next must not be overtaken by what was typed before.
  box.addEventListener("blur", () => {
    clearTimeout(timer);
    if (timer) settle();
  });
  return { node, box };
}

/** @param {LeakProbe} probe */
export function leakControls(probe) {
  const { data } = probe;
  const own = ownTextPanel({ load: () => void probe.witness.bring(), route: (text) => probe.route(text) }, data.config.max_seq_len);
  const text = textField(data.texts, (name) => {
    own.close();
    probe.change({ text: name, own: null, edit: null, token: 0 });
  });
  text.select.append(html("option", { value: "", hidden: true }, "Yours"));
  const turn = () => {
    if (own.node.hidden) {
      own.open(probe.written);
      own.box.focus();
      own.box.select();
      void probe.witness.bring();
    } else {
      own.close();
      if (probe.state.own !== null) probe.change({ own: null, edit: null });
    }
    probe.draw();
    probe.report();
  };
  const ownButton = button("Your text", turn, { class: "own-button" });
  const future = segmentField("Future", FUTURES, (kind) => probe.change({ future: /** @type {any} */ (kind) }));
  const rule = segmentField("Rule", rulesOf(data), (name) => probe.change({ rule: /** @type {any} */ (name) }));
  const banner = bannerPanel(() => probe.change(probe.witness.wanted));
  const edit = editBox((words) => probe.change({ future: "edit", edit: words }));
  return {
    own,
    fields: [labelled("Text", html("div", { class: "row" }, text.select, ownButton)), future.node, rule.node],
    boxes: [banner.node, own.node, edit.node],
    /** @param {import("./leak/runs.js").LeakState} state @param {string} written What the text says after the cut. */
    show(state, written) {
      text.select.value = state.own === null ? state.text : "";
      ownButton.setAttribute("aria-expanded", `${!own.node.hidden}`);
      future.show(state.future);
      rule.show(state.rule);
      edit.node.hidden = state.future !== "edit";
      // A box that is written in keeps what was typed.
      if (!edit.box.matches(":focus")) edit.box.value = state.edit ?? written;
    },
    /** @param {import("./lib/session.js").Status} status */
    report(status) {
      banner.report(status);
      const { session } = probe.witness;
      const isLive = session.engine !== null;
      const { tokens, left } = isLive && probe.state.own !== null ? session.tokens(probe.state.own) : { tokens: probe.answer.tokens, left: 0 };
      const k = tokens.length ? keptCount(tokens.length, data.config.sparsity) : 0;
      own.report(status, { obstacle: isLive ? "" : session.obstacle(), tokens: isLive ? tokens.length : -1, left, k });
    },
  };
}

export const LEAK_CSS = `
.leak .finding{min-height:56px;text-wrap:wrap}
.leak .finding :last-child{display:inline-block}
.leak .detail{min-height:40px}
.leak .controls{grid-template-columns:minmax(96px,1fr) auto}
.leak .controls>:last-child{grid-column:1/-1}
.leak .tok.thin{text-decoration:underline dotted 2px var(--mosa-cursor);text-underline-offset:5px}
.leak .tok.thick{text-decoration:underline 3px var(--mosa-cursor);text-underline-offset:5px;text-decoration-skip-ink:none}
.leak .tok.after{margin:0 1px 0 0;padding:2px 0;color:var(--mosa-ink2);background:repeating-linear-gradient(135deg,var(--mosa-rule) 0 1.5px,var(--mosa-wash) 0 6px)}
.bar{touch-action:none}
.text .bar{display:inline-block;position:relative;width:3px;height:20px;margin:0 4px;border-radius:1px;vertical-align:-4px;background:var(--mosa-ink);cursor:col-resize}
.text .bar::after{content:"";position:absolute;inset:-8px -12px}
.plot{position:relative;margin:8px 0 4px;touch-action:pan-y}
.plot svg{display:block;cursor:crosshair}
.plot .bar{position:absolute;top:0;width:44px;margin-left:-22px;cursor:col-resize;border-radius:6px}
.plot .bar::before{content:"";position:absolute;left:20.5px;top:0;bottom:11px;width:3px;background:var(--mosa-ink)}
.plot .bar::after{content:"";position:absolute;left:14px;bottom:3px;width:12px;height:12px;border:2px solid var(--mosa-ink);border-radius:50%;background:var(--mosa-ground)}
.plot .at{position:absolute;font-size:11px;line-height:16px;bottom:2px;white-space:nowrap;pointer-events:none;color:var(--mosa-ink)}
.plot.dim{opacity:.6}
.marks .new{color:var(--mosa-pick)}
.marks .lost{color:var(--mosa-cursor-text)}
.marks .kept,.marks .thin,.marks .thick{display:inline-block;width:14px;height:3px;margin:0 3px 3px 0;background:var(--mosa-quiet)}
.marks .thin,.marks .thick{background:var(--mosa-cursor)}
.marks .thin{height:0;border-top:2px dotted var(--mosa-cursor);background:none}
.narrow.leak .controls{grid-template-columns:1fr}
.narrow.leak .segments{display:flex}
.narrow.leak .segments>*{flex:1 1 auto;padding:6px 4px;font-size:12px}
.narrow.leak .finding{min-height:72px}
.narrow.leak .detail{min-height:80px}
.narrow.leak .readout{min-height:80px}
@media print{.plot .bar::after,.plot .at{display:none}}
`;

/** @typedef {import("./leak/runs.js").LeakState} LeakState */

export class LeakProbe extends Figure {
  /**
   * @param {import("./lib/host.js").Model} model
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
   * @param {import("./leak/runs.js").LeakView} answer
   * @param {boolean} live
   */
  take(answer, live) {
    Object.assign(this, { answer, live, changes: new Changes(answer), laid: false });
  }

  /** @param {LeakState} state @returns {import("./leak/runs.js").LeakView} The answer, with a token under study. */
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

  /** @param {LeakState} state @param {import("./lib/palette.js").Palette} palette @param {number} width */
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

  /** @param {ReturnType<typeof import("./lib/card.js").fragmentReader>} reader */
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
   * @param {import("./leak/runs.js").LeakView} answer
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

const leakProbe = drawnBy(LeakProbe);

defineElement("mosa-leak", leakProbe);

export default leakProbe;
