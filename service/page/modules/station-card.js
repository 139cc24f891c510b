// @ts-check
/** What a station shows of now and of the next steps. */

import { stationPath } from "./address.js";
import { h } from "./dom.js";
import { fixed } from "./numbers.js";
import { sparkline } from "./sparkline.js";
import { anomalyInWords, columnLabel, degrees, observedInWords, placesOf, recentPeriod, stepsAhead, titleOf, unitOf } from "./station-words.js";
import { formatTime } from "./times.js";

/** @typedef {import("./station-words.js").Station} Station */

/** Steps ahead on a card; fewer if their ranges are long. */
const COLUMNS = 4;
const LONG_RANGE = 9;

/** The last value, its age, and how far it is from usual, beside the last days. @param {Station} station @param {Date} now */
export function lastValue(station, now) {
  const { newest } = station;
  if (!newest) return h("p", { class: "note" }, "No readings yet. Once there are enough, the first forecast appears here.");
  return h(
    "div",
    { class: "last" },
    h("div", {}, h("p", { class: "figure" }, degrees(newest.sst, station)), h("p", { class: "note" }, observedInWords(station, now))),
    recentDays(station, now),
    anomaly(station),
  );
}

/** @param {Station} station */
function anomaly(station) {
  const words = anomalyInWords(station);
  if (!words) return null;
  const side = words.includes("warmer") ? "warmer" : words.includes("colder") ? "colder" : "";
  return h("p", { class: `anomaly ${side}`.trim() }, words);
}

/** The picture of the last days and the next, with its range in words. @param {Station} station @param {Date} now */
function recentDays(station, now) {
  const past = station.recent?.sst ?? [];
  if (past.length < 2) return null;
  const steps = stepsAhead(station, now);
  const edge = (/** @type {"lower" | "upper"} */ side) => steps.map((step) => step[side] ?? step.sst);
  const caption = `${recentPeriod(station)}, ${fixed(Math.min(...past), 1)}–${degrees(Math.max(...past), station)}`;
  return h("figure", {}, sparkline(past, { sst: steps.map(({ sst }) => sst), lower: edge("lower"), upper: edge("upper") }), h("figcaption", { class: "note" }, caption));
}

/** The next steps with their ranges. @param {Station} station @param {Date} now @param {number} most columns */
export function nextSteps(station, now, most) {
  const steps = stepsAhead(station, now);
  if (!steps.length) return station.newest && h("p", { class: "note ahead" }, missingForecast(station));
  const places = placesOf(steps);
  const isLong = steps.some(({ lower, upper }) => `${fixed(lower, places)}–${fixed(upper, places)}`.length > LONG_RANGE);
  const shown = steps.slice(0, most === COLUMNS && isLong ? most - 1 : most);
  return h(
    "dl",
    { class: "ahead" },
    shown.map(({ time, sst, lower, upper }) =>
      h(
        "div",
        {},
        h("dt", {}, h("span", { "aria-hidden": "true" }, columnLabel(time, station.step)), h("span", { class: "hidden" }, formatTime(time, station.step))),
        h("dd", {}, h("strong", {}, fixed(sst, places)), h("span", { class: "hidden" }, ` ${unitOf(station)}`)),
        lower !== null && upper !== null && h("dd", { class: "note" }, h("span", { class: "hidden" }, "80% range "), `${fixed(lower, places)}–${fixed(upper, places)}`),
      ),
    ),
  );
}

/** @param {Station} station */
function missingForecast({ forecast }) {
  return forecast ? "The last forecast has expired. The next one is issued when new readings arrive." : "No forecast yet. Send readings: the response says what is missing.";
}
