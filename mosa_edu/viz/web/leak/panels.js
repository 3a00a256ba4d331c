/**
 * The parts of the probe's card and how they are filled.
 * @module
 */

import { drawLeak, gridOf } from "./chart.js";
import { FAR } from "./compare.js";
import { leakLegend } from "./words.js";
import { tokenList } from "../lib/card.js";
import { html, redraw, setAttribute, svg } from "../lib/dom.js";
import { tokenLabels } from "../lib/format.js";

/** @type {Record<string, string>} */
const MARKS = { new: "▲", lost: "✕" };

/**
 * The text with its bar.
 * @param {import("./controller.js").LeakProbe} probe
 */
export function leakText(probe) {
  const list = tokenList({
    study: (token) => probe.change({ token }),
    preview: (token) => probe.preview(token < 0 ? null : { token }),
  });
  const bar = html("span", { class: "bar", role: "presentation" });
  return {
    ...list,
    bar,
    /** @param {import("./compare.js").LeakView} view @param {import("./compare.js").Changes} changes */
    lay({ tokens, cut, moved }, changes) {
      const texts = tokens.map(({ text }) => text);
      const { spans, parts } = list.lay(texts, tokenLabels(texts));
      spans.forEach((span, t) => {
        if (t >= cut) span.classList.add("after");
        else if (moved.changed[t]) span.classList.add(moved.divergence[t] > FAR ? "thick" : "thin");
        if (t < cut) span.title = `${changes.count("new", t)} new, ${changes.count("lost", t)} lost`;
      });
      parts.splice(cut, 0, [bar]);
      list.node.replaceChildren(...parts.flat());
    },
    /** @param {number} token @param {string} sentence */
    mark(token, sentence) {
      list.mark(token, sentence, () => ({})).forEach((span, t) => setAttribute(span, "aria-selected", t === token ? "true" : null));
    },
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
    grid: gridOf(0, { T: 1, layers: 1, heads: 1 }),
    /**
     * @param {number} width
     * @param {import("./compare.js").LeakView} view
     * @param {import("./compare.js").Changes} changes
     * @param {import("../lib/palette.js").Palette} palette
     * @param {number} cut
     */
    draw(width, view, changes, palette, cut) {
      const grid = (this.grid = gridOf(width, view));
      const picks = `${changes.count("kept")} picks as before, ${changes.new} new, ${changes.lost} lost`;
      const seen = `Picks of ${view.layers * view.heads} heads before position ${view.cut}: ${picks}`;
      redraw(drawing, { nodes: drawLeak(grid, view, changes, palette, cut), height: grid.height }, width, seen);
      const x = grid.left + cut * grid.column;
      Object.assign(bar.style, { left: `${x}px`, height: `${grid.height}px` });
      const words = `drag the cut: ${cut}`;
      label.textContent = words;
      label.style.left = `${x - grid.left > 76 ? x - 14 - words.length * 6 : x + 14}px`;
      setAttribute(bar, "aria-valuemax", `${view.T - 1}`);
      setAttribute(bar, "aria-valuenow", `${cut}`);
      setAttribute(bar, "aria-valuetext", `Cut before position ${cut}`);
    },
  };
}

/**
 * @param {import("./compare.js").LeakView} view
 * @param {import("./compare.js").Changes} changes
 * @returns {Node[]}
 */
export const leakLegendNodes = (view, changes) =>
  leakLegend(view, changes).map(([mark, words]) => html("span", {}, html("i", { class: mark }, MARKS[mark] ?? ""), ` ${words}`));
