/**
 * Questions that are answered before their reasons open: quizzes, and guesses before a figure.
 * @module
 */

import { defineElement, drawnBy } from "./lib/host.js";
import { QuizCard } from "./quiz/controller.js";

const quiz = drawnBy(QuizCard);

defineElement("mosa-quiz", quiz);

export default quiz;
