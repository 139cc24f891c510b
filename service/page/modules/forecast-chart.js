// @ts-check
/** A chart of the end of a series and its forecast. */

import { bandTraces, lineTrace } from "./traces.js";
import { fixedRange, panelTitle, verticalLine } from "./layout.js";
import { kindOf, modelTitle } from "./models.js";
import { fixed } from "./numbers.js";
import { formatTime, hoverFormat } from "./times.js";
import { colour } from "./theme.js";
import { axisRange, drawnPosition, indexRange, pointsToDraw } from "./visible-range.js";

/**
 * @typedef {object} ModelForecast the forecast of one model for one series
 * @property {string} model
 * @property {string[]} timestamps
 * @property {number[]} sst
 * @property {{level: number, lower: number[], upper: number[], calibrated: boolean}[]} intervals
 * @property {Record<string, number[]>} baselines
 * @property {{code: string, message: string}[]} warnings
 *
 * @typedef {object} History the observed values of a series
 * @property {string} step
 * @property {string[]} timestamps
 * @property {(number | null)[]} values
 */

/** The forecast of each model for one series of a request. @param {any} response of /forecast @param {number} position of the series */
export function forecastsOf(response, position) {
  return (response.models ?? [response]).map((/** @type {any} */ entry) => ({ model: entry.model, ...entry.forecasts[position] }));
}

/**
 * @param {History} history
 * @param {ModelForecast[]} forecasts
 * @param {string[]} references shown
 * @param {import("./visible-range.js").Range} range
 * @returns {import("./chart.js").Figure}
 */
export function forecastFigure(history, forecasts, references, range) {
  const last = lastObserved(history);
  const origin = { x: history.timestamps[last], y: history.values[last] };
  const fromOrigin = (/** @type {ModelForecast} */ forecast, /** @type {number[]} */ values) => ({ x: [origin.x, ...forecast.timestamps], y: [origin.y, ...values] });
  const single = forecasts.length === 1;
  const bands = forecasts.flatMap((forecast) =>
    [...forecast.intervals]
      .sort((a, b) => b.level - a.level)
      // The bands of several models overlap, so show only the narrowest of each.
      .slice(single ? 0 : -1)
      .flatMap((interval) => {
        const { x, y } = fromOrigin(forecast, interval.lower);
        return bandTraces(kindOf(forecast.model), x, /** @type {number[]} */ (y), [/** @type {number} */ (origin.y), ...interval.upper], single ? 0.17 : 0.14);
      }),
  );
  const slice = indexRange(history.timestamps, range);
  const { indices, thinned } = pointsToDraw([history.values], slice);
  const observed = lineTrace("observed", indices.map((i) => history.timestamps[i]), indices.map((i) => history.values[i]), { hovertemplate: "<b>%{y:.2f} °C</b>" });
  const lines = [...forecasts].reverse().map((forecast) => {
    const { x, y } = fromOrigin(forecast, forecast.sst);
    const kind = kindOf(forecast.model);
    const trace = lineTrace(kind, x, y, { mode: single && x.length < 40 ? "lines+markers" : "lines", hovertemplate: ["", ...forecast.sst.map((_, i) => hoverTemplate(forecast, i))] });
    return { ...trace, line: { ...trace.line, width: 2.25 }, marker: { size: [0, ...forecast.sst.map(() => 6)], color: colour(kind) }, hoverinfo: ["skip", ...forecast.sst.map(() => "all")] };
  });
  const referenceLines = references.filter((name) => name in forecasts[0].baselines).map((name) => lineTrace(name, forecasts[0].timestamps, forecasts[0].baselines[name]));
  return {
    data: [...bands, observed, ...referenceLines, ...lines],
    layout: {
      xaxis: { hoverformat: hoverFormat(history.step), showgrid: false, range: [history.timestamps[0], forecasts[0].timestamps.at(-1)] },
      yaxis: { fixedrange: true, nticks: 7, ...fixedRange(valueRange(history.values, slice, [...bands, ...referenceLines, ...lines])) },
      shapes: [verticalLine(origin.x)],
      annotations: [
        panelTitle("SST, °C", 1),
        { text: "last observation", x: origin.x, y: 1, yref: "paper", xanchor: "right", yanchor: "bottom", yshift: 4, showarrow: false, font: { size: 12, color: colour("muted") } },
      ],
    },
    thinned,
    ...readout(history, forecasts, { slice, indices, range }, bands.length, referenceLines.length),
  };
}

