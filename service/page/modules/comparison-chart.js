// @ts-check
/** Observed and forecast SST of the test part, and the errors under it. */

import { hoverFormat, written } from "./times.js";
import { kindOf, title } from "./models.js";
import { ends, fitted, panelTitle } from "./layout.js";
import { fixed } from "./numbers.js";
import { line } from "./lines.js";
import { pointOf, reach, within, worthDrawing } from "./visible.js";

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
 * @param {import("./visible.js").Range} range
 * @returns {import("./chart.js").Figure}
 */
export function comparisonFigure(part, shown, range) {
  const models = chosen(part, shown);
  const misses = models.map(([, values]) => errors(part, values));
  const temperatures = [part.observed, ...models.map(([, values]) => values)];
  const stretch = within(part.timestamps, range);
  const { places, thinned } = worthDrawing([...temperatures, ...misses], stretch);
  const at = (/** @type {any[]} */ values) => places.map((place) => values[place]);
  const times = at(part.timestamps);
  const data = [
    line("observed", times, at(part.observed), { hovertemplate: "<b>%{y:.2f} °C</b>" }),
    ...models.map(([kind, values]) => line(kind, times, at(values))),
    ...models.map(([kind], i) =>
      line(kind, times, at(misses[i]), {
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
        range: ends(part.timestamps),
      },
      yaxis: { domain: [0.4, 1], fixedrange: true, nticks: 6, ...fitted(reach(temperatures, stretch)) },
      yaxis2: { domain: [0, 0.29], fixedrange: true, zeroline: true, nticks: 5, ...fitted(reach([...misses, [0]], stretch)) },
      annotations: [panelTitle("SST, °C", 1), panelTitle("Error: forecast minus observed, °C", 0.29)],
    },
    places: stretch,
    thinned,
    read: (i) =>
      [
        written(part.timestamps[i], part.step),
        `observed ${fixed(part.observed[i], 2)}`,
        ...models.map(([kind, values]) => `${title(kind)} ${fixed(values[i], 2)}`),
      ].join(", "),
    at: (i) => data.map((_, curveNumber) => ({ curveNumber, pointNumber: pointOf(places, i) })),
  };
}

/**
 * The rows of the same, within a range.
 * @param {Predictions} part @param {string[]} shown @param {import("./visible.js").Range} range
 */
export function comparisonRows(part, shown, range) {
  const models = chosen(part, shown);
  const [first, after] = within(part.timestamps, range);
  const rows = part.timestamps
    .slice(first, after)
    .map((time, i) => [written(time, part.step), ...[part.observed, ...models.map(([, values]) => values)].map((values) => fixed(values[first + i], 2))]);
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
