// The text: chips for picks, a ring for the token under study, bars for what it looks at.

import { chipOf, onHover, tokenChips } from "../lib/controls.js";
import { div, html, mono, setAttribute, setText, span } from "../lib/dom.js";
import { fraction, plural } from "../lib/format.js";

/** Widest bar under a token: all of the attention. */
const FULL_BAR = 40;

/** @typedef {import("./view.js").View} View */

/** @param {View} view @param {number} t @returns {string} A token for those who hear it. */
export function tokenSentence(view, t) {
  const { routing, row } = view;
  const { before, piece, after } = view.word(t);
  const { kept, margin } = routing.standing(row, t);
  return [
    before || after ? `${before}${piece}${after}, piece ${piece}` : piece,
    `position ${t}`,
    kept ? "picked" : "not picked",
    `score ${fraction(routing.score(row, t))}`,
    `rank ${routing.rank(row, t)} of ${routing.T}`,
    ...(margin ? [margin] : []),
    `${routing.perToken[t]} of ${plural(routing.rows, "head")}`,
  ].join(", ");
}

/** Fade the edges behind which there is more. @param {HTMLElement} list */
function markEnds(list) {
  list.classList.toggle("more-above", list.scrollTop > 2);
  list.classList.toggle("more-below", list.scrollTop + list.clientHeight < list.scrollHeight - 2);
}

/** Keep a token in view inside its own box; the page must not move. @param {HTMLElement} list @param {HTMLElement} span */
function scrollTo(list, span) {
  if (list.scrollHeight <= list.clientHeight) return;
  const [box, own] = [list.getBoundingClientRect(), span.getBoundingClientRect()];
  if (own.top < box.top + 28) list.scrollTop += own.top - box.top - 28;
  else if (own.bottom > box.bottom - 28) list.scrollTop += own.bottom - box.bottom + 28;
}

/** @param {import("../explorer.js").Explorer} explorer */
export function textPanel(explorer) {
  const list = html("div", { class: "text", role: "listbox", "aria-label": "Tokens", dir: "auto" });
  const key = html(
    "p",
    { class: "key note", "aria-hidden": "true" },
    html("span", {}, html("code", { class: "tok in" }, "in"), " picked by this head"),
    html("span", {}, html("code", { class: "tok at" }, "at"), " under study"),
    html("span", {}, html("i", { class: "bar" }), " its attention"),
    html("span", {}, html("code", { class: "tok none" }, "none"), " no head picks it"),
    span("hint", "Hover previews, click keeps."),
  );
  const label = html("p", { class: "note example", hidden: true });
  /** @type {HTMLElement[]} */
  let spans = [];
  let stop = 0; // the one token in the tab order

  onHover(list, (event) => {
    const t = event ? chipOf(event) : -1;
    explorer.preview(t >= 0 ? { token: t } : null);
  });
  list.addEventListener("click", (event) => {
    const t = chipOf(event);
    if (t >= 0) explorer.select({ token: t });
  });
  list.addEventListener("scroll", () => markEnds(list));

  return {
    node: div("pad text-block", label, list, key),
    list,
    /** @param {View} view */
    update(view) {
      const { routing, row, token } = view;
      if (view.dirty.all) {
        const chips = tokenChips(routing.texts, view.labels);
        spans = chips.spans;
        list.replaceChildren(...chips.parts.flat());
      }
      label.hidden = !view.exampleLabel;
      setText(label, view.exampleLabel);
      const weights = routing.weights(row, token);
      spans.forEach((span, t) => {
        const weight = weights.get(t) ?? 0;
        const attended = weight >= 0.02;
        let name = routing.texts[t].trim() ? "tok" : "tok sign";
        if (routing.isKept(row, t)) name += " in";
        else if (routing.perToken[t] === 0) name += " none";
        if (t === token) name += " at";
        if (t === view.other) name += " lit";
        if (attended) name += " att";
        if (span.className !== name) span.className = name;
        if (attended) {
          span.style.setProperty("--w", `${Math.max(3, FULL_BAR * weight).toFixed(1)}px`);
        }
      });
      if (view.isPreview) return;
      setAttribute(spans[stop] ?? spans[token], "tabindex", "-1");
      setAttribute(spans[stop] ?? spans[token], "aria-selected", null);
      stop = token;
      setAttribute(spans[token], "tabindex", "0");
      setAttribute(spans[token], "aria-selected", "true");
      setAttribute(spans[token], "aria-label", tokenSentence(view, token));
      scrollTo(list, spans[token]);
      markEnds(list);
    },
    /** Name all tokens for those who hear them: many strings, so it waits for an idle moment. @param {View} view */
    describe(view) {
      if (spans.length !== view.routing.T) return; // another text has come, and is drawn next
      spans.forEach((span, t) => setAttribute(span, "aria-label", tokenSentence(view, t)));
    },
    /** Move the keyboard to the token under study. */
    focus() {
      spans[stop]?.focus({ preventScroll: true });
    },
  };
}

/** The line that holds the numbers of the token under study. */
export function readoutPanel() {
  const name = mono();
  const [score, rank, place] = [html("b"), html("b"), html("b")];
  const [position, total, margin, keepers] = Array.from({ length: 4 }, () => new Text());
  const facts = [[position], ["score ", score], ["rank ", rank, total], [place, margin], [keepers]];
  const spans = facts.map((parts) => span("fact", ...parts));
  return {
    node: div("readout", name, span("facts", ...spans)),
    /** @param {View} view */
    update({ routing, row, token, labels }) {
      const stands = routing.standing(row, token);
      setText(name, labels[token]);
      position.data = `position ${token}`;
      setText(score, fraction(routing.score(row, token)));
      setText(rank, `${routing.rank(row, token)}`);
      total.data = ` of ${routing.T}`;
      setText(place, stands.kept ? "in" : "out");
      margin.data = stands.margin && `, ${stands.margin}`;
      keepers.data = `${routing.perToken[token]} of ${plural(routing.rows, "head")}`;
    },
  };
}
