/**
 * Builds the probe's card.
 * @module
 */

import { labelled, segmentField, shareButton, tableSection } from "../card.js";
import { button, html, svg } from "../dom.js";
import { download } from "../download.js";
import { bannerPanel } from "../explorer/own_text.js";
import { LIGHT, SANS } from "../palette.js";
import { RULES, writeLeak } from "./address.js";
import { drawLeak, gridOf } from "./chart.js";
import { FUTURES } from "./futures.js";
import { leakPlot, leakRows, leakSayings, leakText } from "./panels.js";
import { leakFinding, leakLegend } from "./words.js";

const TYPING = 250;
const PAPER_WIDTH = 726;

/** @typedef {import("./controller.js").LeakProbe} Probe */

/**
 * One picture with its caption, always light.
 * @param {Probe} probe
 * @returns {string} An SVG document.
 */
function leakPicture({ view, changes, data, state }) {
  const grid = gridOf(PAPER_WIDTH, view);
  const { who, keeps, what, detail } = leakFinding(view, changes);
  const finding = `${who}${keeps}; ${what}`;
  const legend = leakLegend(view, changes).map(([mark, words]) => `${{ kept: "grey: ", new: "▲ ", lost: "✕ " }[mark] ?? ""}${words}`);
  const lines = [detail, legend.join(";  "), data.about, `Cut before position ${view.cut}. #${writeLeak(state).slice(0, 140)}`];
  const text = (/** @type {string} */ words, /** @type {number} */ size, /** @type {number} */ y, weight = 400) =>
    svg("text", { "font-family": SANS, "font-size": size, "font-weight": weight, fill: LIGHT.ink, x: 16, y }, words);
  const top = 56;
  const [width, height] = [PAPER_WIDTH + 32, top + grid.height + 16 * lines.length + 24];
  const bar = svg("rect", { x: grid.left + view.cut * grid.column - 1.5, y: 0, width: 3, height: grid.bottom, fill: LIGHT.ink });
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, width, height },
    svg("title", {}, finding),
    svg("rect", { width, height, fill: LIGHT.ground }),
    text(finding, 16, 34, 600),
    svg("g", { transform: `translate(16 ${top})` }, ...drawLeak(grid, view, changes, LIGHT, view.cut), bar),
    ...lines.map((words, i) => text(words, 11, top + grid.height + 16 * (i + 1))),
  );
  return new XMLSerializer().serializeToString(picture);
}

/**
 * One line a head and pick before the cut.
 * @param {Probe} probe
 * @returns {string} CSV as in RFC 4180.
 */
function leakCsv({ view, changes }) {
  const lines = changes.marks.map(({ row, t, kind }) =>
    [Math.floor(row / view.heads), row % view.heads, t, view.tokens[t].id, kind].join(),
  );
  const moved = leakRows(view, changes).slice(1);
  const predictions = moved.map((row, t) => ["", "", t, view.tokens[t].id, row[5], view.moved.divergence[t].toFixed(6)].join());
  return `${["layer,head,position,token_id,change,nats", ...lines.map((line) => `${line},`), ...predictions].join("\r\n")}\r\n`;
}

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
 * @returns {HTMLElement[]} The buttons at the foot.
 */
function footButtons(probe) {
  const name = () => `mosa-leak-${probe.view.state.text}-${probe.view.cut}`;
  const turn = () => probe.change({ view: probe.state.view === "table" ? "figure" : "table" });
  return [
    button("Table view", turn, { "aria-pressed": "false" }),
    shareButton(() => writeLeak(probe.state), (words) => probe.say(words)),
    button("Save SVG", () => download(`${name()}.svg`, "image/svg+xml", leakPicture(probe))),
    button("CSV", () => download(`${name()}.csv`, "text/csv", leakCsv(probe))),
  ];
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
  const select = html("select", { "aria-label": "Text" }, ...data.texts.map(({ name, title }) => html("option", { value: name }, title)));
  select.addEventListener("change", () => probe.change({ text: select.value, edit: null, token: 0 }));
  const future = segmentField("Future", FUTURES, (kind) => probe.change({ future: /** @type {any} */ (kind) }));
  const rule = segmentField("Rule", RULES, (name) => probe.change({ rule: /** @type {any} */ (name) }));
  const roll = button("Re-roll the future", () => probe.change({ future: probe.state.future === "tail" ? "tail" : "random", seed: probe.state.seed + 1 }));
  const banner = bannerPanel(() => probe.change(probe.wanted));
  const edit = editBox((words) => probe.change({ future: "edit", edit: words }));
  const told = html("span", { class: "note told", role: "status" });
  const status = html("div", { class: "hidden", role: "status", "aria-live": "polite" });
  const { scroll, table } = tableSection("Table of all tokens before the cut");
  const buttons = footButtons(probe);
  const heading = html("p", { class: "h" });
  const figure = html("section", { class: "pad why" }, heading, plot.node, sayings.marks);
  const card = html(
    "div",
    { class: "card leak", role: "group", "aria-labelledby": id },
    html("header", {}, html("div", { class: "top" }, html("span", { class: "name" }, "Leak probe"), pill), html("div", { class: "pad" }, sayings.finding, sayings.detail)),
    html("div", { class: "controls" }, labelled("Text", select), future.node, rule.node),
    banner.node,
    edit.node,
    html("div", { class: "pad text-block" }, text.node),
    sayings.readout,
    figure,
    table,
    html("footer", {}, html("div", { class: "row wrap" }, roll, ...buttons, told), html("p", { class: "note" }, "Both runs read the same tokens before the cut. ", data.about)),
    status,
  );
  return {
    ...{ card, sayings, text, plot, pill, banner, told, status, scroll, table, figure },
    /**
     * @param {import("./address.js").LeakState} state
     * @param {import("./compare.js").LeakView} view
     */
    show(state, view) {
      select.value = state.text;
      future.show(state.future);
      rule.show(state.rule);
      edit.node.hidden = state.future !== "edit";
      // A box that is written in keeps what was typed.
      if (!edit.box.matches(":focus")) edit.box.value = state.edit ?? probe.writtenFuture();
      buttons[0].setAttribute("aria-pressed", `${state.view === "table"}`);
      const rows = `all ${view.layers * view.heads} heads`;
      heading.textContent = view.state.rule === "dense" ? "No MoSA head takes part" : `Before the cut: picks of ${rows}`;
    },
  };
}
