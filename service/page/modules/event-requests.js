// @ts-check
/** Requests about events: those of the past of a series, and the forecasts of those to come. */

import { postJson } from "./api.js";
import { forecastsOf } from "./forecast-chart.js";
import { withPosition } from "./own-series-requests.js";
import { eventDays } from "./event-days.js";
import { KINDS, marineEvents } from "./event-kinds.js";
import { latestOnly } from "./task.js";

/**
 * @typedef {import("./file-forecast.js").Source} Source
 * @typedef {import("./file-forecast.js").Choice} Choice
 *
 * @typedef {object} EventForecasts
 * @property {string[]} timestamps of the leads
 * @property {any[]} events entries of the answer, in the order of the request
 */

const HEAT_STRESS = { name: "heat stress", kind: "degree_heating_weeks" };

/**
 * Ask for the forecast of events.
 * @param {Source} source @param {Choice} choice @param {any[]} events as POST /forecast takes them @param {number} horizon in steps @param {AbortSignal} signal
 * @returns {Promise<EventForecasts>}
 */
async function forecastEvents(source, choice, events, horizon, signal) {
  const { model, place } = choice;
  const body = { ...(place ? { dataset: place.name } : {}), model: model === "all" ? "best" : model, horizon, levels: [], events, series: [withPosition(source.series, choice)] };
  const [forecast] = forecastsOf(await postJson("/forecast", body, signal), 0);
  return { timestamps: forecast.timestamps ?? [], events: forecast.events ?? events.map(({ name }) => ({ name, error: forecast.error })) };
}

/**
 * @typedef {object} EventLoader loads each answer once
 * @property {(choice: Choice) => Promise<EventForecasts>} ahead forecasts of all kinds that the series allows
 * @property {(choice: Choice, event: any, horizon: number) => Promise<EventForecasts>} single forecast of an event that the user asks for
 * @property {(kind: import("./event-kinds.js").Kind) => Promise<import("./event-days.js").EventDays>} past
 *
 * @param {Source} source @param {AbortSignal} signal @returns {EventLoader}
 */
export function eventLoader(source, signal) {
  const marine = marineEvents(source.history);
  const [ahead, single] = [onceFor(signal), onceFor(signal)];
  /** @type {Record<string, ReturnType<typeof onceFor>>} */
  const past = Object.fromEntries(KINDS.map(({ kind }) => [kind, onceFor(signal)]));
  const keyOf = (/** @type {Choice} */ { model, place, position }, /** @type {any[]} */ ...rest) => JSON.stringify([model, place?.name, position, ...rest]);
  return {
    ahead: (choice) => ahead(keyOf(choice), (stop) => forecastEvents(source, choice, [...marine, HEAT_STRESS], choice.maxHorizon, stop)),
    single: (choice, event, horizon) => single(keyOf(choice, event, horizon), (stop) => forecastEvents(source, choice, [event], horizon, stop)),
    past: (kind) => past[kind.kind](kind.kind, (stop) => loadPast(source, kind, stop)),
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

/** @param {Source} source @param {import("./event-kinds.js").Kind} kind @param {AbortSignal} signal */
async function loadPast(source, kind, signal) {
  const { id, start, step, values } = source.series;
  const answer = await postJson(`/events?kind=${kind.kind}&by_day=true`, { series: [{ id, start, step, values }] }, signal);
  return eventDays(source.history, kind, answer.series[0]);
}

/** The entry with a name. @param {EventForecasts} forecasts @param {string} name */
export function eventNamed({ events }, name) {
  return events.find((event) => event.name === name) ?? { name, error: "" };
}

/** The entry of heat stress. @param {EventForecasts} forecasts */
export function heatStressOf(forecasts) {
  return eventNamed(forecasts, HEAT_STRESS.name);
}
