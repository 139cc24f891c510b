// @ts-check
/** Model accuracy: the error table, and definitions of the metrics. */

import { inUnit, unit } from "./degrees.js";
import { h } from "./dom.js";
import { definitionList } from "./glossary.js";
import { kindOf, modelLabel, modelPhrase, modelTitle } from "./models.js";
import { fixed } from "./numbers.js";
import { capitalised } from "./sentence.js";
import { dataTable } from "./table.js";
import { formatSteps } from "./times.js";

const METRICS = ["mae", "rmse", "mape"];
const DECIMALS = { mae: 4, rmse: 4, mape: 2 };
/** @type {[string, string][]} */
const DEFINITIONS = [
  ["MAE", "Mean absolute error: how far off a forecast is on average."],
  ["RMSE", "Root-mean-square error, called the typical error on this page: like MAE, but large errors count for more."],
  ["MAPE", "Mean absolute percentage error: the error as a percentage of the temperature in °C. It depends on where 0 °C lies, so compare it only between models for the same location."],
];

/**
 * The table Model | MAE | RMSE | MAPE.
 * @param {any} comparison the answer of /compare
 * @param {string} caption
 * @param {{markChosen?: boolean}} [options] markChosen: tag the network that was chosen
 */
export function accuracyTable(comparison, caption, { markChosen = false } = {}) {
  const rows = comparison.models.map((/** @type {any} */ model) => [
    h(
      "span",
      { class: "label" },
      modelLabel(kindOf(model.model)),
      markChosen && model.model === comparison.best && h("span", { class: "tag" }, "chosen"),
      model.caveat && h("span", { class: "tag" }, model.caveat),
    ),
    ...METRICS.map((metric) => fixed(metric === "mape" ? model.mape : inUnit(model[metric], "difference"), /** @type {any} */ (DECIMALS)[metric])),
  ]);
  const element = dataTable(caption, ["Model", headed("MAE", unit()), headed("RMSE", unit()), headed("MAPE", "%")], rows);
  const firstReference = comparison.models.findIndex((/** @type {any} */ model) => model.kind === "baseline");
  if (firstReference > 0) element.querySelectorAll("tbody tr")[firstReference].classList.add("first-reference");
  return element;
}

/** Why a network was chosen, and which model has the lowest typical error over the test period. @param {any} comparison */
export function choiceNote(comparison) {
  const lowestRmse = lowest(comparison.models, "rmse");
  const leaders = comparison.models.filter((/** @type {any} */ model) => fixed(model.rmse, DECIMALS.rmse) === lowestRmse);
  const names = joinWords(leaders.map((/** @type {any} */ model) => (model.kind === "baseline" ? modelPhrase(model.model) : modelTitle(kindOf(model.model)))));
  const chosen = `${modelTitle(kindOf(comparison.best))} was chosen for its typical error one step ahead before the test period, over the validation period`;
  const leads = leaders.length === 1 && leaders[0].model === comparison.best;
  const lead = `${formatSteps(comparison.horizon, comparison.step)} ahead over the test period`;
  const lowestOnTest = leads ? `It also has the lowest typical error ${lead}` : `${capitalised(names)} ${leaders.length > 1 ? "have" : "has"} the lowest typical error ${lead}`;
  return h("p", { class: "note" }, `${chosen}. ${lowestOnTest}.`);
}

/** Which networks may know the test period, in a sentence; empty if none does. @param {any[]} models entries with `model` and `caveat` */
export function caveatSentence(models) {
  const names = models.filter(({ caveat }) => caveat).map(({ model }) => modelTitle(kindOf(model)));
  const their = names.length > 1 ? "their" : "its";
  return names.length ? `${joinWords(names)} may have seen the test period in training: ${their} errors may be too small here, and ${their} intervals too narrow.` : "";
}

/** The definition of each error metric, collapsed. */
export function metricDefinitions() {
  return h("details", {}, h("summary", {}, "What the columns mean"), definitionList(DEFINITIONS));
}

/** The lowest value of a metric among networks and references, formatted as in the table. @param {any[]} models @param {string} metric */
function lowest(models, metric) {
  const values = models.map((model) => model[metric]).filter((value) => value !== null);
  return fixed(Math.min(...values), /** @type {any} */ (DECIMALS)[metric]);
}

/** Names joined with commas and "and". @param {string[]} names */
function joinWords(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** @param {string} name @param {string} text */
function headed(name, text) {
  return [name, h("span", { class: "unit" }, ` ${text}`)];
}
