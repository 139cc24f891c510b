// @ts-check
/** A chart of observed and forecast SST, with the errors below. */

import { columnTime, formatTime, hoverFormat } from "./times.js";
import { kindOf, modelTitle } from "./models.js";
import { fixedRange, panelTitle, timeExtent } from "./layout.js";
import { fixed } from "./numbers.js";
import { lineTrace } from "./traces.js";
import { axisRange, drawnPosition, indexRange, pointsToDraw } from "./visible-range.js";

/**
 * @typedef {object} Predictions
 * @property {string} step
 * @property {string[]} timestamps
 * @property {(number | null)[]} observed
 * @property {Record<string, (number | null)[]>} predictions by model
 */

/**
 * @param {Predictions} results
 * @param {string[]} shown kinds of model
 * @param {import("./visible-range.js").Range} range
 * @returns {import("./chart.js").Figure}
 */
export function comparisonFigure(results, shown, range) {
  const models = visibleModels(results, shown);
  const errors = models.map(([, values]) => errorsOf(results, values));
  const temperatures = [results.observed, ...models.map(([, values]) => values)];
  const slice = indexRange(results.timestamps, range);
  const { indices, thinned } = pointsToDraw([...temperatures, ...errors], slice);
  const pick = (/** @type {any[]} */ values) => indices.map((index) => values[index]);
  const times = pick(results.timestamps);
  const data = [
    lineTrace("observed", times, pick(results.observed), { hovertemplate: "<b>%{y:.2f} °C</b>" }),
    ...models.map(([kind, values]) => lineTrace(kind, times, pick(values))),
    ...models.map(([kind], i) =>
      lineTrace(kind, times, pick(errors[i]), {
        name: `${modelTitle(kind)} error`,
        yaxis: "y2",
        legendrank: lineTrace(kind, [], []).legendrank + 100,
        hovertemplate: "%{y:+.2f} °C",
        line: { ...lineTrace(kind, [], []).line, width: 1.25 },
      }),
    ),
  ];
  return {
    data,
    layout: {
      hoversubplots: "axis",
      xaxis: {
        anchor: "y2",
        hoverformat: hoverFormat(results.step),
        showgrid: false,
        range: timeExtent(results.timestamps),
      },
      yaxis: { domain: [0.4, 1], fixedrange: true, nticks: 6, ...fixedRange(axisRange(temperatures, slice)) },
      yaxis2: { domain: [0, 0.29], fixedrange: true, zeroline: true, nticks: 5, ...fixedRange(axisRange([...errors, [0]], slice)) },
      annotations: [panelTitle("SST, °C", 1), panelTitle("Error: forecast minus observed, °C", 0.29)],
    },
    extent: slice,
    thinned,
    describe: (i) =>
      [
        formatTime(results.timestamps[i], results.step),
        `observed ${fixed(results.observed[i], 2)}`,
        ...models.map(([kind, values]) => `${modelTitle(kind)} ${fixed(values[i], 2)}`),
      ].join(", "),
    pointsAt: (i) => data.map((_, curveNumber) => ({ curveNumber, pointNumber: drawnPosition(indices, i) })),
  };
}

/**
 * The same values as table rows, within a range.
 * @param {Predictions} results @param {string[]} shown @param {import("./visible-range.js").Range} range
 */
export function comparisonRows(results, shown, range) {
  const models = visibleModels(results, shown);
  const [first, end] = indexRange(results.timestamps, range);
  const rows = results.timestamps
    .slice(first, end)
    .map((time, i) => [columnTime(time, results.step), ...[results.observed, ...models.map(([, values]) => values)].map((values) => fixed(values[first + i], 2))]);
  return { head: ["Time (UTC)", "Observed", ...models.map(([kind]) => modelTitle(kind))], rows };
}

/**
 * The visible models, solid lines first: dashes drawn over them keep each line visible where they coincide.
 * @param {Predictions} results @param {string[]} shown @returns {[string, (number | null)[]][]}
 */
function visibleModels(results, shown) {
  return Object.entries(results.predictions)
    .map(([model, values]) => /** @type {[string, (number | null)[]]} */ ([kindOf(model), values]))
    .filter(([kind]) => shown.includes(kind))
    .reverse();
}

/** The mean spread between the networks, °C; null for fewer than two. @param {Predictions} results @param {string[]} cells */
export function meanSpread(results, cells) {
  const columns = visibleModels(results, cells).map(([, values]) => values);
  if (columns.length < 2) return null;
  const spreads = results.timestamps.flatMap((_, i) => {
    const values = columns.map((column) => column[i]).filter((value) => value !== null);
    return values.length < 2 ? [] : [Math.max(.../** @type {number[]} */ (values)) - Math.min(.../** @type {number[]} */ (values))];
  });
  return spreads.reduce((sum, spread) => sum + spread, 0) / spreads.length;
}

/** Forecast minus observed; null where either is missing. @param {Predictions} results @param {(number | null)[]} values */
function errorsOf(results, values) {
  return values.map((value, i) => {
    const observed = results.observed[i];
    return value === null || observed === null ? null : value - observed;
  });
}
