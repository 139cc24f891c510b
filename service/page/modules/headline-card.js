// @ts-check
/** The opening of a forecast: the record on the series, and the next value that rests on it. */

import { h } from "./dom.js";
import { uncalibratedMark } from "./forecast-table.js";
import { isNetwork, kindOf, modelLabel } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { betterReference, laterVerdict, leadInWords, modelPhrase, modelsOf, verdict, verdictTitle } from "./record.js";
import { dataTable } from "./table.js";
import { formatSteps, formatTime } from "./times.js";

/**
 * @typedef {import("./record.js").Record} Record
 * @typedef {object} Headline
 * @property {import("./forecast-chart.js").ModelForecast} forecast whose first value is shown
 * @property {boolean} named whether the user chose its model
 * @property {Record | null} first the record one step ahead; null if there is none
 * @property {{model: string, horizon: number, record: Record} | null} later the record over all leads, and the model of the chart; null for one step
 * @property {string} missing why there is no record
 *
 * @param {Headline} headline @param {import("./forecast-chart.js").History} history
 */
export function headlineCard({ forecast, named, first, later, missing }, { step, timestamps }) {
  const lead = leadInWords(1, step);
  const judged = first && { model: forecast.model, record: first, lead, named };
  const laterJudged = later && { ...later, lead: leadInWords(later.horizon, step), named };
  return h(
    "section",
    { class: "card headline" },
    nextValue(forecast, step, /** @type {string} */ (timestamps.at(-1)), judged && betterReference(judged)),
    h(
      "div",
      { class: "record" },
      h("h2", {}, judged ? verdictTitle(judged) : "No record on this series"),
      h("p", {}, judged ? verdict(judged) : missing),
      laterJudged && h("p", {}, laterVerdict(laterJudged), laterJudged.model !== forecast.model && ` The chart and the table below show ${modelPhrase(laterJudged.model)}.`),
      first && recordTable(first, later, step, forecast.model),
    ),
  );
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
    reference && reference in forecast.baselines && h("p", { class: "note" }, `${modelPhrase(reference)[0].toUpperCase()}${modelPhrase(reference).slice(1)} gives ${fixed(forecast.baselines[reference][0], 2)} °C.`),
  );
}

/** @param {Record} first @param {Headline["later"]} later @param {string} step @param {string} model of the next value */
function recordTable(first, later, step, model) {
  const models = [...new Set([...modelsOf(first), ...(later ? modelsOf(later.record) : [])])];
  if (!models.length) return null;
  const columns = [{ record: first, horizon: 1 }, ...(later ? [later] : [])].filter(({ record }) => Object.keys(record.rmse).length);
  const rows = models.map((name) => [
    h("span", { class: "label" }, modelLabel(kindOf(name)), name === model && h("span", { class: "tag" }, "shown")),
    ...columns.map(({ record }) => errorCell(record, name)),
  ]);
  const counts = columns.map(({ record, horizon }) => `${formatCount(record.origins)} forecasts ${leadInWords(horizon, step)}`);
  const table = dataTable("Record on your series, RMSE in °C", ["RMSE, °C", ...columns.map(({ horizon }) => columnHead(horizon, step))], rows, { class: "wide" });
  table.querySelectorAll("tbody tr")[models.findIndex((name) => !isNetwork(name))]?.classList.add("first-reference");
  return [table, h("p", { class: "note" }, `Over ${counts.join(" and ")}, each made from earlier values only. Lower is better, and bold is lowest.`)];
}

/** @param {Record} record @param {string} name */
function errorCell({ rmse }, name) {
  const text = fixed(rmse[name], 3);
  return text === fixed(Math.min(...Object.values(rmse)), 3) ? h("td", { class: "best" }, h("strong", {}, text)) : text;
}

/** The opening in one sentence, to be spoken. @param {Headline} headline @param {import("./forecast-chart.js").History} history */
export function headlineText({ forecast, named, first }, { step }) {
  const value = `Next value, ${formatTime(forecast.timestamps[0], step)}: ${fixed(forecast.sst[0], 2)} °C`;
  return first ? `${value}. ${verdictTitle({ model: forecast.model, record: first, lead: leadInWords(1, step), named })}` : value;
}

/** @param {number} horizon @param {string} step */
function columnHead(horizon, step) {
  return horizon === 1 ? `${formatSteps(1, step)} ahead` : `Up to ${formatSteps(horizon, step)} ahead`;
}
