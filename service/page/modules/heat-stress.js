// @ts-check
/** Heat stress on corals as degree heating weeks, in one line. */

import { temperature } from "./degrees.js";
import { h } from "./dom.js";
import { percent } from "./event-words.js";
import { uncalibratedMark } from "./forecast-table.js";
import { fixed } from "./numbers.js";
import { sentence } from "./sentence.js";
import { soonPhrase } from "./spoken-times.js";

/** The alert levels of NOAA Coral Reef Watch. */
const LEVELS = ["No Stress", "Watch", "Warning", "Alert Level 1", "Alert Level 2", "Alert Level 3", "Alert Level 4", "Alert Level 5"];

/** @type {Record<string, string>} */
const SOURCES = { request: "as given", series: "from the series", position: "from the position" };

/** Smaller sums, in °C weeks, round to 0.0. */
const NEGLIGIBLE = 0.05;

/** A level that is less likely is not said. */
const WORTH_SAYING = 0.05;

/** @param {any} outcome as in the answer of POST /forecast @param {string[]} timestamps of the leads @param {Date} now */
export function heatStressLine(outcome, timestamps, now) {
  if (outcome.error) return h("p", { class: "note" }, `Heat stress: ${sentence(outcome.error)}`);
  const { now: current, alert, median, lower, upper, mmm, mmm_source: source, calibrated } = outcome;
  const last = timestamps.length - 1;
  const end = soonPhrase(timestamps[last], "day", now);
  const isNone = alert === "No Stress" && current < NEGLIGIBLE && upper[last] < NEGLIGIBLE;
  const [low, high] = [fixed(lower[last], 1), fixed(upper[last], 1)];
  const range = low === high ? "" : ` (80%: ${low}–${high})`;
  return [
    h(
      "p",
      { class: "stress" },
      isNone
        ? h("strong", {}, `No heat stress on corals, and none likely by ${end}.`)
        : [h("strong", {}, `Heat stress on corals: ${fixed(current, 1)} degree heating weeks, ${levelPhrase(alert)}.`), ` By ${end}: ${fixed(median[last], 1)}${range}${worsePhrase(outcome, last)}.`],
      !calibrated && uncalibratedMark(),
    ),
    h("p", { class: "note" }, `Degree heating weeks add up how far the days of the last 12 weeks were above the mean of the warmest month, ${temperature(mmm, 1)} (${SOURCES[source]}). Only days at least 1 °C above it count.`),
  ];
}

/** @param {string} level */
function levelPhrase(level) {
  return level.startsWith("Alert") ? `at ${level}` : level === "No Stress" ? "not rising now" : `a ${level.toLowerCase()}`;
}

/** The chance of a higher level at the last lead; empty if it is small. @param {any} outcome @param {number} last */
function worsePhrase({ alert, alert_probability: byLevel }, last) {
  const higher = LEVELS.slice(LEVELS.indexOf(alert) + 1).filter((level) => byLevel[level]);
  const chance = higher.reduce((sum, level) => sum + byLevel[level][last], 0);
  return chance < WORTH_SAYING ? "" : `, with ${percent(chance)} for ${higher[0] === "Watch" ? "a watch" : higher[0] === "Warning" ? "a warning" : higher[0]}${higher.length > 1 ? " or more" : ""}`;
}
