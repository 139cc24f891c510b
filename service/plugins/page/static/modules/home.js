// @ts-check
/** Home: the places on a map, and beside it in a list, what needs attention first. */

import { ADD, HOME, OUTLOOK, readState, updateState } from "./address.js";
import { ApiError, getJson, withQuery } from "./api.js";
import { byAttention, listedStation } from "./attention.js";
import { textField } from "./controls.js";
import { announce, fill, h } from "./dom.js";
import { formatCount } from "./numbers.js";
import { anomalyText, attributes, placesMap } from "./places-map.js";
import { offerKey } from "./station-changes.js";
import { latestOnly, runTask } from "./task.js";

/** @typedef {import("./attention.js").Listed} Listed */

export const heading = "Places";

/** Stations that are loaded and drawn. */
const MOST = 1000;

/** Rows that are shown at once. */
const ROWS = 25;

/** With more places, there is a field to find one. */
const FEW = 8;

const PURPOSE = "Tomorrow’s water temperature, with a range you can rely on, from the readings you already take";

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const body = h("div", { class: "stack home" }, h("h1", {}, heading));
  fill(root, body);
  await runTask(body, "Loading places", signal, (stop) => loadPage(stop), (page) => {
    const { search } = readState();
    if (!page?.stations.length && !search) welcome(body, page === null, signal);
    else overview(body, page ?? { stations: [], next: null }, signal);
    offerKey(body, "Some places are shown only to those who have their key.", signal, () => show(root, signal));
  });
}

/**
 * The stations that the URL searches for; null if the service cannot keep any at the moment.
 * @param {AbortSignal} signal @returns {Promise<{stations: import("./station-words.js").Station[], next: string | null} | null>}
 */
async function loadPage(signal) {
  try {
    return await getJson(withQuery("/stations", { limit: MOST, search: readState().search }), { signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 503) return null;
    throw error;
  }
}

/** What the page is for, with examples. @param {HTMLElement} body @param {boolean} isAway whether the stations cannot be read @param {AbortSignal} signal */
function welcome(body, isAway, signal) {
  const map = placesMap();
  const list = h("div", { class: "home-list" });
  const example = h("a", { class: "button", href: "#examples" }, "Look at an example");
  fill(
    body,
    h("div", { class: "intro welcome" }, h("h1", {}, PURPOSE), h("div", { class: "row" }, h("a", { class: "button main", href: ADD }, isAway ? "Open a file of readings" : "Add your place"), example)),
    isAway && h("p", { class: "notice" }, "Saved places cannot be shown at the moment. Files and examples work as usual."),
    h("div", { class: "home-parts" }, h("div", { class: "home-map" }, map.element, outlookLink()), list),
  );
  showExamples(list, signal, (seas) => {
    map.show(seas);
    if (seas.length) example.href = seas[0].href;
    else example.remove();
  });
}

/** @param {HTMLElement} body @param {{stations: import("./station-words.js").Station[], next: string | null}} first @param {AbortSignal} signal */
function overview(body, first, signal) {
  const map = placesMap();
  const count = h("p", {});
  const rows = h("div", { class: "stack" });
  const nextSignal = latestOnly(signal);
  const showPage = (/** @type {typeof first} */ { stations, next }) => {
    const now = new Date();
    const places = byAttention(stations.map((station) => listedStation(station, now)));
    map.show(places);
    fill(count, countInWords(places, next !== null));
    fill(rows, ...placesList(places));
  };
  const search = textField("Find a place", readState().search ?? "", "Name or ID", (text) => {
    updateState({ search: text.trim() });
    const current = nextSignal();
    runTask(rows, "Loading places", current, loadPage, (page) => {
      showPage(page ?? { stations: [], next: null });
      announce(count.textContent ?? "");
    });
  });
  const examples = h("div", { class: "stack" });
  const showOnce = (/** @type {any} */ { target }) => target.open && !examples.childElementCount && showExamples(examples, signal, () => {});
  fill(
    body,
    h("div", { class: "intro" }, h("h1", {}, heading), count),
    h("div", { class: "home-parts" },
      h("div", { class: "home-map" }, map.element, outlookLink()),
      h("div", { class: "home-list" }, (first.stations.length > FEW || readState().search) && search, rows, h("details", { toggle: showOnce }, h("summary", {}, "Examples from the archive"), examples)),
    ),
  );
  showPage(first);
}

/** A link to the map of a grid, if the service has outlooks. */
function outlookLink() {
  return document.querySelector(`.views a[href="${OUTLOOK}"]`) && h("p", {}, h("a", { href: OUTLOOK }, "The ocean in the next days, on a map"));
}

/** How many places there are, and how many need attention. @param {Listed[]} places @param {boolean} isPart whether there are more */
function countInWords(places, isPart) {
  const { search } = readState();
  const pressing = places.filter(({ reasons }) => reasons.length).length;
  const found = search ? ` with “${search}” in the name or ID` : "";
  if (!places.length) return [`No place${found}. `, h("a", { href: HOME }, "All places")];
  const attention = pressing === 0 ? "none needs attention" : `${formatCount(pressing)} ${pressing === 1 ? "needs" : "need"} attention`;
  const most = isPart ? ` These are the first ${formatCount(MOST)}: find others by name.` : "";
  return [`${places.length === 1 ? "One place" : `${formatCount(places.length)} places`}${found}, ${attention}.${most} `, search && h("a", { href: HOME }, "All places")];
}

/** The rows, and a button for more. @param {Listed[]} places */
function placesList(places) {
  const list = h("ul", { class: "places", "aria-label": "Places, what needs attention first" });
  const more = h("button", { type: "button", click: () => addRows() });
  const foot = h("div", {});
  const addRows = () => {
    const from = list.childElementCount;
    list.append(...places.slice(from, from + ROWS).map(row));
    const left = places.length - list.childElementCount;
    more.textContent = `Show ${Math.min(left, ROWS)} more of ${formatCount(places.length)}`;
    fill(foot, left > 0 && more);
    // The rows that came are the next stop.
    if (from) list.children[from].querySelector("a")?.focus();
  };
  addRows();
  return [list, foot];
}

/** @param {Listed} place */
function row(place) {
  const { href, title, reasons, value, when, difference, next } = place;
  return h(
    "li",
    {},
    h("span", { ...attributes(place), "aria-hidden": "true" }, anomalyText(place)),
    h("h2", {}, h("a", { href }, title)),
    h("p", { class: "figure" }, value),
    reasons.length > 0 && h("ul", { class: "reasons" }, reasons.map(({ words, mark }) => h("li", { "data-mark": mark }, words))),
    h("p", {}, [when, difference].filter(Boolean).join(" · ")),
    next && h("p", {}, "Next: ", next),
  );
}

/** @param {HTMLElement} part @param {AbortSignal} signal @param {(seas: Listed[]) => void} shown */
function showExamples(part, signal, shown) {
  // Most visits need neither this module nor the releases.
  const load = async (/** @type {AbortSignal} */ stop) => (await import("./example-seas.js")).loadExamples(stop);
  return runTask(part, "Loading examples", signal, load, (seas) => {
    fill(part, h("ul", { class: "places", id: "examples", "aria-label": "Examples" }, seas.map(row)));
    shown(seas);
  });
}
