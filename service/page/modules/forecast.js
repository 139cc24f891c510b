// @ts-check
/** The Forecast view, which opens the page: what follows the last observation of a dataset, in a sentence, a chart and a table. */

import { ADD, parseList, readAddress, readState, seaPath, updateState } from "./address.js";
import { getJson, withQuery } from "./api.js";
import { numberField, toggleGroup } from "./controls.js";
import { datasetField, showDataset, unknownDataset } from "./dataset-choice.js";
import { findDataset, knowsUsual } from "./datasets.js";
import { announce, fill, h } from "./dom.js";
import { forecastsOf } from "./forecast-chart.js";
import { forecastChart, valuesCard, warningsNotice } from "./forecast-card.js";
import { howGoodCard, judge, lossNote } from "./how-good.js";
import { modelTitle } from "./models.js";
import { dataAge, outlookLead, outlookOf, outlookSentence } from "./outlook.js";
import { querySnippets } from "./snippets.js";
import { latestOnly, runTask } from "./task.js";
import { formatSteps } from "./times.js";

export const heading = "Forecast";

const DEFAULT_LEVELS = ["80", "95"];

/** Leads shown initially, unless a day has more. */
const DEFAULT_LEADS = 12;

/** @typedef {import("./datasets.js").Dataset} Dataset */

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  await showDataset(root, signal, compose, { horizon: null }, seaPath);
}

/**
 * @param {HTMLElement} root @param {import("./datasets.js").Releases} releases
 * @param {import("./dataset-choice.js").Actions} actions
 * @param {AbortSignal} signal
 */
function compose(root, releases, { changeDataset, built }, signal) {
  const datasets = releases.places;
  const dataset = findDataset(datasets, readAddress().id);
  if (!dataset) return fill(root, unknownDataset(releases, readAddress().id, seaPath));
  const opening = h("div", { class: "outlook" }, h("h1", {}, dataset.title));
  const chart = h("div", { class: "chart-slot" });
  const more = h("div", { class: "stack" });
  const nextSignal = latestOnly(signal);
  const change = (/** @type {Record<string, string | number | null>} */ changes) => {
    updateState(changes);
    showForecast({ opening, chart, more }, dataset, nextSignal());
  };
  const field = datasetField(datasets, dataset, changeDataset);
  fill(root, opening, h("section", { class: "card" }, h("h2", { class: "hidden" }, "Chart"), chart, controls(dataset, field, change)), more);
  built(field);
  change({});
}

/** @param {Dataset} dataset @param {Element} field of the dataset @param {(changes: Record<string, string | number | null>) => void} change */
function controls(dataset, field, change) {
  const { model, horizon, levels } = requestOptions(dataset);
  const { step, horizon: maxHorizon } = dataset.best;
  const cells = dataset.models.map(({ cell }) => ({ value: cell, text: modelTitle(cell) }));
  const all = { value: "all", text: cells.length === 3 ? "All three" : "All" };
  const models = [{ value: "best", text: `Best (${modelTitle(dataset.best.cell)})` }, ...cells, ...(cells.length > 1 ? [all] : [])];
  const levelOptions = dataset.best.levels.map((/** @type {number} */ level) => ({ value: String(level), text: `${level}%` }));
  return h(
    "div",
    { class: "controls options" },
    field,
    toggleGroup("Model", models, [model], ([selected]) => change({ model: selected === "best" ? null : selected }), { single: true }),
    numberField("Steps ahead", { value: horizon, min: 1, max: maxHorizon, unit: (n) => formatSteps(n, step) }, (n) => change({ horizon: n })),
    toggleGroup("Intervals", levelOptions, levels, (selection) => change({ levels: selection.join(",") === DEFAULT_LEVELS.join(",") ? null : selection.join(",") || "none" })),
  );
}

/** The options of the forecast request, from the URL. @param {Dataset} dataset */
function requestOptions(dataset) {
  const state = readState();
  const { step, horizon: maxHorizon } = dataset.best;
  const horizon = Number(state.horizon) || Math.min(maxHorizon, Math.max(DEFAULT_LEADS, outlookLead(step, maxHorizon)));
  return {
    model: [...dataset.models.map(({ cell }) => cell), "all"].includes(state.model) ? state.model : "best",
    horizon: Math.min(Math.max(Math.round(horizon), 1), maxHorizon),
    levels: parseList(state.levels, DEFAULT_LEVELS).filter((level) => dataset.best.levels.includes(Number(level))),
  };
}

