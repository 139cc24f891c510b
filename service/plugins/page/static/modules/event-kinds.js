// @ts-check
/** Marine heatwaves and cold spells: their words and colours, the choice between them, and what they need. */

import { readState } from "./address.js";
import { milliseconds } from "./times.js";

/**
 * @typedef {object} Kind
 * @property {"marine_heatwave" | "marine_cold_spell"} kind as in the API
 * @property {string} option its value in the URL
 * @property {string} name such as heatwave
 * @property {string} plural
 * @property {"above" | "below"} side of the threshold
 * @property {string} warmer how its days differ from usual
 * @property {string} percentile that is the threshold
 * @property {string} palette start of the names of its colours
 */

/** @type {Kind[]} */
export const KINDS = [
  { kind: "marine_heatwave", option: "heatwave", name: "heatwave", plural: "heatwaves", side: "above", warmer: "warmer", percentile: "90th percentile", palette: "heat" },
  { kind: "marine_cold_spell", option: "cold", name: "cold spell", plural: "cold spells", side: "below", warmer: "colder", percentile: "10th percentile", palette: "cold" },
];

/** The categories of Hobday et al. (2018), from I to IV. */
export const CATEGORIES = ["Moderate", "Strong", "Severe", "Extreme"];

/** As in the service. */
const MIN_YEARS = 10;
const YEAR_MS = 365.25 * 86_400_000;

/** The kind that the URL names; null for none. */
export function chosenKind() {
  const { events } = readState();
  return events === "off" ? null : (KINDS.find(({ option }) => option === events) ?? KINDS[0]);
}

/** The years from the first observation to the last. @param {import("./forecast-chart.js").History} history */
function yearsOf({ timestamps, values }) {
  const first = values.findIndex((value) => value !== null);
  const last = values.findLastIndex((value) => value !== null);
  return first < 0 ? 0 : (milliseconds(timestamps[last]) - milliseconds(timestamps[first]) + 86_400_000) / YEAR_MS;
}

/** Whether a series is long enough for a baseline. @param {import("./forecast-chart.js").History} history */
export function hasBaseline(history) {
  return history.step === "day" && Math.round(yearsOf(history) * 10) / 10 >= MIN_YEARS;
}

/** The events to ask for, as POST /forecast takes them; none if the series is too short. @param {Pick<import("./place.js").Place, "history" | "baseline">} place */
export function marineEvents({ history, baseline }) {
  return history.step === "day" && (baseline || hasBaseline(history)) ? KINDS.map(({ kind, name }) => ({ name, kind })) : [];
}

/** What a series lacks for heatwaves and cold spells, in a sentence. @param {import("./forecast-chart.js").History} history */
export function whatIsMissing(history) {
  const years = yearsOf(history);
  const length = years < 1 ? "less than a year" : `${years.toFixed(1)} years`;
  return `Heatwaves and cold spells need ten years of daily values, to know what is usual on each day of the year. This series has ${length}.`;
}
