// @ts-check
/** Stations as home lists them: with what needs attention, and the most pressing first. */

import { stationPath } from "./address.js";
import { difference, inUnit, placesOf, temperature } from "./degrees.js";
import { CATEGORIES, KINDS } from "./event-kinds.js";
import { percent } from "./event-words.js";
import { fixed } from "./numbers.js";
import { ageInWords, validPhrase } from "./spoken-times.js";
import { degreesPerCelsius, eventName, observedInWords, stepsAhead, SUSPECT, titleOf, toCelsius } from "./station-words.js";
import { columnTime } from "./times.js";

/**
 * @typedef {import("./station-words.js").Station} Station
 * @typedef {import("./station-words.js").StationEvent} StationEvent
 *
 * @typedef {object} Reason why a place needs attention
 * @property {number} rank the most pressing first
 * @property {string} words
 * @property {string} mark of its marker: the kind and category of an event, such as heat-2, or "alert" for all else
 *
 * @typedef {object} Listed a place in the list and on the map
 * @property {string} id
 * @property {string} href
 * @property {string} title
 * @property {import("./world-map.js").Position | null} position
 * @property {number | null} anomaly °C
 * @property {Reason[]} reasons
 * @property {string} value with its unit; empty if there is none
 * @property {string} when the value was observed, and its age
 * @property {string} difference from usual; empty if it is unknown
 * @property {string} next value with its range; empty if there is none
 */

const RANKS = { active: 0, expected: 1, silent: 2, stuck: 3, doubt: 4, fetch: 5, none: 6 };

/** An event that is at least as likely is expected, unless the station says otherwise. */
const EXPECTED = 0.5;

/** A smaller difference from usual is not said, in °C. */
const LEAST_DIFFERENCE = 0.05;

/** @param {Station} station @param {Date} now @returns {Listed} */
export function listedStation(station, now) {
  const { id, latitude, longitude, newest, units, step } = station;
  const celsius = toCelsius(units);
  // A reading in doubt says nothing about the sea.
  const anomaly = newest && newest.flag < SUSPECT && station.anomaly !== null ? station.anomaly / degreesPerCelsius(units) : null;
  const [next] = stepsAhead(station, now);
  const edge = (/** @type {number | null} */ value) => (value === null ? null : celsius(value));
  return {
    id,
    href: stationPath(id),
    title: titleOf(station),
    position: latitude === null || longitude === null ? null : { latitude, longitude },
    anomaly,
    reasons: reasonsOf(station, now),
    value: newest ? temperature(celsius(newest.sst), 1) : "",
    when: newest ? observedInWords(station, now) : "No readings yet",
    difference: differenceInWords(anomaly),
    next: next ? nextInWords(celsius(next.sst), edge(next.lower), edge(next.upper), validPhrase(next.time, step, now)) : "",
  };
}

/** The places in the order of the list. @param {Listed[]} places */
export function byAttention(places) {
  const rank = (/** @type {Listed} */ { reasons }) => reasons[0]?.rank ?? RANKS.none;
  const size = (/** @type {Listed} */ { anomaly }) => (anomaly === null ? -1 : Math.abs(anomaly));
  return [...places].sort((a, b) => rank(a) - rank(b) || size(b) - size(a) || a.title.localeCompare(b.title, "en", { numeric: true }));
}

/** @param {Station} station @param {Date} now @returns {Reason[]} */
function reasonsOf(station, now) {
  const { newest, fetch } = station;
  const reasons = [
    ...(station.events ?? []).map((event) => healthReason(event, station, now) ?? eventReason(event, now)),
    newest && newest.flag >= SUSPECT && reason("doubt", "Last reading in doubt"),
    fetch?.error && reason("fetch", "Readings cannot be fetched"),
  ];
  return /** @type {Reason[]} */ (reasons.filter(Boolean)).sort((a, b) => a.rank - b.rank);
}

/** @param {keyof typeof RANKS} kind @param {string} words @param {string} [mark] @returns {Reason} */
function reason(kind, words, mark = "alert") {
  return { rank: RANKS[kind], words, mark };
}

/** Why a station that is silent or stuck needs attention; undefined for other events. @param {StationEvent} event @param {Station} station @param {Date} now */
function healthReason({ kind, state, since }, { newest }, now) {
  if (state !== "active") return undefined;
  if (kind === "silent") return reason("silent", newest ? `No reading for ${ageInWords(newest.time, now)}` : "No readings");
  return kind === "stuck" ? reason("stuck", `The same value since ${shortDay(since ?? "", now)}: is the sensor stuck?`) : undefined;
}

/** A day; without its year, if that is this year. @param {string} time @param {Date} now */
function shortDay(time, now) {
  return columnTime(time, "day").replace(` ${now.getUTCFullYear()}`, "");
}

/** Why an event needs attention; null if it does not. @param {StationEvent} event @param {Date} now */
function eventReason(event, now) {
  const { kind, state, category, since, probability, settings } = event;
  if (state === "active") {
    const level = Math.max(CATEGORIES.indexOf(category ?? ""), 0);
    const palette = KINDS.find((other) => other.kind === kind)?.palette;
    const words = [eventName(event), category?.toLowerCase(), since && `since ${shortDay(since, now)}`];
    // The strongest first.
    return { ...reason("active", words.filter(Boolean).join(", "), palette && `${palette}-${level + 1}`), rank: RANKS.active - level / 10 };
  }
  if (probability === null || probability < (settings?.alert_at ?? EXPECTED)) return null;
  return reason("expected", `${eventName(event)}: ${percent(probability)} likely`);
}

/** A difference from usual; empty if it is not known. @param {number | null} anomaly °C */
export function differenceInWords(anomaly) {
  if (anomaly === null) return "";
  if (Math.abs(anomaly) < LEAST_DIFFERENCE) return "Normal for the time of year";
  return `${difference(Math.abs(anomaly), 1)} ${anomaly > 0 ? "warmer" : "colder"} than usual`;
}

/** The next value and its range. @param {number} sst °C @param {number | null} lower @param {number | null} upper @param {string} when */
export function nextInWords(sst, lower, upper, when) {
  const places = placesOf(lower, upper);
  const range = lower === null || upper === null ? "" : ` (80%: ${fixed(inUnit(lower), places)} to ${fixed(inUnit(upper), places)})`;
  return `${temperature(sst, places)} ${when}${range}`;
}
