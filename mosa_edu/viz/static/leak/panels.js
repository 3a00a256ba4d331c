/**
 * The parts of the probe's card and how they are filled.
 * @module
 */

import { chipOf, studyChip, tokenChips } from "../chips.js";
import { html, mono, setAttribute, svg } from "../dom.js";
import { fraction } from "../format.js";
import { tokenLabels } from "../tokens.js";
import { drawLeak, gridOf } from "./chart.js";
import { FAR } from "./compare.js";
import { leakFinding, leakLegend, leakSentence } from "./words.js";

const MARKS = { kept: "", new: "▲", lost: "✕", thin: "", thick: "" };

/**
 * The text with its bar; tokens are options of a list.
 * @param {{study: (t: number) => void, preview: (t: number) => void}} actions
 */
export function leakText(actions) {
  const node = html("div", { class: "text", role: "listbox", "aria-label": "Tokens", dir: "auto" });
  const bar = html("span", { class: "bar", role: "presentation" });
  /** @type {HTMLElement[]} */
  let spans = [];
  node.addEventListener("click", (event) => {
    if (chipOf(event) >= 0) actions.study(chipOf(event));
  });
  node.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") actions.preview(chipOf(event));
  });
  node.addEventListener("pointerleave", () => actions.preview(-1));
  return {
    node,
    bar,
    /**
     * @param {import("./compare.js").LeakView} view
     * @param {string[]} labels
     * @param {import("./compare.js").Changes} changes
     */
    build({ tokens, cut, moved }, labels, changes) {
      const chips = tokenChips(tokens.map(({ text }) => text), labels);
      spans = chips.spans;
      spans.forEach((span, t) => {
        if (t >= cut) span.classList.add("after");
        else if (moved.changed[t]) span.classList.add(moved.divergence[t] > FAR ? "thick" : "thin");
        if (t < cut) span.title = `${changes.count("new", t)} new, ${changes.count("lost", t)} lost`;
      });
      const parts = chips.parts.flatMap((part, t) => (t === cut ? [bar, ...part] : part));
      node.replaceChildren(...parts, ...(tokens.length === cut ? [bar] : []));
    },
    /** @param {number} t @param {string} sentence */
    mark(t, sentence) {
      studyChip(spans, t, sentence);
      spans.forEach((span, own) => setAttribute(span, "aria-selected", own === t ? "true" : null));
    },
    /** @param {number} t */
    focus: (t) => spans[t]?.focus({ preventScroll: true }),
  };
}

/** The chart and its bar. */
export function leakPlot() {
  const drawing = svg("svg", { role: "img" });
  const label = html("span", { class: "at", "aria-hidden": "true" });
  const bar = html("div", { class: "bar", role: "slider", tabindex: 0, "aria-label": "Cut", "aria-valuemin": 1 });
  const node = html("div", { class: "plot" }, drawing, label, bar);
  return {
    node,
    bar,
    /**
     * @param {number} width
     * @param {import("./compare.js").LeakView} view
     * @param {import("./compare.js").Changes} changes
     * @param {import("../palette.js").Palette} palette
     * @param {number} cut
     * @returns {import("./chart.js").Grid}
     */
    draw(width, view, changes, palette, cut) {
      const grid = gridOf(width, view);
      for (const [name, value] of Object.entries({ width, height: grid.height })) drawing.setAttribute(name, `${value}`);
      drawing.replaceChildren(...drawLeak(grid, view, changes, palette, cut));
      const picks = `${changes.count("kept")} picks as before, ${changes.new} new, ${changes.lost} lost`;
      setAttribute(drawing, "aria-label", `Picks of ${view.layers * view.heads} heads before position ${view.cut}: ${picks}`);
      const x = grid.left + cut * grid.column;
      Object.assign(bar.style, { left: `${x}px`, height: `${grid.height}px` });
      const words = `drag the cut: ${cut}`;
      label.textContent = words;
      label.style.left = `${x - grid.left > 76 ? x - 14 - words.length * 6 : x + 14}px`;
      setAttribute(bar, "aria-valuemax", `${view.T - 1}`);
      setAttribute(bar, "aria-valuenow", `${cut}`);
      setAttribute(bar, "aria-valuetext", `Cut before position ${cut}`);
      return grid;
    },
  };
}

/**
 * Everything drawn, as rows of text: one a position before the cut.
 * @param {import("./compare.js").LeakView} view
 * @param {import("./compare.js").Changes} changes
 * @returns {string[][]} Headings first.
 */
export function leakRows({ tokens, cut, moved }, changes) {
  const labels = tokenLabels(tokens.map(({ text }) => text));
  const head = ["Position", "Token", "Heads in both", "New", "Lost", "Prediction", "Nats (KL)"];
  return [
    head,
    ...labels.slice(0, cut).map((label, t) => [
      `${t}`,
      label,
      ...["kept", "new", "lost"].map((kind) => `${changes.count(/** @type {"kept"} */ (kind), t)}`),
      moved.changed[t] ? "changed" : "as before",
      fraction(moved.divergence[t], 5),
    ]),
  ];
}

/** Finding, second line, readout, legend: what is said about a view. */
export function leakSayings() {
  const parts = { who: html("span"), keeps: html("span", { class: "keeps" }), what: html("span", { class: "what" }) };
  const finding = html("p", { class: "finding" }, parts.who, parts.keeps, "; ", parts.what);
  const detail = html("p", { class: "detail" });
  const readout = html("div", { class: "readout" });
  const marks = html("p", { class: "note marks" });
  return {
    finding,
    detail,
    readout,
    marks,
    /**
     * @param {import("./compare.js").LeakView} view
     * @param {import("./compare.js").Changes} changes
     */
    say(view, changes) {
      const { detail: second, ...words } = leakFinding(view, changes);
      for (const [name, text] of Object.entries(words)) parts[/** @type {keyof typeof parts} */ (name)].textContent = text;
      detail.textContent = second;
      marks.replaceChildren(
        ...leakLegend(view, changes).map(([mark, text]) =>
          html("span", {}, html("i", { class: mark }, MARKS[/** @type {keyof typeof MARKS} */ (mark)]), ` ${text}`),
        ),
      );
    },
    /**
     * @param {import("./compare.js").LeakView} view
     * @param {import("./compare.js").Changes} changes
     * @param {string[]} labels
     */
    read(view, changes, labels) {
      readout.replaceChildren(mono(labels[view.state.token]), leakSentence(view, changes));
    },
  };
}
