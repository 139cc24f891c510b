// @ts-check
/** How good a past forecast was, beside all forecasts of the test period and persistence. */

import { difference } from "./degrees.js";
import { h } from "./dom.js";
import { kindOf, modelLabel, modelTitle } from "./models.js";
import { dataTable } from "./table.js";
import { formatSteps } from "./times.js";

/** Errors get another decimal if the smallest is below. */
const SMALL_CELSIUS = 0.1;

/**
 * The typical errors of one forecast and of all, over all leads; null if nothing was observed after the forecast.
 * @param {import("./past-forecasts.js").PastForecast} forecast @param {any} leads the response of /compare/leads @param {{model: string, step: string}} source
 */
export function scorePanel({ sst, baselines, intervals, observed }, leads, { model, step }) {
  const known = observed.flatMap((value, i) => (value === null ? [] : [{ value, i }]));
  if (!known.length) return null;
  const kind = kindOf(model);
  const errorsOf = (/** @type {number[]} */ values) => known.map(({ value, i }) => values[i] - value);
  const [mine, persisted] = [errorsOf(sst), errorsOf(baselines.persistence)];
  const always = (/** @type {string} */ name) => typical(leads.models.find((/** @type {any} */ entry) => entry.model === name).rmse);
  const rows = [
    { label: modelLabel(kind), errors: [typical(mine), always(model)] },
    { label: modelLabel("persistence"), errors: [typical(persisted), always("persistence")] },
  ];
  const places = Math.min(...rows.flatMap(({ errors }) => errors)) < SMALL_CELSIUS ? 3 : 2;
  const closer = mine.filter((error, i) => Math.abs(error) < Math.abs(persisted[i])).length;
  const inside = [...intervals].sort((a, b) => a.level - b.level).map(({ level, lower, upper }) => `${known.filter(({ value, i }) => value >= lower[i] && value <= upper[i]).length} within the ${level}% interval`);
  return [
    h("h3", {}, "How right was it?"),
    h("p", { class: "note" }, `Typical error over ${formatSteps(sst.length, step)}`),
    dataTable("Typical error", ["Model", "This forecast", "All forecasts"], rows.map(({ label, errors }) => [label, ...errors.map((error) => difference(error, places))])),
    h("p", { class: "note" }, `In this forecast, ${modelTitle(kind)} was closer than persistence at ${closer} of ${known.length} steps.${inside.length ? ` Of ${known.length} ${known.length === 1 ? "observation" : "observations"}, ${inside.join(" and ")}.` : ""}`),
  ];
}

/** The root of the mean square. @param {number[]} errors */
function typical(errors) {
  return Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length);
}
