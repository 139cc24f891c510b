// @ts-check
/** The layout of charts, as in plot.js. */

import { colour } from "./theme.js";

/** The layout of a chart: what all have in common, with the overrides of one. @param {any} overrides */
export function chartLayout(overrides) {
  const axes = new Set(["xaxis", "yaxis", ...Object.keys(overrides).filter((name) => /^[xy]axis/.test(name))]);
  return {
    margin: { l: 44, r: 12, t: 22, b: 40 },
    ...overrides,
    ...Object.fromEntries([...axes].map((name) => [name, { ...overrides[name] }])),
  };
}

/** A title above a panel, aligned left. @param {string} text @param {number} y of the top of the panel, from 0 to 1 */
export function panelTitle(text, y) {
  return {
    text,
    x: 0,
    y,
    xref: "paper",
    yref: "paper",
    xanchor: "left",
    yanchor: "bottom",
    xshift: -40,
    yshift: 4,
    font: { size: 12, color: colour("muted") },
  };
}

/** A vertical line through all panels. @param {string | number} x */
export function verticalLine(x) {
  return {
    type: "line",
    x0: x,
    x1: x,
    yref: "paper",
    y0: 0,
    y1: 1,
    line: { color: colour("edge"), width: 1, dash: "2px,3px" },
  };
}

/** The range of a time axis from the first time to the last, without margins. @param {string[]} times */
export function timeExtent(times) {
  return [times[0], times.at(-1)];
}

/** The settings of an axis with a fixed range; none for null. @param {[number, number] | null} range */
export function fixedRange(range) {
  return range ? { range } : {};
}
