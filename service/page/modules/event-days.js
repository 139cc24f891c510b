// @ts-check
/** The days of a series: what is usual, where an event begins, and the category of each day in an event. */

import { milliseconds } from "./times.js";

const DAY_MS = 86_400_000;
const MAX_CATEGORY = 4;

/**
 * @typedef {object} EventDays of one kind, with a value for each time of the series
 * @property {import("./event-kinds.js").Kind} kind
 * @property {(number | null)[]} climatology °C
 * @property {(number | null)[]} threshold °C
 * @property {number[]} category from 1 to 4; 0 outside events
 * @property {any[]} events as in the answer of POST /events
 * @property {{start: string, end: string} | null} baseline
 * @property {{code: string, message: string}[]} warnings
 * @property {string} error why there are none of these; empty if there are
 */

/** @param {import("./forecast-chart.js").History} history @param {import("./event-kinds.js").Kind} kind @param {any} answer of POST /events for the series @returns {EventDays} */
export function eventDays({ timestamps, values }, kind, answer) {
  const empty = { kind, climatology: [], threshold: [], category: [], events: [], baseline: null, warnings: [], error: answer.error ?? "" };
  if (answer.error) return empty;
  const days = timestamps.map(dayOfYear);
  const climatology = days.map((day) => answer.by_day.climatology[day]);
  const threshold = days.map((day) => answer.by_day.threshold[day]);
  const category = new Array(values.length).fill(0);
  const first = dayNumber(timestamps[0]);
  for (const { start, end } of answer.events) {
    for (let i = dayNumber(start) - first; i <= dayNumber(end) - first; i += 1) category[i] = categoryOf(values[i], climatology[i], threshold[i]);
  }
  return { ...empty, climatology, threshold, category, events: answer.events, baseline: answer.baseline, warnings: answer.warnings };
}

/** The category of a day in an event, by multiples of the threshold minus the climatology. Days between two parts of an event count as moderate. @param {number | null} value @param {number | null} usual @param {number | null} threshold */
function categoryOf(value, usual, threshold) {
  if (value === null || usual === null || threshold === null) return 1;
  return Math.min(Math.max(Math.floor((value - usual) / (threshold - usual)), 1), MAX_CATEGORY);
}

/** The index of a day in a leap year: 1 March is 60 in every year. @param {string} time */
function dayOfYear(time) {
  const [month, day] = time.slice(5, 10).split("-").map(Number);
  return Math.round((Date.UTC(2000, month - 1, day) - Date.UTC(2000, 0, 1)) / DAY_MS);
}

/** Days since 1970. @param {string} time */
function dayNumber(time) {
  return Math.floor(milliseconds(time) / DAY_MS);
}
