// @ts-check
/** A forecast from the series in the user's file, and the accuracy of the models on it. */

import { accuracyTable, metricDefinitions, skillBars } from "./accuracy.js";
import { parseList, readState, updateState } from "./address.js";
import { ApiError, postJson } from "./api.js";
import { Chart } from "./chart.js";
import { comparisonFigure, comparisonRows } from "./comparison-chart.js";
import { numberField, selectField, toggleGroup } from "./controls.js";
import { fill, h } from "./dom.js";
import { saveFile, toCsv } from "./download.js";
import { forecastsOf } from "./forecast-chart.js";
import { forecastCard } from "./forecast-card.js";
import { glossary } from "./glossary.js";
import { CELLS, kindOf, modelLabel, modelTitle } from "./models.js";
import { formatCount } from "./numbers.js";
import { fileSnippets } from "./snippets.js";
import { tableDisclosure } from "./table.js";
import { latestOnly, runTask } from "./task.js";
import { formatSteps, formatTime } from "./times.js";
import { sentence } from "./sentence.js";

const LEVELS = [80, 95];

/**
 * @typedef {object} Source
 * @property {import("./file-reader.js").FileContent} file
 * @property {any} series in the form that /forecast takes
 * @property {import("./forecast-chart.js").History} history the same series with the time of each value
 * @property {import("./datasets.js").Dataset[]} datasets with models for the step of the series
 * @property {Record<string, any>} params of the request that read the file
 */

/** @param {HTMLElement} box @param {Source} source @param {AbortSignal} signal */
export function fileForecast(box, source, signal) {
  const dataset = source.datasets.find(({ name }) => name === readState().dataset) ?? source.datasets[0];
  const forecast = h("div", { class: "stack" });
  const comparison = h("div", { class: "stack" });
  const maxHorizon = dataset.best.horizon;
  const requestOptions = () => ({
    model: ["best", ...CELLS].includes(readState().model) ? readState().model : "all",
    horizon: Math.min(Math.max(Math.round(Number(readState().horizon) || Math.min(12, maxHorizon)), 1), maxHorizon),
  });
  const nextSignal = latestOnly(signal);
  const update = (/** @type {Record<string, any>} */ changes) => {
    updateState(changes);
    showForecast(forecast, source, dataset, requestOptions(), nextSignal());
  };
  const models = [{ value: "best", text: `Best (${modelTitle(dataset.best.cell)})` }, ...CELLS.map((value) => ({ value, text: modelTitle(value) })), { value: "all", text: "All three" }];
  const datasetOptions = source.datasets.map(({ name }) => ({ value: name, text: name }));
  fill(
    box,
    h(
      "section",
      { class: "part" },
      h("h2", {}, "Forecast and comparison"),
      h("p", {}, `These models were trained on ${dataset.name}, which may be quite unlike your location. The comparison below shows how well they perform there.`),
      glossary(),
      h(
        "div",
        { class: "controls" },
        selectField("Models trained on", datasetOptions, dataset.name, (name) => (updateState({ dataset: name, horizon: null }), fileForecast(box, source, signal))),
        toggleGroup("Model", models, [requestOptions().model], ([selected]) => update({ model: selected === "all" ? null : selected }), { single: true }),
        numberField("Steps ahead", { value: requestOptions().horizon, min: 1, max: maxHorizon, unit: (n) => formatSteps(n, source.history.step) }, (n) => update({ horizon: n })),
      ),
    ),
    forecast,
    comparison,
  );
  update({});
  showComparison(comparison, source, dataset, signal);
}

/** @param {HTMLElement} box @param {Source} source @param {import("./datasets.js").Dataset} dataset @param {{model: string, horizon: number}} options @param {AbortSignal} signal */
function showForecast(box, source, dataset, { model, horizon }, signal) {
  const body = { dataset: dataset.name, model, horizon, levels: LEVELS.filter((level) => dataset.best.levels.includes(level)) };
  const load = async (/** @type {AbortSignal} */ stop) => {
    const forecasts = forecastsOf(await postJson("/forecast", { ...body, series: [source.series] }, stop), 0);
    if (forecasts[0].error) throw new ApiError(forecasts[0].error, 422);
    return forecasts;
  };
  return runTask(box, "Forecasting", signal, load, (forecasts) =>
    fill(
      box,
      ...forecastCard({ name: source.series.id === "0" ? source.file.name : source.series.id, history: source.history, forecasts, references: parseList(readState().refs, []), onReferences: (selection) => updateState({ refs: selection.join(",") }) }, signal),
      fileSnippets(source.file, source.params, body),
    ),
  );
}

