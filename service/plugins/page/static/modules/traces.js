// @ts-check
/** What figures have in common, as in plot.js: the lines and bands of models, and the titles of panels. */

import { temperature } from "./degrees.js";
import { colourOf, dashOf, modelTitle, orderOf } from "./models.js";
import { colour, tint } from "./theme.js";

/**
 * The line of a model, a reference or the observations.
 * @param {string} kind @param {string[]} x @param {(number | null)[]} y @param {any} [overrides]
 */
export function lineTrace(kind, x, y, overrides = {}) {
  return {
    name: modelTitle(kind),
    x,
    y,
    line: { color: colour(colourOf(kind)), width: 1.75, dash: dashOf(kind) },
    legendrank: 1000 + orderOf(kind),
    read: (/** @type {number} */ i) => temperature(y[i], 2),
    ...overrides,
  };
}

/**
 * The band of an interval as two traces: the lower edge, and the upper edge with the fill.
 * @param {string} name of its colour @param {string[]} x @param {(number | null)[]} lower @param {(number | null)[]} upper @param {number} opacity @param {string} [title] in the legend of a saved chart
 */
export function bandTraces(name, x, lower, upper, opacity, title) {
  const edge = { x, line: { width: 0 } };
  return [
    { ...edge, y: lower },
    { ...edge, name: title, legendrank: 1100, y: upper, fill: "tonexty", fillcolor: tint(name, opacity) },
  ];
}

/**
 * Rectangles between times, as a single trace.
 * @param {{begin: string, end: string, low: number, high: number}[]} blocks @param {string} fillcolor @param {number} width of the outline, so that narrow ones remain visible @param {any} [more] of the trace
 */
export function blockTrace(blocks, fillcolor, width, more) {
  const x = blocks.flatMap(({ begin, end }) => [begin, begin, end, end, null]);
  const y = blocks.flatMap(({ low, high }) => [low, high, high, low, null]);
  return { x, y, fill: "toself", fillcolor, line: { width, color: fillcolor }, ...more };
}

/** A title above a panel, aligned left. @param {string} text @param {number} y of the top of the panel, from 0 to 1 */
export function panelTitle(text, y) {
  return { text, x: 0, y, xref: "paper", yref: "paper", xanchor: "left", xshift: -40, yshift: 8 };
}
