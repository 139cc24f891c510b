// @ts-check
/** What was forecast a number of steps before, what was observed, and the newest forecast. */

import { fixedRange, panelTitle, verticalLine } from "./layout.js";
import { fixed } from "./numbers.js";
import { placesOf, SUSPECT, unitOf } from "./station-words.js";
import { colour, tint } from "./theme.js";
import { formatSteps, formatTime, hoverFormat, milliseconds } from "./times.js";
import { axisRange } from "./visible-range.js";
import { columnsOf } from "./weather.js";

/**
 * @typedef {import("./station-words.js").Station} Station
 * @typedef {{timestamps: string[], values: number[], flag: number[]}} Observations
 * @typedef {import("./station-words.js").Forecast} Forecast
 *
 * @typedef {object} Row a time at which something was observed or forecast
 * @property {string} time
 * @property {number | null} observed
 * @property {boolean} isSuspect whether what was observed may be wrong
 * @property {number | null} sst forecast so many steps before
 * @property {number | null} lower of its range of 80 %
 * @property {number | null} upper
 * @property {boolean} ahead whether it belongs to the newest forecast, after the last observation
 */

const LEVEL = 80;
/** More values are drawn without a dot for each. */
const MAX_DOTS = 80;

/**
 * The forecasts of a lead beside the observations of their times.
 * @param {Observations} observations @param {Forecast[]} forecasts as they were issued @param {number} lead steps ahead
 * @returns {Row[]} in chronological order
 */
export function rowsOf({ timestamps, values, flag }, forecasts, lead) {
  /** @type {Map<number, Row>} */
  const rows = new Map();
  const at = (/** @type {string} */ time) => {
    const key = milliseconds(time);
    const row = rows.get(key) ?? { time, observed: null, isSuspect: false, sst: null, lower: null, upper: null, ahead: false };
    rows.set(key, row);
    return row;
  };
  timestamps.forEach((time, i) => Object.assign(at(time), { observed: values[i], isSuspect: flag[i] >= SUSPECT }));
  const last = milliseconds(timestamps.at(-1) ?? "");
  for (const forecast of forecasts) {
    const time = forecast.timestamps[lead - 1];
    // The first forecast of a time counts; later ones rest on corrected readings.
    if (time !== undefined && milliseconds(time) <= last && at(time).sst === null) Object.assign(at(time), valuesAt(forecast, lead - 1));
  }
  const newest = forecasts.at(-1);
  newest?.timestamps.forEach((time, i) => {
    if (milliseconds(time) > last) Object.assign(at(time), valuesAt(newest, i), { ahead: true });
  });
  return [...rows.values()].sort((a, b) => milliseconds(a.time) - milliseconds(b.time));
}

/**
 * The weather that forecasts were given: of each, that of the first step ahead, and all of the newest; null if there is none.
 * @param {Row[]} rows @param {any[]} forecasts as they were issued @param {Station} station
 * @returns {import("./weather.js").Weather | null}
 */
export function stationWeather(rows, forecasts, station) {
  /** @type {Map<number, (number | null)[]>} */
  const known = new Map();
  forecasts.forEach(({ timestamps, weather }, position) => {
    const leads = weather ? timestamps.slice(0, position === forecasts.length - 1 ? undefined : 1) : [];
    leads.forEach((/** @type {string} */ time, /** @type {number} */ i) => known.set(milliseconds(time), [weather.air_temperature[i] ?? null, weather.wind_speed[i] ?? null]));
  });
  const whole = /** @type {[string, string]} */ ([rows[0]?.time, rows.at(-1)?.time]);
  const timestamps = rows.map(({ time }) => time).slice(Math.max(rows.findIndex(({ time }) => known.has(milliseconds(time))), 0));
  const [air, wind] = [0, 1].map((column) => timestamps.map((time) => known.get(milliseconds(time))?.[column] ?? null));
  const columns = columnsOf(air, wind, unitOf(station));
  const last = rows.findLast(({ ahead }) => !ahead)?.time ?? "";
  return columns.length ? { step: station.step, timestamps, columns, last, whole } : null;
}

/** @param {Forecast} forecast @param {number} i */
function valuesAt({ sst, intervals }, i) {
  const range = intervals.find(({ level }) => level === LEVEL);
  return { sst: sst[i], lower: range?.lower[i] ?? null, upper: range?.upper[i] ?? null };
}

/**
 * @param {Row[]} rows @param {number} lead @param {Station} station
 * @returns {import("./chart.js").Figure}
 */
