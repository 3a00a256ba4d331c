/**
 * The reader's own text, and the banner that says when it cannot be run.
 * @module
 */

import { bold, button, html } from "./dom.js";
import { count, megabytes, plural } from "./format.js";
import { DEBOUNCE, LONGEST_TEXT } from "./limits.js";

/**
 * @param {{route: (text: string) => void, load: () => void}} actions
 * @param {number} most Tokens that the model reads.
 */
export function ownTextPanel(actions, most) {
  const box = html("textarea", {
    rows: 3,
    spellcheck: "false",
    dir: "auto",
    maxlength: LONGEST_TEXT,
    "aria-label": `Your text, up to ${most} tokens`,
  });
  const start = button("Route this text", () => {
    actions.load();
    actions.route(box.value);
  });
  const note = html("span", { class: "note", role: "status" });
  const node = html(
    "div",
    { class: "pad own", hidden: true },
    html("label", { class: "label" }, `Your text, up to ${most} tokens`),
    box,
    html("div", { class: "row" }, start, note),
  );
  let timer = 0;
  const send = () => {
    timer = 0;
    actions.route(box.value);
  };
  box.addEventListener("keydown", (event) => event.stopPropagation());
  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(send, DEBOUNCE);
  });
  return {
    node,
    box,
    /** @param {string} text */
    open(text) {
      node.hidden = false;
      if (text && box.value !== text) box.value = text;
    },
    close() {
      clearTimeout(timer);
      node.hidden = true;
      if (timer) send(); // what was typed a moment ago counts too
    },
    /**
     * @param {import("./session.js").Status} status
     * @param {{obstacle: string, tokens: number, left: number, k: number}} facts Tokens are -1 while
     *   nobody can count them.
     */
    report(status, { obstacle, tokens, left, k }) {
      start.disabled = status.name === "loading" || status.name === "live" || obstacle !== "";
      start.hidden = status.name === "live";
      const size = status.total ? ` (${megabytes(status.total)} MB)` : "";
      if (obstacle) note.textContent = obstacle;
      else if (status.name === "loading")
        note.textContent = "Ready when the model has arrived; the stored example stays below.";
      else if (status.name !== "live")
        note.textContent = `The trained model comes into this page${size} and reads your text here.`;
      else if (tokens < 2) note.textContent = "Type at least two tokens.";
      else {
        const cut = left
          ? ` The last ${plural(left, "token")} of your text ${left === 1 ? "is" : "are"} left out.`
          : "";
        const full = box.value.length < LONGEST_TEXT ? "" : ` The box is full: it takes ${count(LONGEST_TEXT)} characters.`;
        note.textContent = `${plural(tokens, "token")}, so k = ${k}.${cut}${full}`;
      }
    },
  };
}

/** @param {() => void} retry */
export function bannerPanel(retry) {
  const words = html("p");
  const node = html(
    "div",
    { class: "banner", role: "alert", hidden: true },
    html("span", { class: "sign", "aria-hidden": "true" }, "⚠"),
    words,
    button("Try again", retry),
  );
  return {
    node,
    /** @param {import("./session.js").Status} status */
    report({ name, message }) {
      node.hidden = name !== "error";
      words.replaceChildren(
        bold("The model could not be loaded. "),
        `${message}${/[.!?]$/.test(message) ? "" : "."} The stored examples below are complete and keep working.`,
      );
    },
  };
}