/**
 * The parts of a figure that read it out: observed values, then forecasts, within the visible range.
 * @param {History} history @param {ModelForecast[]} forecasts
 * @param {{slice: [number, number], indices: number[], range: import("./visible-range.js").Range}} visible the visible slice of the history, the indices drawn of it, and the range
 * @param {number} bandTraceCount traces before the observed values @param {number} referenceCount traces between them and the forecasts
 */
function readout(history, forecasts, { slice, indices, range }, bandTraceCount, referenceCount) {
  const n = history.timestamps.length;
  const leads = indexRange(forecasts[0].timestamps, range);
  return {
    extent: /** @type {[number, number]} */ ([slice[0] < slice[1] ? slice[0] : n + leads[0], leads[0] < leads[1] ? n + leads[1] : slice[1]]),
    describe: (/** @type {number} */ i) => {
      if (i < n) return `${formatTime(history.timestamps[i], history.step)}, ${history.values[i] === null ? "missing" : `observed ${fixed(history.values[i], 2)}`}`;
      const lead = i - n;
      const values = forecasts.map((forecast) => `${modelTitle(kindOf(forecast.model))} ${fixed(forecast.sst[lead], 2)}${intervalText(forecast, lead)}`);
      return `${formatTime(forecasts[0].timestamps[lead], history.step)}, forecast, ${values.join(", ")}`;
    },
    pointsAt: (/** @type {number} */ i) =>
      i < n ? [{ curveNumber: bandTraceCount, pointNumber: drawnPosition(indices, i) }] : forecasts.map((_, position) => ({ curveNumber: bandTraceCount + 1 + referenceCount + position, pointNumber: i - n + 1 })),
  };
}

/** The initial range: the forecast, preceded by three times its length or at least 24 values. @param {History} history @param {ModelForecast[]} forecasts @returns {[string, string]} */
export function recentRange(history, forecasts) {
  const leads = forecasts[0].timestamps.length;
  const first = Math.max(0, history.timestamps.length - Math.max(3 * leads, 24));
  return [history.timestamps[first], forecasts[0].timestamps[leads - 1]];
}

/** The axis range for the visible observed values and the whole forecast. @param {(number | null)[]} values @param {[number, number]} slice @param {any[]} traces */
function valueRange(values, [first, end], traces) {
  const columns = [values.slice(first, end), ...traces.map((trace) => trace.y)];
  return axisRange(columns, [0, Math.max(...columns.map((column) => column.length))]);
}

/** The index of the last observed value. @param {History} history */
function lastObserved(history) {
  let i = history.values.length - 1;
  while (i > 0 && history.values[i] === null) i -= 1;
  return i;
}

/** @param {ModelForecast} forecast @param {number} i */
function hoverTemplate(forecast, i) {
  const intervals = forecast.intervals.map((interval) => `<br>${interval.level}%${interval.calibrated ? "" : " (not calibrated)"}: ${fixed(interval.lower[i], 2)} – ${fixed(interval.upper[i], 2)}`);
  return `<b>%{y:.2f} °C</b>${intervals.join("")}`;
}

/** @param {ModelForecast} forecast @param {number} i */
function intervalText(forecast, i) {
  const [first] = forecast.intervals;
  return first ? ` (${first.level} percent interval from ${fixed(first.lower[i], 2)} to ${fixed(first.upper[i], 2)}${first.calibrated ? "" : ", not calibrated"})` : "";
}
