// @ts-check
/** A position on a map and in two fields. It gives the models the climatology there. */

import { readState, updateState } from "./address.js";
import { announce, h, uniqueId } from "./dom.js";
import { locatorMap } from "./locator-map.js";
import { positionInWords } from "./world-map.js";

/**
 * @typedef {import("./world-map.js").Position} Position
 * @typedef {{element: Element, setProblem: (problem: string | null) => void}} Picker its explanation is what setProblem replaces
 */

/** @type {{name: "latitude" | "longitude", label: string, least: number, most: number}[]} */
const FIELDS = [
  { name: "latitude", label: "Latitude, °N", least: -90, most: 90 },
  { name: "longitude", label: "Longitude, °E", least: -180, most: 360 },
];

const PURPOSE =
  "With a position, forecasts and references know the usual temperatures there through the year. It helps most if your series is shorter than a year. Click the map or enter degrees; south and west are negative.";

const NOT_DEGREES = "Enter degrees as numbers: latitude from −90 to 90, longitude from −180 to 360.";

/** The position in the URL, or else in the file; null if there is neither. @param {any} series from POST /series @returns {Position | null} */
export function positionOf(series) {
  const state = readState();
  const [latitude, longitude] = FIELDS.map((field) => parse(field, state[field.name] ?? ""));
  if (latitude !== null && longitude !== null) return { latitude, longitude };
  return typeof series.latitude === "number" ? { latitude: series.latitude, longitude: series.longitude } : null;
}

/** Forget a position that was entered for another series. */
export function clearPosition() {
  updateState({ latitude: null, longitude: null });
}

/**
 * The map and the fields for a series, which keep the position in the URL.
 * @param {any} series from POST /series @param {() => void} change called after the position changes
 * @returns {Picker}
 */
export function positionFields(series, change) {
  const inherited = typeof series.latitude === "number" ? { latitude: series.latitude, longitude: series.longitude } : null;
  const purpose = inherited ? `The file says ${positionInWords(series)}. ${PURPOSE}` : PURPOSE;
  const { latitude = "", longitude = "" } = readState();
  return positionPicker({ purpose, entered: [latitude, longitude], inherited }, (latitude, longitude) => {
    updateState({ latitude, longitude });
    change();
  });
}

/**
 * A map and two fields for a position.
 * @param {{purpose: string, entered?: string[], inherited?: Position | null}} about purpose: why to give one; inherited: the position if the fields are empty
 * @param {(latitude: string, longitude: string) => void} change called with degrees, or with two empty texts
 * @returns {Picker}
 */
export function positionPicker({ purpose, entered = ["", ""], inherited = null }, change) {
  const id = uniqueId("position");
  const note = h("p", { class: "note", id: `${id}-note` });
  const inputs = FIELDS.map(({ name, label }, i) =>
    h("input", {
      id: `${id}-${name}`,
      type: "text",
      inputmode: "text",
      value: entered[i],
      placeholder: inherited ? String(inherited[name]) : "",
      spellcheck: "false",
      autocomplete: "off",
      "aria-label": label,
      "aria-describedby": `${id}-note`,
      change: () => enter(),
    }),
  );
  const current = () => {
    const [latitude, longitude] = FIELDS.map((field, i) => parse(field, inputs[i].value));
    return latitude !== null && longitude !== null ? { latitude, longitude } : inherited;
  };
  const map = locatorMap(current(), ({ latitude, longitude }) => {
    inputs.forEach((input, i) => (input.value = String([latitude, longitude][i])));
    apply();
  });
  const setProblem = (/** @type {string | null} */ problem, /** @type {boolean[]} */ wrong = [problem !== null, problem !== null]) => {
    note.textContent = problem ?? purpose;
    note.classList.toggle("problem", problem !== null);
    inputs.forEach((input, i) => input.setAttribute("aria-invalid", String(wrong[i])));
  };
  const enter = () => {
    splitPair(inputs);
    const texts = inputs.map((input) => input.value.trim());
    const wrong = texts.map((text, i) => text !== "" && parse(FIELDS[i], text) === null);
    if (wrong.includes(true)) return setProblem(NOT_DEGREES, wrong);
    setProblem(null);
    if (texts.every((text) => text === "") || !texts.includes("")) apply();
  };
  const apply = () => {
    const [latitude, longitude] = inputs.map((input) => input.value.trim().replace("−", "-"));
    const position = current();
    setProblem(null);
    map.show(position);
    if (position) warnOfLand(position);
    change(latitude, longitude);
  };
  // The outlines on the map know it before the service answers.
  const warnOfLand = async (/** @type {Position} */ position) => {
    const isLand = await map.isLand(position);
    const now = current();
    if (!isLand || now?.latitude !== position.latitude || now.longitude !== position.longitude) return;
    const problem = `${positionInWords(position)} is on land, so the forecast does not use it. Move the pin to the sea.`;
    setProblem(problem);
    announce(problem);
  };
  setProblem(null);
  const fields = FIELDS.map(({ label }, i) => h("label", { class: "degrees" }, h("span", { "aria-hidden": "true" }, label), inputs[i]));
  const text = h("div", { class: "degrees-fields" }, h("div", { class: "row" }, fields), note);
  return { element: h("fieldset", { class: "field position" }, h("legend", {}, "Position (optional)"), h("div", { class: "place" }, map.element, text)), setProblem };
}

/** Split "43.6, 9.1" in the first field into both. @param {any[]} inputs */
function splitPair([latitude, longitude]) {
  const [, first, second] = /^\s*([-−+]?[\d.]+)\s*[,;\s]\s*([-−+]?[\d.]+)\s*$/.exec(latitude.value) ?? [];
  if (first === undefined || longitude.value.trim()) return;
  latitude.value = first;
  longitude.value = second;
}

/** A number within bounds; null for anything else. @param {typeof FIELDS[number]} field @param {string} text */
function parse({ least, most }, text) {
  const value = Number(text.trim().replace("−", "-"));
  return text.trim() !== "" && value >= least && value <= most ? value : null;
}
