// Questions that are answered before their reasons open: quizzes, and guesses before a figure.

import { CARD_CSS } from "./lib/css.js";
import { button, div, html, paragraph, press, setAttribute, setText, span } from "./lib/dom.js";
import { defineElement, drawnBy, openStage } from "./lib/host.js";

const PLACE = "mosa-quiz:";
const TURNED = "mosa-quiz-read-through";

/** @type {Map<string, string>} */
const unkept = new Map();

/** @param {string} name */
export function recall(name) {
  try {
    return localStorage.getItem(PLACE + name) ?? unkept.get(name) ?? null;
  } catch {
    return unkept.get(name) ?? null;
  }
}

/** @param {string} name @param {string | null} value Null forgets. */
export function remember(name, value) {
  unkept.delete(name);
  try {
    if (value === null) localStorage.removeItem(PLACE + name);
    else localStorage.setItem(PLACE + name, value);
  } catch {
    if (value !== null) unkept.set(name, value);
  }
}

/** @param {string} text @returns {number} */
function hashed(text) {
  let hash = 2166136261;
  for (const character of text) {
    hash = Math.imul(hash ^ /** @type {number} */ (character.codePointAt(0)), 16777619);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 2246822519); // else the last characters say too little
  return (hash ^ (hash >>> 13)) >>> 0;
}

// An order of its own for every reader and question, the same each time.
/** @param {string} id Of the question. @param {number} length @returns {number[]} */
export function ownOrder(id, length) {
  const reader = recall("reader") ?? Math.random().toString(36).slice(2);
  remember("reader", reader);
  const ranks = Array.from({ length }, (_, i) => hashed(`${i} ${id} ${reader}`));
  return [...ranks.keys()].sort((a, b) => ranks[a] - ranks[b]);
}

/** Whether the reader wants every answer of the book open. */
const readsThrough = () => recall("read-through") === "yes";

/** @param {boolean} on */
function readThrough(on) {
  document.dispatchEvent(new CustomEvent(TURNED, { detail: on }));
}

// Follow the switch, wherever on the page or in another tab it is turned.
/** @param {() => void} follow @returns {() => void} Stops following. */
function onReadThrough(follow) {
  const turned = (/** @type {Event} */ event) => {
    remember("read-through", /** @type {CustomEvent} */ (event).detail ? "yes" : null);
    follow();
  };
  const elsewhere = (/** @type {StorageEvent} */ { key }) => {
    if (key === `${PLACE}read-through`) follow();
  };
  document.addEventListener(TURNED, turned);
  addEventListener("storage", elsewhere);
  return () => {
    document.removeEventListener(TURNED, turned);
    removeEventListener("storage", elsewhere);
  };
}

/** @typedef {(string | [string, string])[]} Phrase Plain texts, and [tag, text]. */

/** @param {Phrase} phrase @returns {(Node | string)[]} */
const phraseNodes = (phrase) =>
  phrase.map((run) => {
    if (typeof run === "string") return run;
    const tag = /** @type {"code" | "i" | "sub" | "sup"} */ (run[0]);
    return ["code", "i", "sub", "sup"].includes(tag) ? html(tag, {}, run[1]) : run[1];
  });

/** @typedef {{id: string, text: Phrase, choices: {text: Phrase, right: boolean, reason: Phrase}[]}} ChoiceQuestion */

class Choices {
  /** @param {ChoiceQuestion} question @param {() => void} changed */
  constructor({ id, choices }, changed) {
    this.id = id;
    this.choices = choices;
    this.changed = changed;
    this.order = ownOrder(id, choices.length);
    this.cards = this.order.map((i, place) => this.card(choices[i], i, "ABCDEFGH"[place]));
    this.node = div("choices", ...this.cards);
    this.chosen = this.order.find((i) => recall(id) === `${i}`) ?? null;
    /** @type {Set<number>} */
    this.opened = new Set();
  }