/** @param {Record<"opening" | "chart" | "more", HTMLElement>} boxes @param {Dataset} dataset @param {AbortSignal} signal */
function showForecast({ opening, chart, more }, dataset, signal) {
  const { model, horizon, levels } = requestOptions(dataset);
  const lead = outlookLead(dataset.best.step, horizon);
  const query = { dataset: dataset.name, model, horizon, level: levels.map(Number) };
  const paths = [withQuery("/forecast", query), withQuery("/series", { dataset: dataset.name }), withQuery("/compare", { dataset: dataset.name, horizon: lead })];
  const setStale = (/** @type {boolean} */ stale) => [opening, more].forEach((box) => box.classList.toggle("stale", stale));
  setStale(more.hasChildNodes());
  const load = async (/** @type {AbortSignal} */ stop) => {
    try {
      return await Promise.all(paths.map((path) => getJson(path, { signal: stop })));
    } catch (error) {
      if (!signal.aborted) {
        setStale(false);
        fill(opening, h("h1", {}, dataset.title));
        fill(more);
      }
      throw error;
    }
  };
  return runTask(chart, "Forecasting", signal, load, ([response, recent, comparison]) => {
    const forecasts = forecastsOf(response, 0).map((/** @type {any} */ forecast) => (levels.length ? forecast : { ...forecast, intervals: [] }));
    const named = !["best", "all"].includes(model);
    const judgement = judge(comparison, named ? forecasts[0].model : dataset.best.model, named);
    const history = knowsUsual(dataset) ? recent : { ...recent, climatology: undefined };
    const shown = { name: dataset.name, title: dataset.title, history, forecasts, ...referenceChoice(dataset, judgement) };
    setStale(false);
    fill(opening, ...openingOf(dataset, shown, judgement, lead));
    fill(chart, ...forecastChart(shown, signal));
    fill(more, warningsNotice(forecasts, ["late"]), h("div", { class: "grid" }, howGoodCard(comparison, judgement, dataset.name), ownDataCard()), valuesCard(shown), querySnippets("/forecast", query));
    announce(opening.textContent ?? "");
  });
}

/**
 * The sentence that opens the page, and how old the data are.
 * @param {Dataset} dataset @param {import("./forecast-card.js").Shown} shown @param {import("./how-good.js").Judgement} judgement @param {number} lead
 */
function openingOf(dataset, { history, forecasts }, judgement, lead) {
  const now = new Date();
  const { title, best } = dataset;
  const forecast = forecasts.find(({ model }) => model === judgement.network.model) ?? forecasts[0];
  const outlook = outlookOf(forecast, { title, step: best.step, model: judgement.shown, lead, knowsUsual: knowsUsual(dataset) });
  const late = forecast.warnings.some(({ code }) => code === "late");
  const note = lossNote(judgement, forecast.baselines, lead);
  return [h("h1", {}, outlookSentence(outlook, now)), h("p", {}, dataAge(history, { end: /** @type {string} */ (forecast.timestamps.at(-1)), late }, now), note && ` ${note}`)];
}

/** The references shown, from the URL; by default what is usual, and the reference that makes the headline. @param {Dataset} dataset @param {import("./how-good.js").Judgement} judgement */
function referenceChoice(dataset, { network, shown }) {
  const initial = [...new Set([...(knowsUsual(dataset) ? ["climatology"] : []), ...(shown === network.model ? [] : [shown])])];
  return {
    references: parseList(readState().refs, initial),
    onReferences: (/** @type {string[]} */ selection) => updateState({ refs: selection.join(",") === initial.join(",") ? null : selection.join(",") || "none" }),
  };
}

function ownDataCard() {
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, "Another sea?")),
    h("p", {}, "Drop a file of your own readings: two weeks of daily values or two days of hourly ones are enough. You see the forecast, and how such forecasts did on your own past."),
    h("p", { class: "more" }, h("a", { href: ADD }, "Forecast your own data")),
  );
}
