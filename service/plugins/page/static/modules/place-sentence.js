// @ts-check
/** What the page of a place says first: the forecast in one sentence, and what it rests on. */

import { ADD, HOME } from "./address.js";
import { difference, inUnit, placesOf, temperature } from "./degrees.js";
import { fill, h } from "./dom.js";
import { uncalibratedMark } from "./forecast-table.js";
import { fixed } from "./numbers.js";
import { stepLength } from "./series-times.js";
import { ageInWords, longDate, untilPhrase, validPhrase, yearsInWords } from "./spoken-times.js";
import { milliseconds } from "./times.js";

/** @typedef {import("./place.js").Place} Place */

const DAY_MS = 86_400_000;

/** A series whose last observation is at least as old is an archive: a year. */
const ARCHIVE_MS = 365 * DAY_MS;

/** The level of the range in the sentence, if the forecast has it. */
const LEVEL = 80;

/** Anomalies that round to 0.0 °C, in °C. */
const NO_ANOMALY = 0.05;

/** The steps of a day; one if the step is longer. @param {string} step */
export function stepsOfDay(step) {
  return Math.max(1, Math.round(DAY_MS / stepLength(step)));
}

/** Whether a series ended so long ago that its forecast is told as of its end. @param {string | undefined} last time @param {Date} now */
export function isArchive(last, now) {
  return last !== undefined && now.getTime() - milliseconds(last) >= ARCHIVE_MS;
}

/**
 * The lead that the sentence tells: the first that has not passed, or that of a day after the last value if the step is shorter.
 * @param {Pick<Place, "history" | "isArchive">} place @param {string[]} timestamps of the forecast @param {Date} now @returns {number} from 1
 */
export function toldLead({ history, isArchive }, timestamps, now) {
  const length = stepLength(history.step);
  const ahead = isArchive ? 0 : timestamps.findIndex((time) => milliseconds(time) + length > now.getTime());
  return Math.min(Math.max(ahead, 0) + stepsOfDay(history.step), timestamps.length);
}

/**
 * The sentence, as the content of a heading, such as "Sea off Peru: 24.0 °C in January 2011, 0.4 °C colder than usual
 * (1950–2010), 80%: 23.5 to 24.4."
 * @param {Place} place @param {import("./forecast-chart.js").ModelForecast | null} forecast @param {Date} now
 */
export function placeSentence(place, forecast, now) {
  const { title, history, newest, knowsUsual } = place;
  if (!forecast) return newest ? [`${title}: `, h("strong", {}, temperature(newest.value, 1)), ` ${untilPhrase(newest.time, history.step, now)}${anomalyPhrase(newest.value, newest.usual, newest.years)}.`] : `${title}: no readings yet.`;
  const i = toldLead(place, forecast.timestamps, now) - 1;
  const interval = forecast.intervals.find(({ level }) => level === LEVEL) ?? forecast.intervals[0];
  const places = interval ? placesOf(interval.lower[i], interval.upper[i]) : 1;
  return [
    `${title}: `,
    h("strong", {}, temperature(forecast.sst[i], places)),
    ` ${validPhrase(forecast.timestamps[i], history.step, now)}`,
    anomalyPhrase(forecast.sst[i], knowsUsual ? (usualOf(forecast)?.[i] ?? null) : null, forecast.usual?.years ?? null),
    interval && h("span", { class: "range" }, `, ${interval.level}%: ${fixed(inUnit(interval.lower[i]), places)} to ${fixed(inUnit(interval.upper[i]), places)}`, !interval.calibrated && uncalibratedMark(), "."),
    !interval && ".",
  ];
}

/** What is usual at each lead, also if it makes the forecast. @param {import("./forecast-chart.js").ModelForecast} forecast */
function usualOf({ model, sst, baselines }) {
  return baselines.climatology ?? (model === "climatology" ? sst : null);
}

/** The newest reading and its age, in a sentence; empty if there are no readings. @param {Place} place @param {string | undefined} end last time of the forecast @param {Date} now */
export function readingSentence({ history: { step }, newest, isArchive }, end, now) {
  if (!newest) return "";
  const [date, age] = [longDate(newest.time, step), ageInWords(newest.time, now)];
  if (isArchive) return `An archive: its last reading, ${temperature(newest.value, 1)}, is of ${date}, ${age} ago.`;
  const phrase = untilPhrase(newest.time, step, now);
  const isNear = /^(today|yesterday)/.test(phrase) || milliseconds(newest.time) > now.getTime();
  const passed = Boolean(end) && milliseconds(/** @type {string} */ (end)) + stepLength(step) < now.getTime();
  return `Newest reading: ${temperature(newest.value, 1)}, ${phrase}${isNear ? "" : `, ${age} ago`}${newest.isSuspect ? ", in doubt and not used" : ""}.${passed ? " The whole forecast has passed." : ""}`;
}

/** @param {number} value °C @param {number | null} usual °C @param {[number, number] | null} years */
function anomalyPhrase(value, usual, years) {
  if (usual === null) return "";
  const anomaly = value - usual;
  const phrase = Math.abs(anomaly) < NO_ANOMALY ? "as warm as usual" : `${difference(Math.abs(anomaly), 1)} ${anomaly > 0 ? "warmer" : "colder"} than usual`;
  return `, ${phrase}${years ? ` (${yearsInWords(years)})` : ""}`;
}

/** Say that there is no such place, and where others are. @param {HTMLElement} box @param {string} sentence @param {{href: string, text: string}[]} [links] */
export function noPlace(box, sentence, links = []) {
  const list = links.length > 0 && h("ul", {}, links.map(({ href, text }) => h("li", {}, h("a", { href }, text))));
  fill(box, h("div", { class: "intro" }, h("h1", {}, sentence)), list, h("p", {}, "Look at ", h("a", { href: HOME }, "all places"), ", or ", h("a", { href: ADD }, "add a place"), "."));
}
