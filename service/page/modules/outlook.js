// @ts-check
/** The outlook: a forecast in one sentence, such as "Sea off Peru: 22.8 °C in January 2011, 0.4 °C warmer than usual (1950–2010)." */

import { h } from "./dom.js";
import { uncalibratedMark } from "./forecast-table.js";
import { fixed } from "./numbers.js";
import { stepSeconds } from "./series-times.js";
import { ageInWords, longDate, untilPhrase, validPhrase, yearsInWords } from "./spoken-times.js";
import { milliseconds } from "./times.js";

const DAY_SECONDS = 86_400;

/** A series whose last observation is at least as old is an archive: a year. */
const ARCHIVE_MS = 365 * DAY_SECONDS * 1000;

/** The level of the interval in the sentence, if the forecast has it. */
const LEVEL = 80;

/** Anomalies that round to 0.0 °C, in °C. */
const NO_ANOMALY = 0.05;

/**
 * @typedef {object} Outlook
 * @property {string} title of the dataset
 * @property {string} step
 * @property {string} time that the value applies to
 * @property {number} value °C
 * @property {number | null} usual the temperature that is usual at that time, °C; null if it is not known
 * @property {[number, number] | null} years in which that was usual
 * @property {{level: number, lower: number, upper: number, calibrated: boolean} | null} interval
 */

/** The lead of the outlook: the next value, or that of a day later if the step is shorter. @param {string} step @param {number} horizon */
export function outlookLead(step, horizon) {
  return Math.min(horizon, Math.max(1, Math.round(DAY_SECONDS / stepSeconds(step))));
}

/**
 * The outlook of a model or a reference at a lead.
 * @param {import("./forecast-chart.js").ModelForecast} forecast
 * @param {{title: string, step: string, model: string, lead: number, knowsUsual: boolean}} choice model: whose value; knowsUsual: whether climatology is what is usual
 * @returns {Outlook}
 */
export function outlookOf(forecast, { title, step, model, lead, knowsUsual }) {
  const i = lead - 1;
  const reference = forecast.baselines[model];
  const interval = forecast.intervals.find(({ level }) => level === LEVEL) ?? forecast.intervals[0];
  return {
    title,
    step,
    time: forecast.timestamps[i],
    value: (reference ?? forecast.sst)[i],
    usual: knowsUsual ? forecast.baselines.climatology?.[i] ?? null : null,
    years: forecast.usual?.years ?? null,
    interval: interval && !reference ? { ...interval, lower: interval.lower[i], upper: interval.upper[i] } : null,
  };
}

/** The sentence, as the content of a heading. @param {Outlook} outlook @param {Date} now */
export function outlookSentence({ title, step, time, value, usual, years, interval }, now) {
  return [
    `${title}: `,
    h("strong", {}, `${fixed(value, 1)}\u00a0°C`),
    ` ${validPhrase(time, step, now)}`,
    usual !== null && `, ${anomalyPhrase(value - usual)}${years ? ` (${yearsInWords(years)})` : ""}`,
    interval && h("span", { class: "range" }, ` (${interval.level}%: ${rangeText(interval)}`, !interval.calibrated && uncalibratedMark(), ")"),
    ".",
  ];
}

/**
 * How old the data are, in a sentence.
 * @param {import("./forecast-chart.js").History} history
 * @param {{end: string, late: boolean}} forecast end: its last time; late: whether newer observations should have arrived
 * @param {Date} now
 */
export function dataAge({ step, timestamps }, { end, late }, now) {
  const last = /** @type {string} */ (timestamps.at(-1));
  if (!late) return `Observed until ${untilPhrase(last, step, now)}.`;
  const [date, age] = [longDate(last, step), ageInWords(last, now)];
  if (now.getTime() - milliseconds(last) >= ARCHIVE_MS) return `Archive series, ended ${date}, ${age} ago.`;
  const passed = milliseconds(end) < now.getTime();
  return `The last observation is from ${date}, ${age} ago${passed ? ", so the whole forecast has passed" : ""}.`;
}

/** @param {number} anomaly °C */
function anomalyPhrase(anomaly) {
  if (Math.abs(anomaly) < NO_ANOMALY) return "as warm as usual";
  return `${fixed(Math.abs(anomaly), 1)}\u00a0°C ${anomaly > 0 ? "warmer" : "colder"} than usual`;
}

/** @param {{lower: number, upper: number}} interval */
function rangeText({ lower, upper }) {
  return `${fixed(lower, 1)}${lower < 0 ? " to " : "–"}${fixed(upper, 1)}`;
}
