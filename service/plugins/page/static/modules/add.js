// @ts-check
/** Add a place: from a file, or by its name. */

import { FILE, openAddress, readState, stationPath } from "./address.js";
import { enterKey, getJson } from "./api.js";
import { toggleGroup } from "./controls.js";
import { announce, fill, h } from "./dom.js";
import { exampleButton, fileInput, isPasted } from "./file-input.js";
import { keepFile, keptFile } from "./kept-file.js";
import { NOWHERE, positionPicker } from "./position-fields.js";
import { createStation, dataForm, formField, idFrom, textInput } from "./station-changes.js";
import { stepAdjective } from "./times.js";

export const heading = "Add a place";

const STEPS = ["hour", "day", "week", "month"];
const POSITION = "With a position, forecasts know what is usual there through the year. Click the map or enter degrees; south and west are negative.";
const INTRODUCTION = "Bring a file of readings and see the forecast at once, and how right such forecasts would have been. The file is sent only to this service, and is not stored there unless you choose to keep it.";

/** The name of the file that was opened last, since the page was loaded. */
let lastName = "";

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const kept = await keptFile();
  const pasted = kept && isPasted(kept.name) ? await kept.blob.text() : "";
  if (signal.aborted) return;
  const open = async (/** @type {import("./file-reader.js").FileContent} */ file) => {
    // A file that was corrected is read as before. Pasted texts share a name but need not be alike.
    const options = kept && lastName === file.name && !isPasted(file.name) ? kept.options : location.search;
    lastName = file.name;
    root.setAttribute("aria-busy", "true");
    await keepFile(file, options);
    openAddress(FILE + options);
  };
  const named = h("div", {});
  const notes = [h("p", { class: "note" }, "Enough for a forecast: 14 days, 48 hours, 12 weeks or 24 months."), h("p", {}, "No file at hand? ", exampleButton(open), " (60 days in the Ligurian Sea).")];
  const keptNote = kept && h("p", {}, "This browser keeps ", h("a", { href: FILE }, kept.name), ", which you opened before.");
  fill(
    root,
    h("div", { class: "intro" }, h("h1", {}, heading), h("p", {}, INTRODUCTION)),
    h("section", { class: "card" }, h("h2", { class: "hidden" }, "Your file"), keptNote, fileInput(open, { pasted, button: h("button", { type: "button", class: "main" }, "Read data"), notes })),
    named,
  );
  await offerName(named, signal);
}

/** The form for a place without a file, where the user may keep one. @param {HTMLElement} part @param {AbortSignal} signal */
async function offerName(part, signal) {
  const access = await getJson("/access", { signal }).catch(() => ({}));
  const details = h("details", { class: "card add", toggle: () => details.childElementCount === 1 && details.append(nameForm()) }, h("summary", {}, "Name a place without a file"));
  const enter = async () => (await enterKey()) && offerName(part, signal);
  const why = access.needs_key ? ["To name a place and keep its readings here, enter a key. ", h("button", { type: "button", class: "link", click: enter }, "Enter a key")] : "Places cannot be saved here at the moment. A file can be opened all the same.";
  if (!signal.aborted) fill(part, access.create_stations ? details : h("p", { class: "note" }, why));
}

function nameForm() {
  let step = "day";
  const name = formField("Name", textInput({ placeholder: "The pier", maxlength: 200, size: 28 }));
  const id = formField("Short name in its address", textInput({ placeholder: "pier", maxlength: 64, size: 20 }), "It cannot be changed later.");
  const { latitude = "", longitude = "" } = readState();
  const picker = positionPicker({ purpose: POSITION, entered: [latitude, longitude] });
  name.control.addEventListener("input", () => {
    if (!id.control.dataset.edited) id.control.value = idFrom(name.control.value);
  });
  id.control.addEventListener("input", () => (id.control.dataset.edited = "true"));
  const submit = async () => {
    const [title, station] = [name.control.value.trim(), id.control.value.trim()];
    await createStation(station, { name: title, step, ...(picker.read() ?? NOWHERE) });
    announce(`${title} added`);
    openAddress(stationPath(station));
  };
  const steps = STEPS.map((value) => ({ value, text: stepAdjective(value) }));
  return dataForm(
    { name, id, latitude: picker, longitude: picker },
    submit,
    name.element,
    toggleGroup("Readings are", steps, [step], ([chosen]) => (step = chosen), { single: true }),
    picker.element,
    id.element,
    h("button", { class: "main" }, "Add this place"),
  );
}
