// @ts-check
/** How the models would have forecast the user's series, from the response of POST /compare. */

import { accuracyTable, metricDefinitions } from "./accuracy.js";
import { parseList, readState, updateState } from "./address.js";
import { Chart } from "./chart.js";
import { comparisonFigure, comparisonRows, networksOf } from "./comparison-chart.js";
import { toggleGroup } from "./controls.js";
import { h } from "./dom.js";
import { saveFile, toCsv } from "./download.js";
import { kindOf, modelLabel, modelTitle } from "./models.js";
import { formatCount } from "./numbers.js";
import { sentence } from "./sentence.js";
import { skillBars } from "./skill-bars.js";
import { tableDisclosure } from "./table.js";
import { formatPeriod, formatSteps } from "./times.js";

/** The comparison of the only series of a request, with its step. @param {any} response of POST /compare */
export function comparisonOf(response) {
  const [series] = response.series;
  return { step: response.step, horizon: response.horizon, best: response.best, ...series };
}

/** @param {any} comparison from comparisonOf @param {AbortSignal} signal */
export function comparisonCards(comparison, signal) {
  return [pastForecastsCard(comparison, signal), h("div", { class: "grid" }, errorsCard(comparison), skillCard(comparison))];
}

/** @param {any} comparison @param {AbortSignal} signal */
function pastForecastsCard({ step, test, warnings, predictions }, signal) {
  const results = { step, timestamps: predictions.timestamps, observed: predictions.observed, predictions: predictions.predicted };
  const kinds = Object.keys(results.predictions).map(kindOf);
  const networks = networksOf(results);
  let shown = parseList(readState().models, networks).filter((kind) => kinds.includes(kind));
  const chart = new Chart("Your series and its one-step forecasts, with errors", signal, { height: "28rem" });
  chart.draw((range) => comparisonFigure(results, shown, range));
  const choose = (/** @type {string[]} */ selection) => {
    shown = selection;
    updateState({ models: selection.join(",") === networks.join(",") ? null : selection.join(",") || "none" });
    chart.redraw();
  };
  return h(
    "section",
    { class: "card" },
    h(
      "header",
      {},
      h(
        "div",
        {},
        h("h2", {}, `How the models would have forecast your series, ${formatSteps(1, step)} ahead`),
        h("p", {}, `${formatPeriod(test.start, test.end, step)}, ${formatCount(test.n)} forecasts`),
      ),
      chart.zoomButtons(),
    ),
    h(
      "div",
      { class: "controls" },
      h("div", { class: "field" }, h("span", {}, "Always shown"), h("div", { class: "row legend" }, modelLabel("observed"))),
      toggleGroup("Show", kinds.map((value) => ({ value, text: modelLabel(value) })), shown, choose),
    ),
    chart.element,
    warnings.map((/** @type {any} */ warning) => h("p", { class: "note" }, sentence(warning.message))),
    tableDisclosure("Your series and its one-step forecasts, °C", () => comparisonRows(results, shown, chart.range)),
  );
}

/** @param {any} comparison */
function errorsCard(comparison) {
  const save = () => saveFile("comparison.csv", toCsv(csvRows(comparison)), "text/csv");
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, "Errors on your series"), h("button", { type: "button", class: "plain", click: save }, "CSV")),
    accuracyTable(comparison, "Errors on your series"),
    h("p", { class: "note" }, `${modelTitle(kindOf(comparison.lowest_rmse))} has the lowest RMSE ${formatSteps(1, comparison.step)} ahead, over all of these forecasts.`),
    metricDefinitions(),
  );
}

/** @param {any} comparison */
function skillCard(comparison) {
  return h("section", { class: "card" }, h("header", {}, h("h2", {}, "Skill on your series"), h("p", {}, "Reduction in RMSE; bars to the right are better")), skillBars(comparison));
}

/** @param {any} comparison */
function csvRows(comparison) {
  const references = Object.keys(comparison.models[0].skill);
  const head = ["model", "kind", "mae", "rmse", "mape", "bias", ...references.map((name) => `skill_${name}`)];
  return [head, ...comparison.models.map((/** @type {any} */ model) => [model.model, model.kind, model.mae, model.rmse, model.mape, model.bias, ...references.map((name) => model.skill[name])])];
}
