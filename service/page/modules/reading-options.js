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
const STEPS = [
  { value: "", text: "Keep every value" },
  { value: "hour", text: "Hourly means" },
  { value: "day", text: "Daily means" },
  { value: "week", text: "Weekly means" },
  { value: "month", text: "Monthly means" },
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
  depth: { label: "Depth", hint: "metres" },
  resample: { label: "Average to", options: STEPS },
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
  const count = OPTION_NAMES.filter((name) => state[name]).length;
  const set = (/** @type {string} */ name) => (/** @type {string} */ value) => {
    updateState({ [name]: value.trim().replace("−", "-") });
    change();
  };
  return h(
    "details",
    { class: "reading", open: count > 0 },
    h("summary", {}, count ? `Reading options (${count} set)` : "Reading options, if the service misreads your file"),
    h(
      "div",
      { class: "controls" },
      OPTION_NAMES.map((name) => {
        const { label, hint, options } = FIELDS[name];
        return options ? selectField(label, withValue(options, state[name]), state[name] ?? "", set(name)) : textField(label, state[name] ?? "", hint ?? "", set(name));
      }),
    ),
  );
}

/** The options of a list, and a value that a link or a button has set. @param {typeof UNITS} options @param {string | undefined} value */
function withValue(options, value) {
  return !value || options.some((option) => option.value === value) ? options : [...options, { value, text: value }];
}
