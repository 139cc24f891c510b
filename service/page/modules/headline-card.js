// @ts-check
/** The opening of a forecast: the record on the series, and the next value that rests on it. */

import { h } from "./dom.js";
import { uncalibratedMark } from "./forecast-table.js";
import { isNetwork, kindOf, modelLabel } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { betterReference, capitalised, laterVerdict, modelPhrase, orderOf, verdict, verdictTitle } from "./record.js";
import { dataTable } from "./table.js";
import { formatTime } from "./times.js";

/**
 * @typedef {import("./record.js").Record} Record
 * @typedef {object} Headline
 * @property {import("./forecast-chart.js").ModelForecast} forecast whose first value is shown
 * @property {boolean} named whether the user chose its model
 * @property {{record: Record, lead: string} | null} first the record one step ahead; null if there is none
 * @property {{record: Record, lead: string, model: string} | null} later the record over all leads, and the model of the chart; null for one step
 * @property {string} resampled the step to which the series was resampled, as an adjective; empty if it was not
 * @property {string} missing why there is no record
 *
 * @param {Headline} headline @param {import("./forecast-chart.js").History} history
 */
export function headlineCard(headline, { step, timestamps }) {
  const { forecast, named, first, later, missing } = headline;
  const judged = first && judgedFirst(headline, first);
  return h(
    "section",
    { class: "card headline" },
    nextValue(forecast, step, /** @type {string} */ (timestamps.at(-1)), judged && betterReference(judged)),
    h(
      "div",
      { class: "record" },
      h("h2", {}, judged ? verdictTitle(judged) : "No record on this series"),
      h("p", {}, judged ? verdict(judged) : missing),
      later && h("p", {}, laterVerdict({ ...later, named, resampled: "" }), later.model !== forecast.model && ` The chart and the table below show ${modelPhrase(later.model)}.`),
      first && recordTable(later ? [first, later] : [first], forecast.model),
    ),
  );
}

/** The opening in one sentence, to be spoken. @param {Headline} headline @param {import("./forecast-chart.js").History} history */
export function headlineText(headline, { step }) {
  const { forecast, first } = headline;
  const value = `Next value, ${formatTime(forecast.timestamps[0], step)}: ${fixed(forecast.sst[0], 2)} °C`;
  return first ? `${value}. ${verdictTitle(judgedFirst(headline, first))}` : value;
}

/** @param {Headline} headline @param {{record: Record, lead: string}} first @returns {import("./record.js").Judged} */
function judgedFirst({ forecast, named, resampled }, first) {
  return { ...first, model: forecast.model, named, resampled };
}

/** @param {import("./forecast-chart.js").ModelForecast} forecast @param {string} step @param {string} last time of the last observation @param {string | null} reference that did better */
function nextValue(forecast, step, last, reference) {
  const intervals = forecast.intervals.map((interval) => [h("dt", {}, `${interval.level}% interval`), h("dd", {}, `${fixed(interval.lower[0], 2)} to ${fixed(interval.upper[0], 2)} °C`, !interval.calibrated && uncalibratedMark())]);
  return h(
    "div",
    { class: "next" },
    h("p", { class: "when" }, "Next value, ", formatTime(forecast.timestamps[0], step)),
    h("p", { class: "figure" }, `${fixed(forecast.sst[0], 2)} °C`),
    intervals.length > 0 && h("dl", { class: "facts" }, intervals),
    h("p", { class: "note" }, `Forecast of ${modelPhrase(forecast.model)} after the last observation, ${formatTime(last, step)}.`),
    reference && reference in forecast.baselines && h("p", { class: "note" }, `${capitalised(modelPhrase(reference))} gives ${fixed(forecast.baselines[reference][0], 2)} °C.`),
  );
}

/** @param {{record: Record, lead: string}[]} records @param {string} shown model of the next value */
function recordTable(records, shown) {
  const columns = records.filter(({ record }) => Object.keys(record.rmse).length);
  const models = [...new Set(columns.flatMap(({ record }) => Object.keys(record.rmse)))].sort((a, b) => orderOf(a) - orderOf(b));
  if (!models.length) return null;
  const rows = models.map((name) => [
    h("span", { class: "label" }, modelLabel(kindOf(name)), name === shown && h("span", { class: "tag" }, "shown")),
    ...columns.map(({ record }) => errorCell(record, name)),
  ]);
  const counts = columns.map(({ record, lead }) => `${formatCount(record.origins)} forecasts ${lead}`);
  const table = dataTable("Record on your series, RMSE in °C", ["RMSE, °C", ...columns.map(({ lead }) => capitalised(lead))], rows, { class: "wide" });
  table.querySelectorAll("tbody tr")[models.findIndex((name) => !isNetwork(name))]?.classList.add("first-reference");
  return [table, h("p", { class: "note" }, `Over ${counts.join(" and ")}, each made from earlier values only. Lower is better, and bold is lowest.`)];
}

/** @param {Record} record @param {string} name */
function errorCell({ rmse }, name) {
  const text = fixed(rmse[name], 3);
  return text === fixed(Math.min(...Object.values(rmse)), 3) ? h("td", { class: "best" }, h("strong", {}, text)) : text;
}
