// The reader's own text, and the banner that says when it cannot be run.

import { labelled, listField } from "./controls.js";
import { bold, button, div, html, wellFormed } from "./dom.js";
import { count, megabytes, plural } from "./format.js";

/** Longest own text that the box takes and a link carries, in characters. */
export const LONGEST_TEXT = 4000;

/** Longest text in the address itself, where a character of other scripts is three bytes of three. */
const LONGEST_IN_ADDRESS = 7000;

/** As much of a text as a link carries, in whole characters. @param {string} text
 * @param {number} [most] Characters. @returns {string} */
export function linkedPart(text, most = LONGEST_TEXT) {
  let [room, end] = [LONGEST_IN_ADDRESS, 0];
  for (const character of text) {
    room -= encodeURIComponent(wellFormed(character)).length;
    if (room < 0 || end + character.length > most) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** Pause in typing, in milliseconds, before the text is routed. */
export const DEBOUNCE = 250;

// A box to write in, heard when the hand rests.
/** @param {string} name @param {number} rows @param {number} most Characters.
 * @param {(text: string) => void} write */
export function textBox(name, rows, most, write) {
  const attributes = { rows, spellcheck: "false", dir: "auto", maxlength: most };
  const box = html("textarea", { ...attributes, "aria-label": name });
  let timer = 0;
  const send = () => {
    timer = 0;
    write(box.value);
  };
  box.addEventListener("keydown", (event) => event.stopPropagation());
  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(send, DEBOUNCE);
  });
  return {
    box,
    /** Hear now what was typed a moment ago. */
    flush() {
      clearTimeout(timer);
      if (timer) send();
    },
  };
}

/**
 * A list of texts, and a button for the reader's own.
 * @param {{name: string, title: string}[]} texts @param {string} yours What the list says then.
 * @param {(name: string) => void} choose @param {() => void} turn
 */
export function ownTextField(texts, yours, choose, turn) {
  const { select } = listField("Text", texts, choose);
  select.append(html("option", { value: "", hidden: true }, yours));
  const own = button("Your text", turn, { class: "own-button", "aria-expanded": "false" });
  return { node: labelled("Text", div("row", select, own)), select, own };
}

/** @param {{route: (text: string) => void, load: () => void}} actions
 * @param {number} most Tokens that the model reads. */
export function ownTextPanel(actions, most) {
  const label = `Your text, up to ${most} tokens`;
  const { box, flush } = textBox(label, 3, LONGEST_TEXT, (text) => actions.route(text));
  const start = button("Route this text", () => {
    actions.load();
    actions.route(box.value);
  });
  const note = html("span", { class: "note", role: "status" });
  const heading = html("label", { class: "label" }, label);
  const node = html(
    "div",
    { class: "pad own", hidden: true },
    heading,
    box,
    div("row", start, note),
  );
  return {
    node,
    box,
    /** @param {string} text */
    open(text) {
      node.hidden = false;
      if (text && box.value !== text) box.value = text;
    },
    /** Open it to write in. @param {string} text */
    begin(text) {
      this.open(text);
      box.focus();
      box.select();
    },
    close() {
      node.hidden = true;
      flush();
    },
    /** @param {import("./session.js").Status} status
     * @param {{obstacle: string, tokens: number, left: number, k: number}} facts Tokens are -1 while
     *   nobody can count them. */
    report({ name, total }, { obstacle, tokens, left, k }) {
      start.disabled = name === "loading" || name === "live" || obstacle !== "";
      start.hidden = name === "live";
      const size = total ? ` (${megabytes(total)} MB)` : "";
      const late = `The last ${plural(left, "token")} of your text ${left === 1 ? "is" : "are"}`;
      const full = `The box is full: it takes ${count(LONGEST_TEXT)} characters.`;
      const told = [
        `${plural(tokens, "token")}, so k = ${k}.`,
        ...(left ? [`${late} left out.`] : []),
        ...(box.value.length < LONGEST_TEXT ? [] : [full]),
      ];
      /** @type {Record<string, string>} */
      const words = {
        loading: "Ready when the model has arrived; the stored example stays below.",
        live: tokens < 2 ? "Type at least two tokens." : told.join(" "),
      };
      const usual = `The trained model comes into this page${size} and reads your text here.`;
      note.textContent = obstacle || (words[name] ?? usual);
    },
  };
}

/** @param {() => void} retry */
export function bannerPanel(retry) {
  const words = html("p");
  const sign = html("span", { class: "sign", "aria-hidden": "true" }, "⚠");
  const again = button("Try again", retry);
  const alert = { class: "banner", role: "alert", hidden: true };
  const node = html("div", alert, sign, words, again);
  return {
    node,
    /** @param {import("./session.js").Status} status */
    report({ name, message }) {
      node.hidden = name !== "error";
      const end = /[.!?]$/.test(message) ? "" : ".";
      const rest = `${message}${end} The stored examples below are complete and keep working.`;
      words.replaceChildren(bold("The model could not be loaded. "), rest);
    },
  };
}
