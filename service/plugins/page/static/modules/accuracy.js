// @ts-check
/** Model accuracy: the error table, and what it says about the choice of a network. */

import { inUnit, unit } from "./degrees.js";
import { h } from "./dom.js";
import { kindOf, modelLabel, modelPhrase, modelTitle } from "./models.js";
import { fixed } from "./numbers.js";
import { capitalised } from "./sentence.js";
import { dataTable } from "./table.js";
import { formatSteps } from "./times.js";

/** The table Model | MAE | RMSE | MAPE, which tags the chosen network. @param {any} comparison the response of /compare @param {string} caption */
export function accuracyTable({ models, best }, caption) {
  const head = [["MAE", unit()], ["RMSE", unit()], ["MAPE", "%"]].map(([name, of]) => [name, h("span", { class: "unit" }, ` ${of}`)]);
  const rows = models.map((/** @type {any} */ { model, mae, rmse, mape, caveat }) => [
    h("span", { class: "label" }, modelLabel(kindOf(model)), model === best && h("span", { class: "tag" }, "chosen"), caveat && h("span", { class: "tag" }, caveat)),
    ...[mae, rmse].map((error) => fixed(inUnit(error, "difference"), 4)),
    fixed(mape, 2),
  ]);
  return dataTable(caption, ["Model", ...head], rows);
}

/** Why a network was chosen, and which model has the lowest typical error over the test period. @param {any} comparison */
export function choiceNote({ models, best, horizon, step }) {
  const written = (/** @type {any} */ { rmse }) => fixed(rmse, 4);
  const lowest = written({ rmse: Math.min(...models.map((/** @type {any} */ { rmse }) => rmse)) });
  const leaders = models.filter((/** @type {any} */ entry) => written(entry) === lowest);
  const names = joinWords(leaders.map((/** @type {any} */ { model, kind }) => (kind === "baseline" ? modelPhrase(model) : modelTitle(kindOf(model)))));
  const chosen = `${modelTitle(kindOf(best))} was chosen for its typical error one step ahead before the test period, over the validation period`;
  const subject = leaders.length === 1 && leaders[0].model === best ? "It also has" : `${capitalised(names)} ${leaders.length > 1 ? "have" : "has"}`;
  return h("p", { class: "note" }, `${chosen}. ${subject} the lowest typical error ${formatSteps(horizon, step)} ahead over the test period.`);
}

/** Which networks may know the test period, in a sentence; empty if none does. @param {any[]} models entries with `model` and `caveat` */
export function caveatSentence(models) {
  const names = models.filter(({ caveat }) => caveat).map(({ model }) => modelTitle(kindOf(model)));
  const their = names.length > 1 ? "their" : "its";
  return names.length ? `${joinWords(names)} may have seen the test period in training: ${their} errors may be too small here, and ${their} intervals too narrow.` : "";
}

/** Names joined with commas and "and". @param {string[]} names */
function joinWords(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
