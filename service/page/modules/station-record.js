// @ts-check
/** How good the forecasts of a station were, compared with the observations. */

import { ApiError, getJson, withQuery } from "./api.js";
import { fill, h } from "./dom.js";
import { downloadButton } from "./download.js";
import { modelTitle } from "./models.js";
import { fixed, formatCount, signedPercent } from "./numbers.js";
import { reliabilityParts } from "./station-reliability.js";
import { unitOf } from "./station-words.js";
import { dataTable } from "./table.js";
import { runTask } from "./task.js";
import { formatSteps } from "./times.js";

/**
 * @typedef {import("./station-words.js").Station} Station
 *
 * @typedef {object} LeadRecord
 * @property {number} lead
 * @property {number} n verified forecasts
 * @property {any[]} models that was issued, and the references issued with it
 */

const REFERENCE = "persistence";
const LEVEL = "80";
/** Fewer verified forecasts do not tell how good they are; as in the service. */
const FEW = 30;

/** @param {HTMLElement} card @param {Station} station @param {AbortSignal} signal */
export function showRecord(card, station, signal) {
  const path = `/stations/${station.id}/verification`;
  const body = h("div", {});
  fill(card, h("header", {}, h("h2", {}, "Record")), body);
  return runTask(body, "Comparing forecasts with observations", signal, (stop) => loadRecord(path, stop), ({ leads, events }) => fill(body, ...recordParts(leads, station, path), ...reliabilityParts(events, station, path)));
}

/** The leads with verified forecasts, and the events. @param {string} path @param {AbortSignal} signal @returns {Promise<{leads: LeadRecord[], events: import("./station-reliability.js").EventRecord[]}>} */
async function loadRecord(path, signal) {
  try {
    const { leads, events } = await getJson(path, { signal });
    return { leads: leads.filter((/** @type {LeadRecord} */ { n }) => n > 0), events };
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return { leads: [], events: [] };
    throw error;
  }
}

/** @param {LeadRecord[]} leads @param {Station} station @param {string} path */
function recordParts(leads, station, path) {
  if (!leads.length) return [h("p", { class: "note" }, "No forecast can be checked yet: each one is compared with the readings that come after it.")];
  const head = ["Ahead", wideOnly("Forecasts"), ["MAE", unit(station)], ["RMSE", unit(station)], "Skill", "80% held"];
  const rows = leads.map((record) => rowOf(record, station));
  return [
    h("p", { class: "answer" }, sentenceOf(leads[0], station)),
    dataTable("Errors of issued forecasts by steps ahead", head, rows, { class: "record" }),
    h("p", { class: "note" }, "Each forecast is compared as it was issued, with the latest readings. Skill is how much lower its RMSE is than that of repeating the last value. “80% held” is how many observations were inside the 80% interval."),
    leads[0].n < FEW && h("p", { class: "note" }, `Only ${formatCount(leads[0].n)} ${leads[0].n === 1 ? "forecast" : "forecasts"} can be checked so far: too few to judge by.`),
    h("div", { class: "row" }, downloadButton("Download as CSV", `${station.id}-verification.csv`, () => withQuery(path, { format: "csv" }))),
  ].filter((part) => part !== false);
}

/** The head of a column for which narrow screens have no room. @param {string} text */
function wideOnly(text) {
  return h("th", { scope: "col", class: "wide-only" }, text);
}

/** @param {Station} station */
function unit(station) {
  return h("span", { class: "unit" }, ` ${unitOf(station)}`);
}

/** @param {LeadRecord} record @param {Station} station */
function rowOf({ lead, n, models }, { step }) {
  const issued = issuedOf(models);
  const held = heldOf(models, n);
  return [formatSteps(lead, step).replace(" ", "\u00a0"), h("td", { class: "wide-only" }, formatCount(n)), fixed(issued?.mae, 2), fixed(issued?.rmse, 2), signedPercent(skillOf(issued, models)), held === null ? "–" : `${formatCount(held)} of ${formatCount(n)}`];
}

/** The record in one or two sentences. @param {LeadRecord} record of the first lead @param {Station} station */
function sentenceOf({ lead, n, models }, station) {
  const held = heldOf(models, n);
  const issued = issuedOf(models);
  const reference = models.find(({ model }) => model === REFERENCE);
  const when = `${formatSteps(lead, station.step)} ahead`;
  const error = issued && `off by ${fixed(issued.rmse, 2)}\u00a0${unitOf(station)}`;
  const rival = reference ? `, ${modelTitle(REFERENCE).toLowerCase()} by ${fixed(reference.rmse, 2)}\u00a0${unitOf(station)}` : "";
  return [held !== null && `80% intervals contained ${formatCount(held)} of ${formatCount(n)} observations ${when}.`, error && `Forecasts were typically ${error}${rival}.`].filter(Boolean).join(" ");
}

/** @param {any[]} models */
function issuedOf(models) {
  return models.find(({ kind }) => kind === "issued");
}

/** How many observations were within the interval as it was issued; null if that is unknown. @param {any[]} models @param {number} n */
function heldOf(models, n) {
  const coverage = issuedOf(models)?.coverage?.[LEVEL];
  const share = coverage?.recalibrated ?? coverage?.plain ?? null;
  return share === null ? null : Math.round(share * n);
}

/** Skill against persistence. @param {any} issued @param {any[]} models */
function skillOf(issued, models) {
  const { skill } = issued ?? {};
  if (typeof skill === "number") return skill;
  if (skill && typeof skill[REFERENCE] === "number") return skill[REFERENCE];
  const reference = models.find(({ model }) => model === REFERENCE);
  return issued && reference?.rmse ? 1 - issued.rmse / reference.rmse : null;
}
