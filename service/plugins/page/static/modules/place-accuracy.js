// @ts-check
/** "How right were we?": the typical errors of past forecasts of a place by lead, beside those of simple forecasts. */

import { difference, inUnit, unit } from "./degrees.js";
import { h } from "./dom.js";
import { glossary } from "./glossary.js";
import { isNetwork, kindOf, modelPhrase, modelTitle, orderOf } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { capitalised } from "./sentence.js";
import { dataTable } from "./table.js";
import { formatSteps } from "./times.js";

/**
 * @typedef {object} AccuracyRow past forecasts some steps ahead
 * @property {number} lead from 1
 * @property {number} n number of forecasts
 * @property {Record<string, number>} rmse typical error of each model and reference, °C
 *
 * @typedef {object} Accuracy
 * @property {string} model the forecast of the place, among the names in `rmse`
 * @property {string} step
 * @property {number} told index of the row that the sentence is about
 * @property {AccuracyRow[]} rows by lead; none if no forecast can be checked
 * @property {string} window which forecasts these are, in a sentence; without rows, why there are none
 * @property {number | null} held share of the values of that row that were within their 80% range
 * @property {import("./dom.js").Child[]} more further evidence, and links
 * @property {string} [lately] a past forecast and what came, in a sentence
 */

/** Comparisons of fewer forecasts do not tell which is better; as in the service. */
const MIN_FORECASTS = 30;

/** Rows of the table. */
const MAX_ROWS = 8;

/** Rows for the leads from the first on. @param {number[]} n forecasts at each lead @param {Record<string, number[]>} rmse of each model and reference at each lead, °C @returns {AccuracyRow[]} */
export function rowsByLead(n, rmse) {
  const models = Object.entries(rmse);
  return models.length ? n.map((count, i) => ({ lead: i + 1, n: count, rmse: Object.fromEntries(models.map(([name, errors]) => [name, errors[i]])) })) : [];
}

/** The first lead from which what is usual is the better forecast up to the end; null if there is none. @param {Accuracy} accuracy */
export function usualFrom({ model, rows }) {
  const isBetter = (/** @type {AccuracyRow} */ { n, rmse }) => n >= MIN_FORECASTS && rmse.climatology < rmse[model];
  const last = rows.findLastIndex((row) => !isBetter(row));
  return model !== "climatology" && last + 1 < rows.length ? rows[last + 1].lead : null;
}

/** @param {Accuracy} accuracy */
export function accuracyCard(accuracy) {
  const { rows, told, window, held, more, lately } = accuracy;
  const share = held === null ? "" : ` The 80% range held ${Math.round(held * 100)}% of the values ${aheadInWords(rows[told].lead, accuracy.step)}.`;
  return h(
    "section",
    { class: "card accuracy" },
    h("header", {}, h("h2", {}, "How right were we?")),
    lately && h("p", {}, lately),
    rows.length > 0 && h("p", { class: "verdict" }, verdict(accuracy)),
    h("p", { class: "note" }, `${window}${share}`),
    rows.length > 0 && h("details", {}, h("summary", {}, "Typical errors by how far ahead"), errorsTable(accuracy)),
    more,
    glossary(),
  );
}

/** How far off forecasts were, beside the best of the simple ones and the last value repeated. @param {Accuracy} accuracy */
function verdict(accuracy) {
  const { model, rows, told, step } = accuracy;
  const row = rows[told];
  const { lead, rmse, n } = row;
  const counted = n < MIN_FORECASTS ? ` Only ${formatCount(n)} ${n === 1 ? "forecast" : "forecasts"} can be checked so far: too few to judge by.` : "";
  if (!(model in rmse)) return `There are no past forecasts of ${modelPhrase(model)} to check.`;
  const simple = Object.keys(rmse).filter((name) => !isNetwork(name) && name !== model).sort((a, b) => rmse[a] - rmse[b]);
  const rivals = [...new Set([simple[0], "persistence"])].filter((name) => name in rmse && name !== model);
  const places = decimals([model, ...rivals].map((name) => rmse[name]));
  const error = (/** @type {string} */ name) => difference(rmse[name], places);
  const others = rivals.map((name, i) => `, ${i === rivals.length - 1 ? "and " : ""}${modelPhrase(name)} by ${error(name)}`).join("");
  const first = `${capitalised(aheadInWords(lead, step))}, forecasts here were typically off by ${error(model)}${others}.`;
  return `${first}${counted}${n < MIN_FORECASTS ? "" : consequence(accuracy, simple[0])}`;
}

/** What follows for the forecast; empty if it did better than all simple ones at all leads. @param {Accuracy} accuracy @param {string | undefined} best of the simple forecasts one step ahead */
function consequence(accuracy, best) {
  const { model, rows, told, step } = accuracy;
  const usual = usualFrom(accuracy);
  const { rmse, lead } = rows[told];
  const isWorse = best !== undefined && rmse[best] < rmse[model] && !(usual !== null && usual <= lead && best === "climatology");
  const first = isWorse ? ` So expect the forecast to be no better than ${modelPhrase(best)}.` : "";
  if (usual === null) return first;
  return `${first} ${usual <= lead ? "What is usual for the time of year" : `From ${formatSteps(usual, step)} ahead on, what is usual for the time of year`} is the better forecast.`;
}

/** @param {Accuracy} accuracy */
function errorsTable({ model, rows, step }) {
  const stride = Math.ceil(rows.length / MAX_ROWS);
  const shown = rows.filter((_, i) => i % stride === 0 || i === rows.length - 1);
  const names = [...new Set(rows.flatMap(({ rmse }) => Object.keys(rmse)))].filter((name) => name !== model).sort((a, b) => orderOf(a) - orderOf(b));
  const places = decimals(shown.flatMap(({ rmse }) => Object.values(rmse)));
  const cell = (/** @type {number | undefined} */ value) => fixed(inUnit(value ?? null, "difference"), places);
  const caption = `Typical errors (RMSE) by how far ahead, ${unit()}`;
  const head = ["Ahead", "Forecasts", `This forecast (${modelTitle(kindOf(model))})`, ...names.map((name) => modelTitle(kindOf(name)))];
  return dataTable(caption, head, shown.map((row) => [formatSteps(row.lead, step), formatCount(row.n), cell(row.rmse[model]), ...names.map((name) => cell(row.rmse[name]))]), { class: "wide" });
}

/** @param {number} lead @param {string} step */
function aheadInWords(lead, step) {
  return `${formatSteps(lead, step).replace(/^1 /, "one ")} ahead`;
}

/** Decimals with at least two digits of the smallest error. @param {number[]} errors */
function decimals(errors) {
  const least = Math.min(...errors);
  return least >= 0.095 ? 2 : least >= 0.0095 ? 3 : 4;
}
