// @ts-check
/** A file that cannot be read, or leaves a question open: what is wrong, and the possible answers as buttons. */

import { selectField } from "./controls.js";
import { announce, h } from "./dom.js";
import { sentence } from "./sentence.js";

/**
 * @typedef {object} ReadingChoice an answer, as in `choices` of the response of POST /series
 * @property {string} option of reading
 * @property {string} value
 * @property {string} label
 */

/** More answers than this are a list. */
const MAX_BUTTONS = 8;

/** Questions are made of this many answers at most. */
const MAX_IN_QUESTION = 3;

const MAX_PROBLEMS = 20;

/** @type {Record<string, string>} */
const QUESTIONS = {
  value_column: "Which column has the sea temperature?",
  time_column: "Which column has the time?",
  units: "Which unit are the temperatures in?",
  dates: "Which date comes first?",
  station: "Which station?",
  depth: "Which depth?",
  at: "Which place?",
  timezone: "Which time zone?",
  resample: "The times do not follow one step. Average them?",
  missing: "Is this a missing value?",
  flags: "Ignore the quality flags?",
};

/** The question to which the choices are answers. @param {ReadingChoice[]} choices */
function questionOf(choices) {
  const [{ option }] = choices;
  if (option === "dates" && choices.length > 1 && choices.length <= MAX_IN_QUESTION) return `${choices.map(({ label }) => label).join(" or ")}?`;
  return choices.every((choice) => choice.option === option) ? (QUESTIONS[option] ?? "What should be read?") : "How should it be read?";
}

/** What is wrong with the file, without the options that would help. @param {string} message */
function reasonOf(message) {
  return sentence(message.split("; ")[0]);
}

/** Buttons that read the file again, each with one answer. @param {ReadingChoice[]} choices @param {(choice: ReadingChoice) => void} choose */
function choiceButtons(choices, choose) {
  if (choices.length <= MAX_BUTTONS) {
    return h("div", { class: "row choices", role: "group", "aria-label": questionOf(choices) }, choices.map((choice) => h("button", { type: "button", click: () => choose(choice) }, choice.label)));
  }
  const options = [{ value: "", text: "Choose…" }, ...choices.map(({ label }, i) => ({ value: String(i), text: label }))];
  return h("div", { class: "row choices" }, selectField(questionOf(choices), options, "", (i) => i && choose(choices[Number(i)])));
}

/**
 * @typedef {object} Refusal
 * @property {string} title
 * @property {(string | import("./dom.js").Child[])[]} problems sentences, one for each series of the file
 * @property {ReadingChoice[]} choices
 * @property {Element | null} excerpt the part of the file that the problem is about
 * @property {boolean} [partly] whether other series of the file were read
 *
 * @param {Refusal} refusal @param {(choice: ReadingChoice) => void} choose reads the file again with an answer @param {(() => void) | null} reset reads it again without the options that were chosen; null without such
 */
export function refusalNotice({ title, problems, choices, excerpt, partly = false }, choose, reset) {
  const isQuestion = choices.length > 0 && !partly;
  const heading = isQuestion ? questionOf(choices) : title;
  // An alert speaks for itself.
  if (partly) announce(heading);
  return h(
    "div",
    { class: `notice ${partly ? "warning" : isQuestion ? "question" : "error"}`, role: partly ? false : "alert" },
    h("h2", {}, heading),
    sentences(problems, isQuestion),
    choices.length > 0 && choiceButtons(choices, choose),
    reset && !partly && h("div", { class: "row" }, h("button", { type: "button", class: "plain", click: reset }, "Read the file without my options")),
    excerpt && [excerpt, h("p", {}, "Correct it, and open the file again.")],
  );
}

/** @param {Refusal["problems"]} problems @param {boolean} isQuestion whether buttons replace the remedies in the problems */
function sentences(problems, isQuestion) {
  const texts = problems.map((problem) => (isQuestion && typeof problem === "string" ? reasonOf(problem) : problem));
  if (texts.length === 1) return h("p", {}, texts[0]);
  return h("ul", {}, texts.slice(0, MAX_PROBLEMS).map((text) => h("li", {}, text)));
}
