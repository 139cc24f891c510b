// @ts-check
/** What the service can be told about a file, where it would find something else. All of it is in the address. */

import { read, write } from "./address.js";
import { choice, text } from "./controls.js";
import { h } from "./dom.js";

const UNITS = [
  { value: "", text: "As the file says" },
  { value: "celsius", text: "°C" },
  { value: "kelvin", text: "kelvin" },
  { value: "fahrenheit", text: "°F" },
];
const DATES = [
  { value: "", text: "As the file shows" },
  { value: "dmy", text: "Day first" },
  { value: "mdy", text: "Month first" },
];

/** @type {Record<string, {label: string, hint?: string, options?: typeof UNITS}>} */
const FIELDS = {
  units: { label: "Temperatures are in", options: UNITS },
  value_column: { label: "Column of temperatures", hint: "found by its name" },
  time_column: { label: "Column of times", hint: "found by its name" },
  flags: { label: "Column of flags", hint: "found by its name, or none" },
  missing: { label: "Missing values are", hint: "e.g. −999" },
  dates: { label: "Dates like 03/04/2010", options: DATES },
  timezone: { label: "Time zone", hint: "UTC, or e.g. Europe/Rome" },
  at: { label: "Place in a grid", hint: "latitude,longitude" },
};

export const NAMES = Object.keys(FIELDS);

/** What one of them is called on the page. @param {string} name */
export function label(name) {
  return FIELDS[name].label;
}

/** The fields; `change` is told when one was changed. @param {() => void} change */
export function readingOptions(change) {
  const state = read();
  const told = NAMES.filter((name) => state[name]);
  const set = (/** @type {string} */ name) => (/** @type {string} */ value) => {
    write({ [name]: value.trim().replace("−", "-") });
    change();
  };
  return h(
    "details",
    { class: "reading", open: told.length > 0 },
    h("summary", {}, "How to read it, if the service gets it wrong"),
    h(
      "div",
      { class: "controls" },
      NAMES.map((name) => {
        const { label, hint, options } = FIELDS[name];
        return options ? choice(label, options, state[name] ?? "", set(name)) : text(label, state[name] ?? "", hint ?? "", set(name));
      }),
    ),
  );
}
