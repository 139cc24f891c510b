// @ts-check
/** Reads a file through the service, with the reading options from the URL, and the fields for these. */

import { readState, updateState } from "./address.js";
import { ApiError, postFile, withQuery } from "./api.js";
import { selectField, textField } from "./controls.js";
import { h } from "./dom.js";
import { formatMegabytes } from "./numbers.js";
import { scrollable } from "./scroll.js";
import { sentence } from "./sentence.js";

/**
 * @typedef {object} FileContent
 * @property {string} name
 * @property {Blob} blob
 */

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

/** The reading options from the URL, as query parameters of POST /series. @returns {Record<string, string>} */
export function readingParams() {
  const state = readState();
  return Object.fromEntries(OPTION_NAMES.filter((name) => state[name]).map((name) => [name, state[name]]));
}

/**
 * Read a file through POST /series: its response, or why it was refused and the possible answers.
 * @param {FileContent} file @param {Record<string, string | undefined>} params @param {AbortSignal} signal
 * @returns {Promise<{reading: any, refusal: import("./file-refusal.js").Refusal | null}>}
 * @throws {ApiError} if the service does not answer, or the file is too large
 */
export async function readFile({ name, blob }, params, signal) {
  refuseOversized(name, blob);
  try {
    const reading = await postFile(withQuery("/series", params), blob, signal);
    return { reading, refusal: null };
  } catch (error) {
    if (!(error instanceof ApiError) || ![413, 415, 422].includes(error.status)) throw error;
    const lines = excerpt(error.message, await blob.slice(0, maxBytes()).text());
    return { reading: null, refusal: { title: `Cannot read ${name}`, problems: [pageSentence(error.message)], choices: error.choices, excerpt: lines } };
  }
}

/** A sentence with request parameters replaced by their labels on the page. @param {string} text */
export function pageSentence(text) {
  return sentence(text.replaceAll(/\b([a-z_]+)=(\S*)/g, (match, name, value) => (OPTION_NAMES.includes(name) ? `“${FIELDS[name].label}”${value ? `: ${value}` : ""}` : match)));
}

/** Refuse a file over the limit before uploading it. @param {string} name @param {Blob} blob */
function refuseOversized(name, blob) {
  if (blob.size <= maxBytes()) return;
  const error = new ApiError(
    `The file is ${formatMegabytes(blob.size)}, and this service reads at most ${formatMegabytes(maxBytes())}. Keep a single station or a shorter period, or average the values to a longer step`,
    413,
  );
  error.heading = `${name} is too large`;
  throw error;
}

/** The largest file that the service accepts, bytes. */
function maxBytes() {
  return Number(document.body.dataset.largest) || Infinity;
}

const CONTEXT_LINES = 2;
const MAX_LINE_LENGTH = 200;

/** The lines around the line that an error message names; null if it names none. @param {string} message @param {string} text of the file */
function excerpt(message, text) {
  const [, lineNumber] = /\bline (\d+)/.exec(message) ?? [];
  if (!lineNumber) return null;
  const lines = text.split(/\r?\n/);
  const target = Number(lineNumber) - 1;
  if (target >= lines.length) return null;
  const first = Math.max(0, target - CONTEXT_LINES);
  return scrollable(
    "pre",
    `The file around line ${lineNumber}`,
    { class: "excerpt" },
    lines.slice(first, target + CONTEXT_LINES + 1).map((content, i) => {
      const line = `${String(first + i + 1).padStart(5)}  ${content.slice(0, MAX_LINE_LENGTH)}\n`;
      return first + i === target ? h("mark", {}, line) : line;
    }),
  );
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
