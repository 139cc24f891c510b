// @ts-check
/** The cards of a file that is open: how it was read, and what becomes of it. It is forgotten, or kept as a station with all its readings. */

import { ADD, openAddress, stationPath } from "./address.js";
import { ApiError, getJson, postFile, request, withQuery } from "./api.js";
import { inUnit, temperature } from "./degrees.js";
import { announce, fill, h } from "./dom.js";
import { forgetFile } from "./kept-file.js";
import { fixed, formatCount } from "./numbers.js";
import { capitalised, sentence } from "./sentence.js";
import { createStation, dataForm, formField, idFrom, plainProblem, textInput } from "./station-changes.js";
import { UNITS } from "./station-words.js";
import { formatSteps, formatTime } from "./times.js";

/** QARTOD flags, as in the manuals. @type {Record<string, string>} */
const FLAGS = { 1: "good", 2: "not evaluated", 3: "suspect", 4: "fail", 9: "missing" };

/**
 * @typedef {object} Keepable
 * @property {any} series as it was read
 * @property {Record<string, string>} params of the request that read it
 * @property {string} title
 */

/** @param {import("./file-reader.js").FileContent} file @param {Keepable | null} keepable null if it is not read @param {Element} options for reading it */
export function fileCard(file, keepable, options) {
  const keep = h("div", {});
  const forget = async () => {
    await forgetFile();
    announce(`${file.name} is forgotten`);
    openAddress(ADD);
  };
  if (keepable) {
    // Where nothing can be kept, the form is not offered.
    getJson("/access").then(({ create_stations: may }) => may && fill(keep, keepForm(file, keepable)), () => {});
  }
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, "Your file")),
    h("p", {}, `${file.name} is kept in this browser only, so a reload does not lose it, and its address cannot be shared. Nothing of it is stored on the server.`),
    h("div", { class: "row" }, h("button", { type: "button", click: forget }, "Forget this file"), h("a", { href: ADD }, "Open another file")),
    keep,
    options,
  );
}

/** @param {import("./file-reader.js").FileContent} file @param {Keepable} keepable */
function keepForm(file, { series, params, title }) {
  const suggested = plainName(title);
  const name = formField("Name", textInput({ value: suggested, maxlength: 200, size: 28 }));
  const id = formField("Short name in its address", textInput({ value: idFrom(suggested) || "my-place", maxlength: 64, size: 20 }));
  const submit = async () => {
    const [title, station] = [name.control.value.trim(), id.control.value.trim()];
    await keepAsStation(file, { series, params }, { id: station, name: title });
    await forgetFile();
    announce(`${title} is kept`);
    openAddress(stationPath(station));
  };
  return h(
    "details",
    {},
    h("summary", {}, "Keep this place"),
    h("p", {}, "The service then stores the readings, forecasts each new one that you add, and keeps score. The place gets an address that you can share."),
    dataForm({ name, id }, submit, h("div", { class: "controls" }, name.element, id.element), h("div", { class: "row" }, h("button", { class: "main" }, "Keep"))),
  );
}

/**
 * Make a station of a file. If its readings are refused, there is no station either.
 * @param {import("./file-reader.js").FileContent} file @param {Pick<Keepable, "series" | "params">} keepable @param {{id: string, name: string}} names
 * @throws {ApiError | import("./station-changes.js").FieldProblem} with what is wrong
 */
async function keepAsStation({ blob }, { series, params }, { id, name }) {
  const { step, latitude = null, longitude = null } = series;
  await createStation(id, { name, step, latitude, longitude });
  try {
    const answer = await postFile(withQuery(`/stations/${id}/observations`, params), blob);
    if (!answer.new) throw new ApiError("The service took none of its readings", 422);
  } catch (error) {
    const problem = `The readings were not taken: ${plainProblem(error instanceof Error ? error.message : String(error))}`;
    await request(`/stations/${id}`, { method: "DELETE" }).catch((/** @type {ApiError} */ failed) => {
      throw new ApiError(`${problem} The empty place ${id} could not be deleted again: ${failed.message}`, failed.status);
    });
    throw new ApiError(problem, 422);
  }
}

/** A file name without its ending, with a capital letter. @param {string} name */
function plainName(name) {
  const text = name.replace(/(\.(csv|txt|tsv|dat|nc|gz))+$/i, "").replace(/[_-]+/g, " ").trim();
  return text ? capitalised(text) : "My place";
}

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
