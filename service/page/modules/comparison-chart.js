// @ts-check
/** Observed and forecast SST of the test part, and the errors under it. */

import { hoverFormat, written } from "./times.js";
import { kindOf, title } from "./models.js";
import { panelTitle } from "./layout.js";
import { fixed } from "./numbers.js";
import { line } from "./lines.js";

/**
 * @typedef {object} Predictions
 * @property {string} step
 * @property {string[]} timestamps
 * @property {(number | null)[]} observed
 * @property {Record<string, (number | null)[]>} predictions by model
 */

/**
 * @param {Predictions} part
 * @param {string[]} shown kinds
 * @param {[string, string] | null} range
 * @returns {import("./chart.js").Figure}
 */
export function comparisonFigure(part, shown, range) {
  const models = chosen(part, shown);
  const data = [
    line("observed", part.timestamps, part.observed, { hovertemplate: "<b>%{y:.2f} °C</b>" }),
    ...models.map(([kind, values]) => line(kind, part.timestamps, values)),
    ...models.map(([kind, values]) =>
      line(kind, part.timestamps, errors(part, values), {
        name: `${title(kind)}, error`,
        yaxis: "y2",
        legendrank: line(kind, [], []).legendrank + 100,
        hovertemplate: "%{y:+.2f} °C",
        line: { ...line(kind, [], []).line, width: 1.25 },
      }),
    ),
  ];
  return {
    data,
    layout: {
      hoversubplots: "axis",
      xaxis: {
        anchor: "y2",
        hoverformat: hoverFormat(part.step),
        showgrid: false,
        ...(range ? { range, autorange: false } : { autorange: true }),
      },
      yaxis: { domain: [0.4, 1], fixedrange: true, nticks: 6 },
      yaxis2: { domain: [0, 0.29], fixedrange: true, zeroline: true, nticks: 5 },
      annotations: [panelTitle("SST, °C", 1), panelTitle("Error: forecast minus observed, °C", 0.29)],
    },
    points: part.timestamps.length,
    read: (i) =>
      [
        written(part.timestamps[i], part.step),
        `observed ${fixed(part.observed[i], 2)}`,
        ...models.map(([kind, values]) => `${title(kind)} ${fixed(values[i], 2)}`),
      ].join(", "),
    at: (i) => data.map((_, curve) => ({ curveNumber: curve, pointNumber: i })),
  };
}

/**
 * The rows of the same, within a range.
 * @param {Predictions} part @param {string[]} shown @param {[string, string] | null} range
 */
export function comparisonRows(part, shown, range) {
  const models = chosen(part, shown);
  const [begin, end] = range ? range.map((time) => time.slice(0, 16).replace(" ", "T")) : ["", "~"];
  const rows = part.timestamps.flatMap((time, i) =>
    time >= begin && time <= end
      ? [[written(time, part.step), fixed(part.observed[i], 2), ...models.map(([, values]) => fixed(values[i], 2))]]
      : [],
  );
  return { head: ["Time (UTC)", "Observed", ...models.map(([kind]) => title(kind))], rows };
}

/**
 * Those that are shown, the solid lines first: dashes over them let each be seen where they coincide.
 * @param {Predictions} part @param {string[]} shown @returns {[string, (number | null)[]][]}
 */
function chosen(part, shown) {
  return Object.entries(part.predictions)
    .map(([model, values]) => /** @type {[string, (number | null)[]]} */ ([kindOf(model), values]))
    .filter(([kind]) => shown.includes(kind))
    .reverse();
}

/** How far the networks are from one another on average, °C. @param {Predictions} part @param {string[]} cells */
export function disagreement(part, cells) {
  const series = chosen(part, cells).map(([, values]) => values);
  if (series.length < 2) return null;
  const spans = part.timestamps.flatMap((_, i) => {
    const values = series.map((one) => one[i]).filter((value) => value !== null);
    return values.length < 2 ? [] : [Math.max(.../** @type {number[]} */ (values)) - Math.min(.../** @type {number[]} */ (values))];
  });
  return spans.reduce((sum, span) => sum + span, 0) / spans.length;
}

/** @param {Predictions} part @param {(number | null)[]} values */
function errors(part, values) {
  return values.map((value, i) => {
    const observed = part.observed[i];
    return value === null || observed === null ? null : value - observed;
  });
}
