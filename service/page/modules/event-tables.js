// @ts-check
/** The days of the strip and the past events as tables. */

import { inUnit, unit } from "./degrees.js";
import { h } from "./dom.js";
import { CATEGORIES } from "./event-kinds.js";
import { likeliestCategory } from "./event-overlay.js";
import { shortPercent } from "./event-words.js";
import { fixed, formatCount } from "./numbers.js";
import { capitalised } from "./sentence.js";
import { dataTable } from "./table.js";
import { columnTime } from "./times.js";

/** More past events are in the CSV file. */
const MAX_EVENTS = 12;

/** What the strip says, as tables; null if there is nothing. @param {import("./event-labels.js").ShownEvent} event */
export function eventTables({ kind, days, outcome, timestamps }) {
  if (days.error) return null;
  return h(
    "details",
    {},
    h("summary", {}, `${capitalised(kind.plural)} as tables`),
    h("div", { class: "grid" }, !outcome.error && aheadTable(kind, outcome, timestamps), pastTable(kind, days)),
  );
}

/** @param {import("./event-kinds.js").Kind} kind @param {any} outcome @param {string[]} timestamps */
function aheadTable(kind, { probability, category_probability: byCategory, threshold }, timestamps) {
  const rows = timestamps.map((time, lead) => [
    columnTime(time, "day"),
    fixed(inUnit(threshold[lead]), 2),
    shortPercent(probability[lead]),
    probability[lead] < 0.005 ? "–" : CATEGORIES[likeliestCategory(byCategory, lead) - 1],
  ]);
  return h("div", {}, h("div", { class: "row between" }, h("h3", {}, "Days ahead")), dataTable(`Probability of a ${kind.name} on each day`, ["Day", `Threshold, ${unit()}`, "Likely", "Category, if so"], rows, { class: "values event-table" }));
}

/** @param {import("./event-kinds.js").Kind} kind @param {import("./event-days.js").EventDays} days */
function pastTable(kind, { events }) {
  const shown = [...events].reverse().slice(0, MAX_EVENTS);
  const rows = shown.map((event) => [columnTime(event.start, "day"), h("td", { class: "wide-only" }, columnTime(event.end, "day")), formatCount(event.days), event.category, fixed(inUnit(event.intensity_max, "difference"), 1)]);
  const title = `${capitalised(kind.plural)} so far (${formatCount(events.length)})`;
  return h(
    "div",
    {},
    h("div", { class: "row between" }, h("h3", {}, title)),
    events.length ? dataTable(title, ["Start", h("th", { scope: "col", class: "wide-only" }, "End"), "Days", "Category", `Peak, ${unit()}`], rows, { class: "values event-table", csv: () => csvRows(events) }) : h("p", { class: "note" }, "None."),
    h("p", { class: "note" }, "Peak: the greatest difference from usual, which also gives the category.", events.length > MAX_EVENTS && ` The latest ${MAX_EVENTS} are shown; the CSV file has all.`),
  );
}

/** @param {any[]} events */
function csvRows(events) {
  const head = Object.keys(events[0]);
  return [head, ...events.map((event) => head.map((name) => event[name]))];
}
