// @ts-check
/** A forecast of the series in the user's file: the record on its past, the forecast, and a comparison of the models. */

import { parseList, readState, updateState } from "./address.js";
import { numberField, selectField, takeFocus, toggleGroup } from "./controls.js";
import { horizonAt, universalFor } from "./datasets.js";
import { announce, fill, h } from "./dom.js";
import { marineEvents } from "./event-kinds.js";
import { eventLoader } from "./event-requests.js";
import { eventView } from "./event-view.js";
import { forecastChart, valuesCard, warningsNotice } from "./forecast-card.js";
import { glossary } from "./glossary.js";
import { headlineCard, headlineText } from "./headline-card.js";
import { limitCard } from "./limit-form.js";
import { CELLS, modelTitle } from "./models.js";
import { comparisonCards } from "./own-series-comparison.js";
import { loadForecasts, withPosition } from "./own-series-requests.js";
import { formatCount } from "./numbers.js";
import { placeTrainingCard, reasonToTrain } from "./place-training.js";
import { positionFields, positionOf } from "./position-fields.js";
import { sentence } from "./sentence.js";
import { compareOnce, MAX_COMPARED_VALUES } from "./shared-comparison.js";
import { fileSnippets } from "./snippets.js";
import { latestOnly, runTask } from "./task.js";
import { formatSteps } from "./times.js";
import { isWorthless } from "./weather.js";

const POSITION_WARNINGS = ["no_climatology", "doubtful_position"];
const SUSPECT = "suspect_value";

/**
 * @typedef {object} Source
 * @property {import("./file-reader.js").FileContent} file
 * @property {any} series in the form that /forecast takes
 * @property {import("./forecast-chart.js").History} history the same series with the time of each value
 * @property {import("./datasets.js").Dataset[]} universal releases
 * @property {import("./datasets.js").Dataset[]} places whose models take the series
 * @property {string[]} known datasets of all places
 * @property {boolean} trainable whether networks can be trained on the series
 * @property {Record<string, any>} params of the request that read the file
 * @property {Element} summary of how the file was read
 * @property {() => void} reread reads the file again, for releases that are new
 *
 * @typedef {object} Choice what the user asks for
 * @property {import("./datasets.js").Dataset | null} place whose models forecast; null for universal networks
 * @property {string} model best, all or a cell
 * @property {number} horizon
 * @property {number} maxHorizon
 * @property {string | null} resampledTo the step of the release, if it is not that of the series
 * @property {import("./position-fields.js").Position | null} position
 *
 * @typedef {import("./shared-comparison.js").Compare} Compare
 *
 * @typedef {Record<"opening" | "forecast" | "values" | "training" | "comparison" | "code", HTMLElement>} Boxes
 */

/** @param {HTMLElement} box @param {Source} source @param {AbortSignal} signal */
export function fileForecast(box, source, signal) {
  const nextSignal = latestOnly(signal);
  const changeRelease = (/** @type {string} */ name) => {
    updateState({ release: name || null, horizon: null });
    takeFocus(build());
  };
  const build = () => {
    const field = releaseField(source, changeRelease);
    buildForecast(box, source, field, nextSignal());
    return field;
  };
  build();
}

/** @param {HTMLElement} box @param {Source} source @param {HTMLElement} releases the field of the release @param {AbortSignal} signal */
function buildForecast(box, source, releases, signal) {
  const part = (/** @type {string} */ name) => h("div", { class: `stack ${name}` });
  const boxes = { opening: part("opening"), forecast: part("forecast"), values: part("values"), training: part("training"), comparison: part("comparison"), code: part("code") };
  const nextSignal = latestOnly(signal);
  const compare = compareOnce(source, signal);
  const events = eventLoader(source, signal);
  const show = () => showForecast(boxes, source, { choice: choiceOf(source), position, compare, events }, nextSignal());
  const position = positionFields(source.series, () => (compare.forget(), show()));
  const update = (/** @type {Record<string, any>} */ changes) => {
    updateState(changes);
    show();
  };
  const options = optionsCard(source, choiceOf(source), { update, releases, position });
  fill(box, unusedRelease(source, choiceOf(source)), boxes.opening, boxes.forecast, options, boxes.values, boxes.training, boxes.comparison, source.summary, boxes.code);
  show();
}

/** What the user asks for, from the URL. @param {Source} source @returns {Choice} */
function choiceOf({ series, universal, places }) {
  const state = readState();
  const place = places.find(({ name }) => name === state.release) ?? null;
  const release = place ?? universalFor(universal, series.step);
  const maxHorizon = release ? horizonAt(release, series.step) : 1;
  const horizon = Math.round(Number(state.horizon)) || Math.ceil(maxHorizon / 2);
  return {
    place,
    model: [...cellsOf(place), "all"].includes(state.model) ? state.model : "best",
    horizon: Math.min(Math.max(horizon, 1), maxHorizon),
    maxHorizon,
    resampledTo: release && release.best.step !== series.step ? release.best.step : null,
    position: place ? null : positionOf(series),
  };
}