export function stationFigure(rows, lead, station) {
  const { step } = station;
  const unit = unitOf(station);
  const places = rows.some(({ ahead }) => ahead) ? Math.max(placesOf(/** @type {any} */ (rows)), 2) : 2;
  const x = rows.map(({ time }) => time);
  const origin = rows.findLastIndex(({ ahead }) => !ahead);
  const traces = tracesOf(rows, x, origin, unit);
  const axis = axisRange([rows.map(({ observed }) => observed), rows.map(({ sst }) => sst), rows.map(({ lower }) => lower), rows.map(({ upper }) => upper)], [0, rows.length]);
  const drawn = (/** @type {number} */ i) => traces.flatMap((trace, curveNumber) => (trace.hoverinfo === "skip" || trace.y[i] === null ? [] : [{ curveNumber, pointNumber: i }]));
  return {
    data: traces,
    layout: {
      xaxis: { hoverformat: hoverFormat(step), showgrid: false, range: [x[0], x[x.length - 1]] },
      yaxis: { nticks: 6, ...fixedRange(axis) },
      margin: { l: 44, r: 12, t: 30, b: 40 },
      annotations: [{ ...panelTitle(unit, 1), yshift: 12 }],
      shapes: origin >= 0 && origin < rows.length - 1 ? [verticalLine(x[origin])] : [],
    },
    extent: [0, rows.length],
    describe: (i) => describeRow(rows[i], lead, station, places),
    pointsAt: drawn,
  };
}

/** @param {Row[]} rows @param {string[]} x @param {number} origin index of the last row that is not ahead @param {string} unit */
function tracesOf(rows, x, origin, unit) {
  const past = (/** @type {(row: Row) => number | null} */ value) => rows.map((row) => (row.ahead ? null : value(row)));
  const ahead = (/** @type {(row: Row) => number | null} */ value) => rows.map((row, i) => (row.ahead ? value(row) : i === origin ? row.observed : null));
  const few = rows.length <= MAX_DOTS;
  const forecast = { color: colour("accent"), width: 1.75 };
  const observed = { color: colour("observed"), width: 1.25 };
  const mode = few ? "lines+markers" : "lines";
  const marker = (/** @type {string} */ name, /** @type {number} */ size) => ({ color: colour(name), size });
  const hovertemplate = `<b>%{y:.2f} ${unit}</b>`;
  return [
    ...band(x, past((row) => row.lower), past((row) => row.upper), 0.18),
    ...band(x, ahead((row) => row.lower), ahead((row) => row.upper), 0.26),
    { type: "scatter", mode, name: "Forecast before", x, y: past((row) => row.sst), line: { ...forecast, dash: "5px,3px" }, marker: marker("accent", 4), hovertemplate },
    { type: "scatter", mode, name: "Observed", x, y: rows.map((row) => row.observed), line: observed, marker: marker("observed", 4), hovertemplate },
    { type: "scatter", mode: "lines", name: "Newest forecast", x, y: ahead((row) => row.sst), line: { ...forecast, width: 2.5 }, hovertemplate, hoverinfo: rows.map((row) => (row.ahead ? "all" : "skip")) },
  ];
}

/** @param {string[]} x @param {(number | null)[]} lower @param {(number | null)[]} upper @param {number} opacity */
function band(x, lower, upper, opacity) {
  const edge = { type: "scatter", mode: "lines", x, line: { width: 0 }, hoverinfo: "skip" };
  return [{ ...edge, y: lower }, { ...edge, y: upper, fill: "tonexty", fillcolor: tint("accent", opacity) }];
}

/** @param {Row} row @param {number} lead @param {Station} station @param {number} places */
function describeRow({ time, observed, sst, lower, upper, ahead }, lead, { step }, places) {
  const parts = [formatTime(time, step)];
  if (observed !== null) parts.push(`observed ${fixed(observed, places)}`);
  if (sst !== null) parts.push(`${ahead ? "forecast" : `forecast ${formatSteps(lead, step)} before`} ${fixed(sst, places)}`);
  if (lower !== null && upper !== null) parts.push(`${LEVEL} percent range from ${fixed(lower, places)} to ${fixed(upper, places)}`);
  return parts.join(", ");
}

/** The rows of the chart as a table, the newest first. @param {Row[]} rows @param {number} lead @param {Station} station */
export function rowsTable(rows, lead, { step }) {
  const head = ["Time", "Observed", `Forecast ${formatSteps(lead, step)} before, or newest`, "80% range", "Error"];
  const cells = [...rows].reverse().map(({ time, observed, isSuspect, sst, lower, upper }) => [
    formatTime(time, step),
    `${fixed(observed, 2)}${isSuspect ? " (suspect)" : ""}`,
    fixed(sst, 2),
    lower === null ? "–" : `${fixed(lower, 2)} to ${fixed(upper, 2)}`,
    observed === null || isSuspect || sst === null ? "–" : fixed(sst - observed, 2),
  ]);
  return { head, rows: cells };
}
