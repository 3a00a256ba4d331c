/**
 * A question with cards: the reader takes one, then each card opens with ✓ or ✕ and its reason.
 * @module
 */

import { button, html, setAttribute } from "../lib/dom.js";
import { ownOrder, recall, remember } from "./memory.js";
import { phraseNodes } from "./phrase.js";

/** @typedef {import("./phrase.js").Phrase} Phrase */
/** @typedef {{id: string, text: Phrase, choices: {text: Phrase, right: boolean, reason: Phrase}[]}} ChoiceQuestion */

export class Choices {
  /**
   * @param {ChoiceQuestion} question
   * @param {() => void} changed
   */
  constructor({ id, choices }, changed) {
    this.id = id;
    this.choices = choices;
    this.changed = changed;
    this.order = ownOrder(id, choices.length);
    this.cards = this.order.map((i, place) => this.card(choices[i], i, "ABCDEFGH"[place]));
    this.node = html("div", { class: "choices" }, ...this.cards);
    this.chosen = this.order.find((i) => recall(id) === `${i}`) ?? null;
    /** @type {Set<number>} */
    this.opened = new Set();
  }

  /**
   * @param {ChoiceQuestion["choices"][number]} choice
   * @param {number} i
   * @param {string} letter
   */
  card({ text, right, reason }, i, letter) {
    const verdict = html("span", { class: "verdict", role: "img", "aria-label": right ? "Right:" : "Not right:" }, right ? "✓" : "✕");
    const says = html("span", {}, ...phraseNodes(text));
    const face = button(html("span", { class: "letter" }, letter), () => this.take(i));
    face.append(verdict, says);
    const why = html("p", { class: "reason" }, html("span", { class: "mine" }, "You chose this. "), ...phraseNodes(reason));
    return html("div", { class: right ? "choice right" : "choice" }, face, why);
  }

  /** @param {number} i */
  take(i) {
    if (this.chosen === null) {
      this.chosen = i;
      remember(this.id, `${i}`);
    }
    this.opened.add(i);
    this.changed();
  }

  get answered() {
    return this.chosen !== null;
  }

  /** @param {boolean} all Whether every card is open. */
  show(all) {
    this.order.forEach((i, place) => {
      const told = this.answered && (i === this.chosen || this.choices[i].right || this.opened.has(i));
      const card = this.cards[place];
      card.classList.toggle("open", all || told);
      card.classList.toggle("chosen", i === this.chosen);
      setAttribute(/** @type {Element} */ (card.firstChild), "aria-expanded", `${all || told}`);
    });
  }

  forget() {
    this.chosen = null;
    remember(this.id, null);
    this.opened.clear();
  }

  /** @returns {string} What a reader who has answered is told. */
  get said() {
    if (this.chosen === null) return "Choose one; the reasons open when you have.";
    const right = this.choices[this.chosen].right ? "Right." : "The card with ✓ holds the answer.";
    return `${right} Every choice has its reason: open the others by choosing them.`;
  }
}
