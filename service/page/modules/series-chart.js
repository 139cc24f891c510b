// @ts-check
/** A series as it was read: its values, where some are missing, and what the file itself doubts. */

import { markTraces, remarksByTime, withMarks } from "./flags.js";
import { ends, fitted, panelTitle } from "./layout.js";
import { line } from "./lines.js";
import { fixed } from "./numbers.js";
import { gapsIn } from "./series-times.js";
import { colour, tint } from "./theme.js";
import { hoverFormat, written } from "./times.js";
import { pointOf, reach, within, worthDrawing } from "./visible.js";

/**
 * @param {import("./forecast-chart.js").Past} series @param {import("./flags.js").Flagged | null} flagged
 * @param {import("./visible.js").Range} range @returns {import("./chart.js").Figure}
 */
export function seriesFigure({ step, timestamps, values }, flagged, range) {
  const stretch = within(timestamps, range);
  const { places, thinned } = worthDrawing([values], stretch);
  const axis = withMarks(reach([values], stretch) ?? [0, 1], among(flagged, range));
  const times = places.map((i) => timestamps[i]);
  const observed = line("observed", times, places.map((i) => values[i]), { hovertemplate: "<b>%{y:.2f} °C</b>" });
  const lone = places.map((i) => (values[i] !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null ? values[i] : null));
  const dots = { ...line("observed", times, lone), mode: "markers", marker: { size: 4, color: tint("observed", 0.7) }, hoverinfo: "skip" };
  const said = remarksByTime(flagged);
  const drawn = [missing(timestamps, values, axis), { ...observed, line: { color: colour("observed"), width: 1.5 } }, dots];
  const marks = markTraces(flagged, axis);
  return {
    data: [...drawn, ...marks],
    layout: {
      xaxis: { hoverformat: hoverFormat(step), showgrid: false, range: ends(timestamps) },
      yaxis: { fixedrange: true, nticks: 6, ...fitted(axis) },
      annotations: [panelTitle("SST, °C", 1)],
    },
    places: stretch,
    thinned,
    read: (i) => {
      const remark = said.get(timestamps[i]);
      return `${written(timestamps[i], step)}, ${values[i] === null ? "missing" : `${fixed(values[i], 2)} °C`}${remark ? `, flagged ${remark}` : ""}`;
    },
    at: (i) => {
      const marked = marks.map((mark, k) => ({ curveNumber: drawn.length + k, pointNumber: mark.x.indexOf(timestamps[i]) }));
      return [{ curveNumber: 1, pointNumber: pointOf(places, i) }, ...marked.filter((one) => one.pointNumber >= 0)];
    },
  };
}

/** Where values are missing, from the value before to the one after: one shape, however many gaps there are. @param {string[]} times @param {(number | null)[]} values @param {[number, number]} axis */
function missing(times, values, [low, high]) {
  const gaps = gapsIn(values).map(([begin, end]) => [times[Math.max(begin - 1, 0)], times[Math.min(end + 1, times.length - 1)]]);
  return {
    type: "scatter",
    mode: "lines",
    name: "Missing",
    x: gaps.flatMap(([begin, end]) => [begin, begin, end, end, null]),
    y: gaps.flatMap(() => [low, high, high, low, null]),
    fill: "toself",
    fillcolor: tint("warn", 0.16),
    line: { width: 0.5, color: tint("warn", 0.16) },
    hoverinfo: "skip",
    showlegend: false,
  };
}

/** @param {import("./flags.js").Flagged | null} flagged @param {import("./visible.js").Range} range @returns {import("./flags.js").Flagged | null} */
function among(flagged, range) {
  if (!flagged || !range) return flagged;
  const [first, after] = within(flagged.timestamps, range);
  return { timestamps: flagged.timestamps.slice(first, after), sst: flagged.sst.slice(first, after), flags: flagged.flags.slice(first, after) };
}
