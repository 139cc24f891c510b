// @ts-check
/** The opening of a forecast: how good it would have been on the past of the series, and the next value. */

import { h } from "./dom.js";
import { uncalibratedMark } from "./forecast-table.js";
import { isNetwork, kindOf, modelLabel, orderOf } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { betterReference, capitalised, consequence, modelPhrase, otherVerdict, verdict } from "./record.js";
import { dataTable } from "./table.js";
import { formatTime } from "./times.js";
import { weatherWords } from "./weather.js";

/** Whether the user has opened the table, which stays open in the next forecast. */
let isRecordOpen = false;

/**
 * @typedef {import("./record.js").Record} Record
 * @typedef {object} Headline
 * @property {import("./forecast-chart.js").ModelForecast} forecast whose first value is shown; one of those in the chart
 * @property {boolean} named whether the user chose its model
 * @property {{record: Record, lead: string} | null} first the record that opens; null if there is none
 * @property {{record: Record, lead: string, model: string} | null} other the record at other leads, and the model that it is about; null for one step
 * @property {number[] | null} without the same forecast without weather; null if it uses none
 * @property {string} resampled the step to which the series was resampled, as an adjective; empty if it was not
 * @property {string} missing why there is no record
 *
 * @param {Headline} headline @param {import("./forecast-chart.js").History} history @param {Element} events their state in a sentence
 */
export function headlineCard(headline, { step, timestamps }, events) {
  const { forecast, first, missing } = headline;
  const judged = first && judgedFirst(headline, first);
  const note = judged ? consequence(judged) : missing;
  const weather = weatherWords(forecast, headline.without, step);
  return h(
    "section",
    { class: "card headline" },
    h("div", { class: "verdict" }, h("h2", {}, judged ? verdict(judged) : "This forecast cannot be checked on your series."), note && h("p", {}, note)),
    events,
    nextValue(forecast, step, /** @type {string} */ (timestamps.at(-1)), judged && betterReference(judged)),
    weather && h("p", { class: "weather" }, weather),
    judged && recordDetails(headline, judged),
  );
}

/** The opening, to be spoken. @param {Headline} headline @param {import("./forecast-chart.js").History} history */
export function headlineText(headline, { step }) {
  const { forecast, first } = headline;
  const value = `Next value, ${formatTime(forecast.timestamps[0], step)}: ${fixed(forecast.sst[0], 2)} °C`;
  return first ? `${verdict(judgedFirst(headline, first))} ${value}` : value;
}

/** @param {Headline} headline @param {{record: Record, lead: string}} first @returns {import("./record.js").Judged} */
function judgedFirst({ forecast, named, resampled }, first) {
  return { ...first, model: forecast.model, named, resampled };
}

/** @param {import("./forecast-chart.js").ModelForecast} forecast @param {string} step @param {string} last time of the last observation @param {string | null} reference that did better */
function nextValue(forecast, step, last, reference) {
  const intervals = forecast.intervals.flatMap((interval) => [h("dt", {}, `${interval.level}%`), h("dd", {}, `${fixed(interval.lower[0], 2)} to ${fixed(interval.upper[0], 2)} °C`, !interval.calibrated && uncalibratedMark())]);
  const better = reference && reference in forecast.baselines && ` ${capitalised(modelPhrase(reference))} gives ${fixed(forecast.baselines[reference][0], 2)} °C.`;
  return h(
    "div",
    { class: "next" },
    h("div", {}, h("p", { class: "when" }, "Next value, ", formatTime(forecast.timestamps[0], step)), h("p", { class: "figure" }, `${fixed(forecast.sst[0], 2)} °C`)),
    intervals.length > 0 && h("dl", { class: "facts" }, intervals),
    h("p", { class: "note" }, `Forecast by ${modelPhrase(forecast.model)} from data up to ${formatTime(last, step)}.`, better),
  );
}

/** The record of every model, one step ahead and over all leads. @param {Headline} headline @param {import("./record.js").Judged} judged */
function recordDetails({ forecast, named, other }, judged) {
  const records = other ? [judged, other] : [judged];
  const columns = records.filter(({ record }) => Object.keys(record.rmse).length);
  const models = [...new Set(columns.flatMap(({ record }) => Object.keys(record.rmse)))].sort((a, b) => orderOf(a) - orderOf(b));
  if (!models.length) return null;
  const rows = models.map((name) => [
    h("span", { class: "label" }, modelLabel(kindOf(name)), name === forecast.model && h("span", { class: "tag" }, "shown")),
    ...columns.map(({ record }) => fixed(record.rmse[name], 3)),
  ]);
  const counts = columns.map(({ record, lead }) => `${formatCount(record.origins)} forecasts ${lead}`);
  const table = dataTable("Record on your series, RMSE in °C", ["Typical error (RMSE), °C", ...columns.map(({ lead }) => capitalised(lead))], rows, { class: "wide" });
  table.querySelectorAll("tbody tr")[models.findIndex((name) => !isNetwork(name))]?.classList.add("first-reference");
  return h(
    "details",
    { class: "record", open: isRecordOpen, toggle: (/** @type {any} */ event) => (isRecordOpen = event.target.open) },
    h("summary", {}, "How each model did"),
    other && h("p", {}, otherVerdict({ ...other, named, resampled: "" })),
    table,
    h("p", { class: "note" }, `Root-mean-square errors (RMSE) over ${counts.join(" and ")}. Each forecast used earlier values only${"mixture" in judged.record.rmse ? "; the weights of the mixture were learned from all of them" : ""}.`),
  );
}
