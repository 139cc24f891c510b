// @ts-check
/** A chart of the end of a series and its forecast. */

import { inUnit, temperature, unit } from "./degrees.js";
import { earlierYears, rankWords } from "./earlier-years.js";
import { colourOf, kindOf, modelTitle } from "./models.js";
import { fixed } from "./numbers.js";
import { ageInWords } from "./spoken-times.js";
import { colour } from "./theme.js";
import { formatTime, hoverFormat } from "./times.js";
import { bandTraces, lineTrace, panelTitle } from "./traces.js";
import { axisRange, indexRange, pointsToDraw } from "./visible-range.js";

/**
 * @typedef {object} ModelForecast the forecast of one model for one series
 * @property {string} model
 * @property {string[]} timestamps
 * @property {number[]} sst
 * @property {{level: number, lower: number[], upper: number[], calibrated: boolean}[]} intervals
 * @property {Record<string, number[]>} baselines
 * @property {{years: [number, number] | null, source: string, sst: number}} [usual] what its climatology rests on
 * @property {{code: string, message: string}[]} warnings
 * @property {import("./weather.js").WeatherUse} [weather]
 *
 * @typedef {object} History the observed values of a series
 * @property {string} step
 * @property {string[]} timestamps
 * @property {(number | null)[]} values
 * @property {number[]} [climatology] the usual temperature at each time, °C, where it is known
 *
 * @typedef {{x: string, y: number | null}} Origin the last observation, where forecasts begin
 */

/** Observed values shown before a forecast: this many times its length, but at least this many. */
const HISTORY_PER_LEAD = 1.5;
const MIN_HISTORY = 8;

/** Longer forecasts are drawn without a dot at each value. */
export const MAX_DOTS = 40;

/** The opacity of the narrowest band of a single model, and of others. */
const NARROWEST_OPACITY = 0.26;
const BAND_OPACITY = 0.14;

/** The opacity of the line of a forecast where usual is the better one. */
const FADED_OPACITY = 0.4;

/** The forecast of each model for one series of a request. A reference that makes the forecast is not shown again beside it. @param {any} response of /forecast @param {number} position of the series */
export function forecastsOf(response, position) {
  return (response.models ?? [response]).map((/** @type {any} */ entry) => {
    const forecast = { model: entry.model, ...entry.forecasts[position] };
    const others = Object.entries(forecast.baselines ?? {}).filter(([name]) => name !== forecast.model);
    return { ...forecast, baselines: Object.fromEntries(others) };
  });
}

/**
 * @param {History} history
 * @param {ModelForecast[]} forecasts
 * @param {string[]} references shown
 * @param {import("./visible-range.js").Range} range
 * @param {{overlays?: import("./event-overlay.js").Overlay[], showsYears?: boolean, usualFrom?: number | null}} [more] overlays: events and earlier forecasts; showsYears: whether earlier years are drawn; usualFrom: the first lead from 1 at which usual is the better forecast
 * @returns {import("./chart.js").Figure}
 */
export function forecastFigure(history, forecasts, references, range, { overlays = [], showsYears = false, usualFrom = null } = {}) {
  const [first] = forecasts;
  const single = forecasts.length === 1;
  const origin = originOf(history);
  const slice = indexRange(history.timestamps, range);
  const { indices, thinned } = pointsToDraw([history.values], slice);
  const shown = references.filter((name) => name in first.baselines);
  const bands = forecasts.flatMap((forecast) => forecastBands(forecast, origin, single));
  const observed = lineTrace("observed", pick(history.timestamps, indices), pick(history.values, indices), { line: { color: colour("observed"), width: 2 } });
  const referenceLines = shown.map((name) => referenceLine(name, history, first, indices));
  const better = usualFrom && single ? usualFrom : null;
  const lines = [...forecasts].reverse().map((forecast) => forecastLine(forecast, origin, single, better));
  const years = showsYears ? earlierYears(history, shownTimes(history, first, range)) : null;
  const usual = shown.includes("climatology") && history.climatology ? history.climatology : null;
  const visible = [history.values, ...(usual ? [usual] : [])].map((column) => column.slice(...slice));
  const ahead = [...[...bands, ...lines].map(({ y }) => y), ...shown.map((name) => first.baselines[name]), ...overlays.flatMap(({ columns }) => columns(slice)), ...(years?.columns ?? [])];
  const axis = axisRange([...visible, ...ahead]);
  observed.read = (/** @type {number} */ i) => [temperature(history.values[indices[i]], 2), years && rankWords(history, indices[i])].filter(Boolean).join("\n");
  const layout = Object.assign({}, ...overlays.map((overlay) => overlay.layout));
  const behind = [...(years?.traces ?? []), ...overlays.flatMap(({ behind }) => (axis && behind?.(indices, slice, axis)) ?? []), ...bands];
  return {
    data: [...behind, observed, ...referenceLines, ...(better ? fadedFrom(lines[0], better) : lines), ...overlays.flatMap(({ below }) => below?.(slice) ?? [])],
    layout: {
      xaxis: { hoverformat: hoverFormat(history.step), range: [history.timestamps[0], first.timestamps.at(-1)] },
      ...layout,
      yaxis: { nticks: 7, unit: "temperature", range: axis, ...layout.yaxis },
      verticals: [origin.x, ...(better ? [first.timestamps[better - 1]] : [])],
      annotations: [panelTitle(unit(), 1), ...originLabels(origin.x, history.step), ...(better ? [usualBetterLabel(first.timestamps[better - 1])] : []), ...(layout.annotations ?? [])],
    },
    thinned,
  };
}

