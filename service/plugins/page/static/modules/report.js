// @ts-check
/** The report on a shipped sea: how far off its networks and the simple forecasts were, over one test period. */

import { accuracyTable, caveatSentence, choiceNote } from "./accuracy.js";
import { ADD, readAddress, readState, reportPath, seaPath, updateState } from "./address.js";
import { getJson, withQuery } from "./api.js";
import { numberField } from "./controls.js";
import { findDataset, loadReleases } from "./datasets.js";
import { difference } from "./degrees.js";
import { fill, h } from "./dom.js";
import { downloadButton, fetchedPicture } from "./download.js";
import { glossary } from "./glossary.js";
import { hindcastCard } from "./hindcast.js";
import { leadErrorsCard } from "./leads.js";
import { kindOf, modelTitle } from "./models.js";
import { formatCount } from "./numbers.js";
import { latestOnly, runTask } from "./task.js";
import { formatPeriod, formatSteps } from "./times.js";

export const heading = "Report";

/** @typedef {import("./datasets.js").Dataset} Dataset */

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const { id } = readAddress();
  const load = async (/** @type {AbortSignal} */ stop) => {
    const releases = await loadReleases(stop);
    const dataset = findDataset(releases.places, id);
    const paths = ["/compare", "/compare/leads", "/compare/predictions"].map((path) => withQuery(path, { dataset: dataset?.name }));
    return { releases, dataset, evidence: dataset && (await Promise.all(paths.map((path) => getJson(path, { signal: stop })))) };
  };
  await runTask(root, "Loading the report", signal, load, ({ releases, dataset, evidence }) => {
    fill(root, dataset && evidence ? reportOf(dataset, evidence, releases, signal) : unknownDataset(releases, id));
  });
}

/** @param {Dataset} dataset @param {any[]} evidence the responses of /compare and the calls below it @param {import("./datasets.js").Releases} releases @param {AbortSignal} signal */
function reportOf(dataset, [comparison, leads, predictions], { places }, signal) {
  const { name, title, best } = dataset;
  return [
    h("div", { class: "intro" }, h("h1", {}, `Report on ${title}`), h("p", {}, introduction(comparison)), glossary()),
    h("div", { class: "row more" }, h("a", { href: seaPath(name) }, "The forecast"), downloadButton("Model card", `${name}.md`, () => `/models/${encodeURIComponent(best.model)}/card`)),
    predictions.hindcast && hindcastCard(predictions, leads, signal),
    h("div", { class: "grid" }, leadErrorsCard(leads, signal), errorsCard(dataset, signal)),
    figureCard(dataset, signal),
    places.length > 1 && h("section", { class: "card" }, h("header", {}, h("h2", {}, "Reports on other seas")), reportLinks(places.filter((place) => place !== dataset))),
  ];
}

/** @param {Dataset[]} places @param {import("./dom.js").Child} [last] */
function reportLinks(places, last) {
  return h("ul", {}, places.map(({ name, title }) => h("li", {}, h("a", { href: reportPath(name) }, title), title !== name && [" ", h("code", {}, name)])), last);
}

/** A notice that there is no report of this name, with links to the others. @param {import("./datasets.js").Releases} releases @param {string} dataset */
function unknownDataset({ places, universal }, dataset) {
  const isUniversal = universal.some(({ name }) => name === dataset);
  const heading = isUniversal ? `${dataset} has no dataset to show` : `No dataset is named ${dataset}`;
  return h("div", { class: "notice error", role: "alert" }, h("h1", {}, `${heading}. Choose one:`), reportLinks(places, isUniversal && h("li", {}, h("a", { href: ADD }, "your own data"))));
}

/** The test period, and how far off the chosen network was one step ahead. @param {any} comparison */
function introduction(comparison) {
  const { rmse, model } = comparison.models.find((/** @type {any} */ entry) => entry.model === comparison.best);
  const period = formatPeriod(comparison.test.start, comparison.test.end, comparison.step);
  const caveat = caveatSentence(comparison.models);
  return [
    `Everything here is measured over one test period, ${period}${caveat ? `. ${caveat} ` : ", which was not used for training or tuning. "}`,
    h("strong", {}, `${formatSteps(1, comparison.step)} ahead, the typical error of ${modelTitle(kindOf(model))}, the chosen network, is ${difference(rmse, rmse < 0.1 ? 3 : 2)}`),
    ".",
  ];
}

/** The errors of all models at a lead that the reader chooses. @param {Dataset} dataset @param {AbortSignal} signal */
function errorsCard({ name, best }, signal) {
  const horizon = Math.min(Math.max(Number(readState().horizon) || 1, 1), best.horizon);
  const errors = h("div", {});
  const nextSignal = latestOnly(signal);
  const showAt = (/** @type {number} */ steps) => {
    const load = (/** @type {AbortSignal} */ stop) => getJson(withQuery("/compare", { dataset: name, horizon: steps }), { signal: stop });
    runTask(errors, "Loading errors", nextSignal(), load, (comparison) => fill(errors, errorsAt(comparison)));
  };
  const field = numberField("Steps ahead in the table", { value: horizon, min: 1, max: best.horizon, unit: (n) => formatSteps(n, best.step) }, (steps) => {
    updateState({ horizon: steps === 1 ? null : steps });
    showAt(steps);
  });
  showAt(horizon);
  return h("section", { class: "card" }, h("header", {}, h("h2", {}, "Errors over the test period")), h("div", { class: "controls" }, field), errors);
}

/** @param {Dataset} dataset @param {AbortSignal} signal */
function figureCard({ name, title }, signal) {
  const alt = `One step ahead over the test period at ${title}: what was observed, the forecasts of RNN, LSTM and GRU, and their errors`;
  const figure = fetchedPicture(withQuery("/compare/plot", { dataset: name, format: "svg" }), { alt, width: 720, height: 518 }, signal);
  return h("section", { class: "card" }, h("header", {}, h("h2", {}, "The three networks in one figure")), figure);
}

/** @param {any} comparison */
function errorsAt(comparison) {
  const { dataset, horizon, step, test } = comparison;
  const path = (/** @type {string} */ format) => () => withQuery("/compare", { dataset, horizon, format });
  return [
    h("p", { class: "note" }, `${formatCount(test.n)} forecasts ${formatSteps(horizon, step)} ahead`),
    accuracyTable(comparison, "Errors over the test period"),
    choiceNote(comparison),
    h(
      "div",
      { class: "row" },
      downloadButton("CSV", `${dataset}-${horizon}.csv`, path("csv")),
      downloadButton("Markdown", `${dataset}-${horizon}.md`, path("markdown")),
      downloadButton("Plot as SVG", `${dataset}.svg`, () => withQuery("/compare/plot", { dataset, format: "svg" })),
    ),
  ];
}
