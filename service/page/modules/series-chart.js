// @ts-check
/** A series as it was read: its values, and where some are missing. */

import { panelTitle } from "./layout.js";
import { line } from "./lines.js";
import { fixed } from "./numbers.js";
import { gapsIn } from "./series-times.js";
import { colour, tint } from "./theme.js";
import { hoverFormat, written } from "./times.js";

const MOST_GAPS = 300;

/** @param {import("./forecast-chart.js").Past} series @returns {import("./chart.js").Figure} */
export function seriesFigure({ step, timestamps, values }) {
  const gaps = gapsIn(values);
  const lone = values.map((value, i) => (value !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null ? value : null));
  const observed = line("observed", timestamps, values, { hovertemplate: "<b>%{y:.2f} °C</b>" });
  const dots = { ...line("observed", timestamps, lone), mode: "markers", marker: { size: 4, color: tint("observed", 0.7) }, hoverinfo: "skip" };
  return {
    data: [{ ...observed, line: { color: colour("observed"), width: 1.5 } }, dots],
    layout: {
      xaxis: { hoverformat: hoverFormat(step), showgrid: false, autorange: true },
      yaxis: { fixedrange: true, nticks: 6 },
      annotations: [panelTitle("SST, °C", 1)],
      shapes: gaps.slice(0, MOST_GAPS).map(([begin, end]) => shade(timestamps[Math.max(begin - 1, 0)], timestamps[Math.min(end + 1, timestamps.length - 1)])),
    },
    points: timestamps.length,
    read: (i) => `${written(timestamps[i], step)}, ${values[i] === null ? "missing" : `${fixed(values[i], 2)} °C`}`,
    at: (i) => [{ curveNumber: 0, pointNumber: i }],
  };
}

/** @param {string} x0 @param {string} x1 */
function shade(x0, x1) {
  return { type: "rect", x0, x1, yref: "paper", y0: 0, y1: 1, line: { width: 0 }, fillcolor: tint("warn", 0.16), layer: "below" };
}
