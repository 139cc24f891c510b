// @ts-check
/** A summary of how the service read a file: key facts, and a chart of the series. */

import { Chart } from "./chart.js";
import { inUnit, temperature, unit } from "./degrees.js";
import { fill, h } from "./dom.js";
import { axisWithFlags, flagLegend, flagName, flagNotesByTime, flagTraces, withSuspects } from "./flags.js";
import { fixedRange, panelTitle, timeExtent } from "./layout.js";
import { modelLabel } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { sentence } from "./sentence.js";
import { findGaps } from "./series-times.js";
import { tableDisclosure } from "./table.js";
import { colour, tint } from "./theme.js";
import { columnTime, formatSteps, formatTime, hoverFormat } from "./times.js";
import { lineTrace } from "./traces.js";
import { valueCheck } from "./value-check.js";
import { axisRange, drawnPosition, indexRange, pointsToDraw } from "./visible-range.js";

/**
 * @typedef {object} StationReading
 * @property {string} format of the file
 * @property {any} station an entry of the response of POST /series
 * @property {any} series that of the station, with its position if the file has one
 * @property {import("./forecast-chart.js").History} history
 * @property {import("./flags.js").Flagged | null} flagged
 * @property {Pick<import("./value-check.js").Checking, "leftOut" | "atOnce" | "check" | "leaveOut">} checking
 *
 * @param {StationReading} reading
 * @param {AbortSignal} signal
 */
export function fileSummaryCard({ format, station, series, history, flagged, checking }, signal) {
  const chart = new Chart(`Series ${station.name ?? ""}`, signal, { height: "20rem" });
  const key = h("div", { class: "row legend" });
  let marked = flagged;
  const show = (/** @type {import("./flags.js").Suspects | null} */ suspects) => {
    marked = withSuspects(flagged, suspects);
    chart.draw((range) => seriesFigure(history, marked, range));
    fill(key, legend(station, marked));
  };
  show(checking.leftOut);
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, "How the file was read"), chart.zoomButtons()),
    h(
      "div",
      { class: "file-summary" },
      facts(format, station, series, history),
      h(
        "div",
        {},
        key,
        chart.element,
        valueCheck({ ...checking, step: history.step, show }, signal),
        tableDisclosure(`Series values, ${unit()}`, () => rows(history, marked, chart.range)),
      ),
    ),
    readingNotes(station),
  );
}

/** @param {any} station @param {import("./flags.js").Flagged | null} flagged */
function legend(station, flagged) {
  const gap = station.summary.missing > 0 && h("span", { class: "label" }, h("span", { class: "mark gap", "aria-hidden": "true" }), "Missing");
  return [modelLabel("observed"), gap, ...flagLegend(flagged)];
}

/** @param {import("./forecast-chart.js").History} history @param {import("./flags.js").Flagged | null} flagged @param {import("./visible-range.js").Range} range */
function rows({ step, timestamps, values }, flagged, range) {
  const notes = flagNotesByTime(flagged);
  const [first, end] = indexRange(timestamps, range);
  return {
    head: ["Time (UTC)", "SST", ...(notes.size ? ["Flag"] : [])],
    rows: timestamps.slice(first, end).map((time, i) => [
      columnTime(time, step),
      values[first + i] === null ? "missing" : fixed(inUnit(values[first + i]), 2),
      ...(notes.size ? [notes.get(time) ?? ""] : []),
    ]),
  };
}

/** @param {string} format @param {any} station @param {any} series @param {import("./forecast-chart.js").History} history */
function facts(format, station, { latitude, longitude }, history) {
  const { summary, columns, flags } = station;
  const entries = [
    ["Format", format],
    ["Columns", [columns.time, columns.value, columns.station, columns.flags].filter(Boolean).join(", ")],
    ["Units", `${station.units}, ${station.units_from}`],
    ["Position", latitude !== undefined && `${latitude}, ${longitude}`],
    ["Step", formatSteps(1, history.step)],
    ["Start", formatTime(summary.start, history.step)],
    ["End", formatTime(summary.end, history.step)],
    ["Range", `${fixed(inUnit(summary.least), 2)} to ${temperature(summary.most, 2)}`],
    ["Values", formatCount(summary.values)],
    ["Missing", summary.missing ? `${formatCount(summary.missing)}, in ${summary.gaps === 1 ? "1 gap of" : `${formatCount(summary.gaps)} gaps of up to`} ${formatSteps(summary.longest_gap, history.step)}` : "none"],
    ["Flags", Object.entries(flags).map(([flag, n]) => `${flagName(flag)}: ${formatCount(Number(n))}`).join(", ")],
  ];
  return h("dl", { class: "facts" }, entries.filter(([, value]) => value).flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}

/** Notes about the reading, without its warnings; null if there are none. @param {any} station */
function readingNotes(station) {
  const notes = [...new Set(station.summary.notes)].filter((note) => !station.warnings.includes(note));
  if (!notes.length) return null;
  return h("details", {}, h("summary", {}, `Notes on how the file was read (${notes.length})`), h("ul", { class: "note" }, notes.map((note) => h("li", {}, sentence(note)))));
}

/**
 * @param {import("./forecast-chart.js").History} series @param {import("./flags.js").Flagged | null} flagged
 * @param {import("./visible-range.js").Range} range @returns {import("./chart.js").Figure}
 */
function seriesFigure({ step, timestamps, values }, flagged, range) {
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
