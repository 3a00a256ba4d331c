// Leak probe: give a text another future and see which picks and predictions before the cut move.

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
import { ASKS, Changes, FUTURES, Observer, RULES, storedState, storedView } from "./leak/runs.js";
import { segmentField } from "./lib/controls.js";
import { Figure, within } from "./lib/figure.js";
import { TEXT_CSS } from "./lib/css.js";
import { button, div, html, mono, paragraph } from "./lib/dom.js";
import { tokenLabels } from "./lib/format.js";
import { defineElement, drawnBy } from "./lib/host.js";
import { bannerPanel, linkedPart, ownTextField, ownTextPanel, textBox } from "./lib/own_text.js";

/** @typedef {import("./leak/runs.js").LeakState} LeakState */
/** @typedef {import("./leak/runs.js").LeakView} LeakView */

const LONGEST = 2000;

const LEAK_CSS = `
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

/** @param {(text: string) => void} write Takes the reader's own future. */
function editBox(write) {
  const { box, flush } = textBox("Your future, after the cut", 2, LONGEST, write);
  const heading = html("label", { class: "label" }, "What comes after the cut");
  box.addEventListener("blur", flush); // or it overtakes what is chosen next
  return { node: html("div", { class: "pad own", hidden: true }, heading, box), box };
}

/** @param {LeakProbe} probe What the reader asks with. */
function leakControls(probe) {
  const { data, runner } = probe;
  const actions = {
    load: () => void runner.bring(),
    route: (/** @type {string} */ text) => probe.route(text),
  };
  const own = ownTextPanel(actions, data.config.max_seq_len);
  const show = (/** @type {string} */ name) => {
    own.close();
    probe.change({ text: name, own: null, edit: null, token: 0 });
  };
  const turn = () => {
    if (own.node.hidden) {
      own.begin(probe.written);
      void runner.bring();
    } else {
      own.close();
      if (probe.state.own !== null) probe.change({ own: null, edit: null });
    }
    probe.draw();
    probe.report();
  };
  const text = ownTextField(data.texts, "Yours", show, turn);
  const future = segmentField("Future", FUTURES, (kind) => probe.change({ future: kind }));
  const rule = segmentField("Rule", probe.rules, (name) => probe.change({ rule: name }));
  const banner = bannerPanel(() => probe.change(runner.wanted));
  const edit = editBox((words) => probe.change({ future: "edit", edit: words }));
  return {
    own,
    fields: [text, future, rule].map(({ node }) => node),
    boxes: [banner.node, own.node, edit.node],
    /** @param {LeakState} state @param {string} written What the text says after the cut. */
    show(state, written) {
      text.select.value = state.own === null ? state.text : "";
      text.own.setAttribute("aria-expanded", `${!own.node.hidden}`);
      future.show(state.future);
      rule.show(state.rule);
      edit.node.hidden = state.future !== "edit";
      // A box that is written in keeps what was typed.
      if (!edit.box.matches(":focus")) edit.box.value = state.edit ?? written;
    },
    report() {
      const { status } = runner;
      const session = runner.session();
      const isLive = session.engine !== null;
      const isOwn = isLive && probe.state.own !== null;
      const shown = { tokens: probe.answer.tokens, left: 0 };
      const { tokens, left } = isOwn ? session.tokens(probe.state.own) : shown;
      const k = tokens.length ? keptCount(tokens.length, data.config.sparsity) : 0;
      const obstacle = isLive ? "" : session.obstacle();
      banner.report(status);
      own.report(status, { obstacle, tokens: isLive ? tokens.length : -1, left, k });
    },
  };
}

export class LeakProbe extends Figure {
  /** @param {import("./lib/host.js").Model} model @param {HTMLElement} el */
  constructor(model, el) {
    super(model, el, "leak", TEXT_CSS + LEAK_CSS, ["cut", "rule", "seed"]);
    const rules = Object.entries(RULES);
    const possible = rules.filter(([rule]) => this.data.causal || rule !== "trained");
    this.rules = /** @type {typeof RULES} */ (Object.fromEntries(possible));
    this.runner = new Observer(this);
    this.answer = storedView(this.data, this.firstFrame());
    this.changes = new Changes(this.answer);
    this.live = this.laid = false;
    this.controls = leakControls(this);
    this.text = leakText(this);
    this.plot = leakPlot();
    this.heading = paragraph("h");
    this.readout = div("readout");
    this.marks = paragraph("note marks");
    const roll = () => {
      const { future, seed } = this.state;
      this.change({ future: future === "tail" ? "tail" : "random", seed: seed + 1 });
    };
    const { about, causal } = this.data;
    this.mount({
      name: "Leak probe",
      controls: this.controls.fields,
      above: [...this.controls.boxes, div("pad text-block", this.text.node), this.readout],
      parts: [html("section", { class: "pad why" }, this.heading, this.plot.node, this.marks)],
      buttons: [button("Re-roll the future", roll)],
      note: `Both runs read the same tokens before the cut. ${about} ${causal?.about ?? ""}`.trim(),
    });
    pointAt(this);
    this.report();
  }

  firstFrame() {
    return storedState(this.data);
  }

  /** @returns {{model: string, about: string}} What to call the model that gave the answer. */
  get asked() {
    return this.answer.state.rule === "trained" ? this.data.causal : this.data;
  }

  /** @param {LeakState} state @returns {LeakState} */
  bounded(state) {
    const tokens = this.runner.tokensOf(state);
    return tokens ? { ...state, cut: within(state.cut, 1, tokens.length - 1) } : state;
  }

  /** @param {LeakState} state @returns {LeakView} The answer, with a token under study. */
  view({ token }) {
    const { state, tokens } = this.answer;
    return { ...this.answer, state: { ...state, token: Math.min(token, tokens.length - 1) } };
  }

  /** @param {LeakState} shown */
  paint(shown) {
    const { changes, plot, text, readout } = this;
    const view = this.view(shown);
    const { token, rule } = view.state;
    if (!this.laid) text.lay(view, changes);
    this.laid = true;
    const label = tokenLabels(view.tokens.map((own) => own.text))[token];
    readout.replaceChildren(mono(label), leakSentence(view, changes));
    text.mark(token, readout.textContent ?? "");
    plot.draw(this.inner, view, changes, this.stage.palette(), Math.min(shown.cut, view.T - 1));
    this.marks.replaceChildren(...leakLegendNodes(view, changes));
    const picks = `Before the cut: picks of all ${view.layers * view.heads} heads`;
    this.heading.textContent = rule === "dense" ? "No MoSA head takes part" : picks;
    const future = this.runner.tokensOf(this.state)?.slice(this.state.cut) ?? [];
    this.controls.show(shown, future.map((own) => own.text).join(""));
  }

  said() {
    return leakFinding(this.answer, this.changes);
  }

  /** @param {LeakState} state */
  table(state) {
    const view = this.view(state);
    const caption = `${this.frame.finding.textContent} By position before the cut`;
    return { rows: leakRows(view, this.changes), caption, at: view.state.token, words: [1, 5] };
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

  exported() {
    const { text, own, cut } = this.answer.state;
    const name = `mosa-leak-${own === null ? text : "own"}-${cut}`;
    return { ...super.exported(), name, rows: () => leakChanges(this.answer, this.changes) };
  }

  /** @returns {Record<string, import("./lib/figure.js").LinkField>} */
  get fields() {
    return {
      leak: ["text", this.data.texts.map((/** @type {{name: string}} */ { name }) => name)],
      cut: ["cut"],
      rule: ["rule", Object.keys(this.rules)],
      future: ["future", Object.keys(FUTURES)],
      seed: ["seed"],
      tok: ["token"],
    };
  }

  /** @param {LeakState} state */
  link(state) {
    const { future, edit, own } = state;
    return {
      ...super.link(state),
      ...(future === "edit" && edit !== null && { edit: linkedPart(edit, LONGEST) }),
      ...(own !== null && { text: linkedPart(own, LONGEST) }),
    };
  }

  /** @param {ReturnType<typeof import("./lib/card.js").fragmentReader>} reader */
  stateOf(reader) {
    const [edit, own] = ["edit", "text"].map((name) =>
      reader.fields.get(name)?.slice(0, LONGEST) ?? null
    );
    return { ...super.stateOf(reader), edit, own };
  }

  /** @param {Partial<LeakState>} changes Whatever needs the model brings it. */
  change(changes) {
    const before = this.state;
    const { own, cut } = changes;
    const tokens = own && cut === undefined ? this.runner.tokensOf({ ...before, own }) : null;
    if (own) this.controls.own.open(own);
    else if (own === null && before.own !== null) this.controls.own.close();
    super.change(tokens ? { ...changes, cut: Math.floor((2 * tokens.length) / 3) } : changes);
    this.runner.ask(before);
  }

  /** @param {LeakState} before */
  followed(before) {
    this.runner.ask(before);
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
    const { texts } = this.runner.data;
    return own ?? texts.find(({ name }) => name === text)?.text ?? "";
  }

  /** @param {LeakView} answer Shown from now on. @param {boolean} live */
  show(answer, live) {
    Object.assign(this, { answer, live, changes: new Changes(answer), laid: false });
    this.plot.node.classList.remove("dim");
    this.draw();
    this.report();
    this.announce();
  }

  announce() {
    const { answer, state } = this;
    if (ASKS.every((name) => state[name] === answer.state[name])) super.announce();
  }

  report() {
    if (!this.frame) return;
    const { rule } = this.answer.state;
    const { status } = this.live ? this.runner.session() : this.runner;
    const trained = rule === "trained" ? ", trained causally" : ", rule switched";
    this.frame.report(status, this.live, rule === "paper" ? "" : trained);
    this.controls.report();
  }

  dispose() {
    this.runner.work.stop();
    super.dispose();
  }
}

const leakProbe = drawnBy(LeakProbe);

defineElement("mosa-leak", leakProbe);

export default leakProbe;
