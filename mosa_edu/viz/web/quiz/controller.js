/**
 * One card with one or more questions, and the switch that opens all answers of the book.
 * @module
 */

import { CARD_CSS } from "../lib/css.js";
import { button, html, setAttribute, setText } from "../lib/dom.js";
import { openStage } from "../lib/host.js";
import { Choices } from "./choices.js";
import { coverOf } from "./cover.js";
import { Estimate } from "./estimate.js";
import { onReadThrough, readsThrough, readThrough } from "./memory.js";
import { phraseNodes } from "./phrase.js";

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

export class QuizCard {
  /**
   * @param {import("../lib/host.js").Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    /** @type {{name: string, covers: boolean, questions: (import("./choices.js").ChoiceQuestion | import("./estimate.js").NumberQuestion)[]}} */
    const { name, covers, questions } = model.get("data");
    this.stage = openStage(el, CARD_CSS + QUIZ_CSS, () => {});
    this.close = covers ? coverOf(el) : () => {};
    const id = `quiz-${++cards}`;
    this.questions = questions.map((question, i) => {
      const body = "choices" in question ? new Choices(question, () => this.draw()) : new Estimate(question, () => this.draw());
      const detail = html("p", { class: "detail", role: "status" });
      const finding = html("p", { class: "finding", id: `${id}-${i}` }, ...phraseNodes(question.text));
      const node = html("section", { class: "question", role: "group", "aria-labelledby": finding.id }, finding, detail, body.node);
      return { body, detail, node };
    });
    this.at = Math.max(0, this.questions.findIndex(({ body }) => !body.answered));
    this.pill = html("span", { class: "pill" });
    this.again = button("Try again", () => this.tryAgain());
    this.next = button("Next question", () => this.turn());
    this.through = button("Read through", () => readThrough(!readsThrough()), { title: "Opens every answer in the book" });
    const foot = [this.again, this.next, this.through, html("span", { class: "note told" }, "answers stay on this device")];
    this.stage.root.replaceChildren(
      html(
        "div",
        { class: "card", role: "group", "aria-label": name },
        html("div", { class: "top" }, html("span", { class: "name" }, name), this.pill),
        ...this.questions.map(({ node }) => node),
        html("footer", {}, html("div", { class: "row wrap" }, ...foot)),
      ),
    );
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
    setAttribute(this.through, "aria-pressed", `${all}`);
  }

  /** Go on to the next question, and from the last to the first. */
  turn() {
    this.at = (this.at + 1) % this.questions.length;
    this.draw();
  }

  tryAgain() {
    this.questions[this.at].body.forget();
    this.draw();
    this.questions[this.at].node.querySelector("button,input")?.focus();
  }

  dispose() {
    this.unfollow();
    this.stage.dispose();
  }
}
