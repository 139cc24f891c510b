// @ts-check
/** Cards of loaded releases: their facts, models, model cards and checkpoints. */

import { ApiError, getJson, request } from "./api.js";
import { fill, h } from "./dom.js";
import { markdown } from "./markdown.js";
import { modelLabel, modelTitle } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { dataTable } from "./table.js";
import { runTask } from "./task.js";
import { formatPeriod, formatSteps, formatTime, stepAdjective } from "./times.js";

/** @param {import("./datasets.js").Dataset} dataset @param {boolean} isDefault @param {AbortSignal} signal */
export function placeCard({ name, title, models, best }, isDefault, signal) {
  const { step, window, horizon, version, training_period: period } = best;
  const facts = [
    ["Release", h("code", {}, version)],
    [models.some(({ imported }) => imported) ? "Before the test period" : "Training period", formatPeriod(period.start, period.end, step)],
    ["Step", stepAdjective(step)],
    ["Window", `${window} values (${formatSteps(window, step)})`],
    ["Horizon", `${horizon} steps (${formatSteps(horizon, step)})`],
    ["Device", [...new Set(models.map(({ device }) => device))].join(", ")],
  ];
  const rows = models.map((model) => [
    cellLabel(model),
    fixed(model.accuracy.rmse, 4),
    digestCell(model),
  ]);
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h3", {}, releaseName(name, title), " ", isDefault && h("span", { class: "tag" }, "default"))),
    h(
      "div",
      { class: "grid" },
      factList(facts),
      h(
        "div",
        {},
        dataTable(`Models for ${name}`, ["Model", ["RMSE", h("span", { class: "unit" }, " °C, test period")], "SHA-256"], rows),
        h("p", { class: "note" }, "RMSE is for one step ahead. The best model was selected on the validation period, so another model may have a lower RMSE over the test period."),
      ),
    ),
    lazyDetails(`Model card for ${name}`, (stop) => modelCard(best, stop), signal),
    models.map((model) => lazyDetails(`About ${model.model}`, (stop) => checkpointFacts(model, stop), signal)),
  );
}

/** @param {import("./datasets.js").Dataset} release @param {AbortSignal} signal */
export function universalCard({ name, title, models, best }, signal) {
  const { step, horizon, version } = best;
  const facts = [
    ["Release", h("code", {}, version)],
    ["Step", stepAdjective(step)],
    ["Horizon", `${horizon} steps (${formatSteps(horizon, step)})`],
    ["Device", [...new Set(models.map(({ device }) => device))].join(", ")],
  ];
  const rows = models.map((model) => [cellLabel(model), digestCell(model)]);
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h3", {}, releaseName(name, title))),
    h(
      "div",
      { class: "grid" },
      factList(facts),
      h(
        "div",
        {},
        dataTable(`Models for ${name}`, ["Model", "SHA-256"], rows),
        h("p", { class: "note" }, "The best model did best on held-out seas. It makes the forecast where a series is too short for a record on its own past."),
      ),
    ),
    lazyDetails(`Model card for ${name}`, (stop) => modelCard(best, stop), signal),
    models.map((model) => lazyDetails(`About ${model.model}`, (stop) => universalFacts(model, stop), signal)),
  );
}

/** The title of a release and its technical name. @param {string} name @param {string} title */
function releaseName(name, title) {
  return title === name ? [name] : [title, " ", h("code", {}, name)];
}

/** @param {any} model */
function cellLabel(model) {
  return h("span", { class: "label" }, modelLabel(model.cell), model.best && h("span", { class: "tag" }, "best"));
}

/** @param {any} model */
function digestCell({ sha256 }) {
  return h("td", {}, h("code", { title: sha256 }, sha256.slice(0, 12), h("span", { class: "hidden" }, sha256.slice(12))));
}

/** @param {any[][]} facts terms and values */
function factList(facts) {
  return h("dl", { class: "facts" }, facts.flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}

/** A disclosure whose content is loaded when it is first opened. @param {string} name @param {(stop: AbortSignal) => Promise<Element>} work @param {AbortSignal} signal */
function lazyDetails(name, work, signal) {
  const body = h("div", {});
  const load = (/** @type {any} */ event) => {
    if (event.target.open && !body.childElementCount) runTask(body, "Loading details", signal, work, (content) => fill(body, content));
  };
  return h("details", { toggle: load }, h("summary", {}, name), body);
}

/** The model card of the release. @param {any} model @param {AbortSignal} signal */
async function modelCard(model, signal) {
  try {
    const text = await (await request(`/models/${encodeURIComponent(model.model)}/card`, { signal })).text();
    return h("div", { class: "model-card" }, markdown(text));
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    return h("p", { class: "note" }, "This release has no model card. The details of its networks are below.");
  }
}

/** The metadata of a checkpoint of a place. @param {any} model @param {AbortSignal} signal */
async function checkpointFacts(model, signal) {
  const { metadata } = await getJson(`/models/${encodeURIComponent(model.model)}`, { signal });
  const facts = [
    ["Network", networkInWords(metadata)],
    ["Periods", Object.entries(metadata.periods).map(([name, period]) => `${name} ${formatPeriod(/** @type {any} */ (period).start, /** @type {any} */ (period).end, metadata.step)}`).join("; ")],
    [metadata.imported ? "Range of the data" : "Training range", `${fixed(metadata.training_range.minimum, 2)} to ${fixed(metadata.training_range.maximum, 2)} °C`],
    ["SHA-256 of the data", h("code", {}, metadata.data_sha256)],
    ...commonFacts(metadata),
  ];
  return factList(facts);
}

/** The metadata of a universal checkpoint. @param {any} model @param {AbortSignal} signal */
async function universalFacts(model, signal) {
  const { metadata } = await getJson(`/models/${encodeURIComponent(model.model)}`, { signal });
  return factList([
    ["Network", networkInWords(metadata)],
    ["Series", `needs ${metadata.minimum} values, uses up to ${metadata.maximum} (${formatSteps(metadata.maximum, metadata.step)})`],
    ...commonFacts(metadata),
  ]);
}

/** @param {any} metadata */
function networkInWords({ cell, parameters, seed, train_seconds: seconds, imported }) {
  if (imported) {
    const until = imported.trained_until ? `trained on data until ${formatTime(imported.trained_until, "day")}, as its user states` : "the end of its training data is not known";
    return `Imported from ${imported.file}, with ${formatCount(parameters)} weights; ${until}`;
  }
  return `${cell === "gru" ? "A" : "An"} ${modelTitle(cell)} with ${formatCount(parameters)} weights, seed ${seed}, trained in ${fixed(seconds, 1)} s`;
}

/** @param {any} metadata */
function commonFacts({ configuration, libraries, created }) {
  const listed = (/** @type {any} */ values) => Object.entries(values).map(([name, value]) => `${name} ${value}`).join(", ");
  return [
    ["Settings", listed(configuration)],
    ["Libraries", listed(libraries)],
    ["Created", formatTime(created, "hour")],
  ];
}
