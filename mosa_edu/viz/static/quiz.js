/**
 * Questions that are answered before their reasons open: quizzes, and guesses before a figure.
 * @module
 */

import { defineElement } from "./host.js";
import { QuizCard } from "./quiz/controller.js";

const quiz = {
  /** @param {{model: import("./host.js").Model, el: HTMLElement}} host */
  render({ model, el }) {
    const own = new QuizCard(model.get("data"), el);
    return () => own.dispose();
  },
};

defineElement("mosa-quiz", quiz);

export default quiz;