/** The choice between universal networks and those of a place; empty if no place takes the series. @param {Source} source @param {(name: string) => void} change */
function releaseField(source, change) {
  const universal = universalFor(source.universal, source.series.step);
  const options = [{ value: "", text: `Any sea${universal ? ` (${universal.name})` : ""}` }, ...source.places.map(({ name, title }) => ({ value: name, text: `One place (${title})` }))];
  return source.places.length ? selectField("Networks for", options, choiceOf(source).place?.name ?? "", change) : h("div", { hidden: true });
}

/** A notice that the release in the URL is not the one that forecasts; null if it is. @param {Source} source @param {Choice} choice */
function unusedRelease({ universal, known, series }, { place }) {
  const { release } = readState();
  const used = universalFor(universal, series.step)?.name;
  if (!release || place || release === used) return null;
  const exists = known.includes(release) || universal.some(({ name }) => name === release);
  return h(
    "div",
    { class: "notice error", role: "alert" },
    h("h2", {}, exists ? `The networks of ${release} do not forecast this series` : `No release ${release}`),
    used && h("p", {}, `The forecast below is from ${used}.`),
  );
}

/** The cells to choose from: those of a place, or of the universal releases. @param {import("./datasets.js").Dataset | null} place */
function cellsOf(place) {
  return place ? place.models.map(({ cell }) => cell) : CELLS;
}

/**
 * The controls of the forecast.
 * @param {Source} source @param {Choice} choice
 * @param {{update: (changes: Record<string, any>) => void, releases: HTMLElement, position: ReturnType<typeof positionFields>}} actions
 */
function optionsCard(source, { place, model, horizon, maxHorizon }, { update, releases, position }) {
  const cells = cellsOf(place);
  const all = { value: "all", text: cells.length === 3 ? "All three" : "All" };
  const models = [{ value: "best", text: place ? `Best (${modelTitle(place.best.cell)})` : "Best" }, ...cells.map((value) => ({ value, text: modelTitle(value) })), ...(cells.length > 1 ? [all] : [])];
  const text = place
    ? `These networks ${place.best.imported ? "were imported for" : "were trained on"} one place, ${place.title}, which may be quite unlike yours.`
    : "These networks were trained on simulated and real seas and take any series at its own step. “Best” mixes networks and references by their record on your series.";
  return h(
    "section",
    { class: "card options" },
    h("header", {}, h("h2", {}, "Change the forecast")),
    h(
      "div",
      { class: "controls" },
      releases,
      toggleGroup("Model", models, [model], ([selected]) => update({ model: selected === "best" ? null : selected }), { single: true }),
      numberField("Steps ahead", { value: horizon, min: 1, max: maxHorizon, unit: (n) => formatSteps(n, source.series.step) }, (n) => update({ horizon: n })),
    ),
    !place && position.element,
    h("p", { class: "note" }, text),
    glossary(),
  );
}

/**
 * @param {Boxes} boxes @param {Source} source
 * @param {{choice: Choice, position: ReturnType<typeof positionFields>, compare: Compare, events: import("./event-requests.js").EventLoader}} request @param {AbortSignal} signal
 */
function showForecast(boxes, source, { choice, position, compare, events: loader }, signal) {
  const { opening, forecast, values, training, comparison, code } = boxes;
  const dependent = [forecast, values, training, comparison, code];
  // The last forecast stays until the next one, so that the controls below it do not move away from the pointer.
  for (const box of dependent) box.classList.add("stale");
  const load = async (/** @type {AbortSignal} */ stop) => {
    try {
      return await loadForecasts(source, choice, compare, stop);
    } catch (error) {
      if (signal.aborted) throw error;
      // The user has stopped it.
      if (stop.aborted) compare.forget();
      for (const box of dependent) {
        fill(box);
        box.removeAttribute("aria-busy");
      }
      throw error;
    }
  };
  return runTask(opening, `Forecasting, and checking the record on ${source.file.name}`, signal, load, ({ forecasts, headline, body }) => {
    for (const box of dependent) box.classList.remove("stale");
    const events = eventView(source.history, choice, loader, signal);
    fill(opening, suspectNotice(forecasts, source.summary), headlineCard(headline, source.history, events.line));
    position.setProblem(choice.position && positionProblem(forecasts));
    const name = source.series.id === "0" ? source.file.name : source.series.id;
    const onReferences = (/** @type {string[]} */ selection) => updateState({ refs: selection.join(",") || "none" });
    const references = parseList(readState().refs, events.chart?.replacesReferences ? [] : Object.keys(forecasts[0].baselines));
    const shown = { name, history: source.history, forecasts, series: withPosition(source.series, choice), references, onReferences, events: events.chart, controls: events.controls };
    fill(forecast, h("section", { class: "card" }, forecastChart(shown, signal), events.below), warningsNotice(forecasts, [SUSPECT, ...(isWorthless(headline.forecast.weather) ? ["weather_not_used"] : [])]), events.notice, limitCard(source.history.step, choice, loader, forecasts[0].sst, signal));
    const shownEvents = events.show(forecasts[0].timestamps);
    fill(values, valuesCard(shown));
    fill(training, trainingCard(source, choice, headline, signal));
    fill(code, fileSnippets(source.file, source.params, { ...body, events: marineEvents(source.history) }, enteredPosition(source.series, choice)));
    // Announced last, since the progress of the comparison would replace it.
    Promise.all([shownEvents, showComparison(comparison, source, { choice, compare }, signal)]).then(() => signal.aborted || announce(`${headlineText(headline, source.history)} ${events.sentence()}`.trim()));
  });
}

