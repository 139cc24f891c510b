// @ts-check
/** The settings of a station: its name, position and weather, and how it is deleted. */

import { HOME, openAddress } from "./address.js";
import { request } from "./api.js";
import { announce, fill, h } from "./dom.js";
import { modelPhrase } from "./models.js";
import { NOWHERE, positionPicker } from "./position-fields.js";
import { sentence } from "./sentence.js";
import { dataForm, FieldProblem, formField, onChange, saveSettings, tellChange, textInput } from "./station-changes.js";
import { titleOf, UNITS } from "./station-words.js";
import { formatSteps, stepAdjective } from "./times.js";
import { positionInWords } from "./world-map.js";

/** @typedef {import("./station-changes.js").Station & {weather_fetch?: any}} Station */

const OPEN_METEO = "open-meteo";
const WEATHER_STEPS = ["hour", "day"];
const SENT = "The position, rounded to 0.01°, is sent to Open-Meteo, which gives the wind and air temperature of the days ahead. Weather data by Open-Meteo.com.";

/** The card of a station's settings. @param {Station} station @param {AbortSignal} signal */
export function settingsCard(station, signal) {
  const card = h("details", { class: "card add settings" });
  let { writable } = station;
  fill(card, ...parts(station, card));
  onChange(station.id, signal, (changed) => {
    if (changed.writable === writable) return;
    writable = changed.writable;
    fill(card, ...parts(changed, card));
  }, card);
  return card;
}

/** @param {Station} station @param {HTMLElement} card */
function parts(station, card) {
  const { id, step, units, model, horizon, latitude, longitude, writable } = station;
  const facts = [
    ...(writable ? [] : [["Position", latitude === null || longitude === null ? "not given" : positionInWords({ latitude, longitude })], ["Weather ahead", station.weather ? originOf(station.weather) : "not used"]]),
    ["Readings", `${stepAdjective(step)}, stored in ${UNITS[units]}`],
    ["Forecast", `${formatSteps(horizon, step)} ahead, by ${model === "best" ? modelPhrase("mixture") : model}`],
    ["Short name in its address", id],
  ];
  const list = h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  return [h("summary", {}, "Settings"), h("div", { class: "stack" }, writable && settingsForm(station, card), list, writable && deletion(station))];
}

/** @param {any} weather */
function originOf(weather) {
  return weather === OPEN_METEO ? "from Open-Meteo" : `from ${new URL(weather.erddap.server).host}`;
}

/** @param {Station} station @param {HTMLElement} card */
function settingsForm(station, card) {
  const { id, weather_fetch: fetched, latitude, longitude, owner, visibility } = station;
  const name = formField("Name", textInput({ value: station.name ?? "", maxlength: 200, size: 32 }));
  const entered = latitude === null ? undefined : [String(latitude), String(longitude)];
  const picker = positionPicker({ purpose: "Click the map or enter degrees; south and west are negative.", entered });
  const attribution = fetched?.attribution ?? "";
  const note = station.weather && station.weather !== OPEN_METEO ? `The weather comes ${originOf(station.weather)}. ${attribution}` : SENT;
  const weather = formField("Use the weather that is coming", h("input", { type: "checkbox", checked: Boolean(station.weather) }), note);
  const shared = formField("Show it to others", h("input", { type: "checkbox", checked: visibility === "shared" }), "Everyone who may use this service can then see this place. Only its own key can change it.");
  for (const { element } of [weather, shared]) element.classList.add("check");
  const failing = fetched?.error && h("p", { class: "note" }, `No weather could be fetched last time. ${sentence(fetched.error)}`);
  const said = h("p", { class: "note", role: "status" });
  const submit = async () => {
    fill(said);
    const position = picker.read();
    const uses = weather.control.checked;
    if (uses && !position) throw new FieldProblem("weather", "Weather is that of a position: enter the latitude and longitude too.");
    await saveSettings(id, (before) => ({ name: name.control.value.trim() || null, ...(position ?? NOWHERE), weather: uses ? (before.weather ?? OPEN_METEO) : null, visibility: shared.control.checked ? "shared" : "private" }));
    await tellChange(id, card);
    fill(said, "Saved.");
  };
  return dataForm({ name, latitude: picker, longitude: picker, weather }, submit, name.element, picker.element, (WEATHER_STEPS.includes(station.step) || station.weather) && [weather.element, failing], owner && shared.element, h("div", { class: "row" }, h("button", { class: "main" }, "Save settings"), said));
}

/** @param {Station} station */
function deletion(station) {
  const title = titleOf(station);
  const typed = formField(`Type “${title}” to delete it`, textInput({ size: 24 }), "All its readings, forecasts and alerts are deleted. This cannot be undone.");
  const submit = async () => {
    if (typed.control.value.trim() !== title) throw new FieldProblem("typed", `Type “${title}”, exactly as it is written here.`);
    await request(`/stations/${station.id}`, { method: "DELETE" });
    announce(`${title} is deleted`);
    openAddress(HOME);
  };
  const form = dataForm({ typed }, submit, typed.element, h("div", { class: "row" }, h("button", { class: "danger" }, "Delete this place")));
  return h("details", {}, h("summary", {}, "Delete this place"), form);
}