/** @param {HTMLElement} box @param {Source} source @param {import("./datasets.js").Dataset} dataset @param {AbortSignal} signal */
function showComparison(box, source, dataset, signal) {
  const load = async (/** @type {AbortSignal} */ stop) => {
    const comparison = await postJson("/compare", { dataset: dataset.name, predictions: true, series: [source.series] }, stop);
    if (comparison.series[0].error) throw new ApiError(comparison.series[0].error, 422);
    return comparison;
  };
  return runTask(box, "Comparing the models on your series", signal, load, (comparison) => fill(box, ...comparisonCards(comparison, signal)));
}

/** @param {any} comparison the response of POST /compare @param {AbortSignal} signal */
function comparisonCards(comparison, signal) {
  const [series] = comparison.series;
  const results = { step: comparison.step, timestamps: series.predictions.timestamps, observed: series.predictions.observed, predictions: series.predictions.predicted };
  const kinds = Object.keys(results.predictions).map(kindOf);
  let shown = parseList(readState().models, CELLS).filter((kind) => kinds.includes(kind));
  const chart = new Chart("Your series and its one-step forecasts, with errors", signal, { height: "28rem" });
  chart.draw((range) => comparisonFigure(results, shown, range));
  const choose = (/** @type {string[]} */ selection) => {
    shown = selection;
    updateState({ models: selection.join(",") === CELLS.join(",") ? null : selection.join(",") || "none" });
    chart.redraw();
  };
  const leader = kindOf(comparison.lowest_rmse);
  return [
    h(
      "section",
      { class: "card" },
      h(
        "header",
        {},
        h(
          "div",
          {},
          h("h2", {}, "How the models would have forecast your series, one step ahead"),
          h("p", {}, `${formatTime(comparison.test.start, comparison.step)} – ${formatTime(comparison.test.end, comparison.step)}, ${formatCount(comparison.test.n)} forecasts`),
        ),
        chart.zoomButtons(),
      ),
      h("div", { class: "controls" }, toggleGroup("Show", kinds.map((value) => ({ value, text: modelLabel(value) })), shown, choose)),
      chart.element,
      series.warnings.map((/** @type {any} */ warning) => h("p", { class: "note" }, sentence(warning.message))),
      tableDisclosure("Your series and its one-step forecasts, °C", () => comparisonRows(results, shown, chart.range)),
    ),
    h(
      "div",
      { class: "grid" },
      h(
        "section",
        { class: "card" },
        h("header", {}, h("h2", {}, "Errors on your series"), h("button", { type: "button", class: "plain", click: () => saveFile("comparison.csv", toCsv(csvRows(comparison)), "text/csv") }, "CSV")),
        accuracyTable(comparison, "Errors on your series"),
        h("p", { class: "note" }, `${modelTitle(leader)} has the lowest RMSE on your series. Bold marks the lowest value in each column.`),
        metricDefinitions(),
      ),
      h("section", { class: "card" }, h("header", {}, h("h2", {}, "Skill on your series"), h("p", {}, "Reduction in RMSE; bars to the right are better")), skillBars(comparison)),
    ),
  ];
}

/** @param {any} comparison */
function csvRows(comparison) {
  const references = Object.keys(comparison.models[0].skill);
  const head = ["model", "kind", "mae", "rmse", "mape", "bias", ...references.map((name) => `skill_${name}`)];
  return [head, ...comparison.models.map((/** @type {any} */ model) => [model.model, model.kind, model.mae, model.rmse, model.mape, model.bias, ...references.map((name) => model.skill[name])])];
}
