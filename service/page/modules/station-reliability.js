// @ts-check
/** Whether the probabilities of a station's events came true: of those in a range, in how many the event was on. */

import { withQuery } from "./api.js";
import { h } from "./dom.js";
import { downloadButton } from "./download.js";
import { fixed, formatCount } from "./numbers.js";
import { eventName } from "./station-words.js";
import { dataTable } from "./table.js";
import { formatSteps } from "./times.js";

/**
 * @typedef {import("./station-words.js").Station} Station
 *
 * @typedef {object} EventRecord
 * @property {string} name
 * @property {string} kind
 * @property {string | null} level of heat stress, which is on at this level and above
 * @property {number} lead
 * @property {number} n
 * @property {number} brier
 * @property {{minimum: number, maximum: number, n: number, frequency: number}[]} reliability
 */

/** The first and the last lead of each event. @param {EventRecord[]} events @param {Station} station @param {string} path of the verification */
export function reliabilityParts(events, station, path) {
  if (!events.length) return [];
  const bins = [...new Map(events.flatMap(({ reliability }) => reliability.map((bin) => [bin.minimum, bin]))).values()].sort((a, b) => a.minimum - b.minimum);
  const head = ["Event", "Ahead", ...bins.map(({ minimum, maximum }) => `${Math.round(100 * minimum)}–${Math.round(100 * maximum)}%`), "Brier score"];
  return [
    h("h3", {}, "Events: forecast probability, and how often they happened"),
    dataTable("How often events happened, by their forecast probability", head, events.filter(isShown).map((event) => rowOf(event, bins, station)), { class: "record" }),
    h("p", { class: "note" }, "“7 of 25” under “10–30%” means that the event happened after 7 of the 25 forecasts that gave it a probability of 10 to 30%. A heatwave or cold spell counts once the days that decide it have passed."),
    h("div", { class: "row" }, downloadButton("Download events as CSV", `${station.id}-events.csv`, () => withQuery(path, { format: "csv", table: "events" }))),
  ];
}

/** Whether a lead is the first or the last of its event. @param {EventRecord} event @param {number} place @param {EventRecord[]} events */
function isShown(event, place, events) {
  const isSame = (/** @type {EventRecord | undefined} */ other) => other?.name === event.name && other.level === event.level;
  return !isSame(events[place - 1]) || !isSame(events[place + 1]);
}

/** @param {EventRecord} event @param {{minimum: number}[]} bins @param {Station} station */
function rowOf(event, bins, { step }) {
  const said = bins.map(({ minimum }) => {
    const bin = event.reliability.find((other) => other.minimum === minimum);
    return bin ? `${formatCount(Math.round(bin.frequency * bin.n))} of ${formatCount(bin.n)}` : "–";
  });
  const title = event.level ? `${eventName(event)}, ${event.level} or above` : eventName(event);
  return [title, formatSteps(event.lead, step).replace(" ", "\u00a0"), ...said, fixed(event.brier, 3)];
}
