// @ts-check
/** What cards say about stations. */

import { capitalised } from "./sentence.js";
import { stepLength } from "./series-times.js";
import { ageInWords, untilPhrase } from "./spoken-times.js";
import { milliseconds } from "./times.js";

/**
 * @typedef {object} Forecast the newest forecast of a station
 * @property {string} issued
 * @property {string} observed_until
 * @property {string} model
 * @property {string[]} timestamps
 * @property {number[]} sst
 * @property {{level: number, lower: number[], upper: number[]}[]} intervals
 *
 * @typedef {object} StationEvent
 * @property {string} name
 * @property {string} kind
 * @property {"active" | "inactive" | "unknown"} state
 * @property {string | null} since
 * @property {string | null} category
 * @property {number | null} probability
 * @property {string | null} error
 * @property {{alert_at?: number} | null} [settings]
 *
 * @typedef {object} Station
 * @property {string} id
 * @property {string | null} name
 * @property {number | null} latitude
 * @property {number | null} longitude
 * @property {string} step
 * @property {string} units
 * @property {string} model
 * @property {number} horizon
 * @property {{time: string, sst: number, received: string, flag: number, age_seconds: number} | null} newest
 * @property {Forecast | null} forecast
 * @property {{sst: number, years: [number, number] | null, source: "position" | "series" | "baseline"} | null} usual
 * @property {number | null} anomaly the newest value minus what is usual
 * @property {StationEvent[]} [events]
 * @property {Summary} summary
 * @property {{next: string, succeeded: string | null, failures: number, error: string | null} | null} [fetch] of a station whose readings are fetched
 *
 * @typedef {object} Summary what the service says about a station
 * @property {{reason: string, event: string | null, sentence: string}[]} attention
 * @property {{name: string, kind: string, category: string | null}[]} events
 *
 * @typedef {object} StepAhead
 * @property {string} time
 * @property {number} sst
 * @property {number | null} lower of the range of 80 %
 * @property {number | null} upper
 */

/** The QARTOD flag from which on a reading is not used. */
export const SUSPECT = 3;

/** How units of stations and files are written. @type {Record<string, string>} */
export const UNITS = { celsius: "°C", kelvin: "K", fahrenheit: "°F" };

/** What values have to be divided by to be in °C, after the first is taken off. @type {Record<string, [number, number]>} */
const SCALES = { celsius: [0, 1], kelvin: [273.15, 1], fahrenheit: [32, 1.8] };

/** Converts values of a station to °C. @param {string} units */
export function toCelsius(units) {
  const [zero, scale] = SCALES[units];
  return (/** @type {number} */ value) => (value - zero) / scale;
}

/** Converts °C to values of a station. @param {string} units */
export function fromCelsius(units) {
  const [zero, scale] = SCALES[units];
  return (/** @type {number} */ celsius) => Number((celsius * scale + zero).toFixed(6));
}

/** Differences between values of a station for one of 1 °C. @param {string} units */
export function degreesPerCelsius(units) {
  return SCALES[units][1];
}

/** The name for people, or else the ID. @param {Station} station */
export function titleOf({ id, name }) {
  return name ?? id;
}

/** When the last value was observed, and its age unless it is recent. @param {Station} station @param {Date} now */
export function observedInWords({ newest, step }, now) {
  if (!newest) return "";
  const phrase = untilPhrase(newest.time, step, now);
  const isNear = /^(today|yesterday)/.test(phrase);
  const words = capitalised(isNear || step === "month" ? phrase : `${phrase}, ${ageInWords(newest.time, now)} ago`);
  return newest.flag >= SUSPECT ? `${words}; suspect` : words;
}

/** The steps of the newest forecast that have not passed. @param {Station} station @param {Date} now @returns {StepAhead[]} */
export function stepsAhead({ forecast, step }, now) {
  if (!forecast) return [];
  const [range] = forecast.intervals;
  return forecast.timestamps
    .map((time, i) => ({ time, sst: forecast.sst[i], lower: range?.lower[i] ?? null, upper: range?.upper[i] ?? null }))
    .filter(({ time }) => milliseconds(time) + stepLength(step) > now.getTime());
}

/** The name of a kind of event. @param {StationEvent} event */
export function eventName({ kind, name }) {
  /** @type {Record<string, string>} */
  const names = { marine_heatwave: "Marine heatwave", marine_cold_spell: "Marine cold spell", degree_heating_weeks: "Coral heat stress", silent: "Silence", stuck: "Stuck sensor" };
  return names[kind] ?? name;
}
