// @ts-check
/** Model accuracy: the error table, the skill bars, and definitions of the metrics. */

import { fill, h } from "./dom.js";
import { definitionList } from "./glossary.js";
import { kindOf, modelLabel, modelTitle } from "./models.js";
import { fixed, signedPercent } from "./numbers.js";
import { selectField } from "./controls.js";
import { dataTable } from "./table.js";
import { formatSteps } from "./times.js";

const METRICS = ["mae", "rmse", "mape"];
const DECIMALS = { mae: 4, rmse: 4, mape: 2 };
const REFERENCES = ["persistence", "climatology", "damped", "linear", "usual_change"];
/** Candidate ends of the skill axis, as fractions. */
const SCALE_ENDS = [0.05, 0.1, 0.25, 0.5, 1];
/** @type {[string, string][]} */
const DEFINITIONS = [
  ["MAE", "Mean absolute error, °C: how far off a forecast is on average."],
  ["RMSE", "Root-mean-square error, °C: like MAE, but large errors count for more."],
  ["MAPE", "Mean absolute percentage error: the error as a percentage of the temperature in °C. It depends on where 0 °C lies, so compare it only between models for the same location."],
];

/**
 * The table Model | MAE | RMSE | MAPE.
 * @param {any} comparison the answer of /compare
 * @param {string} caption
 * @param {{markSelected?: boolean}} [options] markSelected: tag the network that was selected on the validation period
 */
export function accuracyTable(comparison, caption, { markSelected = false } = {}) {
  const lowestByMetric = Object.fromEntries(METRICS.map((metric) => [metric, lowest(comparison.models, metric)]));
  const rows = comparison.models.map((/** @type {any} */ model) => [
    markSelected && model.model === comparison.best
      ? h("span", { class: "label" }, modelLabel(kindOf(model.model)), h("span", { class: "tag" }, "selected"))
      : modelLabel(kindOf(model.model)),
    ...METRICS.map((metric) => {
      const text = fixed(model[metric], /** @type {any} */ (DECIMALS)[metric]);
      return text === lowestByMetric[metric] ? h("td", { class: "best" }, h("strong", {}, text)) : text;
    }),
  ]);
  const element = dataTable(caption, ["Model", unit("MAE", "°C"), unit("RMSE", "°C"), unit("MAPE", "%")], rows);
  const firstReference = comparison.models.findIndex((/** @type {any} */ model) => model.kind === "baseline");
  if (firstReference > 0) element.querySelectorAll("tbody tr")[firstReference].classList.add("first-reference");
  return element;
}

/** A note on which network was selected, and which model has the lowest RMSE over the test period. @param {any} comparison */
export function selectionNote(comparison) {
  const lowestRmse = lowest(comparison.models, "rmse");
  const leaders = comparison.models.filter((/** @type {any} */ model) => fixed(model.rmse, DECIMALS.rmse) === lowestRmse);
  const names = joinWords(leaders.map((/** @type {any} */ model) => (model.kind === "baseline" ? modelTitle(model.model).toLowerCase() : modelTitle(kindOf(model.model)))));
  const selected = `${modelTitle(kindOf(comparison.best))} was selected because it has the lowest one-step RMSE over the validation period`;
  const selectedLeads = leaders.length === 1 && leaders[0].model === comparison.best;
  const lead = `${formatSteps(comparison.horizon, comparison.step)} ahead over the test period`;
  const lowestOnTest = selectedLeads ? `It also has the lowest RMSE ${lead}` : `The lowest RMSE ${lead} is that of ${names}`;
  return h("p", { class: "note" }, `${selected}. ${lowestOnTest}. Bold marks the lowest value in each column.`);
}

/** Bars of each model's skill relative to a reference, with a control to choose the reference. @param {any} comparison */
export function skillBars(comparison) {
  const body = h("div", {});
  const references = REFERENCES.filter((name) => name in comparison.models[0].skill);
  const show = (/** @type {string} */ reference) => fill(body, bars(comparison, reference), summary(comparison, reference));
  show(references[0]);
  return h(
    "div",
    { class: "skill" },
    h("div", { class: "controls" }, selectField("Reference", references.map((value) => ({ value, text: modelTitle(value) })), references[0], show)),
    body,
  );
}

/** The definition of each error metric, collapsed. */
export function metricDefinitions() {
  return h("details", {}, h("summary", {}, "What the columns mean"), definitionList(DEFINITIONS));
}

/** @param {any} comparison @param {string} reference */
function bars(comparison, reference) {
  const models = comparison.models.filter((/** @type {any} */ model) => model.model !== reference);
  const skills = models.map((/** @type {any} */ model) => model.skill[reference] ?? 0);
  const lowestSkill = Math.min(...skills);
  const high = scaleEnd(Math.max(...skills));
  // A reference that is far worse would flatten the other bars, so its bar is cut off at the edge; network bars never are.
  const lowestShown = Math.min(...skills.filter((/** @type {number} */ _, /** @type {number} */ i) => models[i].kind === "recurrent"), -high * 1.5);
  const low = lowestSkill < 0 ? -Math.min(scaleEnd(-lowestSkill), scaleEnd(-lowestShown)) : 0;
  const position = (/** @type {number} */ value) => ((Math.min(Math.max(value, low), high) - low) / (high - low)) * 100;
  return h(
    "ul",
    { class: "bars" },
    h("li", { class: "scale", "aria-hidden": "true" }, h("span", {}), scale(low, high, position), h("span", {})),
    models.map((/** @type {any} */ model, /** @type {number} */ i) => {
      const fillBar = h("span", { class: `fill ${kindOf(model.model)}` });
      const zero = h("span", { class: "zero" });
      const [from, to] = [position(0), position(skills[i])].sort((a, b) => a - b);
      fillBar.style.left = `${from}%`;
      fillBar.style.width = `${to - from}%`;
      zero.style.left = `${position(0)}%`;
      return h(
        "li",
        {},
        h("span", {}, modelTitle(kindOf(model.model))),
        h("span", { class: "track", "aria-hidden": "true" }, fillBar, zero),
        h("span", { class: "amount" }, skills[i] < low ? `◂ ${signedPercent(skills[i])}` : signedPercent(model.skill[reference])),
      );
    }),
  );
}

/** The smallest axis end that holds a value. @param {number} amount */
function scaleEnd(amount) {
  return SCALE_ENDS.find((end) => amount <= end) ?? 1;
}

/** The axis above the bars. @param {number} low @param {number} high @param {(value: number) => number} position in percent */
function scale(low, high, position) {
  const ticks = [low, 0, high].filter((value, i) => i || value < 0);
  return h(
    "span",
    { class: "ends" },
    ticks.map((value) => {
      const tick = h("span", {}, value ? `${fixed(value * 100, Number.isInteger(Math.round(value * 1000) / 10) ? 0 : 1)}%` : "0");
      tick.style.left = `${position(value)}%`;
      return tick;
    }),
  );
}

/** @param {any} comparison @param {string} reference */
function summary(comparison, reference) {
  const best = comparison.models.find((/** @type {any} */ model) => model.model === comparison.best);
  const skill = best?.skill[reference];
  if (skill === null || skill === undefined) return null;
  const difference = `${fixed(Math.abs(skill) * 100, 1)}% ${skill >= 0 ? "lower" : "higher"}`;
  return h("p", { class: "note" }, `The RMSE of ${modelTitle(kindOf(best.model))} is ${difference} than that of ${modelTitle(reference).toLowerCase()}.`);
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
function unit(name, text) {
  return [name, h("span", { class: "unit" }, ` ${text}`)];
}
