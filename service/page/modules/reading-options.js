// @ts-check
/** Options that override how the service reads a file. All of them are in the URL. */

import { readState, updateState } from "./address.js";
import { selectField, textField } from "./controls.js";
import { h } from "./dom.js";

const UNITS = [
  { value: "", text: "As stated in the file" },
  { value: "celsius", text: "°C" },
  { value: "kelvin", text: "K" },
  { value: "fahrenheit", text: "°F" },
];
const DATES = [
  { value: "", text: "Detect automatically" },
  { value: "dmy", text: "Day first" },
  { value: "mdy", text: "Month first" },
];

/** @type {Record<string, {label: string, hint?: string, options?: typeof UNITS}>} */
const FIELDS = {
  units: { label: "Temperature units", options: UNITS },
  value_column: { label: "Temperature column", hint: "detected by name" },
  time_column: { label: "Time column", hint: "detected by name" },
  flags: { label: "Quality flag column", hint: "detected by name, if any" },
  missing: { label: "Missing value marker", hint: "e.g. −999" },
  dates: { label: "Dates such as 03/04/2010", options: DATES },
  timezone: { label: "Time zone", hint: "UTC, or e.g. Europe/Rome" },
  at: { label: "Grid location", hint: "latitude,longitude" },
};

export const OPTION_NAMES = Object.keys(FIELDS);

/** The label of an option on the page. @param {string} name */
export function optionLabel(name) {
  return FIELDS[name].label;
}

/** The fields for the options. @param {() => void} change called after an option changes */
export function readingOptions(change) {
  const state = readState();
  const hasOptions = OPTION_NAMES.some((name) => state[name]);
  const set = (/** @type {string} */ name) => (/** @type {string} */ value) => {
    updateState({ [name]: value.trim().replace("−", "-") });
    change();
  };
  return h(
    "details",
    { class: "reading", open: hasOptions },
    h("summary", {}, "Reading options, if the service misreads your file"),
    h(
      "div",
      { class: "controls" },
      OPTION_NAMES.map((name) => {
        const { label, hint, options } = FIELDS[name];
        return options ? selectField(label, options, state[name] ?? "", set(name)) : textField(label, state[name] ?? "", hint ?? "", set(name));
      }),
    ),
  );
}
