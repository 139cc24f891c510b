// @ts-check
/** A file that cannot be read, or leaves a question open: what is wrong, and the possible answers as buttons. */

import { announce, h } from "./dom.js";
import { hasReadingOptions, clearReadingOptions } from "./reading-options.js";
import { choiceButtons, questionOf, reasonOf } from "./reading-choices.js";

const MAX_PROBLEMS = 20;

/**
 * @typedef {object} Refusal
 * @property {string} title
 * @property {(string | import("./dom.js").Child[])[]} problems sentences, one for each series of the file
 * @property {import("./reading-choices.js").ReadingChoice[]} choices
 * @property {Element | null} excerpt the part of the file that the problem is about
 * @property {boolean} [partly] whether other series of the file were read
 *
 * @param {Refusal} refusal @param {() => void} reread reads the file again, with the options in the URL
 */
export function refusalNotice({ title, problems, choices, excerpt, partly = false }, reread) {
  const isQuestion = choices.length > 0 && !partly;
  const heading = isQuestion ? questionOf(choices) : title;
  // An alert speaks for itself.
  if (partly) announce(heading);
  const reset = () => {
    clearReadingOptions();
    reread();
  };
  return h(
    "div",
    { class: `notice ${partly ? "warning" : isQuestion ? "question" : "error"}`, role: partly ? false : "alert" },
    h("h2", {}, heading),
    sentences(problems, isQuestion),
    choices.length > 0 && choiceButtons(choices, reread),
    hasReadingOptions() && !partly && h("div", { class: "row" }, h("button", { type: "button", class: "plain", click: reset }, "Read the file without my options")),
    excerpt,
  );
}

/** @param {Refusal["problems"]} problems @param {boolean} isQuestion whether buttons replace the remedies in the problems */
function sentences(problems, isQuestion) {
  const texts = problems.map((problem) => (isQuestion && typeof problem === "string" ? reasonOf(problem) : problem));
  if (texts.length === 1) return h("p", {}, texts[0]);
  return h("ul", {}, texts.slice(0, MAX_PROBLEMS).map((text) => h("li", {}, text)));
}
