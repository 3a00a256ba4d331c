// Six steps round the figure; what each says is read off the figure, so it is true of any text.

import { button, div, html, paragraph, setAttribute, setText } from "../lib/dom.js";
import { count, fraction, percent, plural } from "../lib/format.js";
import { findingOf, sentenceOf } from "./card.js";
import { headCost, pairs } from "./head.js";

/** @typedef {import("./view.js").View} View */

/** @param {string} label */
const quoted = (label) => `“${label}”`;

/** @type {{title: string, panel: string, say: (view: View) => string}[]} */
const STOPS = [
  {
    title: "Who is kept",
    panel: "text",
    say({ routing, row }) {
      const blue = routing.picks[row].length ? " Its picks stand out in blue." : "";
      return sentenceOf(findingOf(routing, row)) + blue;
    },
  },
  {
    title: "Why those",
    panel: "scores",
    say({ routing, row, labels }) {
      const cut = routing.cut(row);
      if (!cut) return "Something else than the highest score decides who is in this head.";
      const begin = "The router of the head scores every token.";
      if (cut.first < 0) return `${begin} All are in.`;
      const [last, first] = [cut.last, cut.first].map((t) => quoted(labels[t]));
      const value = fraction(cut.value);
      if (cut.tie) return `${begin} ${last} and ${first} are level at ${value}; ${cut.tie}.`;
      const out = fraction(routing.score(row, cut.first));
      return `${begin} ${last}, with ${value}, is the last one in; ${first}, with ${out}, the first out.`;
    },
  },
  {
    title: "All the other heads",
    panel: "overview",
    say({ routing, labels }) {
      const most = Math.max(...routing.perToken);
      const name = quoted(labels[routing.perToken.indexOf(most)]);
      const mean = routing.mean.toFixed(1);
      const none = plural(routing.orphans().length, "token");
      return `Each of the ${routing.rows} heads has a row. On average ${mean} heads keep a token; ${name} is kept by ${most}, the most; ${none} by none.`;
    },
  },
  {
    title: "What is left to compute",
    panel: "sparse",
    say({ routing: { T, picks }, row }) {
      const k = picks[row].length;
      const [all, own] = [T, k].map((n) => count(pairs(n)));
      return `A dense head looks at ${all} pairs of these ${T} tokens. This one takes out its ${k} and looks at ${own}.`;
    },
  },
  {
    title: "Who looks at whom",
    panel: "attention",
    say({ routing, row, token, labels }) {
      const name = quoted(labels[token]);
      const keepers = `${routing.perToken[token]} of ${plural(routing.rows, "head")}`;
      if (!routing.isKept(row, token)) {
        return `${name} is not in this head, so here it neither looks nor is looked at. ${keepers} keep it.`;
      }
      const weights = routing.attention(row, token);
      if (!weights) return "At this k the attention is known only to the live model.";
      const best = weights.reduce((a, b) => (b.weight > a.weight ? b : a));
      const whom = best.t === token ? "itself" : quoted(labels[best.t]);
      const share = fraction(best.weight, 2);
      return `Among the kept, ${name} looks most at ${whom}: ${share} of its attention.`;
    },
  },
  {
    title: "What it saves",
    panel: "cost",
    say(view) {
      const shares = headCost(view).map(
        ({ name, share }) => `${percent(share)} of the ${name.replace("Pairs", "pairs")}`,
      );
      return `Beside one dense head, this one has ${shares.join(", ")}.`;
    },
  },
];

/** @param {import("../explorer.js").Explorer} explorer
 * @param {Record<string, HTMLElement>} panels By name. */
export function tourPanel(explorer, panels) {
  const go = (/** @type {number} */ step) => {
    explorer.change(step ? { tour: step, view: "figure" } : { tour: step });
    explorer.draw(false); // the keyboard must not wait for a frame to find the next button
    (step ? next : start).focus({ preventScroll: true });
  };
  const start = button("Tour", () => go(1), { class: "plain", title: "Six steps" });
  const back = button("Back", () => go(shown - 1));
  const next = button("Next", () => go(shown < STOPS.length ? shown + 1 : 0));
  const end = button("End tour", () => go(0), { class: "plain" });
  const title = paragraph("h");
  const words = paragraph("said");
  const links = STOPS.map((step, i) => {
    const onclick = (/** @type {Event} */ event) => {
      event.preventDefault();
      go(i + 1);
    };
    return html("a", { class: "step", title: step.title, onclick }, `${i + 1}`);
  });
  const node = html(
    "section",
    { class: "tour", "aria-label": "Tour", hidden: true },
    html("div", { role: "status" }, title, words),
    div("row wrap", ...links, back, next, end),
  );
  if (explorer.data.kernel) {
    // A notebook has no address of its own: links to the tour start it here.
    const take = (/** @type {MouseEvent} */ event) => {
      if (!node.isConnected) removeEventListener("click", take, true);
      else if (event.composedPath().some((part) => /#tour=1$/.test(`${part}`))) go(1);
    };
    addEventListener("click", take, true);
  }
  let shown = 0;
  node.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowRight" && shown < STOPS.length) go(shown + 1);
    if (key === "ArrowLeft" && shown > 1) go(shown - 1);
  });
  /** @param {number} step */
  const show = (step) => {
    const panel = panels[STOPS[step - 1]?.panel];
    for (const one of Object.values(panels)) one.classList.toggle("toured", one === panel);
    node.hidden = !step;
    shown = step;
    if (!step) return;
    title.textContent = `Step ${step} of ${STOPS.length}: ${STOPS[step - 1].title}`;
    links.forEach((link, i) => setAttribute(link, "aria-current", i + 1 === step ? "step" : null));
    back.disabled = step === 1;
    next.textContent = step < STOPS.length ? "Next" : "Done";
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const scroll = () =>
      panel.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
    requestAnimationFrame(() => setTimeout(scroll)); // when the card has found its width
  };
  return {
    node,
    start,
    /** @param {View} view */
    update(view) {
      const { tour } = view.state;
      if (tour !== shown) show(tour);
      if (!tour) return;
      if (!view.isPreview) setText(words, STOPS[tour - 1].say(view));
      links.forEach((link, i) => (link.href = explorer.addressWith({ tour: i + 1 })));
    },
  };
}
