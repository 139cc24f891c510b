// @ts-check
/** The report on a shipped sea: how far off its networks and the simple forecasts were, over one test period. */

import { accuracyTable, caveatSentence, choiceNote, metricDefinitions } from "./accuracy.js";
import { ADD, keepPeriod, parseList, readAddress, readPeriod, readState, reportPath, seaPath, updateState } from "./address.js";
import { getJson, withQuery } from "./api.js";
import { Chart } from "./chart.js";
import { comparisonFigure, comparisonRows, meanSpread, networksOf } from "./comparison-chart.js";
import { numberField, selectField, takeFocus, toggleGroup } from "./controls.js";
import { coverageCard } from "./coverage.js";
import { findDataset, loadReleases } from "./datasets.js";
import { difference, unit } from "./degrees.js";
import { fill, h } from "./dom.js";
import { downloadButton } from "./download.js";
import { glossary } from "./glossary.js";
import { showHindcast } from "./hindcast.js";
import { leadErrorsCard } from "./leads.js";
import { kindOf, modelLabel, modelTitle } from "./models.js";
import { formatCount } from "./numbers.js";
import { releaseReport } from "./release-report.js";
import { skillBars } from "./skill-bars.js";
import { tableDisclosure } from "./table.js";
import { latestOnly, runTask } from "./task.js";
import { formatPeriod, formatSteps, stepAdjective } from "./times.js";

export const heading = "Report";

/** @typedef {import("./datasets.js").Dataset} Dataset */

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const nextSignal = latestOnly(signal);
  const change = (/** @type {string} */ name) => {
    updateState({ horizon: null, from: null, to: null, day: null, network: null }, { step: true, path: reportPath(name) });
    load(true);
  };
  const load = (isChange = false) => {
    const stop = nextSignal();
    return runTask(root, "Loading models", stop, loadReleases, (releases) => {
      const field = compose(root, releases, change, stop);
      // The list that was used is replaced.
      if (field && isChange) takeFocus(field);
    });
  };
  await load();
}

/** Show the report, and return the field of its sea; null if there is none. @param {HTMLElement} root @param {import("./datasets.js").Releases} releases @param {(name: string) => void} change @param {AbortSignal} signal */
function compose(root, releases, change, signal) {
  const { id } = readAddress();
  const dataset = findDataset(releases.places, id);
  if (!dataset) {
    fill(root, unknownDataset(releases, id));
    return null;
  }
  const intro = h("p", {});
  const [plot, hindcast] = [h("section", { class: "card" }), h("section", { class: "card", hidden: true })];
  const { name, title, best } = dataset;
  const loadLeads = once((stop) => getJson(withQuery("/compare/leads", { dataset: name }), { signal: stop }));
  const errors = errorsPart(intro, dataset, loadLeads, signal);
  const field = datasetField(releases.places, dataset, change);
  fill(
    root,
    h("div", { class: "intro" }, h("h1", {}, `Report on ${title}`), intro, glossary()),
    h("div", { class: "controls" }, field, h("div", { class: "row more" }, h("a", { href: seaPath(name) }, "The forecast"), releaseReport(best.model, "How the networks were trained", signal))),
    plot,
    hindcast,
    errors.element,
  );
  showPlot(plot, hindcast, name, loadLeads, signal);
  errors.start();
  return field;
}

/** A list of the seas by title. @param {Dataset[]} datasets @param {Dataset} selected @param {(name: string) => void} change */
function datasetField(datasets, selected, change) {
  const options = datasets.map(({ name, title, best }) => ({ value: name, text: `${title} (${stepAdjective(best.step)})` }));
  return selectField("Dataset", options, selected.name, change);
}

/** A notice that there is no report of this name, with links to the others. @param {import("./datasets.js").Releases} releases @param {string} dataset */
function unknownDataset({ places, universal }, dataset) {
  const isUniversal = universal.some(({ name }) => name === dataset);
  const heading = isUniversal ? `${dataset} has no dataset to show` : `No dataset is named ${dataset}`;
  const links = places.map(({ name, title }) => h("li", {}, h("a", { href: reportPath(name) }, title), title !== name && [" ", h("code", {}, name)]));
  return h(
    "div",
    { class: "notice error", role: "alert" },
    h("h1", {}, `${heading}. Choose one:`),
    h("ul", {}, links, isUniversal && h("li", {}, h("a", { href: ADD }, "your own data"))),
  );
}

/** What is loaded once, unless it failed. @param {(stop: AbortSignal) => Promise<any>} load @returns {(stop: AbortSignal) => Promise<any>} */
function once(load) {
  /** @type {any} */
  let kept;
  return async (stop) => (kept ??= await load(stop));
}

/**
 * The errors at a lead that the user chooses, beside those at every lead.
 * @param {HTMLElement} intro @param {Dataset} dataset @param {(stop: AbortSignal) => Promise<any>} loadLeads @param {AbortSignal} signal
 */
function errorsPart(intro, dataset, loadLeads, signal) {
  const { step, horizon: longest } = dataset.best;
  const horizon = Math.min(Math.max(Number(readState().horizon) || 1, 1), longest);
  const boxes = { intro, header: h("header", {}, h("h2", {}, "Errors")), byLead: h("section", { class: "card", hidden: true }), evidence: h("div", { class: "grid" }) };
  const errors = h("div", {});
  const nextSignal = latestOnly(signal);
  const showAt = (/** @type {number} */ steps) => showErrors(boxes, errors, dataset.name, steps, loadLeads, nextSignal());
  const field = numberField("Steps ahead in the table", { value: horizon, min: 1, max: longest, unit: (n) => formatSteps(n, step) }, (steps) => {
    updateState({ horizon: steps === 1 ? null : steps });
    showAt(steps);
  });
  const card = h("section", { class: "card" }, boxes.header, h("div", { class: "controls" }, field), errors);
  return { element: h("div", { class: "stack" }, h("div", { class: "grid" }, boxes.byLead, card), boxes.evidence), start: () => showAt(horizon) };
}

