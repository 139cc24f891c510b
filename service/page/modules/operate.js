// @ts-check
/** The Operate view: the loaded models, and links to more information. */

import { ApiError, getJson, request } from "./api.js";
import { loadDatasets } from "./datasets.js";
import { fill, h } from "./dom.js";
import { glossary } from "./glossary.js";
import { markdown } from "./markdown.js";
import { modelLabel, modelTitle } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { dataTable } from "./table.js";
import { runTask } from "./task.js";
import { formatSteps, formatTime, stepAdjective } from "./times.js";

export const heading = "Operate";

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const readinessBox = h("div", {});
  const models = h("div", { class: "stack" });
  fill(
    root,
    h("div", { class: "intro" }, h("h1", {}, heading), h("p", {}, "See which models are loaded and where to learn more."), glossary()),
    readinessBox,
    models,
    links(),
  );
  runTask(readinessBox, "Checking readiness", signal, readiness, (state) => fill(readinessBox, state));
  await runTask(models, "Loading models", signal, loadDatasets, (datasets) =>
    fill(models, datasets.map((dataset, i) => datasetCard(dataset, i === 0, signal))),
  );
}

/** @param {AbortSignal} signal */
async function readiness(signal) {
  try {
    const { models } = await getJson("/health/ready", { signal });
    return h("p", { class: "row" }, h("span", { class: "tag good" }, "Ready"), `${models.length} models are loaded, verified and warmed up.`);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 503) throw error;
    return h("p", { class: "row" }, h("span", { class: "tag bad" }, "Not ready"), error.message);
  }
}

/** @param {import("./datasets.js").Dataset} dataset @param {boolean} isDefault @param {AbortSignal} signal */
function datasetCard({ name, models, best }, isDefault, signal) {
  const { step, window, horizon, version, training_period: period } = best;
  const facts = [
    ["Release", h("code", {}, version)],
    ["Training period", `${formatTime(period.start, step)} – ${formatTime(period.end, step)}, UTC`],
    ["Step", stepAdjective(step)],
    ["Window", `${window} values (${formatSteps(window, step)})`],
    ["Horizon", `${horizon} steps (${formatSteps(horizon, step)})`],
    ["Device", [...new Set(models.map(({ device }) => device))].join(", ")],
  ];
  const rows = models.map((model) => [
    h("span", { class: "label" }, modelLabel(model.cell), model.best && h("span", { class: "tag" }, "best")),
    fixed(model.accuracy.rmse, 4),
    h("td", {}, h("code", { title: model.sha256 }, model.sha256.slice(0, 12), h("span", { class: "hidden" }, model.sha256.slice(12)))),
  ]);
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, name, " ", isDefault && h("span", { class: "tag" }, "default"))),
    h(
      "div",
      { class: "grid" },
      h("dl", { class: "facts" }, facts.flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)])),
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

/** The metadata of a checkpoint. @param {any} model @param {AbortSignal} signal */
async function checkpointFacts(model, signal) {
  const { metadata } = await getJson(`/models/${encodeURIComponent(model.model)}`, { signal });
  const settings = Object.entries(metadata.configuration).map(([name, value]) => `${name} ${value}`);
  const facts = [
    ["Network", `${metadata.cell === "gru" ? "A" : "An"} ${modelTitle(metadata.cell)} with ${formatCount(metadata.parameters)} weights, seed ${metadata.seed}, trained in ${fixed(metadata.train_seconds, 1)} s`],
    ["Periods", Object.entries(metadata.periods).map(([name, period]) => `${name} ${formatTime(/** @type {any} */ (period).start, metadata.step)} – ${formatTime(/** @type {any} */ (period).end, metadata.step)}`).join("; ")],
    ["Training range", `${fixed(metadata.training_range.minimum, 2)} to ${fixed(metadata.training_range.maximum, 2)} °C`],
    ["Settings", settings.join(", ")],
    ["Libraries", Object.entries(metadata.libraries).map(([name, version]) => `${name} ${version}`).join(", ")],
    ["SHA-256 of the data", h("code", {}, metadata.data_sha256)],
    ["Created", formatTime(metadata.created, "hour")],
  ];
  return h("dl", { class: "facts" }, facts.flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}

function links() {
  const entries = [
    ["/docs", "API documentation", "every endpoint, with examples to try"],
    ["/openapi.json", "OpenAPI document", "the same in machine-readable form"],
    ["/metrics", "Metrics", "counts and durations for Prometheus"],
    ["/health/ready", "Readiness", "a readiness check for monitoring"],
    ["/v2", "Open Inference Protocol", "for KServe, Triton and Seldon clients"],
  ];
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, "More")),
    h("ul", { class: "links" }, entries.map(([href, name, text]) => h("li", {}, h("a", { href }, name), h("span", { class: "note" }, text)))),
  );
}
