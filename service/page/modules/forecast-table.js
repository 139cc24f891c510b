// @ts-check
/** The values of a forecast, as a table and as CSV rows. */

import { h } from "./dom.js";
import { kindOf, modelTitle } from "./models.js";
import { fixed } from "./numbers.js";
import { dataTable } from "./table.js";
import { columnTime } from "./times.js";

/** @typedef {import("./forecast-chart.js").ModelForecast} ModelForecast */

/**
 * A table with a column for each interval and reference. On a narrow screen, intervals move under their value and
 * references under the row.
 * @param {string} caption @param {ModelForecast[]} forecasts @param {string} step
 */
export function forecastTable(caption, forecasts, step) {
  const references = Object.keys(forecasts[0].baselines);
  const head = [
    "Valid time (UTC)",
    ...forecasts.flatMap((forecast) => [modelTitle(kindOf(forecast.model)), ...forecast.intervals.map((interval) => wideColumn(`${interval.level}%`))]),
    ...references.map((name) => wideColumn(modelTitle(name))),
  ];
  const rows = forecasts[0].timestamps.flatMap((time, i) => [
    [
      columnTime(time, step),
      ...forecasts.flatMap((forecast) => [
        h("td", {}, fixed(forecast.sst[i], 2), forecast.intervals.map((interval) => under(`${interval.level}%`, range(interval, i)))),
        ...forecast.intervals.map((interval) => h("td", { class: "wide-only" }, range(interval, i))),
      ]),
      ...references.map((name) => h("td", { class: "wide-only" }, fixed(forecasts[0].baselines[name][i], 2))),
    ],
    h(
      "tr",
      { class: "narrow-only" },
      h("td", { colspan: 1 + forecasts.length }, references.map((name) => under(modelTitle(name), fixed(forecasts[0].baselines[name][i], 2)))),
    ),
  ]);
  return [
    dataTable(caption, head, rows, { class: "wide" }),
    hasUncalibrated(forecasts) &&
      h("p", { class: "note" }, uncalibratedMark(), " Not calibrated: the series is unlike the training data, so these intervals may contain the observed value more or less often than their level says."),
  ];
}

/** The forecast as CSV rows, at full precision and with a column for each bound. @param {ModelForecast[]} forecasts */
export function forecastCsv(forecasts) {
  const references = Object.keys(forecasts[0].baselines);
  const levels = forecasts[0].intervals.map((interval) => interval.level);
  const head = ["time", "model", "sst", ...levels.flatMap((level) => [`lower_${level}`, `upper_${level}`]), "calibrated", ...references];
  const rows = forecasts.flatMap((forecast) =>
    forecast.timestamps.map((time, i) => [
      time,
      forecast.model,
      forecast.sst[i],
      ...forecast.intervals.flatMap((interval) => [interval.lower[i], interval.upper[i]]),
      forecast.intervals.every((interval) => interval.calibrated),
      ...references.map((name) => forecast.baselines[name]?.[i]),
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
  return [`${fixed(interval.lower[i], 2)} – ${fixed(interval.upper[i], 2)}`, !interval.calibrated && uncalibratedMark()];
}

/** The head of a column that only wide screens show. @param {string} name */
function wideColumn(name) {
  return h("th", { scope: "col", class: "wide-only" }, name);
}

/** A name and a value, which only narrow screens show. @param {string} name @param {import("./dom.js").Child | import("./dom.js").Child[]} value */
function under(name, value) {
  return h("span", { class: "under narrow-only" }, h("span", {}, name), " ", h("span", {}, value));
}
