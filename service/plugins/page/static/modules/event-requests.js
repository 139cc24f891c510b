// @ts-check
/** Requests about events: those of the past of a series, and the forecasts of those to come. */

import { postJson } from "./api.js";
import { KINDS, marineEvents } from "./event-kinds.js";
import { forecastsOf } from "./forecast-chart.js";
import { latestOnly } from "./task.js";
import { milliseconds } from "./times.js";

/**
 * @typedef {import("./place.js").Place} Place
 * @typedef {import("./place.js").Choice} Choice
 *
 * @typedef {object} EventForecasts
 * @property {string[]} timestamps of the leads
 * @property {any[]} events entries of the answer, in the order of the request
 */

/**
 * Ask for the forecast of events.
 * @param {Place} place @param {Choice} choice @param {any[]} events as POST /forecast takes them @param {number} horizon in steps @param {AbortSignal} signal
 * @returns {Promise<EventForecasts>}
 */
async function forecastEvents(place, choice, events, horizon, signal) {
  const { model, release } = choice;
  const body = { ...(release ? { dataset: release } : {}), model: model === "all" ? "best" : model, horizon, levels: [], events, series: [{ ...withPosition(place.series, choice), ...baselineOf(place) }] };
  const [forecast] = forecastsOf(await postJson("/forecast", body, signal), 0);
  return { timestamps: forecast.timestamps ?? [], events: forecast.events ?? events.map(({ name }) => ({ name, error: forecast.error })) };
}

/**
 * @typedef {object} EventLoader loads each answer once
 * @property {(choice: Choice) => Promise<EventForecasts>} ahead forecasts of all kinds that the series allows
 * @property {(choice: Choice, event: any, horizon: number) => Promise<EventForecasts>} single forecast of an event that the user asks for
 * @property {(kind: import("./event-kinds.js").Kind) => Promise<EventDays>} past
 *
 * @param {Place} place @param {AbortSignal} signal @returns {EventLoader}
 */
export function eventLoader(place, signal) {
  const marine = marineEvents(place);
  const [ahead, single] = [onceFor(signal), onceFor(signal)];
  /** @type {Record<string, ReturnType<typeof onceFor>>} */
  const past = Object.fromEntries(KINDS.map(({ kind }) => [kind, onceFor(signal)]));
  const keyOf = (/** @type {Choice} */ { model, release, position }, /** @type {any[]} */ ...rest) => JSON.stringify([model, release, position, ...rest]);
  return {
    ahead: (choice) => ahead(keyOf(choice), (stop) => forecastEvents(place, choice, marine, choice.maxHorizon, stop)),
    single: (choice, event, horizon) => single(keyOf(choice, event, horizon), (stop) => forecastEvents(place, choice, [event], horizon, stop)),
    past: (kind) => past[kind.kind](kind.kind, (stop) => loadPast(place, kind, stop)),
  };
}

/** Loads something once for a key. Another key aborts it, and what failed is loaded again. @param {AbortSignal} signal */
function onceFor(signal) {
  const nextSignal = latestOnly(signal);
  let loadedKey = "";
  /** @type {Promise<any>} */
  let loading;
  return (/** @type {string} */ key, /** @type {(stop: AbortSignal) => Promise<any>} */ load) => {
    if (key === loadedKey) return loading;
    loadedKey = key;
    const started = load(nextSignal());
    loading = started;
    started.catch(() => (loadedKey = loading === started ? "" : loadedKey));
    return started;
  };
}

/** @param {Place} place @param {import("./event-kinds.js").Kind} kind @param {AbortSignal} signal */
async function loadPast(place, kind, signal) {
  const { id, start, step, values } = place.series;
  const answer = await postJson(`/events?kind=${kind.kind}&by_day=true`, { series: [{ id, start, step, values, ...place.position, ...baselineOf(place) }] }, signal);
  return eventDays(place.history, kind, answer.series[0]);
}

/** The series with the position that the reader entered, and its weather; a model of one place takes neither. @param {any} series @param {Choice} choice */
export function withPosition(series, { position, release }) {
  const { latitude, longitude, weather, ...rest } = series;
  return release ? rest : { ...rest, ...(weather ? { weather } : {}), ...position };
}

/** What heatwaves are measured by, if not the past of the series. @param {Place} place */
function baselineOf({ baseline }) {
  return baseline ? { baseline } : {};
}

/** The entry with a name. @param {EventForecasts} forecasts @param {string} name */
export function eventNamed({ events }, name) {
  return events.find((event) => event.name === name) ?? { name, error: "" };
}

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
function eventDays({ timestamps, values }, kind, answer) {
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
