// @ts-check
/** What becomes of a file that is open: it is forgotten, or kept as a station with all its readings. */

import { ADD, openAddress, stationPath } from "./address.js";
import { ApiError, getJson, postFile, request, withQuery } from "./api.js";
import { announce, fill, h } from "./dom.js";
import { forgetFile } from "./kept-file.js";
import { capitalised } from "./sentence.js";
import { createStation, dataForm, formField, idFrom, plainProblem, textInput } from "./station-changes.js";

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
