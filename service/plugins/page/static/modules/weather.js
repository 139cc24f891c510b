// @ts-check
/** The weather over a series: wind and air under the water, and what they changed. */

import { Chart } from "./chart.js";
import { inUnit, temperature, unit } from "./degrees.js";
import { fixed, formatCount } from "./numbers.js";
import { sentence } from "./sentence.js";
import { timestampsOf } from "./series-times.js";
import { tableDisclosure } from "./table.js";
import { colour } from "./theme.js";
import { columnTime, formatTime, hoverFormat, milliseconds } from "./times.js";
import { panelTitle } from "./traces.js";
import { axisRange, indexRange, pointsToDraw } from "./visible-range.js";

/**
 * @typedef {object} WeatherUse what a forecast made of the weather
 * @property {string[]} used
 * @property {string | null} [until] the last step with weather; null or absent if there is none ahead
 * @property {number | null} [past_rmse_ratio]
 * @property {number} origins
 * @property {string | null} [source]
 * @property {string | null} [attribution]
 *
 * @typedef {object} Column
 * @property {string} name
 * @property {string} unit
 * @property {(number | null)[]} values
 *
 * @typedef {object} Weather over the times of a chart
 * @property {string} step
 * @property {string[]} timestamps
 * @property {Column[]} columns air, wind or both
 * @property {string} last the time of the last observation of the water
 * @property {[string, string]} whole the period of the chart of the water
 */

/** The panels of both columns, as shares of the height. */
const DOMAINS = [[0.58, 1], [0, 0.42]];

/** The weather in a request, with times; null if there is none. @param {any} series with weather, in °C and m/s @param {{last: string, whole: [string, string]}} water @returns {Weather | null} */
export function weatherOf({ start, step, weather }, water) {
  if (!weather) return null;
  const columns = columnsOf(weather.air_temperature ?? [], weather.wind_speed ?? [], "°C");
  const n = Math.max(0, ...columns.map(({ values }) => values.length));
  return n ? { step, timestamps: timestampsOf(weather.start ?? start, step, n), columns, ...water } : null;
}

/** The columns that have values. @param {(number | null)[]} air @param {(number | null)[]} wind @param {string} unit of the air @returns {Column[]} */
function columnsOf(air, wind, unit) {
  const columns = [{ name: "Air", unit, values: air }, { name: "Wind", unit: "m/s", values: wind }];
  return columns.filter(({ values }) => values.some((value) => value !== null));
}

/** The chart under that of the water, which it follows and moves, and its table. @param {Weather} weather @param {string} title of the series @param {Chart} water @param {AbortSignal} signal */
export function weatherPanel(weather, title, water, signal) {
  const names = weather.columns.map(({ name }) => name.toLowerCase()).join(" and ");
  const chart = new Chart(`Weather over ${title}: ${names}`, signal, { height: weather.columns.length > 1 ? "16rem" : "9rem", range: water.range, onZoom: (range) => water.zoom(range) });
  const { onZoom } = water;
  water.onZoom = (range) => {
    onZoom(range);
    chart.range = range;
    chart.redraw();
  };
  chart.draw((range) => weatherFigure(weather, range));
  return [chart.element, tableDisclosure(`Weather over ${title}`, () => tableOf(weather, chart.range), "View weather as table")];
}

/** @param {Weather} weather @param {import("./visible-range.js").Range} range @returns {import("./chart.js").Figure} */
function weatherFigure(weather, range) {
  const { step, timestamps, columns, last, whole } = weather;
  const slice = indexRange(timestamps, range ?? whole);
  const ahead = firstAhead(weather);
  const past = /** @type {[number, number]} */ (slice.map((i) => Math.min(i, ahead)));
  const { indices, thinned } = pointsToDraw(columns.map(({ values }) => values.slice(0, ahead)), past);
  // The dashed line begins where the other ends, and is never thinned.
  const parts = [indices, timestamps.map((_, i) => i).slice(Math.max(ahead - 1, 0))];
  const traces = columns.flatMap((column, panel) => parts.map((part, isAhead) => trace(weather, column, part, { yaxis: panel ? "y2" : "y", isAhead: isAhead === 1, ahead })));
  const axes = columns.map(({ name, unit: symbol, values }, panel) => {
    const axis = axisRange([values.slice(...slice)]);
    return { ...(symbol === "°C" ? { unit: "temperature" } : {}), nticks: 3, domain: columns.length > 1 ? DOMAINS[panel] : [0, 1], range: axis && name === "Wind" ? [0, axis[1]] : axis };
  });
  return {
    data: traces,
    layout: {
      xaxis: { hoverformat: hoverFormat(step), range: whole },
      yaxis: axes[0],
      ...(axes[1] ? { yaxis2: axes[1] } : {}),
      verticals: [last],
      annotations: columns.map(({ name, unit: symbol }, panel) => panelTitle(`${name}, ${written(symbol)}${panel ? "" : " (dashed: forecast)"}`, axes[panel].domain[1])),
    },
    thinned,
  };
}

