// @ts-check
/** The Compare view: accuracy of the models over the test period, next to the references. */

import { accuracyTable, bestNote, caveatSentence, metricDefinitions } from "./accuracy.js";
import { parseList, readAddress, readState, reportPath, updateState } from "./address.js";
import { getJson, withQuery } from "./api.js";
import { Chart } from "./chart.js";
import { comparisonFigure, comparisonRows, meanSpread, networksOf } from "./comparison-chart.js";
import { numberField, toggleGroup } from "./controls.js";
import { coverageCard } from "./coverage.js";
import { datasetField, showDataset, unknownDataset } from "./dataset-choice.js";
import { findDataset } from "./datasets.js";
import { fill, h } from "./dom.js";
import { downloadButton } from "./download.js";
import { glossary } from "./glossary.js";
import { showHindcast } from "./hindcast.js";
import { kindOf, modelLabel, modelTitle } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { tableDisclosure } from "./table.js";
import { latestOnly, runTask } from "./task.js";
import { leadErrorsCard } from "./leads.js";
import { showMemory } from "./memory.js";
import { skillBars } from "./skill-bars.js";
import { formatPeriod, formatSteps } from "./times.js";
import { trainingCards } from "./training.js";

export const heading = "Compare";

const INTRODUCTION = "How far the RNN, LSTM and GRU forecasts are from the observations.";

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  await showDataset(root, signal, compose, { horizon: null, from: null, to: null, day: null, network: null }, reportPath);
}

/**
 * @param {HTMLElement} root @param {import("./datasets.js").Releases} releases
 * @param {import("./dataset-choice.js").Actions} actions
 * @param {AbortSignal} signal
 */
function compose(root, releases, { changeDataset, built }, signal) {
  const datasets = releases.places;
  const dataset = findDataset(datasets, readAddress().id);
  if (!dataset) return fill(root, unknownDataset(releases, readAddress().id, reportPath));
  const intro = h("p", {}, INTRODUCTION);
  const errors = errorsPart(intro, dataset, signal);
  const field = datasetField(datasets, dataset, changeDataset);
  const [plot, hindcast] = [h("section", { class: "card" }), h("section", { class: "card", hidden: true })];
  const [memory, training] = [h("div", {}), h("div", {})];
  const isImported = dataset.models.every(({ imported }) => imported);
  fill(
    root,
    h("div", { class: "intro" }, h("h1", {}, heading), intro, glossary()),
    h("div", { class: "controls" }, field),
    plot,
    hindcast,
    errors.element,
    section("What each network remembers", "The universal networks, which forecast series from any sea, on seas that they have not seen: the longer the series before a forecast, the more there is to remember.", memory),
    !isImported && section("How the networks were trained", "All three networks have the same configuration and differ only in their cell.", training),
  );
  built(field);
  showPlot(plot, hindcast, dataset.name, signal);
  errors.start();
  showMemory(memory, dataset.best.step, signal);
  if (!isImported) showTraining(training, dataset.name, signal);
}

/** Show the plot, and then the past forecasts if the release has them. @param {HTMLElement} card @param {HTMLElement} hindcast @param {string} dataset @param {AbortSignal} signal */
function showPlot(card, hindcast, dataset, signal) {
  const load = (/** @type {AbortSignal} */ stop) => getJson(withQuery("/compare/predictions", { dataset }), { signal: stop });
  return runTask(card, "Loading forecasts for the test period", signal, load, (predictions) => {
    fill(card, ...plotCard(predictions, signal));
    hindcast.hidden = !predictions.hindcast;
    if (predictions.hindcast) showHindcast(hindcast, predictions, signal);
  });
}

/** @param {import("./comparison-chart.js").Predictions & {dataset: string}} results @param {AbortSignal} signal */
function plotCard(results, signal) {
  const kinds = Object.keys(results.predictions).map(kindOf);
  const networks = networksOf(results);
  const { from, to, models } = readState();
  let shown = parseList(models, networks).filter((kind) => kinds.includes(kind));
  const chart = new Chart(`Observed and forecast SST for ${results.dataset}, with errors`, signal, {
    height: "40rem",
    range: from && to ? [from, to] : null,
    onZoom: (range) => updateState({ from: range && toMinute(range[0]), to: range && toMinute(range[1]) }),
  });
  const spread = meanSpread(results, networks);
  chart.draw((range) => comparisonFigure(results, shown, range));
  const options = kinds.map((value) => ({ value, text: modelLabel(value) }));
  return [
    h(
      "header",
      {},
      h(
        "div",
        {},
        h("h2", {}, "Observed and forecast, one step ahead"),
        h("p", {}, formatPeriod(results.timestamps[0], /** @type {string} */ (results.timestamps.at(-1)), results.step)),
      ),
      chart.zoomButtons(),
    ),
    h(
      "div",
      { class: "controls" },
      h("div", { class: "field" }, h("span", {}, "Always shown"), h("div", { class: "row legend" }, modelLabel("observed"))),
      toggleGroup("Show", options, shown, (selection) => {
        shown = selection;
        updateState({ models: selection.join(",") === networks.join(",") ? null : selection.join(",") || "none" });
        chart.redraw();
      }),
    ),
    chart.element,
    spread !== null && h("p", { class: "note" }, `On average, the networks are within ${fixed(spread, spread < 0.01 ? 3 : 2)} °C of each other, so their lines almost coincide; the lowest panel shows how they differ, on a scale for that. Drag across the chart or use the buttons to zoom in; double-click to show the whole period.`),
    tableDisclosure(`Observed and forecast SST for ${results.dataset}, °C`, () => comparisonRows(results, shown, chart.range)),
  ];
}

