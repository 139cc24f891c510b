// @ts-check
/** Stations as home lists them: with what needs attention, and the most pressing first. */

import { stationPath } from "./address.js";
import { difference, inUnit, placesOf, temperature } from "./degrees.js";
import { CATEGORIES, KINDS } from "./event-kinds.js";
import { fixed } from "./numbers.js";
import { validPhrase } from "./spoken-times.js";
import { degreesPerCelsius, observedInWords, stepsAhead, SUSPECT, titleOf, toCelsius } from "./station-words.js";

/**
 * @typedef {import("./station-words.js").Station} Station
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

/** @type {Record<string, number>} */
const RANKS = { active: 0, expected: 1, silent: 2, stuck: 3, doubt: 4, fetch: 5, none: 6 };

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
    reasons: reasonsOf(station),
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

/** @param {Station} station @returns {Reason[]} */
function reasonsOf({ summary }) {
  return summary.attention.map(({ reason, event, sentence }) => {
    const { kind, category } = summary.events.find(({ name }) => name === event) ?? {};
    const level = Math.max(CATEGORIES.indexOf(category ?? ""), 0);
    const palette = reason === "active" && KINDS.find((other) => other.kind === kind)?.palette;
    // The strongest first.
    return { rank: RANKS[reason] - level / 10, words: sentence, mark: palette ? `${palette}-${level + 1}` : "alert" };
  });
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
