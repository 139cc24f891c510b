// @ts-check
/** The record of models on the past of a series, and what it says about a forecast, in words. */

import { isNetwork, kindOf, modelTitle } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { formatSteps } from "./times.js";

/**
 * @typedef {object} Record errors of past forecasts of a series, as in `chosen` of a forecast
 * @property {"own_past" | "held_out_seas" | "too_few"} by what chose the model; too_few: something else, and the record is too short to judge it
 * @property {number} origins number of past forecasts
 * @property {{[model: string]: number}} rmse °C
 * @property {string | null} since the first time that a past forecast started from
 * @property {string} until the last observation
 *
 * @typedef {object} Judged a forecast and the record that it rests on
 * @property {string} model that made the forecast
 * @property {Record} record
 * @property {string} lead in words
 * @property {boolean} named whether the user chose the model
 * @property {string} resampled the step to which the series was resampled, as an adjective; empty if it was not
 */

/** Comparisons of fewer forecasts do not tell which model is better; as in the service. */
const MIN_FORECASTS = 30;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Units of a past period, with the least number of each that is said in it. @type {[string, number, number][]} */
const PERIOD_UNITS = [
  ["year", 365.25 * DAY_MS, 1.9],
  ["month", 30.44 * DAY_MS, 2.9],
  ["day", DAY_MS, 2.9],
  ["hour", HOUR_MS, 1],
];

/** @type {{[name: string]: string}} */
const PHRASES = {
  persistence: "repeating the last value",
  climatology: "the usual temperature",
  damped: "damped persistence",
  linear: "a linear autoregression",
  usual_change: "the last value plus the usual change",
  mixture: "the mixture of networks and references",
};

/** A model in a sentence. @param {string} model */
export function modelPhrase(model) {
  return PHRASES[model] ?? (isNetwork(model) ? `the ${modelTitle(kindOf(model))} network` : model);
}

/** How far ahead forecasts of one or more steps reach, in words. @param {number} horizon @param {string} step */
export function leadInWords(horizon, step) {
  return horizon === 1 ? `${formatSteps(1, step).replace(/^1 /, "one ")} ahead` : `up to ${formatSteps(horizon, step)} ahead`;
}

/** The record of a comparison one step ahead. @param {any} comparison from comparisonOf @returns {Record} */
export function recordOf({ test, models }) {
  const rmse = Object.fromEntries(models.map((/** @type {any} */ model) => [model.model, model.rmse]));
  return { by: test.n < MIN_FORECASTS ? "too_few" : "own_past", origins: test.n, rmse, since: test.start, until: test.end };
}

/** The reference that did better than the model of a forecast, whether by chance or not; null if none did. @param {Judged} judged */
export function betterReference({ model, record }) {
  const reference = lowest(record, (name) => !isNetwork(name));
  if (!isNetwork(model) || reference === null || !(model in record.rmse)) return null;
  return record.rmse[reference] < record.rmse[model] ? reference : null;
}

/** How good the forecast would have been in the past, in one sentence. @param {Judged} judged */
export function verdict(judged) {
  const { model, record, lead } = judged;
  if (record.by !== "own_past") return shortVerdict(judged);
  if (!(model in record.rmse)) return `There is no record of ${modelPhrase(model)} ${pastInWords(record)}.`;
  const better = betterReference(judged);
  const rival = isNetwork(model) ? better ?? lowest(record, (name) => !isNetwork(name)) : lowest(record, isNetwork);
  const first = better ?? model;
  const second = better ? model : rival;
  const models = /** @type {string[]} */ ([first, second].filter((name) => name !== null));
  return capitalised(`${pastInWords(record)}, ${errorsInWords(record, models, models.map((name) => nameIn(judged, name)), ` ${lead}`)}.`);
}

