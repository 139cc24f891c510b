// @ts-check
/** Marine heatwaves and cold spells of the user's series: a sentence, the bands and the strip in the chart, tables. */

import { updateState } from "./address.js";
import { toggleGroup } from "./controls.js";
import { inUnit, unit } from "./degrees.js";
import { announce, fill, h } from "./dom.js";
import { CATEGORIES, chosenKind, KINDS, marineEvents, whatIsMissing } from "./event-kinds.js";
import { categoryColour, CURVES, eventOverlay, likeliestCategory } from "./event-overlay.js";
import { eventNamed } from "./event-requests.js";
import { errorText, eventDetail, eventSentence, shortPercent } from "./event-words.js";
import { uncalibratedMark } from "./forecast-table.js";
import { swatch } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { capitalised, sentence } from "./sentence.js";
import { dataTable } from "./table.js";
import { latestOnly } from "./task.js";
import { colour } from "./theme.js";
import { columnTime } from "./times.js";

/** Days before the forecast that the chart shows initially, so that it shows how an event began. */
const SHOWN_DAYS = 35;

/** Warnings that the service words for programs. @type {Record<string, string>} */
const WARNINGS = {
  coarse_baseline: "What is usual here is that of the sea around, from a map with cells of 2°, not of your readings. Near coasts, it may be off by more than a degree. Ten years of daily readings tell it better.",
};

/**
 * @typedef {object} EventView
 * @property {Element} line a sentence on the state of the event, for the opening
 * @property {import("./forecast-card.js").EventsOnChart | undefined} chart what is drawn; undefined without a baseline
 * @property {import("./dom.js").Child[]} controls
 * @property {Element} below what is below the controls: tables
 * @property {Element} notice warnings
 * @property {(leads: string[]) => Promise<unknown>} show loads and shows events; leads: times of the chart
 * @property {() => string} sentence what the line says now; empty without an event to speak of
 *
 * @param {import("./place.js").Place} place @param {import("./place.js").Choice} choice
 * @param {import("./event-requests.js").EventLoader} loader @param {AbortSignal} signal
 * @returns {EventView}
 */
export function eventView(place, choice, loader, signal) {
  const { history } = place;
  const boxes = { line: h("div", { class: "event-line" }), legend: h("div", { class: "row legend events" }), tables: h("div", {}), notice: h("div", { class: "stack" }) };
  const isLong = marineEvents(place).length > 0;
  const nextSignal = latestOnly(signal);
  /** @type {import("./event-overlay.js").Overlay | null} */
  let overlay = null;
  let redraw = () => {};
  /** @type {string[]} */
  let leads = [];
  const draw = (/** @type {import("./event-overlay.js").Overlay | null} */ next) => {
    overlay = next;
    redraw();
  };
  const showKind = async () => {
    const kind = chosenKind();
    const current = nextSignal();
    if (!kind) return clear(boxes, draw);
    if (!boxes.line.hasChildNodes()) fill(boxes.line, h("p", { class: "note" }, `Looking for ${kind.plural}…`));
    boxes.line.setAttribute("aria-busy", "true");
    try {
      const [ahead, days] = await Promise.all([loader.ahead(choice), loader.past(kind)]);
      if (current.aborted) return;
      const outcome = eventNamed(ahead, kind.name);
      draw(days.error ? null : eventOverlay(history, days, outcome.error ? null : outcome, leads));
      fill(boxes.line, eventLine({ kind, days, outcome, timestamps: ahead.timestamps }, /** @type {string} */ (history.timestamps.at(-1)), new Date()));
      fill(boxes.legend, days.error ? null : bandLegend(days));
      fill(boxes.tables, eventTables({ kind, days, outcome, timestamps: ahead.timestamps }));
      fill(boxes.notice, eventWarnings(kind, days, outcome));
    } catch (error) {
      if (current.aborted || signal.aborted) return;
      clear(boxes, draw);
      fill(boxes.line, h("p", { class: "note" }, `${capitalised(kind.plural)} could not be detected: ${errorText(error)}`));
    } finally {
      if (!current.aborted) boxes.line.removeAttribute("aria-busy");
    }
  };
  return {
    line: boxes.line,
    chart: isLong ? { overlay: () => overlay, connect: (listener) => (redraw = listener), history: SHOWN_DAYS, replacesReferences: Boolean(chosenKind()), legend: boxes.legend } : undefined,
    controls: isLong ? [kindField(() => showKind().then(() => announce(sentenceIn(boxes.line))))] : [],
    below: h("div", { class: "events" }, history.step === "day" && !isLong && h("p", { class: "note" }, whatIsMissing(history)), boxes.tables),
    notice: boxes.notice,
    show: (times) => {
      leads = times;
      return isLong ? showKind() : Promise.resolve();
    },
    sentence: () => sentenceIn(boxes.line),
  };
}

