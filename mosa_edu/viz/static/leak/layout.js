/**
 * Builds the probe's card.
 * @module
 */

import { labelled, segmentField, shareButton, tableSection } from "../card.js";
import { button, html } from "../dom.js";
import { bannerPanel, ownTextPanel } from "../explorer/own_text.js";
import { takeButtons } from "../take_along.js";
import { RULES, writeLeak } from "./address.js";
import { FUTURES } from "./futures.js";
import { leakPlot, leakSayings, leakText } from "./panels.js";
import { takenOfLeak } from "./take.js";

const TYPING = 250;

/** @typedef {import("./controller.js").LeakProbe} Probe */

/**
 * The reader's own future.
 * @param {(text: string) => void} write
 */
function editBox(write) {
  const box = html("textarea", { rows: 2, spellcheck: "false", dir: "auto", maxlength: 2000, "aria-label": "Your future, after the cut" });
  const node = html("div", { class: "pad own", hidden: true }, html("label", { class: "label" }, "What comes after the cut"), box);
  let timer = 0;
  box.addEventListener("keydown", (event) => event.stopPropagation());
  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => write(box.value), TYPING);
  });
  return { node, box };
}

/**
 * @param {Probe} probe
 * @param {string} id Of the finding.
 */
export function buildProbe(probe, id) {
  const { data } = probe;
  const sayings = leakSayings();
  sayings.finding.id = id;
  const [text, plot, pill] = [leakText(probe), leakPlot(), html("span", { class: "pill" })];
  const select = html("select", { "aria-label": "Text" }, ...data.texts.map(({ name, title }) => html("option", { value: name }, title)), html("option", { value: "", hidden: true }, "Yours"));
  select.addEventListener("change", () => {
    own.close();
    probe.change({ text: select.value, own: null, edit: null, token: 0 });
  });
  const own = ownTextPanel({ load: () => void probe.bring(), route: (text) => probe.route(text) }, data.config.max_seq_len);
  const ownButton = button("Your text", () => probe.ownText(), { class: "own-button" });
  const future = segmentField("Future", FUTURES, (kind) => probe.change({ future: /** @type {any} */ (kind) }));
  const rule = segmentField("Rule", RULES, (name) => probe.change({ rule: /** @type {any} */ (name) }));
  const roll = button("Re-roll the future", () => probe.change({ future: probe.state.future === "tail" ? "tail" : "random", seed: probe.state.seed + 1 }));
  const banner = bannerPanel(() => probe.change(probe.wanted));
  const edit = editBox((words) => probe.change({ future: "edit", edit: words }));
  const told = html("span", { class: "note told", role: "status" });
  const status = html("div", { class: "hidden", role: "status", "aria-live": "polite" });
  const { scroll, table } = tableSection("Table of all tokens before the cut");
  const turn = button("Table view", () => probe.change({ view: probe.state.view === "table" ? "figure" : "table" }), { "aria-pressed": "false" });
  const tell = (/** @type {string} */ words) => probe.say(words);
  const buttons = [turn, shareButton(() => writeLeak(probe.state), tell), ...takeButtons(() => takenOfLeak(probe), tell)];
  const heading = html("p", { class: "h" });
  const figure = html("section", { class: "pad why" }, heading, plot.node, sayings.marks);
  const card = html(
    "div",
    { class: "card leak", role: "group", "aria-labelledby": id },
    html("header", {}, html("div", { class: "top" }, html("span", { class: "name" }, "Leak probe"), pill), html("div", { class: "pad" }, sayings.finding, sayings.detail)),
    html("div", { class: "controls" }, labelled("Text", html("div", { class: "row" }, select, ownButton)), future.node, rule.node),
    banner.node,
    own.node,
    edit.node,
    html("div", { class: "pad text-block" }, text.node),
    sayings.readout,
    figure,
    table,
    html("footer", {}, html("div", { class: "row wrap" }, roll, ...buttons, told), html("p", { class: "note" }, "Both runs read the same tokens before the cut. ", data.about)),
    status,
  );
  return {
    ...{ card, own, sayings, text, plot, pill, banner, told, status, scroll, table, figure },
    /**
     * @param {import("./address.js").LeakState} state
     * @param {import("./compare.js").LeakView} view
     */
    show(state, view) {
      select.value = state.own === null ? state.text : "";
      ownButton.setAttribute("aria-expanded", `${!own.node.hidden}`);
      future.show(state.future);
      rule.show(state.rule);
      edit.node.hidden = state.future !== "edit";
      // A box that is written in keeps what was typed.
      if (!edit.box.matches(":focus")) edit.box.value = state.edit ?? probe.writtenFuture();
      turn.setAttribute("aria-pressed", `${state.view === "table"}`);
      const rows = `all ${view.layers * view.heads} heads`;
      heading.textContent = view.state.rule === "dense" ? "No MoSA head takes part" : `Before the cut: picks of ${rows}`;
    },
  };
}