  /** @param {ChoiceQuestion["choices"][number]} choice @param {number} i @param {string} letter */
  card({ text, right, reason }, i, letter) {
    const label = { role: "img", "aria-label": right ? "Right:" : "Not right:" };
    const verdict = html("span", { class: "verdict", ...label }, right ? "✓" : "✕");
    const face = button(span("letter", letter), () => this.take(i));
    face.append(verdict, html("span", {}, ...phraseNodes(text)));
    const mine = span("mine", "You chose this. ");
    const why = paragraph("reason", mine, ...phraseNodes(reason));
    return div(right ? "choice right" : "choice", face, why);
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
      const told = this.answered &&
        (i === this.chosen || this.choices[i].right || this.opened.has(i));
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

// In the page, not in a shadow root: the output belongs to the book. Its width stays, so that
// charts which draw themselves meanwhile fit.
const COVER_CSS =
  `@media screen{.mosa-closed{position:relative;height:48px;min-height:0;overflow:clip;border:1px dashed var(--mosa-quiet,#848d97);border-radius:8px}
.mosa-closed *{visibility:hidden!important}
.mosa-closed::before{content:"Closed until you answer above.";position:absolute;inset:0;padding:13px 16px;font:14px/20px system-ui,sans-serif;color:var(--mosa-ink2,#57606a)}}`;

/** @param {HTMLElement} el Of the question.
 * @returns {(closed: boolean) => void} Does nothing where the page has no such cell. */
function coverOf(el) {
  const output = el.closest(".cell")?.nextElementSibling?.querySelector(":scope>.cell_output");
  if (!output) return () => {};
  if (!document.getElementById("mosa-cover")) {
    document.head.append(html("style", { id: "mosa-cover" }, COVER_CSS));
  }
  return (closed) => void output.classList.toggle("mosa-closed", closed);
}

/** @typedef {{id: string, text: Phrase, number: number, shown: string, tolerance: number, reason: Phrase}} NumberQuestion */

/** @param {number} value At most three significant digits. */
const short = (value) => value.toLocaleString("en-US", { maximumSignificantDigits: 3 });

/** @param {string | null} text As typed: "1,600" is one number; the comma of "0,5" is a decimal one,
 *   the only one that keypads of half the world offer.
 * @returns {number} NaN for what is none. */
function readNumber(text) {
  const plain = (text ?? "").trim().replace("\u2212", "-");
  const dotted = /^[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/.test(plain)
    ? plain.replace(/,/g, "")
    : plain.replace(",", ".");
  return /^[-+]?(\d+\.?\d*|\.\d+)$/.test(dotted) ? Number(dotted) : NaN;
}

class Estimate {
  /** @param {NumberQuestion} question @param {() => void} changed */
  constructor(question, changed) {
    this.question = question;
    const attributes = { inputmode: "decimal", autocomplete: "off", maxlength: 16 };
    this.input = html("input", { ...attributes, "aria-label": "Your guess" });
    this.commit = html("button", {}, "Commit the guess");
    const answer = html("b", {}, question.shown);
    const reason = paragraph("reason", answer, ". ", ...phraseNodes(question.reason));
    const form = { class: "choice estimate", novalidate: true };
    this.node = html("form", form, div("row", this.input, this.commit), reason);
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
    const by = `${short(Math.abs(off))} too ${off > 0 ? "high" : "low"}.`;
    return `You guessed ${this.typed}, and it is ${shown}: ${near ? "well guessed." : by}`;
  }
}

const QUIZ_CSS = `
.card{container-type:inline-size}
.question{padding:0 16px 16px}
.choices{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,max(280px,40%)),1fr));gap:8px}
.choice{display:flex;flex-direction:column;border:1px solid var(--mosa-rule);border-radius:6px}
.choice:hover{border-color:var(--mosa-quiet)}
.card .choice>button{display:flex;gap:16px;padding:10px 12px 4px;min-height:0;border:0;font-size:14px;line-height:20px;text-align:left;overflow-wrap:anywhere;background:none;color:inherit}
.choice>button:focus-visible{outline-offset:-2px}
sub,sup{font-size:.7em;line-height:0}
.letter,.verdict{min-width:16px;font-weight:600}
.reason{padding:0 12px 10px 44px;color:var(--mosa-ink2);font-size:13px;line-height:18px}
.reason b{color:var(--mosa-ink)}
.card .chosen,.card .open.right{border-color:var(--mosa-ink)}
.open.right{background:var(--mosa-pick-wash)}
.choice:not(.chosen) .mine{display:none}
.choice.estimate{border:0}
.estimate input{font:16px/24px var(--mosa-sans);color:inherit;background:none;border:1px solid var(--mosa-quiet);border-radius:6px;padding:9px 12px;width:12em;min-width:0}
.estimate .row button{min-height:44px}
.estimate .reason{padding:12px 0 0}
footer .told{text-align:right}
@container(max-width:559px){.top,footer{padding-left:12px;padding-right:12px}.question{padding:0 12px 12px}.finding{font-size:18px;line-height:24px}footer button{min-height:44px}}
@media screen{.card .choice:not(.open)>button{flex:1;min-height:44px;padding-bottom:10px}.choice:not(.open) :is(.reason,.verdict),.choice.open .letter,.question.away{display:none}}
@media print{.letter,.detail,footer,.pill,.row{display:none!important}.finding{margin-bottom:8px!important}.choice{break-inside:avoid}}
`;

let cards = 0;

class QuizCard {
  /** @param {import("./lib/host.js").Model} model @param {HTMLElement} el */
  constructor(model, el) {
    /** @type {{name: string, covers: boolean, questions: (ChoiceQuestion | NumberQuestion)[]}} */
    const { name, covers, questions } = model.get("data");
    this.stage = openStage(el, CARD_CSS + QUIZ_CSS, () => {});
    this.close = covers ? coverOf(el) : () => {};
    const id = `quiz-${++cards}`;
    this.questions = questions.map((question, i) => {
      const body = "choices" in question
        ? new Choices(question, () => this.draw())
        : new Estimate(question, () => this.draw());
      const detail = html("p", { class: "detail", role: "status" });
      const name = { id: `${id}-${i}` };
      const finding = html("p", { class: "finding", ...name }, ...phraseNodes(question.text));
      const group = { class: "question", role: "group", "aria-labelledby": name.id };
      const node = html("section", group, finding, detail, body.node);
      return { body, detail, node };
    });
    this.at = Math.max(0, this.questions.findIndex(({ body }) => !body.answered));
    this.pill = span("pill");
    this.again = button("Try again", () => this.tryAgain());
    this.next = button("Next question", () => this.turn());
    const title = "Opens every answer in the book";
    this.through = button("Read through", () => readThrough(!readsThrough()), { title });
    const told = span("note told", "answers stay on this device");
    const card = html(
      "div",
      { class: "card", role: "group", "aria-label": name },
      div("top", span("name", name), this.pill),
      ...this.questions.map(({ node }) => node),
      html("footer", {}, div("row wrap", this.again, this.next, this.through, told)),
    );
    this.stage.root.replaceChildren(card);
    this.unfollow = onReadThrough(() => this.draw());
    this.draw();
  }

  draw() {
    const all = readsThrough();
    const several = this.questions.length > 1;
    this.questions.forEach(({ body, detail, node }, i) => {
      body.show(all);
      node.classList.toggle("away", !all && i !== this.at);
      setText(detail, all && !body.answered ? "Read through: every answer is open." : body.said);
    });
    const { answered } = this.questions[this.at].body;
    this.close(!all && !answered);
    this.pill.hidden = this.next.hidden = all || !several;
    this.again.hidden = all || !answered;
    setText(this.pill, `${this.at + 1} of ${this.questions.length}`);
    press(this.through, all);
  }

  /** Go on to the next question, and from the last to the first. */
  turn() {
    this.at = (this.at + 1) % this.questions.length;
    this.draw();
  }

  tryAgain() {
    this.questions[this.at].body.forget();
    this.draw();
    this.questions[this.at].node.querySelector(/** @type {"button"} */ ("button,input"))?.focus();
  }

  dispose() {
    this.unfollow();
    this.stage.dispose();
  }
}

const quiz = drawnBy(QuizCard);

defineElement("mosa-quiz", quiz);

export default quiz;
