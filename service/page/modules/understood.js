// @ts-check
/** What the service understood of a file: figures, and the series to look at. */

import { Chart } from "./chart.js";
import { h } from "./dom.js";
import { count, fixed } from "./numbers.js";
import { seriesFigure } from "./series-chart.js";
import { asTable } from "./table.js";
import { steps, written } from "./times.js";

/** @type {Record<string, string>} QARTOD's flags, as the manuals name them */
const FLAGS = { 1: "good", 2: "not evaluated", 3: "suspect", 4: "bad", 9: "missing" };

/**
 * @param {string} format of the file
 * @param {any} station of the answer of /series
 * @param {import("./forecast-chart.js").Past} series
 * @param {AbortSignal} signal
 */
export function understoodCard(format, station, series, signal) {
  const chart = new Chart(`The series ${station.name ?? ""}`, signal, { height: "20rem" });
  chart.draw(() => seriesFigure(series));
  const rows = () => ({
    head: ["Time (UTC)", "SST"],
    rows: series.timestamps.map((time, i) => [written(time, series.step), series.values[i] === null ? "missing" : fixed(series.values[i], 2)]),
  });
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, "What was understood"), chart.zoomButtons()),
    h("div", { class: "understood" }, facts(format, station, series), h("div", {}, chart.element, shaded(station), asTable("The series, °C", rows))),
    remarks(station),
  );
}

/** @param {string} format @param {any} station @param {import("./forecast-chart.js").Past} series */
function facts(format, station, series) {
  const { summary, columns, flags } = station;
  const known = [
    ["Format", format],
    ["Columns", [columns.time, columns.value, columns.station, columns.flags].filter(Boolean).join(", ")],
    ["Units", `${station.units}, ${station.units_from}`],
    ["Step", steps(1, series.step)],
    ["From", written(summary.start, series.step)],
    ["To", written(summary.end, series.step)],
    ["Range", `${fixed(summary.least, 2)} to ${fixed(summary.most, 2)} °C`],
    ["Values", count(summary.values)],
    ["Missing", summary.missing ? `${count(summary.missing)}, in ${summary.gaps} ${summary.gaps === 1 ? "gap" : "gaps"}; the longest of ${steps(summary.longest_gap, series.step)}` : "none"],
    ["Flags", Object.entries(flags).map(([flag, n]) => `${FLAGS[flag] ?? `flag ${flag}`}: ${count(Number(n))}`).join(", ")],
  ];
  return h("dl", { class: "facts" }, known.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** @param {any} station */
function shaded(station) {
  const flagged = Object.entries(station.flags).some(([flag]) => Number(flag) > 2);
  if (!station.summary.missing) return null;
  return h("p", { class: "note" }, `Shaded: values that are missing${flagged ? ", or flagged as suspect or bad and so left out" : ""}.`);
}

/** What was changed, and what should be looked at. @param {any} station */
function remarks(station) {
  const notes = [...station.warnings, ...station.summary.notes];
  if (!notes.length) return null;
  return h("details", { open: station.warnings.length > 0 }, h("summary", {}, `Notes on the reading (${notes.length})`), h("ul", { class: "note" }, notes.map((note) => h("li", {}, note))));
}
