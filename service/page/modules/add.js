// @ts-check
/** Add a place: from a file, or by its name. */

import { openAddress, stationPath } from "./address.js";
import { enterKey, getJson, withQuery } from "./api.js";
import { toggleGroup } from "./controls.js";
import { show as showFiles } from "./data.js";
import { announce, fill, h } from "./dom.js";
import { positionPicker } from "./position-fields.js";
import { dataForm, FieldProblem, formField, send, textInput } from "./station-changes.js";
import { stepAdjective } from "./times.js";

export const heading = "Add a place";

const STEPS = ["hour", "day", "week", "month"];
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const NOT_ID = "Use up to 64 letters, digits, dots, hyphens and underscores, beginning with a letter or a digit.";
const POSITION = "With a position, forecasts know what is usual there through the year. Click the map or enter degrees; south and west are negative.";

/** Stations in one answer of the service. */
const PAGE = 1000;

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const files = h("div", { class: "stack" });
  const named = h("div", {});
  fill(root, files, named);
  await Promise.all([showFiles(files, signal), offerName(named, signal)]);
}

/** The form for a place without a file, where the user may keep one. @param {HTMLElement} part @param {AbortSignal} signal */
async function offerName(part, signal) {
  const access = await getJson("/access", { signal }).catch(() => ({}));
  const details = h("details", { class: "card add", toggle: () => details.childElementCount === 1 && details.append(nameForm()) }, h("summary", {}, "Name a place without a file"));
  const enter = async () => (await enterKey()) && offerName(part, signal);
  const note = h("p", { class: "note" }, "To name a place and keep its readings here, enter a key. ", h("button", { type: "button", class: "link", click: enter }, "Enter a key"));
  if (!signal.aborted) fill(part, access.create_stations ? details : access.needs_key && note);
}

function nameForm() {
  let step = "day";
  /** @type {(number | null)[]} */
  let position = [null, null];
  const name = formField("Name", textInput({ placeholder: "The pier", maxlength: 200, size: 28 }));
  const id = formField("Short name in its address", textInput({ placeholder: "pier", maxlength: 64, size: 20 }), "It cannot be changed later.");
  const picker = positionPicker({ purpose: POSITION }, (...texts) => (position = texts.map((text) => (text === "" ? null : Number(text)))));
  name.control.addEventListener("input", () => {
    if (!id.control.dataset.edited) id.control.value = idFrom(name.control.value);
  });
  id.control.addEventListener("input", () => (id.control.dataset.edited = "true"));
  const submit = async () => {
    const [title, station] = [name.control.value.trim(), id.control.value.trim()];
    if (!title) throw new FieldProblem("name", "Give the place a name.");
    if (!ID.test(station)) throw new FieldProblem("id", NOT_ID);
    const [latitude, longitude] = position;
    await create(station, { name: title, step, latitude, longitude }).catch(away);
    announce(`${title} added`);
    openAddress(stationPath(station));
  };
  const steps = STEPS.map((value) => ({ value, text: stepAdjective(value) }));
  return dataForm(
    { name, id },
    submit,
    name.element,
    toggleGroup("Readings are", steps, [step], ([chosen]) => (step = chosen), { single: true }),
    picker.element,
    id.element,
    h("button", { class: "main" }, "Add this place"),
  );
}

/** @param {string} id @param {Record<string, any>} settings */
async function create(id, settings) {
  const { stations } = await getJson(withQuery("/stations", { search: id, limit: PAGE }));
  // Adding it again would replace its settings.
  if (stations.some((/** @type {any} */ station) => station.id === id)) throw new FieldProblem("id", `There is a place ${id} already. Choose another short name.`);
  await send("PUT", id, "", settings);
}

/** Say in other words that the database is away. @param {any} error */
function away(error) {
  if (error.status === 503) error.message = "Places cannot be saved at the moment. Try again later, or open a file of readings: that works without saving.";
  throw error;
}

/** An ID from a name. @param {string} name */
function idFrom(name) {
  return name.toLowerCase().replaceAll("ø", "o").replaceAll("æ", "ae").replaceAll("ß", "ss").replaceAll("ł", "l").normalize("NFKD").replace(/[^a-z0-9._ -]/g, "").trim().replace(/\s+/g, "-").replace(/^[._-]+/, "").slice(0, 64);
}
