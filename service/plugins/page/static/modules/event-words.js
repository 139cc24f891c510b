// @ts-check
/** Events in sentences. */

import { difference, inUnit, temperature } from "./degrees.js";
import { CATEGORIES } from "./event-kinds.js";
import { capitalised } from "./sentence.js";
import { longDate, soonPhrase, yearsInWords } from "./spoken-times.js";
import { formatSteps, milliseconds } from "./times.js";

/** @typedef {import("./event-kinds.js").Kind} Kind */

const ORDINALS = ["", "First", "Second", "Third", "Fourth"];
const NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/** An event is at least as many days (Hobday et al. 2016). */
const MIN_DAYS = 5;

/** Likelier than not: when an event is said to end. */
const LIKELY = 0.5;

/** Smaller chances of a higher category are not said. */
const WORTH_SAYING = 0.05;

/** Events that are less likely are not said to begin at some time. */
const RARE = 0.01;

/** A series that ended longer ago is not about now. */
const RECENT_MS = 2 * 86_400_000;

/** A probability in percent, without false certainty. @param {number} probability */
export function percent(probability) {
  if (probability < RARE) return "less than 1%";
  if (probability > 1 - RARE) return "more than 99%";
  return `${Math.round(probability * 100)}%`;
}

/** The same for a narrow column. @param {number} probability */
export function shortPercent(probability) {
  return percent(probability).replace("less than ", "<\u00a0").replace("more than ", ">\u00a0");
}

/** A number as a word up to ten. @param {number} n */
function numberWord(n) {
  return NUMBERS[n] ?? String(n);
}

/**
 * The state of an event and what is likely next, in one sentence.
 * @param {any} outcome of a marine heatwave or cold spell, as in the answer of POST /forecast
 * @param {Kind} kind @param {string[]} timestamps of the leads @param {string} last time of the series @param {Date} now
 */
export function eventSentence(outcome, kind, timestamps, last, now) {
  const { active, days, category } = outcome.state;
  if (active) {
    const [first] = category;
    return `Day ${days} of ${"AEIOU".includes(first) ? "an" : "a"} ${category.toLowerCase()} ${kind.name}; ${endPhrase(outcome.ends_within, timestamps, now)}.`;
  }
  if (days) {
    const more = MIN_DAYS - days;
    return `${ORDINALS[days] ?? `Day ${days}`}${ORDINALS[days] ? " day" : ""} ${kind.side} the threshold: a ${kind.name} if ${numberWord(more)} more ${more === 1 ? "follows" : "follow"} (${percent(outcome.probability[0])} likely).`;
  }
  const when = now.getTime() - milliseconds(last) > RECENT_MS ? `on ${longDate(last, "day")}` : "now";
  return `No ${kind.name} ${when}; ${percent(/** @type {number} */ (outcome.onset_within.at(-1)))} likely that one begins within ${formatSteps(timestamps.length, "day")}.`;
}

/** A limit as it was entered, without decimal places that say nothing. @param {number} degrees °C */
export function limitText(degrees) {
  return temperature(degrees, [0, 1, 2].find((places) => Math.abs(inUnit(degrees) - Number(inUnit(degrees).toFixed(places))) < 1e-3) ?? 3);
}

/** How far the last day is from usual, and how much worse it may get. @param {any} outcome @param {Kind} kind @param {string} last time of the series */
export function eventDetail({ state, category_probability: byCategory, usual }, kind, last) {
  const degrees = Math.abs(state.intensity);
  const side = (state.intensity > 0) === (kind.side === "above") ? kind.warmer : kind.side === "above" ? "colder" : "warmer";
  const phrase = degrees < 0.05 ? "as warm as usual" : `${difference(degrees, 1)} ${side} than usual`;
  const years = usual.years ? ` (${yearsInWords(usual.years)})` : "";
  return [`${capitalised(phrase)}${years} on ${longDate(last, "day")}.`, worsePhrase(state, byCategory)].filter(Boolean).join(" ");
}

/** @param {number[]} within @param {string[]} timestamps @param {Date} now */
function endPhrase(within, timestamps, now) {
  const lead = within.findIndex((probability) => probability >= LIKELY);
  if (lead >= 0) return `${percent(within[lead])} likely to end by ${soonPhrase(timestamps[lead], "day", now)}`;
  return `${percent(1 - within[within.length - 1])} likely to last until ${soonPhrase(/** @type {string} */ (timestamps.at(-1)), "day", now)} or longer`;
}

/** The chance of a day in a higher category than the event has had; empty if it is small. @param {any} state @param {Record<string, number[]>} byCategory */
function worsePhrase({ category }, byCategory) {
  const higher = CATEGORIES.slice(CATEGORIES.indexOf(category) + 1);
  if (!category || !higher.length) return "";
  const byLead = byCategory[category].map((_, lead) => higher.reduce((sum, name) => sum + (byCategory[name]?.[lead] ?? 0), 0));
  const most = Math.max(...byLead);
  return most < WORTH_SAYING ? "" : `At most ${percent(most)} likely to be ${higher[0].toLowerCase()}${higher.length > 1 ? " or worse" : ""} on any one day.`;
}

/**
 * The answer to a question about a limit, in one sentence.
 * @param {any} outcome as in the answer of POST /forecast @param {import("./limit-form.js").Limit} limit
 * @param {string} step @param {string[]} timestamps of the leads @param {Date} now
 */
export function limitSentence({ probability, onset }, { side, degrees, duration, within }, step, timestamps, now) {
  const run = duration === 1 ? `at least ${inWords(1, step)}` : `${inWords(duration, step)} in a row`;
  const period = within === 1 ? `the next ${formatSteps(1, step).replace(/^1 /, "")}` : `the next ${formatSteps(within, step)}`;
  return `${capitalised(percent(probability))} likely: ${run} ${side} ${limitText(degrees)} within ${period}${onset && probability >= RARE ? onsetPhrase(onset.median, probability, step, timestamps, now) : ""}.`;
}

/** @param {string} time @param {number} probability @param {string} step @param {string[]} timestamps @param {Date} now */
function onsetPhrase(time, probability, step, timestamps, now) {
  if (milliseconds(time) < milliseconds(timestamps[0])) return `; the run began ${soonPhrase(time, step, now, true)}`;
  return `; ${probability < LIKELY ? "if so, " : ""}most likely from ${soonPhrase(time, step, now)}`;
}

/** The length of n steps with a number word. @param {number} n @param {string} step */
function inWords(n, step) {
  return formatSteps(n, step).replace(/^(\d+)(?= )/, (digits) => numberWord(Number(digits)));
}

/** What went wrong, as the end of a sentence. @param {unknown} error */
export function errorText(error) {
  const text = error instanceof Error ? error.message : String(error);
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
