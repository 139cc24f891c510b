// @ts-check
/** Adds a station, from a form or with a command. */

import { openAddress, stationPath } from "./address.js";
import { ApiError, getJson, withQuery } from "./api.js";
import { announce, fill, h, uniqueId } from "./dom.js";
import { codeBlock } from "./download.js";
import { curlKey, shellQuote } from "./snippets.js";
import { errorNotice } from "./task.js";
import { stepAdjective } from "./times.js";

const STEPS = ["day", "hour", "week", "month"];
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const JSON_TYPE = "-H 'Content-Type: application/json'";
/** Stations in one answer of the service. */
const PAGE = 1000;

/** The form, and the same as a command. */
export function stationForm() {
  const problem = h("div", {});
  const name = field("Name", { placeholder: "The pier", autocomplete: "off", maxlength: 200 });
  const id = field("ID, in addresses", { placeholder: "pier", required: true, autocomplete: "off", spellcheck: "false", maxlength: 64 });
  const latitude = field("Latitude, °N (optional)", { inputmode: "text", autocomplete: "off" });
  const longitude = field("Longitude, °E (optional)", { inputmode: "text", autocomplete: "off" });
  const stepId = uniqueId("step");
  const step = h("select", { id: stepId }, STEPS.map((value) => h("option", { value }, stepAdjective(value))));
  name.input.addEventListener("input", () => {
    if (!id.input.dataset.edited) id.input.value = idFrom(name.input.value);
  });
  id.input.addEventListener("input", () => (id.input.dataset.edited = id.input.value));
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    fill(problem);
    try {
      const station = id.input.value.trim();
      const [north, east] = [numberIn(latitude.input), numberIn(longitude.input)];
      await create(station, { name: name.input.value.trim() || null, step: step.value, latitude: north, longitude: east });
      announce(`Station ${station} added`);
      openAddress(stationPath(station));
    } catch (error) {
      fill(problem, errorNotice(error, null));
    }
  };
  return h(
    "div",
    { class: "stack" },
    h(
      "form",
      { class: "station-form", submit },
      h("div", { class: "controls" }, name.element, id.element, h("div", { class: "field" }, h("label", { for: stepId }, "Readings are"), step), latitude.element, longitude.element, h("button", { class: "main" }, "Add station")),
      h("p", { class: "note" }, "A position tells the forecast what is usual there. South and west are negative."),
      problem,
    ),
    h("details", {}, h("summary", {}, "Add it from code"), h("div", {}, codeBlock("curl", createCommand()))),
  );
}

function createCommand() {
  const body = JSON.stringify({ step: "day", name: "The pier", latitude: 54.27, longitude: -8.61 });
  return curl([`-X PUT ${JSON_TYPE}`, `-d ${shellQuote(body)}`, shellQuote(`${location.origin}/stations/pier`)]);
}

/** A command with its parts on lines. @param {string[]} parts */
function curl([first, ...rest]) {
  return [["curl", ...curlKey(), first].join(" "), ...rest].join(" \\\n    ");
}

/** @param {string} station @param {Record<string, any>} settings */
async function create(station, settings) {
  if (!ID.test(station)) throw rejected("An ID has up to 64 letters, digits, dots, hyphens and underscores, and begins with a letter or a digit");
  const { stations } = await getJson(withQuery("/stations", { search: station, limit: PAGE }));
  // A PUT would replace its settings.
  if (stations.some((/** @type {any} */ { id }) => id === station)) throw rejected(`There is a station with the ID ${station} already. Choose another ID`);
  return getJson(`/stations/${station}`, { method: "PUT", body: JSON.stringify(settings), headers: { "Content-Type": "application/json" } });
}

/** @param {string} detail */
function rejected(detail) {
  return new ApiError(detail, 422);
}

/** A number of degrees; null for an empty field. @param {HTMLInputElement} input */
function numberIn(input) {
  const text = input.value.trim().replace("−", "-");
  if (!text) return null;
  const value = Number(text);
  if (!Number.isFinite(value)) throw rejected("Enter degrees as numbers: latitude from −90 to 90, longitude from −180 to 360");
  return value;
}

/** An ID from a name. @param {string} name */
function idFrom(name) {
  return name.normalize("NFKD").replace(/[^A-Za-z0-9._ -]/g, "").trim().toLowerCase().replace(/\s+/g, "-").replace(/^[._-]+/, "").slice(0, 64);
}

/** @param {string} label @param {Record<string, any>} properties */
function field(label, properties) {
  const id = uniqueId("station");
  const input = h("input", { id, type: "text", ...properties });
  return { element: h("div", { class: "field" }, h("label", { for: id }, label), input), input };
}