/** A warning that the series ends in an implausible value, which decides the whole forecast; null if it does not. @param {import("./forecast-chart.js").ModelForecast[]} forecasts @param {Element} summary has the check of the values */
function suspectNotice(forecasts, summary) {
  const warning = forecasts[0].warnings.find(({ code }) => code === SUSPECT);
  if (!warning) return null;
  const goToCheck = () => {
    const check = /** @type {HTMLElement} */ (summary.querySelector(".value-check button"));
    check.focus({ preventScroll: true });
    check.scrollIntoView({ block: "center" });
  };
  return h(
    "div",
    { class: "notice warning" },
    h("h2", {}, "This forecast starts from an implausible value"),
    h("p", {}, sentence(warning.message)),
    h("button", { type: "button", class: "plain", click: goToCheck }, "Go to the check"),
  );
}

/** How to train at the place of the series; null if that is not likely to help. @param {Source} source @param {Choice} choice @param {import("./headline-card.js").Headline} headline @param {AbortSignal} signal */
function trainingCard(source, choice, headline, signal) {
  const reason = choice.place || !source.trainable ? null : reasonToTrain(source.history, headline);
  if (reason === null) return null;
  const use = (/** @type {string} */ dataset) => {
    updateState({ release: dataset, model: null, horizon: null });
    source.reread();
  };
  const { file, params, series, known } = source;
  return placeTrainingCard({ file, params, position: enteredPosition(series, choice), step: series.step, known }, reason, use, signal);
}

/** The position that the request has to add, because the file does not have it; null if there is none. @param {any} series @param {Choice} choice */
function enteredPosition({ latitude, longitude }, { position }) {
  return position && (position.latitude !== latitude || position.longitude !== longitude) ? position : null;
}

/** Why the position is not used or in doubt; null if it is right. @param {import("./forecast-chart.js").ModelForecast[]} forecasts */
function positionProblem(forecasts) {
  const warning = forecasts[0].warnings.find(({ code }) => POSITION_WARNINGS.includes(code));
  return warning ? sentence(warning.message) : null;
}

/** @param {HTMLElement} box @param {Source} source @param {{choice: Choice, compare: Compare}} request @param {AbortSignal} signal */
function showComparison(box, source, { choice, compare }, signal) {
  const load = async (/** @type {AbortSignal} */ stop) => {
    try {
      return await compare.get(choice, stop);
    } catch (error) {
      // The user has stopped it.
      if (stop.aborted && !signal.aborted) compare.forget();
      throw error;
    }
  };
  const useAll = () => {
    compare.useAll();
    showComparison(box, source, { choice, compare }, signal);
  };
  const task = `Comparing the models over ${compare.isPart() ? `the last ${formatCount(MAX_COMPARED_VALUES)} values` : "the whole series"}`;
  return runTask(box, task, signal, load, (comparison) => {
    if (!comparison.error) return fill(box, ...comparisonCards(comparison, signal), compare.isPart() && partNote(source.history.values.length, useAll));
    fill(box, h("section", { class: "card" }, h("header", {}, h("h2", {}, "How the models would have forecast your series")), h("p", { class: "note" }, sentence(comparison.error))));
  });
}

/** Says that a comparison is over the end of a series, and offers the whole. @param {number} n values of the series @param {() => void} useAll */
function partNote(n, useAll) {
  const button = h("button", { type: "button", class: "plain", click: useAll }, "Compare over all values");
  return h("p", { class: "note row" }, `The comparison is over the last ${formatCount(MAX_COMPARED_VALUES)} of ${formatCount(n)} values.`, button);
}