/** @param {Weather} weather @param {Column} column @param {number[]} indices @param {{yaxis: string, isAhead: boolean, ahead: number}} place */
function trace({ timestamps }, { name, unit: symbol, values }, indices, { yaxis, isAhead, ahead }) {
  return {
    name: isAhead ? `${name} forecast` : name,
    yaxis,
    x: indices.map((i) => timestamps[i]),
    y: indices.map((i) => values[i] ?? null),
    line: { color: colour("observed"), width: 1.5, dash: isAhead ? "5px,3px" : "solid" },
    read: (/** @type {number} */ k) => (isAhead && indices[k] < ahead ? "" : `${fixed(shown(values[indices[k]], symbol), 1)} ${written(symbol)}`),
  };
}

/** The index of the first value after the last observation. @param {Weather} weather */
function firstAhead({ timestamps, last }) {
  const first = timestamps.findIndex((time) => milliseconds(time) > milliseconds(last));
  return first < 0 ? timestamps.length : first;
}

/** @param {Weather} weather @param {import("./visible-range.js").Range} range */
function tableOf(weather, range) {
  const { step, timestamps, columns, whole } = weather;
  const ahead = firstAhead(weather);
  const [first, end] = indexRange(timestamps, range ?? whole);
  const rows = timestamps.slice(first, end).map((time, i) => [`${columnTime(time, step)}${first + i < ahead ? "" : " (forecast)"}`, ...columns.map(({ unit: symbol, values }) => fixed(shown(values[first + i], symbol), 1))]);
  return { head: ["Time (UTC)", ...columns.map(({ name, unit: symbol }) => `${name}, ${written(symbol)}`)], rows };
}

/** A value in the unit of the page, if it is a temperature in °C. @param {number | null | undefined} value @param {string} symbol of its own unit */
function shown(value, symbol) {
  return symbol === "°C" ? inUnit(value) : value;
}

/** @param {string} symbol */
function written(symbol) {
  return symbol === "°C" ? unit() : symbol;
}

/** Whether a forecast leaves weather out because it was worth nothing on the past. @param {WeatherUse | null | undefined} use */
export function isWorthless(use) {
  return Boolean(use?.until && !use.used.length);
}

/**
 * What weather changed in a forecast, what it was worth, and where it is from; empty if the forecast has none.
 * @param {{timestamps: string[], sst: number[], weather?: WeatherUse | null}} forecast
 * @param {number[] | null} without the same forecast without weather @param {string} step
 */
export function weatherWords({ timestamps, sst, weather }, without, step) {
  if (!weather) return "";
  const source = weather.attribution ? sentence(weather.attribution) : weather.source ? `Weather from ${weather.source}.` : "";
  if (isWorthless(weather)) return `Weather was worth nothing on the past of this series, so the forecast does not use it. ${source}`.trim();
  if (!weather.used.length || !without) return source;
  const changes = sst.map((value, i) => Math.abs(value - without[i]));
  const most = changes.indexOf(Math.max(...changes));
  const later = most > 0 ? `, and ${fixed(inUnit(without[most]), 2)} instead of ${temperature(sst[most], 2)} on ${formatTime(timestamps[most], step)}` : "";
  return [`Without the weather ahead: ${temperature(without[0], 2)}${later}.`, worth(weather), source].filter(Boolean).join(" ");
}

/** @param {WeatherUse} use */
function worth({ past_rmse_ratio: ratio = null, origins }) {
  if (ratio === null) return "";
  const percent = Math.round((1 - ratio) * 100);
  const change = percent ? `made errors ${Math.abs(percent)}% ${percent > 0 ? "smaller" : "larger"}` : "hardly changed errors";
  return `In ${formatCount(origins)} past forecasts, weather ${change}.`;
}