/** What follows from the verdict, in a sentence; empty if it says enough. @param {Judged} judged */
export function consequence(judged) {
  const { model, record, named, resampled } = judged;
  const better = record.by === "own_past" && betterReference(judged);
  const isTie = better && new Set(errorsOf(record, [better, model])).size === 1;
  if (record.by === "held_out_seas" && !named) return `${capitalised(modelPhrase(model))} makes the forecast: of the networks, it did best on simulated seas.`;
  if (record.by !== "own_past") return "";
  if (!isNetwork(model)) return resampled ? `The service chose this reference at ${resampled} steps.` : "So this simple reference makes the forecast, not a network.";
  if (better && model === "mixture") return isTie ? "" : "Expect the forecast to be no better than that reference.";
  if (better && named) return `The forecast is by ${modelPhrase(model)} because you chose it.`;
  if (better && resampled) return `The service chose the network at ${resampled} steps. Expect it to be no better than the reference.`;
  return better && !isTie ? "The difference may be chance. Expect the forecast to be about as good as the reference." : "";
}

/** What the record at other leads adds to that of the first. @param {Judged} judged */
export function otherVerdict(judged) {
  const { model, record, lead } = judged;
  if (record.by !== "own_past") return `${capitalised(lead)}, ${checkedInWords(record.origins)}, too few to compare models.`;
  const better = betterReference(judged);
  const rival = isNetwork(model) ? lowest(record, (name) => !isNetwork(name)) : lowest(record, isNetwork);
  const pair = /** @type {string[]} */ ((better ? [better, model] : [model, rival]).filter((name) => name !== null && name in record.rmse));
  return `${capitalised(lead)}, ${errorsInWords(record, pair, pair.map(modelPhrase), "")}.`;
}

/** A text with a capital letter at the start. @param {string} text */
export function capitalised(text) {
  return text[0].toUpperCase() + text.slice(1);
}

/** @param {Judged} judged */
function shortVerdict({ record, lead }) {
  if (!record.origins) return "Your series is too short to check this forecast against its past.";
  return `Your series is too short to judge this forecast: ${checkedInWords(record.origins)} ${lead}.`;
}

/** The model of the forecast is "this forecast" in a verdict. @param {Judged} judged @param {string} name */
function nameIn({ model }, name) {
  if (name === model) return isNetwork(model) ? "this forecast" : modelPhrase(model);
  return isNetwork(name) ? "the best network" : modelPhrase(name);
}

/** How many past forecasts there are to check, in words. @param {number} origins fewer than decide */
function checkedInWords(origins) {
  if (!origins) return "no past forecast can be checked";
  return `only ${formatCount(origins)} past ${origins === 1 ? "forecast" : "forecasts"} can be checked`;
}

/** The past that a record covers, such as "over your last 6 months". @param {Record} record */
function pastInWords({ since, until, origins }) {
  const period = since === null ? 0 : Date.parse(until) - Date.parse(since);
  const [unit, length] = PERIOD_UNITS.find(([, size, least]) => period >= size * least) ?? ["", 1];
  return unit ? `over your last ${formatCount(Math.round(period / length))} ${unit}s` : `in ${formatCount(origins)} forecasts of your past`;
}

/**
 * The errors of one or two models, such as "this forecast was typically off by 0.31 °C one day ahead, damped persistence by 0.33 °C".
 * @param {Record} record @param {string[]} models @param {string[]} names @param {string} lead after the first error
 */
function errorsInWords(record, models, names, lead) {
  const [error, other] = errorsOf(record, models);
  if (error === other) return `${names.join(" and ")} were both typically off by ${error}${lead}`;
  return `${names[0]} was typically off by ${error}${lead}${other === undefined ? "" : `, ${names[1]} by ${other}`}`;
}

/** Errors in °C, with at least two digits of the smallest. @param {Record} record @param {string[]} models */
function errorsOf({ rmse }, models) {
  const least = Math.min(...models.map((model) => rmse[model]));
  const places = least >= 0.095 ? 2 : least >= 0.0095 ? 3 : 4;
  return models.map((model) => `${fixed(rmse[model], places)}\u00a0°C`);
}

/** The model with the lowest RMSE among some; null if there is none. @param {Record} record @param {(model: string) => boolean} included */
function lowest({ rmse }, included) {
  return Object.keys(rmse).filter(included).sort((a, b) => rmse[a] - rmse[b])[0] ?? null;
}
