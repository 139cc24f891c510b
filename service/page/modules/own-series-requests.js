// @ts-check
/** Requests about the user's series: forecasts with the record that they rest on, and the comparison of the models. */

import { ApiError, postJson } from "./api.js";
import { forecastsOf } from "./forecast-chart.js";
import { isNetwork } from "./models.js";
import { comparisonOf } from "./own-series-comparison.js";
import { leadInWords, recordOf } from "./record.js";
import { sentence } from "./sentence.js";
import { stepSeconds, timestampsOf } from "./series-times.js";
import { stepAdjective } from "./times.js";

const LEVELS = [80, 95];

/**
 * @typedef {import("./file-forecast.js").Source} Source
 * @typedef {import("./file-forecast.js").Choice} Choice
 * @typedef {object} Forecasts
 * @property {import("./forecast-chart.js").ModelForecast[]} forecasts
 * @property {import("./headline-card.js").Headline} headline
 * @property {any} body of the request, without the series
 */

/**
 * Load the forecasts that the user asks for, and the record.
 * @param {Source} source @param {Choice} choice @param {import("./shared-comparison.js").Compare} compare @param {AbortSignal} stop
 * @returns {Promise<Forecasts>}
 * @throws {ApiError} if the series cannot be forecast
 */
export async function loadForecasts(source, choice, compare, stop) {
  const { model, horizon, place } = choice;
  const body = { ...(place ? { dataset: place.name } : {}), model, horizon, levels: LEVELS };
  const ask = async (/** @type {any} */ changes = {}, series = source.series) => {
    const response = await postJson("/forecast", { ...body, ...changes, series: [withPosition(series, choice)] }, stop);
    const forecasts = forecastsOf(response, 0);
    const failed = forecasts.find((/** @type {any} */ forecast) => forecast.error);
    if (failed) throw forecastError(source, failed.error);
    return forecasts;
  };
  if (place) return { body, ...(await ofPlace(ask, choice, compare, stop)) };
  const shown = ask();
  const best = model === "best" ? shown : ask({ model: "best" });
  const next = horizon === 1 ? best : ask({ model: "best", horizon: 1 });
  // The record of a resampled series is at the step of the release; only a comparison is at that of the series.
  const comparison = choice.resampledTo ? compare.get(choice, stop).catch(onlyRefusals) : null;
  const [forecasts, [bestForecast], [nextForecast], compared] = await Promise.all([shown, best, next, comparison]);
  const headline = universalHeadline(source, choice, { forecasts, best: bestForecast, next: nextForecast, compared });
  const { model: shownModel, weather } = headline.forecast;
  const still = weather?.used.length ? await ask({}, { ...source.series, weather: undefined }) : [];
  const without = (still.find((/** @type {any} */ forecast) => forecast.model === shownModel) ?? still[0])?.sst ?? null;
  return { body, forecasts, headline: { ...headline, without } };
}

/**
 * The comparison of the models on the series; with an error if there is none.
 * @param {Source} source @param {Choice} choice @param {number} most values at the end of the series that are used @param {AbortSignal} stop
 */
export async function loadComparison(source, choice, most, stop) {
  const dataset = choice.place ? { dataset: choice.place.name } : {};
  const series = endOf(withPosition(source.series, choice), source.history, most);
  return comparisonOf(await postJson("/compare", { ...dataset, predictions: true, series: [series] }, stop));
}

/** The last values of a series. @param {any} series @param {import("./forecast-chart.js").History} history @param {number} most */
function endOf(series, { timestamps, values }, most) {
  return values.length <= most ? series : { ...series, start: timestamps[values.length - most], values: values.slice(-most) };
}

/**
 * What opens a forecast of universal networks: the next value of the model of the chart, and its record one step ahead.
 * @param {Source} source @param {Choice} choice
 * @param {{forecasts: any[], best: any, next: any, compared: any}} answers best over all leads and one step ahead, and the comparison of a resampled series
 * @returns {Omit<import("./headline-card.js").Headline, "without">}
 */
function universalHeadline({ series }, { model, horizon, resampledTo }, { forecasts, best, next, compared }) {
  const rmse = (/** @type {any} */ forecast) => best.chosen.rmse[forecast.model] ?? Infinity;
  const forecast = [...forecasts].sort((a, b) => rmse(a) - rmse(b))[0];
  const own = compared && !compared.error && (!isNetwork(best.model) || best.model.startsWith(compared.dataset)) ? recordOf(compared) : null;
  const one = { record: own ?? chosenRecord(next, series), lead: own ? leadInWords(1, series.step) : recordLead(1, series.step, resampledTo) };
  const all = { record: chosenRecord(best, series), lead: recordLead(horizon, series.step, resampledTo) };
  const common = { forecast, named: model !== "best", resampled: resampledTo ? stepAdjective(resampledTo) : "", missing: "" };
  return { ...common, first: one, other: horizon > 1 ? { ...all, model: forecast.model } : null };
}

/** The record that chose the model of a forecast. @param {any} forecast @param {any} series @returns {import("./record.js").Record} */
function chosenRecord({ chosen }, { start, step, values }) {
  const until = /** @type {string} */ (timestampsOf(start, step, values.length).at(-1));
  return { since: null, ...chosen, until };
}

/** How far ahead a record is, in words. @param {number} horizon in steps of the series @param {string} step @param {string | null} resampledTo */
function recordLead(horizon, step, resampledTo) {
  if (!resampledTo) return leadInWords(horizon, step);
  return `${leadInWords(Math.ceil((horizon * stepSeconds(step)) / stepSeconds(resampledTo)), resampledTo)} as ${stepAdjective(resampledTo)} values`;
}

/** A comparison that the service refused or could not finish; anything else is thrown. @param {unknown} error */
function onlyRefusals(error) {
  if (error instanceof ApiError && error.status !== 401) return { error: error.message };
  throw error;
}

/** @param {(changes?: any) => Promise<any[]>} ask @param {Choice} choice @param {import("./shared-comparison.js").Compare} compare @param {AbortSignal} stop */
async function ofPlace(ask, choice, compare, stop) {
  const [forecasts, comparison] = await Promise.all([ask(), compare.get(choice, stop)]);
  const best = `${choice.place?.name}-${choice.place?.best.cell}`;
  const forecast = choice.model === "all" ? forecasts.find((/** @type {any} */ entry) => entry.model === best) ?? forecasts[0] : forecasts[0];
  const first = comparison.error ? null : { record: recordOf(comparison), lead: leadInWords(1, comparison.step) };
  return { forecasts, headline: { forecast, named: true, first, other: null, without: null, resampled: "", missing: sentence(comparison.error ?? "") } };
}

/** The series with the position that the user entered, and its weather; a model of one place takes neither. @param {any} series @param {Choice} choice */
export function withPosition(series, { position, place }) {
  const { latitude, longitude, weather, ...rest } = series;
  return place ? rest : { ...rest, ...(weather ? { weather } : {}), ...position };
}

/** @param {Source} source @param {string} message */
function forecastError(source, message) {
  const error = new ApiError(message, 422);
  error.heading = `Cannot forecast ${source.file.name}`;
  return error;
}
