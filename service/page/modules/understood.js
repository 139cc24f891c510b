// @ts-check
/** What the service understood of a file: figures, and the series to look at. */

import { Chart } from "./chart.js";
import { h } from "./dom.js";
import { flagName, markKeys, remarksByTime } from "./flags.js";
import { named } from "./models.js";
import { count, fixed } from "./numbers.js";
import { seriesFigure } from "./series-chart.js";
import { asTable } from "./table.js";
import { steps, written } from "./times.js";
import { within } from "./visible.js";
import { sentence } from "./words.js";

/**
 * @typedef {object} Found
 * @property {string} format of the file
 * @property {any} station of the answer of /series
 * @property {import("./forecast-chart.js").Past} past the series
 * @property {import("./flags.js").Flagged | null} flagged
 *
 * @param {Found} found
 * @param {AbortSignal} signal
 */
export function understoodCard({ format, station, past, flagged }, signal) {
  const chart = new Chart(`The series ${station.name ?? ""}`, signal, { height: "20rem" });
  chart.draw((range) => seriesFigure(past, flagged, range));
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, "What was understood"), chart.zoomButtons()),
    h(
      "div",
      { class: "understood" },
      facts(format, station, past),
      h("div", {}, keys(station, flagged), chart.element, asTable("The series, °C", () => rows(past, flagged, chart.range))),
    ),
    remarks(station),
  );
}

/** @param {any} station @param {import("./flags.js").Flagged | null} flagged */
function keys(station, flagged) {
  const gap = station.summary.missing > 0 && h("span", { class: "named" }, h("span", { class: "mark gap", "aria-hidden": "true" }), "Missing");
  return h("div", { class: "row legend" }, named("observed"), gap, markKeys(flagged));
}

/** @param {import("./forecast-chart.js").Past} past @param {import("./flags.js").Flagged | null} flagged @param {import("./visible.js").Range} range */
function rows({ step, timestamps, values }, flagged, range) {
  const said = remarksByTime(flagged);
  const [first, after] = within(timestamps, range);
  return {
    head: ["Time (UTC)", "SST", ...(said.size ? ["Flag"] : [])],
    rows: timestamps.slice(first, after).map((time, i) => [
      written(time, step),
      values[first + i] === null ? "missing" : fixed(values[first + i], 2),
      ...(said.size ? [said.get(time) ?? ""] : []),
    ]),
  };
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
    ["Missing", summary.missing ? `${count(summary.missing)}, in ${summary.gaps === 1 ? "1 gap of" : `${count(summary.gaps)} gaps, the longest of`} ${steps(summary.longest_gap, series.step)}` : "none"],
    ["Flags", Object.entries(flags).map(([flag, n]) => `${flagName(flag)}: ${count(Number(n))}`).join(", ")],
  ];
  return h("dl", { class: "facts" }, known.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** What was changed, and what should be looked at. @param {any} station */
function remarks(station) {
  const notes = [...new Set([...station.warnings, ...station.summary.notes])];
  if (!notes.length) return null;
  return h("details", { open: station.warnings.length > 0 }, h("summary", {}, `Notes on how it was read (${notes.length})`), h("ul", { class: "note" }, notes.map((note) => h("li", {}, sentence(note)))));
}