/** The initial range: the forecast and the values before it. @param {History} history @param {ModelForecast[]} forecasts @param {number} [atLeast] values before it @returns {[string, string]} */
export function recentRange(history, forecasts, atLeast = MIN_HISTORY) {
  const leads = forecasts[0].timestamps.length;
  const first = Math.max(0, history.timestamps.length - Math.max(Math.ceil(HISTORY_PER_LEAD * leads), atLeast));
  return [history.timestamps[first], forecasts[0].timestamps[leads - 1]];
}

/** The bands of a forecast, the widest first; of several models, whose bands overlap, only the narrowest of each. @param {ModelForecast} forecast @param {Origin} origin @param {boolean} single */
function forecastBands({ model, timestamps, intervals }, origin, single) {
  const widestFirst = [...intervals].sort((a, b) => b.level - a.level);
  const x = [origin.x, ...timestamps];
  const y = /** @type {number} */ (origin.y);
  return widestFirst.slice(single ? 0 : -1).flatMap(({ level, lower, upper }, i, { length }) => {
    const opacity = single && i === length - 1 ? NARROWEST_OPACITY : BAND_OPACITY;
    return bandTraces(colourOf(kindOf(model)), x, [y, ...lower], [y, ...upper], opacity, single ? `${level}%` : `${modelTitle(kindOf(model))} ${level}%`);
  });
}

/** @param {ModelForecast} forecast @param {Origin} origin @param {boolean} single @param {number | null} better the lead from which usual is the better forecast */
function forecastLine(forecast, origin, single, better) {
  const kind = kindOf(forecast.model);
  const { timestamps, sst } = forecast;
  const trace = lineTrace(kind, [origin.x, ...timestamps], [origin.y, ...sst], {
    dots: single && sst.length < MAX_DOTS,
    read: (/** @type {number} */ i) => (i ? valueInWords(forecast, i - 1, better) : ""),
  });
  // Dashes tell several models apart; a single line needs none.
  return { ...trace, line: { ...trace.line, width: 2.25, ...(single ? { dash: "solid" } : {}) } };
}

/** The line of a forecast, fainter from a lead on. @param {any} line @param {number} lead from 1 */
function fadedFrom(line, lead) {
  const strong = { ...line, name: "", x: line.x.slice(0, lead), y: line.y.slice(0, lead), read: undefined };
  return [{ ...line, opacity: FADED_OPACITY }, strong];
}

/** The times of the history and the forecast within a range. @param {History} history @param {ModelForecast} forecast @param {import("./visible-range.js").Range} range */
function shownTimes({ timestamps }, forecast, range) {
  return [timestamps, forecast.timestamps].flatMap((times) => times.slice(...indexRange(times, range)));
}

/** The name of the earlier years that the initial range shows; null if there are too few. @param {History} history @param {ModelForecast[]} forecasts @param {import("./visible-range.js").Range} range */
export function earlierYearsName(history, forecasts, range) {
  return earlierYears(history, shownTimes(history, forecasts[0], range))?.name ?? null;
}

/** The line of a reference; of climatology, also its past where that is known. @param {string} name @param {History} history @param {ModelForecast} forecast @param {number[]} indices drawn of the history */
function referenceLine(name, { timestamps, climatology }, forecast, indices) {
  const [times, values] = [forecast.timestamps, forecast.baselines[name]];
  if (name !== "climatology" || !climatology) return lineTrace(name, times, values);
  const trace = lineTrace(name, [...pick(timestamps, indices), ...times], [...pick(climatology, indices), ...values]);
  return { ...trace, line: { ...trace.line, width: 1.25 } };
}

/** The last observation. @param {History} history @returns {Origin} */
export function originOf({ timestamps, values }) {
  let i = values.length - 1;
  while (i > 0 && values[i] === null) i -= 1;
  return { x: timestamps[i], y: values[i] };
}

/** @template T @param {T[]} items @param {number[]} indices */
function pick(items, indices) {
  return indices.map((i) => items[i]);
}

/** A value, its ranges, and whether usual is the better forecast from its lead on. @param {ModelForecast} forecast @param {number} i @param {number | null} better the first such lead, from 1 */
function valueInWords({ sst, intervals }, i, better) {
  const ranges = intervals.map(({ level, calibrated, lower, upper }) => `${level}%${calibrated ? "" : " (not calibrated)"}: ${fixed(inUnit(lower[i]), 2)} to ${fixed(inUnit(upper[i]), 2)}`);
  return [temperature(sst[i], 2), ...ranges, ...(better && i >= better - 1 ? ["usual is the better forecast"] : [])].join("\n");
}

const DAY_MS = 86_400_000;

/** A label leaves out the age of younger observations, and the day of older ones. */
const RECENT_MS = 2 * DAY_MS;
const OLD_MS = 2 * 365 * DAY_MS;

/** Space between a line and its label, in pixels. */
const LABEL_GAP = 6;

/** Labels on both sides of the last observation, with its age if it is old. @param {string} time @param {string} step */
function originLabels(time, step) {
  const now = new Date();
  const age = now.getTime() - new Date(time).getTime();
  const until = `until ${formatTime(time, step === "month" || age > OLD_MS ? "month" : "day")}`;
  const text = age > RECENT_MS ? `${until}, ${ageInWords(time, now)} ago` : until;
  const common = { x: time, y: 1, yref: "paper", yshift: 8 };
  return [
    { ...common, text, shortText: until, xanchor: "right", xshift: -6 },
    { ...common, text: "forecast", xanchor: "left", xshift: 6, color: colour("ink") },
  ];
}

/** A label where usual becomes the better forecast. @param {string} time */
function usualBetterLabel(time) {
  return { text: "from here on, usual is the better forecast", shortText: "usual is better from here", x: time, y: 1, yref: "paper", xanchor: "auto", xshift: LABEL_GAP, yanchor: "top", yshift: -LABEL_GAP, color: colour("ink") };
}
