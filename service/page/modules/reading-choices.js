// @ts-check
/** The possible answers to a question that a file leaves open, as buttons. */

import { updateState } from "./address.js";
import { selectField } from "./controls.js";
import { h } from "./dom.js";
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
export function questionOf(choices) {
  const [{ option }] = choices;
  if (option === "dates" && choices.length > 1 && choices.length <= MAX_IN_QUESTION) return `${choices.map(({ label }) => label).join(" or ")}?`;
  return choices.every((choice) => choice.option === option) ? (QUESTIONS[option] ?? "What should be read?") : "How should it be read?";
}

/** What is wrong with the file, without the options that would help. @param {string} message */
export function reasonOf(message) {
  return sentence(message.split("; ")[0]);
}

/**
 * Buttons that read the file again, each with one answer.
 * @param {ReadingChoice[]} choices @param {() => void} read
 */
export function choiceButtons(choices, read) {
  const choose = (/** @type {ReadingChoice} */ { option, value }) => {
    updateState({ [option]: value });
    read();
  };
  if (choices.length <= MAX_BUTTONS) {
    return h("div", { class: "row choices", role: "group", "aria-label": questionOf(choices) }, choices.map((choice) => h("button", { type: "button", click: () => choose(choice) }, choice.label)));
  }
  const options = [{ value: "", text: "Choose…" }, ...choices.map(({ label }, i) => ({ value: String(i), text: label }))];
  return h("div", { class: "row choices" }, selectField(questionOf(choices), options, "", (i) => i && choose(choices[Number(i)])));
}
