// @ts-check
/** A chart of a series as read from a file: values, gaps and flagged values. */

import { temperature, unit } from "./degrees.js";
import { axisWithFlags, flagNotesByTime, flagTraces } from "./flags.js";
import { fixedRange, panelTitle, timeExtent } from "./layout.js";
import { lineTrace } from "./traces.js";
import { findGaps } from "./series-times.js";
import { colour, tint } from "./theme.js";
import { formatTime, hoverFormat } from "./times.js";
import { axisRange, drawnPosition, indexRange, pointsToDraw } from "./visible-range.js";

/**
 * @param {import("./forecast-chart.js").History} series @param {import("./flags.js").Flagged | null} flagged
 * @param {import("./visible-range.js").Range} range @returns {import("./chart.js").Figure}
 */
export function seriesFigure({ step, timestamps, values }, flagged, range) {
  const slice = indexRange(timestamps, range);
  const { indices, thinned } = pointsToDraw([values], slice);
  const axis = axisWithFlags(axisRange([values], slice) ?? [0, 1], flaggedWithin(flagged, range));
  const times = indices.map((i) => timestamps[i]);
  const observed = lineTrace("observed", times, indices.map((i) => values[i]), { hovertemplate: "<b>%{y:.2f} °C</b>" });
  const isolated = indices.map((i) => (values[i] !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null ? values[i] : null));
  const dots = { ...lineTrace("observed", times, isolated), mode: "markers", marker: { size: 4, color: tint("observed", 0.7) }, hoverinfo: "skip" };
  const notes = flagNotesByTime(flagged);
  const traces = [gapTrace(timestamps, values, axis), { ...observed, line: { color: colour("observed"), width: 1.5 } }, dots];
  const flagMarks = flagTraces(flagged, axis);
  return {
    data: [...traces, ...flagMarks],
    layout: {
      xaxis: { hoverformat: hoverFormat(step), showgrid: false, range: timeExtent(timestamps) },
      yaxis: { unit: "temperature", nticks: 6, ...fixedRange(axis) },
      annotations: [panelTitle(`SST, ${unit()}`, 1)],
    },
    extent: slice,
    thinned,
    describe: (i) => {
      const note = notes.get(timestamps[i]);
      return `${formatTime(timestamps[i], step)}, ${values[i] === null ? "missing" : temperature(values[i], 2)}${note ? `, flagged ${note}` : ""}`;
    },
    pointsAt: (i) => {
      const flagPoints = flagMarks.map((trace, position) => ({ curveNumber: traces.length + position, pointNumber: trace.x.indexOf(timestamps[i]) }));
      return [{ curveNumber: 1, pointNumber: drawnPosition(indices, i) }, ...flagPoints.filter(({ pointNumber }) => pointNumber >= 0)];
    },
  };
}

/** Shading over each gap, from the value before to the value after, as a single trace. @param {string[]} times @param {(number | null)[]} values @param {[number, number]} axis */
function gapTrace(times, values, [low, high]) {
  const gaps = findGaps(values).map(([begin, end]) => [times[Math.max(begin - 1, 0)], times[Math.min(end + 1, times.length - 1)]]);
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
  };
}

/** The flagged values within a range. @param {import("./flags.js").Flagged | null} flagged @param {import("./visible-range.js").Range} range @returns {import("./flags.js").Flagged | null} */
function flaggedWithin(flagged, range) {
  if (!flagged || !range) return flagged;
  const [first, end] = indexRange(flagged.timestamps, range);
  return { timestamps: flagged.timestamps.slice(first, end), sst: flagged.sst.slice(first, end), flags: flagged.flags.slice(first, end) };
}
