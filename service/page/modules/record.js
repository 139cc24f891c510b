// @ts-check
/** The record of models on the past of a series, and what it says about a forecast, in words. */

import { isNetwork, kindOf, ORDER } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { formatSteps } from "./times.js";

/**
 * @typedef {object} Record errors of past forecasts of a series, as in `chosen` of a forecast
 * @property {"own_past" | "held_out_seas" | "too_few"} by what chose the model; too_few: something else, and the record is too short to judge it
 * @property {number} origins number of past forecasts
 * @property {{[model: string]: number}} rmse °C
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

/** @type {{[name: string]: string}} */
const PHRASES = {
  persistence: "repeating the last value",
  climatology: "climatology",
  damped: "damped persistence",
  linear: "a linear autoregression",
  usual_change: "the last value plus the usual change",
};

/** A model in a sentence. @param {string} model */
export function modelPhrase(model) {
  return PHRASES[model] ?? model;
}

/** How far ahead forecasts of one or more steps reach, in words. @param {number} horizon @param {string} step */
export function leadInWords(horizon, step) {
  return horizon === 1 ? `${formatSteps(1, step).replace(/^1 /, "one ")} ahead` : `up to ${formatSteps(horizon, step)} ahead`;
}

/** The record of a comparison one step ahead. @param {any} comparison from comparisonOf @returns {Record} */
export function recordOf({ test, models }) {
  return { by: test.n < MIN_FORECASTS ? "too_few" : "own_past", origins: test.n, rmse: Object.fromEntries(models.map((/** @type {any} */ model) => [model.model, model.rmse])) };
}

/** The reference that did better than the model of a forecast, whether by chance or not; null if none did. @param {Judged} judged */
export function betterReference({ model, record }) {
  const reference = lowest(record, (name) => !isNetwork(name));
  if (!isNetwork(model) || reference === null || !(model in record.rmse)) return null;
  return record.rmse[reference] < record.rmse[model] ? reference : null;
}

/** What the record says about a forecast, as a title. @param {Judged} judged */
export function verdictTitle(judged) {
  const { model, record, lead, named } = judged;
  const better = betterReference(judged);
  if (record.by !== "own_past") return "Too short for a record on its own past";
  if (!isNetwork(model)) return capitalised(`${modelPhrase(model)} ${lowest(record, () => true) === model ? `did best ${lead}` : "makes the forecast"}`);
  if (better && named) return capitalised(`${modelPhrase(better)} did better than ${model} ${lead}`);
  if (better) return `No network beat ${modelPhrase(better)} ${lead}`;
  return model in record.rmse ? `${model} beat every reference ${lead}` : `The record does not include ${model}`;
}

/** What the record says about a forecast, in sentences. @param {Judged} judged */
export function verdict(judged) {
  return judged.record.by === "own_past" ? ownPastVerdict(judged) : shortVerdict(judged);
}

/** @param {Judged} judged */
function ownPastVerdict(judged) {
  const { model, record, lead, named, resampled } = judged;
  const better = betterReference(judged);
  const runnerUp = isNetwork(model) ? better ?? lowest(record, (name) => !isNetwork(name)) : lowest(record, isNetwork);
  const first = better ? [better, model] : [model, runnerUp];
  const errors = errorsInWords(record, [...first, "persistence"]);
  const begin = `In ${formatCount(record.origins)} forecasts of the past of this series, ${lead}, ${errors}.`;
  if (!isNetwork(model) && resampled) return `${begin} The service chose the reference at ${resampled} steps.`;
  if (!isNetwork(model)) return `${begin} So a simple reference makes the forecast, not a network.`;
  if (better && named) return `${begin} The forecast is of ${model} because you chose it.`;
  if (better && resampled) return `${begin} The service chose the network at ${resampled} steps: expect no more of it than of the reference.`;
  if (better) return `${begin} The difference may be chance, so the network still makes the forecast: expect it to be about as good as the reference.`;
  return begin;
}

/** @param {Judged} judged */
function shortVerdict(judged) {
  const { model, record, lead, named } = judged;
  const reference = betterReference(judged) ?? lowest(record, (name) => !isNetwork(name));
  const errors = record.origins && reference ? ` In ${record.origins === 1 ? "that one" : "those"}, ${errorsInWords(record, [model, reference])}.` : "";
  const begin = `The series allows ${countInWords(record.origins)} of its past ${lead}, too few to tell which model is better.${errors}`;
  if (named) return `${begin} The forecast is of ${model} because you chose it.`;
  return record.by === "too_few" ? begin : `${begin} So ${model} makes the forecast, the network that did best on simulated seas that it had not seen.`;
}

/** @param {number} origins fewer than decide */
function countInWords(origins) {
  if (!origins) return "no forecast";
  return `only ${formatCount(origins)} ${origins === 1 ? "forecast" : "forecasts"}`;
}

/** What the record over all leads adds to that of the first. @param {Judged} judged */
export function laterVerdict(judged) {
  const { model, record, lead, named } = judged;
  if (record.by !== "own_past") return `${capitalised(lead)}, the series allows ${countInWords(record.origins)} of its past, too few to compare models.`;
  const better = betterReference(judged);
  const reference = lowest(record, (name) => !isNetwork(name));
  const pair = better ? [better, model] : [model, isNetwork(model) ? reference : lowest(record, isNetwork)];
  const errors = `${capitalised(lead)}, ${errorsInWords(record, pair)}`;
  return better && !named ? `${errors}, a difference that may be chance.` : `${errors}.`;
}

/** The place of a model in a list: networks, then references. @param {string} model */
export function orderOf(model) {
  return ORDER.indexOf(kindOf(model));
}

/** "a was off by 0.12 °C (RMSE) and b by 0.17 °C", of the models that are known. @param {Record} record @param {(string | null)[]} models */
function errorsInWords(record, models) {
  const known = /** @type {string[]} */ ([...new Set(models)].filter((model) => model !== null && model in record.rmse));
  const places = [2, 3, 4].find((n) => new Set(known.map((model) => fixed(record.rmse[model], n))).size === known.length) ?? 4;
  const amounts = known.map((model) => `${fixed(record.rmse[model], places)}\u00a0°C`);
  const [first, ...others] = known.map((model, i) => (i ? `${modelPhrase(model)} by ${amounts[i]}` : `${modelPhrase(model)} was off by ${amounts[i]} (RMSE)`));
  const last = others.pop();
  return last ? `${[first, ...others].join(", ")} and ${last}` : first;
}

/** The model with the lowest RMSE among some; null if there is none. @param {Record} record @param {(model: string) => boolean} included */
function lowest({ rmse }, included) {
  return Object.keys(rmse).filter(included).sort((a, b) => rmse[a] - rmse[b])[0] ?? null;
}

/** A text with a capital letter at the start. @param {string} text */
export function capitalised(text) {
  return text[0].toUpperCase() + text.slice(1);
}
