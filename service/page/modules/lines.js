// @ts-check
/** The lines and bands of charts over time. */

import { colourOf, dashOf, ORDER, title } from "./models.js";
import { colour, tint } from "./theme.js";

/**
 * The line of a model, a reference, or what was observed.
 * @param {string} kind
 * @param {string[]} x
 * @param {(number | null)[]} y
 * @param {any} [more]
 */
export function line(kind, x, y, more = {}) {
  return {
    type: "scatter",
    mode: "lines",
    name: title(kind),
    x,
    y,
    line:
      kind === "observed"
        ? { color: tint("observed", 0.5), width: 3 }
        : { color: colour(colourOf(kind)), width: 1.75, dash: dashOf(kind) },
    legendrank: 1000 + ORDER.indexOf(kind),
    connectgaps: false,
    hovertemplate: "%{y:.2f} °C",
    ...more,
  };
}

/**
 * The band of an interval, as two traces: its lower edge, and the filling up to the upper one.
 * @param {string} kind @param {string[]} x @param {number[]} lower @param {number[]} upper @param {number} opacity
 */
export function band(kind, x, lower, upper, opacity) {
  const edge = { type: "scatter", mode: "lines", x, line: { width: 0 }, hoverinfo: "skip", showlegend: false };
  return [
    { ...edge, y: lower },
    { ...edge, y: upper, fill: "tonexty", fillcolor: tint(colourOf(kind), opacity) },
  ];
}