/**
 * @param {Record<"intro" | "header" | "byLead" | "evidence", HTMLElement>} boxes what depends on the lead @param {HTMLElement} errors
 * @param {string} dataset @param {number} horizon @param {(stop: AbortSignal) => Promise<any>} loadLeads @param {AbortSignal} signal
 */
function showErrors(boxes, errors, dataset, horizon, loadLeads, signal) {
  const { intro, header, byLead, evidence } = boxes;
  const path = (/** @type {string} */ format) => withQuery("/compare", { dataset, horizon, format });
  const setStale = (/** @type {boolean} */ stale) => Object.values(boxes).forEach((box) => box.classList.toggle("stale", stale));
  // The first run has nothing to replace.
  setStale(evidence.hasChildNodes());
  const load = async (/** @type {AbortSignal} */ stop) => {
    try {
      return await Promise.all([getJson(path("json"), { signal: stop }), loadLeads(stop)]);
    } catch (error) {
      if (!signal.aborted) {
        setStale(false);
        fill(intro);
        fill(header, h("h2", {}, "Errors"));
        fill(evidence);
        byLead.hidden = true;
      }
      throw error;
    }
  };
  return runTask(errors, "Loading errors", signal, load, ([comparison, leads]) => {
    setStale(false);
    fill(intro, ...introduction(comparison));
    fill(header, h("h2", {}, `Errors, ${formatSteps(horizon, comparison.step)} ahead`), h("p", {}, `${formatCount(comparison.test.n)} forecasts`));
    fill(
      errors,
      accuracyTable(comparison, "Errors over the test period", { markChosen: true }),
      choiceNote(comparison),
      h(
        "div",
        { class: "row" },
        downloadButton("CSV", `${dataset}-${horizon}.csv`, () => path("csv")),
        downloadButton("Markdown", `${dataset}-${horizon}.md`, () => path("markdown")),
        downloadButton("Plot as SVG", `${dataset}.svg`, () => withQuery("/compare/plot", { dataset, format: "svg" })),
      ),
      metricDefinitions(),
    );
    byLead.hidden = false;
    fill(byLead, ...leadErrorsCard(leads, horizon, signal));
    fill(evidence, h("section", { class: "card" }, h("header", {}, h("h2", {}, "Better than a simple forecast?"), h("p", {}, "Bars to the right are better")), skillBars(comparison)), coverageCard(leads, signal));
  });
}

/** The test period, and how far off the chosen network was. @param {any} comparison */
function introduction(comparison) {
  const chosen = comparison.models.find((/** @type {any} */ model) => model.model === comparison.best);
  const period = formatPeriod(comparison.test.start, comparison.test.end, comparison.step);
  const caveat = caveatSentence(comparison.models);
  const error = difference(chosen.rmse, chosen.rmse < 0.1 ? 3 : 2);
  return [
    `Everything here is measured over one test period, ${period}${caveat ? `. ${caveat} ` : ", which was not used for training or tuning. "}`,
    h("strong", {}, `${formatSteps(comparison.horizon, comparison.step)} ahead, the typical error of ${modelTitle(kindOf(chosen.model))}, the chosen network, is ${error}`),
    ".",
  ];
}

/**
 * Show the plot, and the past forecasts if the release has them.
 * @param {HTMLElement} card @param {HTMLElement} hindcast @param {string} dataset @param {(stop: AbortSignal) => Promise<any>} loadLeads @param {AbortSignal} signal
 */
function showPlot(card, hindcast, dataset, loadLeads, signal) {
  const load = (/** @type {AbortSignal} */ stop) => Promise.all([getJson(withQuery("/compare/predictions", { dataset }), { signal: stop }), loadLeads(stop)]);
  return runTask(card, "Loading forecasts for the test period", signal, load, ([predictions, leads]) => {
    fill(card, ...plotCard(predictions, signal));
    hindcast.hidden = !predictions.hindcast;
    if (predictions.hindcast) showHindcast(hindcast, predictions, leads, signal);
  });
}

/** @param {import("./comparison-chart.js").Predictions & {dataset: string}} results @param {AbortSignal} signal */
function plotCard(results, signal) {
  const kinds = Object.keys(results.predictions).map(kindOf);
  const networks = networksOf(results);
  const { models } = readState();
  let shown = parseList(models, networks).filter((kind) => kinds.includes(kind));
  const chart = new Chart(`Observed and forecast SST for ${results.dataset}, with errors`, signal, {
    height: "40rem",
    range: readPeriod(),
    onZoom: keepPeriod,
  });
  const spread = meanSpread(results, networks);
  chart.draw((range) => comparisonFigure(results, shown, range));
  const options = kinds.map((value) => ({ value, text: modelLabel(value) }));
  return [
    h("header", {}, h("h2", {}, "Observed and forecast, one step ahead"), chart.zoomButtons()),
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
    spread !== null && h("p", { class: "note" }, `On average, the networks are within ${difference(spread, spread < 0.01 ? 3 : 2)} of each other, so their lines almost coincide; the lowest panel shows how they differ, on a scale for that. Drag across the chart or use the buttons to zoom in; double-click to show the whole period.`),
    tableDisclosure(`Observed and forecast SST for ${results.dataset}, ${unit()}`, () => comparisonRows(results, shown, chart.range)),
  ];
}
