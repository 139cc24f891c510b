// @ts-check
/** The Stations view: a list of cards on a map, or one station. */

import { HOME, readState, updateState, urlOf } from "./address.js";
import { getJson, withQuery } from "./api.js";
import { textField } from "./controls.js";
import { fill, h } from "./dom.js";
import { stationCard } from "./station-card.js";
import { explained } from "./station-changes.js";
import { stationForm } from "./station-form.js";
import { placedOf, stationMap } from "./station-map.js";
import { latestOnly, runTask } from "./task.js";

export const heading = "Stations";

/** Cards on a page. */
const PAGE = 24;

/** Stations of all pages on the map. */
const ON_MAP = 1000;

const INTRODUCTION = "Your stations. A forecast is issued for each new reading, and later readings show how good it was.";

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const list = h("div", { class: "stack" });
  const nextSignal = latestOnly(signal);
  const load = () => {
    const current = nextSignal();
    return runTask(list, "Loading stations", current, loadPage, (page) => fill(list, ...content(page, current)));
  };
  const search = textField("Find", readState().search ?? "", "Name or ID", (text) => {
    updateState({ search: text.trim(), after: null });
    load();
  });
  fill(root, h("div", { class: "intro" }, h("h1", {}, heading), h("p", {}, INTRODUCTION)), h("div", { class: "controls search" }, search), list);
  await load();
}

/**
 * A page of stations with what their cards need.
 * @param {AbortSignal} signal
 * @returns {Promise<{stations: import("./station-words.js").Station[], next: string | null}>}
 */
async function loadPage(signal) {
  const { after, search } = readState();
  try {
    return await getJson(withQuery("/stations", { limit: PAGE, after, search, recent: "true" }), { signal });
  } catch (error) {
    throw explained(error);
  }
}

/** @param {Awaited<ReturnType<typeof loadPage>>} page @param {AbortSignal} signal */
function content({ stations, next }, signal) {
  const { after, search } = readState();
  const now = new Date();
  if (!stations.length) return search || after ? [nothingFound(search)] : [firstStation()];
  const placed = placedOf(stations);
  const isPaged = Boolean(after) || next !== null;
  const numberOf = (/** @type {any} */ station) => ((placed.length > 1 || isPaged) && placed.includes(station) ? placed.indexOf(station) + 1 : null);
  return [
    isPaged ? mapOfAll(placed, search, signal) : stationMap(placed),
    h("ul", { class: "stations" }, stations.map((station) => stationCard(station, now, numberOf(station)))),
    pager(after, search, next),
    h("details", { class: "card add" }, h("summary", {}, "Add a station"), stationForm()),
  ].filter((part) => part !== null);
}

/**
 * A map of the stations of this page, to which those of other pages are added once they are loaded.
 * @param {import("./station-map.js").Placed[]} placed @param {string | undefined} search @param {AbortSignal} signal
 */
function mapOfAll(placed, search, signal) {
  const part = h("div", {}, stationMap(placed));
  const load = async () => {
    const { stations, next } = await getJson(withQuery("/stations", { limit: ON_MAP, search }), { signal });
    const here = new Set(placed.map(({ id }) => id));
    const others = placedOf(stations).filter(({ id }) => !here.has(id));
    const most = next === null ? "" : ` The map shows the first 1,000 of them.`;
    if (!others.length) return;
    const focused = part.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
    fill(part, stationMap(placed, others), h("p", { class: "note" }, `The numbers refer to the cards below; dots are stations on other pages.${most}`));
    if (focused) focusPin(part, focused);
  };
  // Without the others, the map of this page remains.
  load().catch(() => {});
  return part;
}

/** Focus the pin with a link, as the only tab stop of the map. @param {HTMLElement} part @param {string} href */
function focusPin(part, href) {
  const pins = /** @type {HTMLElement[]} */ ([...part.querySelectorAll(".station-pin")]);
  const pin = pins.find((other) => other.getAttribute("href") === href);
  for (const other of pin ? pins : []) other.tabIndex = other === pin ? 0 : -1;
  pin?.focus();
}

/** Links to the first page and the next; null if there is only one. @param {string | undefined} after @param {string | undefined} search @param {string | null} next */
function pager(after, search, next) {
  if (!after && next === null) return null;
  const link = (/** @type {string} */ text, /** @type {string | null} */ from) => h("a", { href: urlOf(HOME, { search, after: from }) }, text);
  return h("nav", { class: "row between", "aria-label": "Pages" }, after ? link("First page", null) : h("span", {}), next !== null && link("Next page", next));
}

/** @param {string | undefined} search */
function nothingFound(search) {
  const all = h("a", { href: HOME }, "All stations");
  return h("p", { class: "empty" }, search ? `No station has “${search}” in its name or ID. ` : "There are no more stations. ", all);
}

function firstStation() {
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, "Add your first station")),
    h("p", {}, "Name a place, then send its readings, for example one a day. From 14 readings on, a forecast is issued for each new one, and this page keeps track of how good the forecasts were."),
    stationForm(),
  );
}
