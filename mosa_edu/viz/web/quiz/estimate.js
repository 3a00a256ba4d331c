/**
 * A question whose answer is a number: the reader types a guess, then hears how far off it was.
 * @module
 */

import { html } from "../lib/dom.js";
import { recall, remember } from "./memory.js";
import { phraseNodes } from "./phrase.js";

/** @typedef {{id: string, text: import("./phrase.js").Phrase, number: number, shown: string, tolerance: number, reason: import("./phrase.js").Phrase}} NumberQuestion */

/** @param {number} value At most three significant digits. */
const short = (value) => value.toLocaleString("en-US", { maximumSignificantDigits: 3 });

/**
 * @param {string | null} text As typed: "1,600" is one number; the comma of "0,5" is a decimal one,
 *   the only one that keypads of half the world offer.
 * @returns {number} NaN for what is none.
 */
function readNumber(text) {
  const plain = (text ?? "").trim().replace("\u2212", "-");
  const dotted = /^[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/.test(plain) ? plain.replace(/,/g, "") : plain.replace(",", ".");
  return /^[-+]?(\d+\.?\d*|\.\d+)$/.test(dotted) ? Number(dotted) : NaN;
}

export class Estimate {
  /**
   * @param {NumberQuestion} question
   * @param {() => void} changed
   */
  constructor(question, changed) {
    this.question = question;
    this.input = html("input", { inputmode: "decimal", autocomplete: "off", maxlength: 16, "aria-label": "Your guess" });
    this.commit = html("button", {}, "Commit the guess");
    const answer = html("b", {}, question.shown);
    this.reason = html("p", { class: "reason" }, answer, ". ", ...phraseNodes(question.reason));
    this.node = html("form", { class: "choice estimate", novalidate: true }, html("div", { class: "row" }, this.input, this.commit), this.reason);
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.refused = Number.isNaN(readNumber(this.input.value));
      if (!this.refused) {
        this.typed = this.input.value.trim();
        remember(question.id, this.typed);
      }
      changed();
      this.input.focus(); // the button may be gone
    });
    this.typed = recall(question.id);
    this.refused = false;
  }

  get answered() {
    return !Number.isNaN(readNumber(this.typed));
  }

  /** @param {boolean} all Whether the answer is open, asked or not. */
  show(all) {
    this.node.classList.toggle("open", all || this.answered);
    this.input.readOnly = this.commit.hidden = this.answered;
    if (this.answered) this.input.value = /** @type {string} */ (this.typed);
  }

  forget() {
    this.typed = null;
    this.input.value = "";
    remember(this.question.id, null);
  }

  /** @returns {string} What a reader who has answered is told. */
  get said() {
    if (this.refused) return "That is no number: type one such as 12 or 0.5.";
    if (!this.answered) return "Type a number; the answer opens when you have.";
    const { number, shown, tolerance } = this.question;
    const off = readNumber(this.typed) - number;
    const near = Math.abs(off) <= tolerance + 1e-9;
    return `You guessed ${this.typed}, and it is ${shown}: ${near ? "well guessed." : `${short(Math.abs(off))} too ${off > 0 ? "high" : "low"}.`}`;
  }
}
