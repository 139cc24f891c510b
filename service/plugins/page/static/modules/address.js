// @ts-check
/** The addresses of the page: the path says what is shown, and the query how, so that a link opens the same view. */

import { withQuery } from "./api.js";

/** @typedef {Record<string, string>} State the options in the query */

export const HOME = "/";
export const ADD = "/add";
export const FILE = "/place/file";
export const OUTLOOK = "/outlook";
const MODELS = "/about/models";

/** The event of the window after options in the URL have changed. */
export const OPTIONS_CHANGE = "optionschange";

/**
 * @typedef {object} Address
 * @property {"home" | "add" | "outlook" | "place" | "report" | "loaded-models"} module that shows it
 * @property {"" | "sea" | "station" | "file"} kind of a place
 * @property {string} id of the sea or the station, or the dataset of the report
 */

/** @type {Record<string, Pick<Address, "module" | "kind">>} */
const PAGES = {
  [HOME]: { module: "home", kind: "" },
  [ADD]: { module: "add", kind: "" },
  [OUTLOOK]: { module: "outlook", kind: "" },
  [FILE]: { module: "place", kind: "file" },
  [MODELS]: { module: "loaded-models", kind: "" },
};

/** @type {Record<string, Pick<Address, "module" | "kind">>} */
const FOLDERS = {
  "/place/sea/": { module: "place", kind: "sea" },
  "/place/station/": { module: "place", kind: "station" },
  "/place/": { module: "place", kind: "" },
  "/report/": { module: "report", kind: "" },
};

/** What a path shows; null if it is not a part of the page. @param {string} path @returns {Address | null} */
export function addressOf(path) {
  if (path in PAGES) return { ...PAGES[path], id: "" };
  const folder = Object.keys(FOLDERS).find((start) => path.startsWith(start));
  return folder ? { ...FOLDERS[folder], id: decoded(path.slice(folder.length)) } : null;
}

/** What the current URL shows. @returns {Address} */
export function readAddress() {
  return addressOf(location.pathname) ?? { ...PAGES[HOME], id: "" };
}

/** @param {string} dataset */
export function seaPath(dataset) {
  return `/place/sea/${encodeURIComponent(dataset)}`;
}

/** @param {string} station */
export function stationPath(station) {
  return `/place/station/${encodeURIComponent(station)}`;
}

/** @param {string} dataset */
export function reportPath(dataset) {
  return `/report/${encodeURIComponent(dataset)}`;
}

/** The options in the current URL. @returns {State} */
export function readState() {
  return Object.fromEntries(new URLSearchParams(location.search));
}

/**
 * Change some of the options, and perhaps the path, without showing another view.
 * @param {Record<string, string | number | null | undefined>} changes
 * @param {{step?: boolean, path?: string}} [options] step: add a history entry, so that Back returns to the previous state
 */
export function updateState(changes, { step = false, path = location.pathname } = {}) {
  const url = withQuery(path, { ...readState(), ...changes });
  if (url === location.pathname + location.search) return;
  if (step) history.pushState(null, "", url);
  else history.replaceState(null, "", url);
  dispatchEvent(new Event(OPTIONS_CHANGE));
}

/** The period in the current URL, such as `from=2002-01-01T00:00&to=2003-01-01T00:00`; null if it has none. @returns {[string, string] | null} */
export function readPeriod() {
  const { from, to } = readState();
  const [begin, end] = [from, to].map((text) => Date.parse(text?.includes("T") ? `${text}Z` : text));
  return begin < end ? /** @type {[string, string]} */ ([begin, end].map((time) => new Date(time).toISOString().slice(0, 19))) : null;
}

/** Keep a period in the URL, to the minute, which keeps it short. @param {[string, string] | null} period */
export function keepPeriod(period) {
  const [from, to] = period?.map((time) => time.slice(0, 16).replace(" ", "T")) ?? [null, null];
  updateState({ from, to });
}

/** Show another address of the page without loading the page again, which would lose the key. @param {string} url */
export function openAddress(url) {
  history.pushState(null, "", url);
  dispatchEvent(new PopStateEvent("popstate"));
  document.getElementById("main")?.focus();
  scrollTo(0, 0);
}

/** The items of a comma-separated value. @param {string | undefined} text @param {string[]} fallback for a missing value */
export function parseList(text, fallback) {
  return text === undefined ? fallback : text.split(",").filter((item) => item !== "" && item !== "none");
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
