// @ts-check
/** The values of a forecast, as a table and as CSV rows. */

import { inUnit, unit } from "./degrees.js";
import { h } from "./dom.js";
import { kindOf, modelTitle } from "./models.js";
import { fixed } from "./numbers.js";
import { dataTable } from "./table.js";
import { columnTime, formatTime } from "./times.js";

/** @typedef {import("./forecast-chart.js").ModelForecast} ModelForecast */

/** The level that narrow screens show, if the forecast has it. */
const NARROW_LEVEL = 80;

/**
 * A table with a column for each interval and reference. On a narrow screen it has times, values and one interval: in a
 * column for a single model, under the value for several.
 * @param {string} caption @param {ModelForecast[]} forecasts @param {string} step
 * @param {number | null} [usualFrom] the lead, from 1, from which usual is the better forecast
 */
export function forecastTable(caption, forecasts, step, usualFrom = null) {
  return [
    dataTable(caption, headOf(forecasts), rowsOf(forecasts, step), { class: "wide", csv: () => forecastCsv(forecasts) }),
    usualFrom !== null && h("p", { class: "note" }, `From ${formatTime(forecasts[0].timestamps[usualFrom - 1], step)} on, usual is the better forecast.`),
    h("p", { class: "note narrow-only" }, "The CSV file also has the other intervals and the references."),
    hasUncalibrated(forecasts) &&
      h("p", { class: "note" }, uncalibratedMark(), " Not calibrated: the series is unlike the training data, so these intervals may contain the observed value more or less often than their level says."),
  ];
}

/** The column headings. @param {ModelForecast[]} forecasts */
function headOf(forecasts) {
  return [
    "Time (UTC)",
    ...forecasts.flatMap((forecast) => [modelTitle(kindOf(forecast.model)), ...forecast.intervals.map(({ level }) => h("th", { scope: "col", class: intervalClass(forecasts, level) }, `${level}%`))]),
    ...Object.keys(forecasts[0].baselines).map((name) => h("th", { scope: "col", class: "wide-only" }, modelTitle(name))),
  ];
}

/** A row for each lead. @param {ModelForecast[]} forecasts @param {string} step */
function rowsOf(forecasts, step) {
  const [{ timestamps, baselines }] = forecasts;
  return timestamps.map((time, i) => [
    columnTime(time, step),
    ...forecasts.flatMap((forecast) => [
      h("td", {}, fixed(inUnit(forecast.sst[i]), 2), forecasts.length > 1 && forecast.intervals.filter(({ level }) => level === narrowLevel(forecasts)).map((interval) => under(interval, i))),
      ...forecast.intervals.map((interval) => h("td", { class: intervalClass(forecasts, interval.level) }, range(interval, i))),
    ]),
    ...Object.keys(baselines).map((name) => h("td", { class: "wide-only" }, fixed(inUnit(baselines[name][i]), 2))),
  ]);
}

/** The level of the interval that narrow screens show. @param {ModelForecast[]} forecasts */
function narrowLevel([{ intervals }]) {
  return (intervals.find(({ level }) => level === NARROW_LEVEL) ?? intervals[0])?.level;
}

/** The class of the column of an interval. @param {ModelForecast[]} forecasts @param {number} level */
function intervalClass(forecasts, level) {
  return forecasts.length === 1 && level === narrowLevel(forecasts) ? null : "wide-only";
}

/** The forecast as CSV rows, at full precision and with a column for each bound. @param {ModelForecast[]} forecasts */
function forecastCsv(forecasts) {
  const references = Object.keys(forecasts[0].baselines);
  const levels = forecasts[0].intervals.map((interval) => interval.level);
  const head = ["time", "model", "sst", ...levels.flatMap((level) => [`lower_${level}`, `upper_${level}`]), "calibrated", ...references, "unit"];
  const rows = forecasts.flatMap((forecast) =>
    forecast.timestamps.map((time, i) => [
      time,
      forecast.model,
      inUnit(forecast.sst[i]),
      ...forecast.intervals.flatMap((interval) => [inUnit(interval.lower[i]), inUnit(interval.upper[i])]),
      forecast.intervals.every((interval) => interval.calibrated),
      ...references.map((name) => inUnit(forecast.baselines[name]?.[i])),
      unit(),
    ]),
  );
  return [head, ...rows];
}

/** Whether any interval is not calibrated. @param {ModelForecast[]} forecasts */
export function hasUncalibrated(forecasts) {
  return forecasts.some((forecast) => forecast.intervals.some((interval) => !interval.calibrated));
}

/** The mark of an interval that is not calibrated. */
export function uncalibratedMark() {
  return h("span", { class: "uncalibrated", role: "img", "aria-label": "not calibrated", title: "not calibrated" }, "†");
}

/** @param {ModelForecast["intervals"][number]} interval @param {number} i */
function range(interval, i) {
  return [`${fixed(inUnit(interval.lower[i]), 2)} – ${fixed(inUnit(interval.upper[i]), 2)}`, !interval.calibrated && uncalibratedMark()];
}

/** An interval under its value, which only narrow screens show. @param {ModelForecast["intervals"][number]} interval @param {number} i */
function under(interval, i) {
  return h("span", { class: "under narrow-only" }, h("span", {}, `${interval.level}%`), " ", h("span", {}, range(interval, i)));
}
