// @ts-check
/** A chart of observed and forecast SST, with the errors and the differences between the networks below. */

import { inUnit, unit } from "./degrees.js";
import { fixedRange, panelTitle, timeExtent } from "./layout.js";
import { isNetwork, kindOf, modelTitle } from "./models.js";
import { fixed } from "./numbers.js";
import { columnTime, formatTime, hoverFormat } from "./times.js";
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
  const mean = meanOfNetworks(results);
  const compared = mean ? models.filter(([kind]) => isNetwork(kind)) : [];
  const differences = compared.map(([, values]) => values.map((value, i) => difference(value, mean?.[i] ?? null)));
  const temperatures = [results.observed, ...models.map(([, values]) => values)];
  const slice = indexRange(results.timestamps, range);
  const { indices, thinned } = pointsToDraw([...temperatures, ...errors, ...differences], slice);
  const pick = (/** @type {any[]} */ values) => indices.map((index) => values[index]);
  const times = pick(results.timestamps);
  const lower = (/** @type {string} */ kind, /** @type {any[]} */ values, /** @type {any} */ overrides) => {
    const trace = lineTrace(kind, times, pick(values));
    return { ...trace, hovertemplate: "%{y:+.2f} °C", line: { ...trace.line, width: 1.25 }, ...overrides, legendrank: trace.legendrank + overrides.legendrank };
  };
  const data = [
    ...models.map(([kind, values]) => lineTrace(kind, times, pick(values))),
    // Drawn above the models, so that it stays visible where they coincide.
    lineTrace("observed", times, pick(results.observed), { hovertemplate: "<b>%{y:.2f} °C</b>" }),
    ...models.map(([kind], i) => lower(kind, errors[i], { name: `${modelTitle(kind)} error`, yaxis: "y2", legendrank: 100 })),
    ...compared.map(([kind], i) => lower(kind, differences[i], { name: `${modelTitle(kind)} minus mean`, yaxis: "y3", legendrank: 200, hovertemplate: "%{y:+.3f} °C" })),
  ];
  const panels = panelsOf(differences.length > 0);
  const panel = (/** @type {[number, number]} */ domain, /** @type {[number, number] | null} */ values, /** @type {any} */ overrides) => ({ domain, ...overrides, ...fixedRange(values) });
  return {
    data,
    layout: {
      xaxis: {
        hoverformat: hoverFormat(results.step),
        showgrid: false,
        range: timeExtent(results.timestamps),
      },
      yaxis: panel(panels.sst, axisRange(temperatures, slice), { nticks: 6, unit: "temperature" }),
      yaxis2: panel(panels.errors, axisRange([...errors, [0]], slice), { zeroline: true, nticks: 4, unit: "difference" }),
      ...(panels.differences && { yaxis3: panel(panels.differences, axisRange([...differences, [0]], slice), { zeroline: true, nticks: 4, unit: "difference" }) }),
      margin: { l: 44, r: 12, t: 30, b: 40 },
      annotations: [
        { ...panelTitle(`SST, ${unit()}`, 1), yshift: 12 },
        panelTitle(`Error: forecast minus observed, ${unit()}`, panels.errors[1]),
        ...(panels.differences ? [panelTitle(`Each network minus their mean, ${unit()}`, panels.differences[1])] : []),
      ],
    },
    extent: slice,
    thinned,
    describe: (i) =>
      [
        formatTime(results.timestamps[i], results.step),
        `observed ${fixed(inUnit(results.observed[i]), 2)}`,
        ...models.map(([kind, values]) => `${modelTitle(kind)} ${fixed(inUnit(values[i]), 2)}`),
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
    .map((time, i) => [columnTime(time, results.step), ...[results.observed, ...models.map(([, values]) => values)].map((values) => fixed(inUnit(values[first + i]), 2))]);
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

/** Where the panels are, from the bottom (0) to the top (1) of the chart. @param {boolean} withDifferences @returns {{sst: [number, number], errors: [number, number], differences: [number, number] | null}} */
function panelsOf(withDifferences) {
  if (!withDifferences) return { sst: [0.4, 1], errors: [0, 0.29], differences: null };
  return { sst: [0.6, 1], errors: [0.34, 0.51], differences: [0, 0.25] };
}

/** The cells of the networks. @param {Predictions} results */
export function networksOf(results) {
  return Object.keys(results.predictions).filter(isNetwork).map(kindOf);
}

/** The mean of the networks at each time; null for fewer than two networks. @param {Predictions} results */
function meanOfNetworks(results) {
  const columns = visibleModels(results, networksOf(results)).map(([, values]) => values);
  if (columns.length < 2) return null;
  return results.timestamps.map((_, i) => {
    const values = columns.map((column) => column[i]).filter((value) => value !== null);
    return values.length < columns.length ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
  });
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
  return values.map((value, i) => difference(value, results.observed[i]));
}

/** @param {number | null} value @param {number | null} other */
function difference(value, other) {
  return value === null || other === null ? null : value - other;
}
