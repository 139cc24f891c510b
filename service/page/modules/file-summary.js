// @ts-check
/** How the service read a file, as key facts. */

import { inUnit, temperature } from "./degrees.js";
import { h } from "./dom.js";
import { fixed, formatCount } from "./numbers.js";
import { sentence } from "./sentence.js";
import { UNITS } from "./station-words.js";
import { formatSteps, formatTime } from "./times.js";

/** QARTOD flags, as in the manuals. @type {Record<string, string>} */
const FLAGS = { 1: "good", 2: "not evaluated", 3: "suspect", 4: "fail", 9: "missing" };

/** @param {{format: string, station: any, series: any}} reading format: of the file; station: an entry of the response of POST /series; series: that of the station */
export function readingCard({ format, station, series }) {
  return h("section", { class: "card" }, h("header", {}, h("h2", {}, "How the file was read")), facts(format, station, series), readingNotes(station));
}

/** @param {string} format @param {any} station @param {any} series */
function facts(format, station, { step, latitude, longitude }) {
  const { summary, columns, flags } = station;
  const entries = [
    ["Format", format],
    ["Columns", [columns.time, columns.value, columns.station, columns.flags].filter(Boolean).join(", ")],
    ["Unit", `${UNITS[station.units] ?? station.units}, ${station.units_from}`],
    ["Position", latitude !== undefined && `${latitude}, ${longitude}`],
    ["Step", formatSteps(1, step)],
    ["Start", formatTime(summary.start, step)],
    ["End", formatTime(summary.end, step)],
    ["Range", `${fixed(inUnit(summary.least), 2)} to ${temperature(summary.most, 2)}`],
    ["Values", formatCount(summary.values)],
    ["Missing", summary.missing ? `${formatCount(summary.missing)}, in ${summary.gaps === 1 ? "1 gap of" : `${formatCount(summary.gaps)} gaps of up to`} ${formatSteps(summary.longest_gap, step)}` : "none"],
    ["Flags", Object.entries(flags).map(([flag, n]) => `${FLAGS[flag] ?? `flag ${flag}`}: ${formatCount(Number(n))}`).join(", ")],
  ];
  return h("dl", { class: "facts" }, entries.filter(([, value]) => value).flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}

/** Notes about the reading, without its warnings; null if there are none. @param {any} station */
function readingNotes(station) {
  const notes = [...new Set(station.summary.notes)].filter((note) => !station.warnings.includes(note));
  if (!notes.length) return null;
  return h("details", {}, h("summary", {}, `Notes on how the file was read (${notes.length})`), h("ul", { class: "note" }, notes.map((note) => h("li", {}, sentence(note)))));
}