/** The sentence on the state of the event; empty without one. @param {Element} line */
function sentenceIn(line) {
  return line.querySelector("strong")?.textContent ?? "";
}

/** @param {Record<"line" | "legend" | "tables" | "notice", Element>} boxes @param {(overlay: null) => void} draw */
function clear({ line, legend, tables, notice }, draw) {
  for (const box of [line, legend, tables, notice]) fill(box);
  draw(null);
}

/** The choice between heatwaves and cold spells. @param {() => void} show */
function kindField(show) {
  const options = [...KINDS.map(({ option, name }) => ({ value: option, text: capitalised(name) })), { value: "off", text: "Off" }];
  const change = (/** @type {string[]} */ [option]) => {
    updateState({ events: option === KINDS[0].option ? null : option });
    show();
  };
  return toggleGroup("Events", options, [chosenKind()?.option ?? "off"], change, { single: true });
}

/** What a reader should know about the events; null for nothing. @param {import("./event-kinds.js").Kind} kind @param {import("./event-requests.js").EventDays} days @param {any} outcome */
function eventWarnings(kind, days, outcome) {
  const messages = [...new Set([...days.warnings, ...(outcome.warnings ?? [])].map(({ code, message }) => WARNINGS[code] ?? sentence(message)))];
  const uncalibrated = outcome.calibrated === false;
  if (!messages.length && !uncalibrated) return null;
  return h(
    "div",
    { class: "notice warning" },
    h("h2", {}, `Before you rely on the ${kind.name} outlook`),
    h("ul", {}, messages.map((message) => h("li", {}, message)), uncalibrated && h("li", {}, "The probabilities marked ", uncalibratedMark(), " are not calibrated: such events may happen more or less often than stated.")),
  );
}

/**
 * @typedef {object} ShownEvent
 * @property {import("./event-kinds.js").Kind} kind
 * @property {import("./event-requests.js").EventDays} days
 * @property {any} outcome the entry of the forecast, which may have an error
 * @property {string[]} timestamps of the leads
 *
 * @param {ShownEvent} event @param {string} last time of the series @param {Date} now
 */
function eventLine({ kind, days, outcome, timestamps }, last, now) {
  const error = outcome.error || days.error;
  if (error) return h("p", { class: "note" }, sentence(error));
  return [
    h("p", {}, stateMark(outcome.state, kind), h("strong", {}, eventSentence(outcome, kind, timestamps, last, now)), !outcome.calibrated && uncalibratedMark()),
    h("p", { class: "note" }, eventDetail(outcome, kind, last)),
  ];
}

/** The legend of the curves and bands. @param {import("./event-requests.js").EventDays} days */
function bandLegend({ kind, baseline }) {
  const period = baseline ? ` ${baseline.start.slice(0, 4)}–${baseline.end.slice(0, 4)}` : "";
  return [
    h("span", { class: "label" }, swatch(CURVES.usual), `Usual${period}`),
    h("span", { class: "label" }, swatch({ color: colour(`${kind.palette}-line`), width: 1.5 }), kind.percentile),
    CATEGORIES.map((name, i) => h("span", { class: "label" }, h("span", { class: `mark category ${categoryColour(kind.palette, i + 1)}`, "aria-hidden": "true" }), name)),
    h("span", {}, "Paler days ahead are less likely."),
  ];
}

/** A mark in the colour of the category; null without an event. @param {any} state @param {import("./event-kinds.js").Kind} kind */
function stateMark({ active, category }, kind) {
  return active ? h("span", { class: `mark category ${categoryColour(kind.palette, CATEGORIES.indexOf(category) + 1)}`, "aria-hidden": "true" }) : null;
}

/** More past events are in the CSV file. */
const MAX_EVENTS = 12;

/** What the strip says, as tables; null if there is nothing. @param {ShownEvent} event */
function eventTables({ kind, days, outcome, timestamps }) {
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

/** @param {import("./event-kinds.js").Kind} kind @param {import("./event-requests.js").EventDays} days */
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
