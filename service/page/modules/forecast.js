// @ts-check
/** The Forecast view: forecasts from the last observation of a dataset. */

import { parseList, readState, updateState } from "./address.js";
import { getJson, withQuery } from "./api.js";
import { numberField, selectField, toggleGroup } from "./controls.js";
import { findDataset, loadDatasets } from "./datasets.js";
import { fill, h } from "./dom.js";
import { forecastsOf } from "./forecast-chart.js";
import { forecastCard } from "./forecast-card.js";
import { glossary } from "./glossary.js";
import { modelTitle } from "./models.js";
import { querySnippets } from "./snippets.js";
import { latestOnly, runTask } from "./task.js";
import { formatSteps, formatTime, stepAdjective } from "./times.js";

export const heading = "Forecast";

const DEFAULT_LEVELS = ["80", "95"];
const DEFAULT_REFERENCES = ["climatology"];

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  await runTask(root, "Loading models", signal, loadDatasets, (datasets) => compose(root, datasets, signal));
}

/** @param {HTMLElement} root @param {import("./datasets.js").Dataset[]} datasets @param {AbortSignal} signal */
function compose(root, datasets, signal) {
  const dataset = findDataset(datasets, readState().dataset);
  const intro = h("p", {}, "What the models forecast after the last observation.");
  const body = h("div", { class: "stack" });
  const nextSignal = latestOnly(signal);
  const change = (/** @type {Record<string, string | number | null>} */ changes) => {
    updateState(changes);
    showForecast(body, intro, dataset, nextSignal());
  };
  const changeDataset = (/** @type {string} */ name) => {
    updateState({ dataset: name, horizon: null }, { step: true });
    show(root, signal);
  };
  fill(root, h("div", { class: "intro" }, h("h1", {}, heading), intro, glossary()), controls(datasets, dataset, change, changeDataset), body);
  change({});
}

/**
 * @param {import("./datasets.js").Dataset[]} datasets @param {import("./datasets.js").Dataset} dataset
 * @param {(changes: Record<string, string | number | null>) => void} change @param {(name: string) => void} changeDataset
 */
function controls(datasets, dataset, change, changeDataset) {
  const { model, horizon, levels } = requestOptions(dataset);
  const { step, horizon: maxHorizon } = dataset.best;
  const cells = dataset.models.map(({ cell }) => ({ value: cell, text: modelTitle(cell) }));
  const models = [{ value: "best", text: `Best (${modelTitle(dataset.best.cell)})` }, ...cells, { value: "all", text: "All three" }];
  const levelOptions = dataset.best.levels.map((/** @type {number} */ level) => ({ value: String(level), text: `${level}%` }));
  return h(
    "div",
    { class: "controls" },
    selectField("Dataset", datasets.map(({ name, best }) => ({ value: name, text: `${name} (${stepAdjective(best.step)})` })), dataset.name, changeDataset),
    toggleGroup("Model", models, [model], ([selected]) => change({ model: selected === "best" ? null : selected }), { single: true }),
    numberField("Steps ahead", { value: horizon, min: 1, max: maxHorizon, unit: (n) => formatSteps(n, step) }, (n) => change({ horizon: n })),
    toggleGroup("Intervals", levelOptions, levels, (selection) => change({ levels: selection.join(",") === DEFAULT_LEVELS.join(",") ? null : selection.join(",") || "none" })),
  );
}

/** The options of the forecast request, from the URL. @param {import("./datasets.js").Dataset} dataset */
function requestOptions(dataset) {
  const state = readState();
  const maxHorizon = dataset.best.horizon;
  const horizon = Number(state.horizon) || Math.min(maxHorizon, 12);
  return {
    model: ["rnn", "lstm", "gru", "all"].includes(state.model) ? state.model : "best",
    horizon: Math.min(Math.max(Math.round(horizon), 1), maxHorizon),
    levels: parseList(state.levels, DEFAULT_LEVELS).filter((level) => dataset.best.levels.includes(Number(level))),
  };
}

/** @param {HTMLElement} body @param {HTMLElement} intro @param {import("./datasets.js").Dataset} dataset @param {AbortSignal} signal */
function showForecast(body, intro, dataset, signal) {
  const { model, horizon, levels } = requestOptions(dataset);
  const query = { dataset: dataset.name, model, horizon, level: levels.map(Number) };
  const load = (/** @type {AbortSignal} */ stop) =>
    Promise.all([getJson(withQuery("/forecast", query), { signal: stop }), getJson(withQuery("/series", { dataset: dataset.name }), { signal: stop })]);
  return runTask(body, "Forecasting", signal, load, ([response, history]) => {
    const forecasts = forecastsOf(response, 0).map((/** @type {any} */ forecast) => (levels.length ? forecast : { ...forecast, intervals: [] }));
    fill(intro, ...introduction(history, forecasts));
    const onReferences = (/** @type {string[]} */ selection) => updateState({ refs: selection.join(",") === DEFAULT_REFERENCES.join(",") ? null : selection.join(",") || "none" });
    fill(
      body,
      ...forecastCard({ name: dataset.name, history, forecasts, references: parseList(readState().refs, DEFAULT_REFERENCES), onReferences }, signal),
      querySnippets("/forecast", query),
    );
  });
}

/** @param {any} history @param {any[]} forecasts */
function introduction(history, forecasts) {
  const [{ timestamps }] = forecasts;
  const last = timestamps.length - 1;
  const values = forecasts.map((forecast) => forecast.sst[0]);
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(2));
  return [
    `The last observation is from ${formatTime(history.timestamps.at(-1), history.step)}. The forecast for ${formatTime(timestamps[0], history.step)} is `,
    h("strong", {}, low === high ? `${low} °C` : `${low} to ${high} °C`),
    last ? `. Forecasts extend to ${formatTime(timestamps[last], history.step)}.` : ".",
  ];
}