/**
 * The errors at a lead that the user chooses, the skill, and the errors at every lead.
 * @param {HTMLElement} intro @param {import("./datasets.js").Dataset} dataset @param {AbortSignal} signal
 */
function errorsPart(intro, { name: dataset, best }, signal) {
  const horizon = Math.min(Math.max(Number(readState().horizon) || 1, 1), best.horizon);
  const boxes = { intro, header: h("header", {}, h("h2", {}, "Errors")), errors: h("div", {}), skill: h("section", { class: "card", hidden: true }), byLead: h("div", { class: "grid" }) };
  const nextSignal = latestOnly(signal);
  const showAt = (/** @type {number} */ steps) => showErrors(boxes, dataset, steps, nextSignal());
  const lead = { value: horizon, min: 1, max: best.horizon, unit: (/** @type {number} */ n) => formatSteps(n, best.step) };
  const field = numberField("Steps ahead in the table", lead, (steps) => {
    updateState({ horizon: steps === 1 ? null : steps });
    showAt(steps);
  });
  const card = h("section", { class: "card" }, boxes.header, h("div", { class: "controls" }, field), boxes.errors);
  return { element: h("div", { class: "stack" }, h("div", { class: "grid" }, card, boxes.skill), boxes.byLead), start: () => showAt(horizon) };
}

/** @param {Record<"intro" | "header" | "errors" | "skill" | "byLead", HTMLElement>} boxes @param {string} dataset @param {number} horizon @param {AbortSignal} signal */
function showErrors({ intro, header, errors, skill, byLead }, dataset, horizon, signal) {
  const path = (/** @type {string} */ format) => withQuery("/compare", { dataset, horizon, format });
  const dependent = [intro, header, skill, byLead];
  const setStale = (/** @type {boolean} */ stale) => dependent.forEach((box) => box.classList.toggle("stale", stale));
  // The first run has nothing to replace.
  setStale(skill.hasChildNodes());
  const load = async (/** @type {AbortSignal} */ stop) => {
    try {
      return await getJson(path("json"), { signal: stop });
    } catch (error) {
      if (!signal.aborted) {
        setStale(false);
        fill(intro, INTRODUCTION);
        fill(header, h("h2", {}, "Errors"));
        fill(byLead);
        fill(skill);
        skill.hidden = true;
      }
      throw error;
    }
  };
  return runTask(errors, "Loading errors", signal, load, (comparison) => {
    setStale(false);
    fill(intro, ...introduction(comparison));
    fill(header, h("h2", {}, `Errors, ${formatSteps(horizon, comparison.step)} ahead`), h("p", {}, `${formatCount(comparison.test.n)} forecasts`));
    fill(
      errors,
      accuracyTable(comparison, "Errors over the test period", { markBest: true }),
      bestNote(comparison),
      h(
        "div",
        { class: "row" },
        downloadButton("CSV", `${dataset}-${horizon}.csv`, () => path("csv")),
        downloadButton("Markdown", `${dataset}-${horizon}.md`, () => path("markdown")),
        downloadButton("Plot as SVG", `${dataset}.svg`, () => withQuery("/compare/plot", { dataset, format: "svg" })),
      ),
      metricDefinitions(),
    );
    skill.hidden = false;
    fill(skill, h("header", {}, h("h2", {}, "Skill"), h("p", {}, "Reduction in RMSE; bars to the right are better")), skillBars(comparison));
    showByLead(byLead, comparison, signal);
  });
}

/** Errors and coverage at every lead. @param {HTMLElement} box @param {any} comparison @param {AbortSignal} signal */
function showByLead(box, comparison, signal) {
  const load = (/** @type {AbortSignal} */ stop) => getJson(withQuery("/compare/leads", { dataset: comparison.dataset }), { signal: stop });
  return runTask(box, "Loading errors by lead", signal, load, (leads) => fill(box, leadErrorsCard(leads, comparison.horizon, signal), coverageCard(leads, signal)));
}

/** @param {any} comparison */
function introduction(comparison) {
  const best = comparison.models.find((/** @type {any} */ model) => model.model === comparison.best);
  const period = formatPeriod(comparison.test.start, comparison.test.end, comparison.step);
  const caveat = caveatSentence(comparison.models);
  return [
    caveat ? `The test period is ${period}. ${caveat} ` : `The test period, ${period}, was not used for training or tuning. `,
    h("strong", {}, `${modelTitle(kindOf(best.model))}, the best network over the validation period, is off by ${fixed(best.mae, 2)} °C on average`),
    ` ${formatSteps(comparison.horizon, comparison.step)} ahead.`,
  ];
}

/** @param {HTMLElement} box @param {string} dataset @param {AbortSignal} signal */
function showTraining(box, dataset, signal) {
  const load = (/** @type {AbortSignal} */ stop) => getJson(withQuery("/compare/training", { dataset }), { signal: stop });
  return runTask(box, "Loading training details", signal, load, (record) => fill(box, trainingCards(record, signal)));
}

/** @param {string} name @param {string} text @param {HTMLElement} content */
function section(name, text, content) {
  return h("section", { class: "part" }, h("h2", {}, name), h("p", {}, text), content);
}

/** A time to the minute, which keeps the URL short. @param {string} time */
function toMinute(time) {
  return time.slice(0, 16).replace(" ", "T");
}
