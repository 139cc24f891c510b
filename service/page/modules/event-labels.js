// @ts-check
/** The sentence on an event, and the legend of what the chart shows of events. */

import { h } from "./dom.js";
import { CATEGORIES } from "./event-kinds.js";
import { categoryColour, CURVES } from "./event-overlay.js";
import { eventDetail, eventSentence } from "./event-words.js";
import { uncalibratedMark } from "./forecast-table.js";
import { sentence } from "./sentence.js";
import { dashArray, svg } from "./svg.js";
import { colour } from "./theme.js";

/**
 * @typedef {object} ShownEvent
 * @property {import("./event-kinds.js").Kind} kind
 * @property {import("./event-days.js").EventDays} days
 * @property {any} outcome the entry of the forecast, which may have an error
 * @property {string[]} timestamps of the leads
 *
 * @param {ShownEvent} event @param {string} last time of the series @param {Date} now
 */
export function eventLine({ kind, days, outcome, timestamps }, last, now) {
  const error = outcome.error || days.error;
  if (error) return h("p", { class: "note" }, sentence(error));
  return [
    h("p", {}, stateMark(outcome.state, kind), h("strong", {}, eventSentence(outcome, kind, timestamps, last, now)), !outcome.calibrated && uncalibratedMark()),
    h("p", { class: "note" }, eventDetail(outcome, kind, last)),
  ];
}

/** The legend of the curves and bands. @param {import("./event-days.js").EventDays} days */
export function bandLegend({ kind, baseline }) {
  const period = baseline ? ` ${baseline.start.slice(0, 4)}–${baseline.end.slice(0, 4)}` : "";
  return [
    h("span", { class: "label" }, lineSample(CURVES.usual), `Usual${period}`),
    h("span", { class: "label" }, lineSample({ color: colour(`${kind.palette}-line`) }), kind.percentile),
    CATEGORIES.map((name, i) => h("span", { class: "label" }, h("span", { class: `mark category ${categoryColour(kind.palette, i + 1)}`, "aria-hidden": "true" }), name)),
    h("span", {}, "Paler days ahead are less likely."),
  ];
}

/** A mark in the colour of the category; hollow without an event. @param {any} state @param {import("./event-kinds.js").Kind} kind */
function stateMark({ active, category }, kind) {
  const name = active ? categoryColour(kind.palette, CATEGORIES.indexOf(category) + 1) : "none";
  return h("span", { class: `mark category ${name}`, "aria-hidden": "true" });
}

/** @param {{color: string, dash?: string}} line */
function lineSample({ color, dash }) {
  const line = svg("line", { x1: 0, x2: 28, y1: 4, y2: 4 }, { stroke: color, "stroke-width": 1.5, "stroke-dasharray": dashArray(dash) });
  return svg("svg", { class: "swatch", viewBox: "0 0 28 8", width: 28, height: 8, "aria-hidden": "true" }, {}, [line]);
}
