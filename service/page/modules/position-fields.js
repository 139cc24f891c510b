// @ts-check
/** Fields for the position of a series, which gives the models the climatology there. */

import { readState, updateState } from "./address.js";
import { h, uniqueId } from "./dom.js";

/**
 * @typedef {object} Position
 * @property {number} latitude degrees north
 * @property {number} longitude degrees east
 */

const FIELDS = [
  { name: "latitude", label: "Latitude, °N", least: -90, most: 90 },
  { name: "longitude", label: "Longitude, °E", least: -180, most: 360 },
];

const PURPOSE =
  "With a position, forecasts and references know the usual temperatures there through the year. It helps most if your series is shorter than a year. South and west are negative.";

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
 * The fields, with an explanation below that setProblem replaces.
 * @param {any} series from POST /series @param {() => void} change called after the position changes
 * @returns {{element: Element, setProblem: (problem: string | null) => void}}
 */
export function positionFields(series, change) {
  const id = uniqueId("position");
  const note = h("p", { class: "note", id: `${id}-note` }, PURPOSE);
  const known = typeof series.latitude === "number";
  const purpose = known ? `The file says ${series.latitude}, ${series.longitude}. ${PURPOSE}` : PURPOSE;
  const inputs = FIELDS.map(({ name, label }) =>
    h("input", {
      id: `${id}-${name}`,
      type: "text",
      inputmode: "text",
      value: readState()[name] ?? "",
      placeholder: known ? String(series[name]) : "",
      spellcheck: "false",
      autocomplete: "off",
      "aria-label": label,
      "aria-describedby": `${id}-note`,
      change: () => enter(),
    }),
  );
  const setProblem = (/** @type {string | null} */ problem, /** @type {boolean[]} */ wrong = [problem !== null, problem !== null]) => {
    note.textContent = problem ?? purpose;
    note.classList.toggle("problem", problem !== null);
    inputs.forEach((input, i) => input.setAttribute("aria-invalid", String(wrong[i])));
  };
  const enter = () => {
    splitPair(inputs);
    const texts = inputs.map((input) => input.value.trim().replace("−", "-"));
    const wrong = texts.map((text, i) => text !== "" && parse(FIELDS[i], text) === null);
    const half = texts.some((text) => text === "") && texts.some((text) => text !== "");
    if (wrong.includes(true)) setProblem("Enter degrees as numbers: latitude from −90 to 90, longitude from −180 to 360.", wrong);
    else setProblem(null);
    if (wrong.includes(true) || half) return;
    updateState({ latitude: texts[0], longitude: texts[1] });
    change();
  };
  setProblem(null);
  const fields = FIELDS.map(({ label }, i) => h("label", { class: "degrees" }, h("span", { "aria-hidden": "true" }, label), inputs[i]));
  return { element: h("fieldset", { class: "field position" }, h("legend", {}, "Position (optional)"), h("div", { class: "row" }, fields, note)), setProblem };
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
