// @ts-check
/** Add a place: from a file, or by its name. */

import { openAddress, stationPath } from "./address.js";
import { ApiError, getJson, withQuery } from "./api.js";
import { toggleGroup } from "./controls.js";
import { show as showFiles } from "./data.js";
import { announce, fill, h, uniqueId } from "./dom.js";
import { positionPicker } from "./position-fields.js";
import { errorNotice } from "./task.js";
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
  const named = h("details", { class: "card add", toggle: () => named.childElementCount === 1 && named.append(nameForm()) }, h("summary", {}, "Name a place without a file"));
  fill(root, files, named);
  await showFiles(files, signal);
}

function nameForm() {
  const problem = h("div", {});
  let step = "day";
  let position = ["", ""];
  const name = field("Name", "", { placeholder: "The pier", maxlength: 200 });
  const id = field("Short name in its address", "For example pier, for /place/station/pier. It cannot be changed later.", { placeholder: "pier", spellcheck: "false", maxlength: 64 });
  const picker = positionPicker({ purpose: POSITION }, (latitude, longitude) => (position = [latitude, longitude]));
  name.input.addEventListener("input", () => {
    if (!id.input.dataset.edited) id.input.value = idFrom(name.input.value);
  });
  id.input.addEventListener("input", () => (id.input.dataset.edited = id.input.value));
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    fill(problem);
    const station = id.input.value.trim();
    const title = name.input.value.trim();
    const isNamed = name.check(title ? "" : "Give the place a name.");
    if (![isNamed, id.check(ID.test(station) ? "" : NOT_ID)].every(Boolean)) return;
    try {
      if (!id.check((await isTaken(station)) ? `There is a place ${station} already. Choose another short name.` : "")) return;
      const [latitude, longitude] = position.map((text) => (text === "" ? null : Number(text)));
      const body = JSON.stringify({ name: title, step, latitude, longitude });
      await getJson(`/stations/${station}`, { method: "PUT", body, headers: { "Content-Type": "application/json" } });
      announce(`${title} added`);
      openAddress(stationPath(station));
    } catch (error) {
      fill(problem, away(error) ?? errorNotice(error, null));
    }
  };
  const steps = STEPS.map((value) => ({ value, text: stepAdjective(value) }));
  return h(
    "form",
    { class: "place-form", novalidate: true, submit },
    name.element,
    toggleGroup("Readings are", steps, [step], ([chosen]) => (step = chosen), { single: true }),
    picker.element,
    id.element,
    h("div", {}, h("button", { class: "main" }, "Add this place")),
    problem,
  );
}

/** A notice that the service cannot keep places; null for other errors. @param {unknown} error */
function away(error) {
  if (!(error instanceof ApiError) || error.status !== 503) return null;
  return h("p", { class: "notice error", role: "alert" }, "Places cannot be saved at the moment. Try again later, or open a file of readings: that works without saving.");
}

/** Whether a station has this ID: adding it again would replace its settings. @param {string} id */
async function isTaken(id) {
  const { stations } = await getJson(withQuery("/stations", { search: id, limit: PAGE }));
  return stations.some((/** @type {any} */ station) => station.id === id);
}

/** An ID from a name. @param {string} name */
function idFrom(name) {
  return name.toLowerCase().replaceAll("ø", "o").replaceAll("æ", "ae").replaceAll("ß", "ss").replaceAll("ł", "l").normalize("NFKD").replace(/[^a-z0-9._ -]/g, "").trim().replace(/\s+/g, "-").replace(/^[._-]+/, "").slice(0, 64);
}

/** A text field whose check() shows a problem below it, and tells whether there is none. @param {string} label @param {string} hint @param {Record<string, any>} properties */
function field(label, hint, properties) {
  const id = uniqueId("add");
  const note = h("p", { class: "note", id: `${id}-note` }, hint);
  const input = h("input", { id, type: "text", autocomplete: "off", "aria-describedby": `${id}-note`, ...properties });
  const check = (/** @type {string} */ problem) => {
    note.textContent = problem || hint;
    note.classList.toggle("problem", problem !== "");
    input.setAttribute("aria-invalid", String(problem !== ""));
    if (problem) input.focus();
    return problem === "";
  };
  return { element: h("div", { class: "field" }, h("label", { for: id }, label), input, note), input, check };
}
