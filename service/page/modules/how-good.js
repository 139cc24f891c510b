// @ts-check
/** "How good is it?": the errors of a model and of the references over the test period, in a sentence. */

import { reportPath, urlOf } from "./address.js";
import { h } from "./dom.js";
import { glossary } from "./glossary.js";
import { isNetwork, kindOf, modelTitle } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { capitalised, modelPhrase } from "./record.js";
import { formatPeriod, formatSteps } from "./times.js";

/** Differences with a larger p-value may be chance. */
const SIGNIFICANT = 0.05;

const LEVEL = 80;

/**
 * @typedef {object} Judgement of a network against the best reference over the test period
 * @property {any} network entry of the /compare response
 * @property {any} reference the entry with the lowest RMSE among the references
 * @property {boolean} loses whether the reference has the lower RMSE
 * @property {boolean} named whether the user chose the network
 * @property {string} shown the model to headline: the reference if the network loses, unless the user chose the network
 */

/**
 * @param {any} comparison the response of /compare
 * @param {string} model full name of the network
 * @param {boolean} named whether the user chose it
 * @returns {Judgement}
 */
export function judge(comparison, model, named) {
  const network = comparison.models.find((/** @type {any} */ entry) => entry.model === model);
  const [reference] = references(comparison);
  const loses = reference.rmse < network.rmse;
  return { network, reference, loses, named, shown: loses && !named ? reference.model : model };
}

/** What the headline must say if a reference did better than the network; empty if none did. @param {Judgement} judgement @param {{[name: string]: number[]}} baselines @param {number} lead */
export function lossNote({ network, reference, loses, named, shown }, baselines, lead) {
  if (!loses) return "";
  const [cell, better] = [modelTitle(kindOf(network.model)), modelPhrase(reference.model)];
  if (named) return `${capitalised(better)} did better than ${cell} over the test period, and gives ${fixed(baselines[reference.model][lead - 1], 1)} °C.`;
  return `This is the forecast of ${modelPhrase(shown)}, a simple reference that did better than ${cell}, the selected network, over the test period.`;
}

/**
 * The errors over the test period in a card, with a link to Compare.
 * @param {any} comparison the response of /compare @param {Judgement} judgement @param {string} dataset
 */
export function howGoodCard(comparison, judgement, dataset) {
  const horizon = comparison.horizon === 1 ? null : comparison.horizon;
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, "How good is it?")),
    h("p", { class: "verdict" }, verdictSentence(comparison, judgement)),
    h("p", { class: "note" }, `${evidenceSentence(comparison, judgement)} ${coverageSentence(judgement)}`),
    h("p", { class: "more" }, h("a", { href: urlOf(reportPath(dataset), { horizon }) }, "Compare all models and references")),
    glossary(),
  );
}

/** The error of the model in the headline, beside that of its rival and of persistence. @param {any} comparison @param {Judgement} judgement */
function verdictSentence({ step, horizon, models }, { network, reference, shown }) {
  const persistence = models.find((/** @type {any} */ entry) => entry.model === "persistence");
  const [model, rival] = shown === network.model ? [network, reference] : [reference, network];
  const places = fixed(model.rmse, 2) === fixed(rival.rmse, 2) ? 3 : 2;
  const error = (/** @type {any} */ entry) => `${fixed(entry.rmse, places)}\u00a0°C`;
  const beside = (/** @type {any} */ entry) => `${isNetwork(entry.model) ? modelTitle(kindOf(entry.model)) : modelPhrase(entry.model)} (${error(entry)})`;
  const rank = (/** @type {any} */ other) => (model.rmse < other.rmse ? "better than" : "worse than");
  const mayBeChance = network.p_value === null || network.p_value >= SIGNIFICANT;
  const lead = formatSteps(horizon, step).replace(/^1 /, "one ");
  const first = `${capitalised(lead)} ahead, forecasts were typically off by ${error(model)}: ${mayBeChance ? "about as good as" : rank(rival)} ${beside(rival)}, the ${rival === network ? "selected network" : "best reference"}`;
  return !persistence || persistence === reference ? `${first}.` : `${first}, and ${rank(persistence)} ${beside(persistence)}.`;
}

/** What the errors rest on. @param {any} comparison @param {Judgement} judgement */
function evidenceSentence({ test, step }, { network }) {
  const unseen = network.caveat ? `which ${modelTitle(kindOf(network.model))} may have seen in training` : "which was not used for training";
  return `Typical errors (RMSE) of ${formatCount(test.n)} forecasts of the test period, ${formatPeriod(test.start, test.end, step)}, ${unseen}.`;
}

/** How often the intervals of the network contained the observed value; empty if that is not known. @param {Judgement} judgement */
function coverageSentence({ network }) {
  const share = network.coverage?.[LEVEL];
  return share === undefined ? "" : `The ${LEVEL}% intervals of ${modelTitle(kindOf(network.model))} contained ${Math.round(share * 100)}% of the observed values.`;
}

/** The references of a comparison, the best first. @param {any} comparison */
function references({ models }) {
  return models.filter((/** @type {any} */ entry) => entry.kind === "baseline").sort((/** @type {any} */ a, /** @type {any} */ b) => a.rmse - b.rmse);
}
