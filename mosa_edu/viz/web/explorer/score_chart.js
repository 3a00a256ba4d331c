/**
 * Why these tokens: the router's score of every token, and the cut.
 * @module
 */

import { HEAD_LEVEL } from "./levels.js";
import { followPointer } from "./pointer.js";
import { chartScale, cutLevel, drawCut, drawHead, drawToken } from "./score_drawing.js";
import { drawWords } from "./score_words.js";
import { html, mono, setAttribute, svg } from "../lib/dom.js";
import { fraction, headName, plural } from "../lib/format.js";

/** @param {import("./view.js").Actions} actions */
export function scorePanel(actions) {
  const note = html("span", { class: "note" });
  const [under, head, others, over] = [svg("g"), svg("g"), svg("g"), svg("g")];
  const cut = svg("g", { class: "cut" }); // it stays, so that it can slide
  const chart = svg("svg", { role: "img", class: "chart" }, under, head, cut, others, over);
  let words = ""; // the words that stand there: SVG text is slow to lay out
  const node = html(
    "section",
    { class: "pad why", "aria-label": "Why these tokens" },
    html("div", { class: "line" }, html("span", { class: "h" }, "Why these tokens"), note),
    chart,
  );
  /** @type {import("./view.js").View} */
  let view;
  followPointer(/** @type {any} */ (chart), actions, (x) => ({ token: view.axis.tokenAt(x) }));
  return {
    node,
    /**
     * @param {import("./view.js").View} next
     * @param {number} level
     */
    update(next, level) {
      view = next;
      const scale = chartScale(view);
      const redraw = level >= HEAD_LEVEL || view.axisMoved;
      if (redraw) {
        setAttribute(chart, "width", `${view.axis.width}`);
        setAttribute(chart, "height", `${scale.height}`);
        setAttribute(chart, "aria-label", chartSentence(view));
        note.replaceChildren(...cutNote(view));
        head.replaceChildren(...drawHead(view, scale));
        cut.replaceChildren(...drawCut(view));
        cut.classList.toggle("settles", view.settles);
        cut.style.transform = `translateY(${cutLevel(view, scale)}px)`;
      }
      const parts = drawToken(view, scale);
      const signature = parts.words.map(({ t, x }) => `${t}:${x.toFixed(1)}`).join();
      if (redraw || signature !== words)
        others.replaceChildren(...drawWords(view, scale, parts.words));
      words = signature;
      under.replaceChildren(...parts.under);
      over.replaceChildren(...parts.over);
    },
  };
}

/** @param {import("./view.js").View} view @returns {(Node | string)[]} */
function cutNote({ routing, row, labels, axis }) {
  const cut = routing.cut(row);
  if (!cut) return ["This head does not keep its best scores."];
  const score = (/** @type {number} */ t) => ` ${fraction(routing.score(row, t))}`;
  const lead = axis.narrow ? [] : ["Router score of every token. "];
  const last = [...lead, "Last in ", mono(labels[cut.last]), score(cut.last)];
  if (cut.first < 0) return [...last, "; nothing is left out"];
  const tie = cut.tie ? " (a tie: the earlier position wins)" : "";
  return [...last, ", first out ", mono(labels[cut.first]), score(cut.first), tie];
}

/** @param {import("./view.js").View} view */
function chartSentence({ routing, row, layer, head }) {
  const cut = routing.cut(row);
  const kept = plural(routing.picks[row].length, "token");
  const where = cut ? ` at or above the cut of ${fraction(cut.value)}` : "";
  return `Router scores of ${headName(layer, head)}: ${kept} of ${routing.T}${where}.`;
}
