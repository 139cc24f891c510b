// @ts-check
/** The view Operate: what is loaded, and where to look further. */

import { call, getJson, Refusal } from "./api.js";
import { loadDatasets } from "./datasets.js";
import { fill, h } from "./dom.js";
import { glossary } from "./glossary.js";
import { markdown } from "./markdown.js";
import { named, title } from "./models.js";
import { count, fixed } from "./numbers.js";
import { table } from "./table.js";
import { run } from "./task.js";
import { rhythm, steps, written } from "./times.js";

export const heading = "Operate";

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const health = h("div", {});
  const models = h("div", { class: "stack" });
  fill(
    root,
    h("div", { class: "intro" }, h("h1", {}, heading), h("p", {}, "Which models are loaded, and where to find out more."), glossary()),
    health,
    models,
    links(),
  );
  run(health, "Checking whether the service is ready", signal, readiness, (state) => fill(health, state));
  await run(models, "Loading the models", signal, loadDatasets, (datasets) =>
    fill(models, datasets.map((dataset, i) => datasetCard(dataset, i === 0, signal))),
  );
}

/** @param {AbortSignal} signal */
async function readiness(signal) {
  try {
    const { models } = await getJson("/health/ready", { signal });
    return h("p", { class: "row" }, h("span", { class: "tag good" }, "Ready"), `${models.length} models are loaded, verified and warmed up.`);
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 503) throw error;
    return h("p", { class: "row" }, h("span", { class: "tag bad" }, "Not ready"), error.message);
  }
}

/** @param {import("./datasets.js").Dataset} dataset @param {boolean} standard @param {AbortSignal} signal */
function datasetCard({ name, models, best }, standard, signal) {
  const { step, window, horizon, version, training_period: period } = best;
  const facts = [
    ["Release", h("code", {}, version)],
    ["Trained on", `${written(period.start, step)} – ${written(period.end, step)}, UTC`],
    ["Step", rhythm(step)],
    ["Starts from", `${window} values (${steps(window, step)})`],
    ["Horizon", `${horizon} steps (${steps(horizon, step)})`],
    ["Device", [...new Set(models.map((one) => one.device))].join(", ")],
  ];
  const rows = models.map((one) => [
    h("span", { class: "named" }, named(one.cell), one.best && h("span", { class: "tag" }, "best")),
    fixed(one.accuracy.rmse, 4),
    h("td", {}, h("code", { title: one.sha256 }, one.sha256.slice(0, 12), h("span", { class: "hidden" }, one.sha256.slice(12)))),
  ]);
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, name, " ", standard && h("span", { class: "tag" }, "default"))),
    h(
      "div",
      { class: "grid" },
      h("dl", { class: "facts" }, facts.flatMap(([fact, value]) => [h("dt", {}, fact), h("dd", {}, value)])),
      h(
        "div",
        {},
        table(`Models of ${name}`, ["Model", ["RMSE", h("span", { class: "unit" }, " °C, test part")], "sha256"], rows),
        h("p", { class: "note" }, "RMSE one step ahead. The best was picked on the validation part, so another may be lower on the test part."),
      ),
    ),
    folded(`Model card of ${name}`, (stop) => modelCard(best, stop), signal),
    models.map((one) => folded(`About ${one.model}`, (stop) => about(one, stop), signal)),
  );
}

/** Something that is fetched when it is opened. @param {string} name @param {(stop: AbortSignal) => Promise<Element>} work @param {AbortSignal} signal */
function folded(name, work, signal) {
  const body = h("div", {});
  const open = (/** @type {any} */ event) => {
    if (event.target.open && !body.childElementCount) run(body, `Loading: ${name}`, signal, work, (made) => fill(body, made));
  };
  return h("details", { toggle: open }, h("summary", {}, name), body);
}

/** The card that the release brings. @param {any} model @param {AbortSignal} signal */
async function modelCard(model, signal) {
  try {
    const text = await (await call(`/models/${encodeURIComponent(model.model)}/card`, { signal })).text();
    return h("div", { class: "model-card" }, markdown(text));
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 404) throw error;
    return h("p", { class: "note" }, "This release has no model card; what is known of its networks is below.");
  }
}

/** What a checkpoint says of itself. @param {any} model @param {AbortSignal} signal */
async function about(model, signal) {
  const { metadata } = await getJson(`/models/${encodeURIComponent(model.model)}`, { signal });
  const settings = Object.entries(metadata.configuration).map(([name, value]) => `${name} ${value}`);
  const facts = [
    ["What it is", `${metadata.cell === "gru" ? "A" : "An"} ${title(metadata.cell)} of ${count(metadata.parameters)} weights, seed ${metadata.seed}, trained in ${fixed(metadata.train_seconds, 1)} s`],
    ["Parts", Object.entries(metadata.periods).map(([name, part]) => `${name} ${written(/** @type {any} */ (part).start, metadata.step)} – ${written(/** @type {any} */ (part).end, metadata.step)}`).join("; ")],
    ["Range of training", `${fixed(metadata.training_range.minimum, 2)} to ${fixed(metadata.training_range.maximum, 2)} °C`],
    ["Settings", settings.join(", ")],
    ["Libraries", Object.entries(metadata.libraries).map(([name, version]) => `${name} ${version}`).join(", ")],
    ["sha256 of the data", h("code", {}, metadata.data_sha256)],
    ["Made", written(metadata.created, "hour")],
  ];
  return h("dl", { class: "facts" }, facts.flatMap(([fact, value]) => [h("dt", {}, fact), h("dd", {}, value)]));
}

function links() {
  const entries = [
    ["/docs", "API documentation", "every call, with examples to try"],
    ["/openapi.json", "OpenAPI document", "the same for programs"],
    ["/metrics", "Metrics", "counts and durations for Prometheus"],
    ["/health/ready", "Readiness", "for monitoring the service"],
    ["/v2", "Open Inference Protocol", "for clients of KServe, Triton and Seldon"],
  ];
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, "More")),
    h("ul", { class: "links" }, entries.map(([href, name, text]) => h("li", {}, h("a", { href }, name), h("span", { class: "note" }, text)))),
  );
}
