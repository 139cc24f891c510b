// @ts-check
/** The loaded models: what they forecast, and their model cards. */

import { ADD, reportPath, seaPath } from "./address.js";
import { ApiError, getJson } from "./api.js";
import { loadReleases } from "./datasets.js";
import { difference } from "./degrees.js";
import { fill, h } from "./dom.js";
import { downloadButton } from "./download.js";
import { glossary } from "./glossary.js";
import { modelLabel, modelTitle } from "./models.js";
import { capitalised } from "./sentence.js";
import { dataTable } from "./table.js";
import { runTask } from "./task.js";
import { formatPeriod, formatSteps, stepAdjective } from "./times.js";

export const heading = "Models";

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const [ready, models] = [h("div", {}), h("div", { class: "stack" })];
  fill(
    root,
    h("div", { class: "intro" }, h("h1", {}, heading), h("p", {}, "What makes the forecasts, how it was trained, and how good it is."), ready, glossary()),
    models,
  );
  runTask(ready, "Checking readiness", signal, readiness, (state) => fill(ready, state));
  await runTask(models, "Loading models", signal, loadReleases, ({ universal, places }) =>
    fill(
      models,
      part("Any sea", ["These networks forecast series from places that they have never seen. To try them, ", h("a", { href: ADD }, "add a place"), "."], universal),
      part("One place", ["These networks were trained on the series of one place."], places),
    ),
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

/** A part of the list of releases; nothing if there are none. @param {string} name @param {import("./dom.js").Child[]} text @param {import("./datasets.js").Dataset[]} releases */
function part(name, text, releases) {
  return releases.length > 0 && h("section", { class: "part" }, h("h2", {}, name), h("p", {}, text), h("div", { class: "grid" }, releases.map((release) => releaseCard(release))));
}

/** @param {import("./datasets.js").Dataset} release */
function releaseCard({ name, title, models, best }) {
  const isPlace = best.kind === "place";
  const typical = isPlace && best.accuracy.rmse !== null ? ` One step ahead, its typical error is ${difference(best.accuracy.rmse, best.accuracy.rmse < 0.1 ? 3 : 2)}.` : "";
  const choice = isPlace ? `${modelTitle(best.cell)} was chosen before the test period.${typical}` : `${modelTitle(best.cell)} was chosen on seas that it had not seen. It forecasts where a series is too short for the mixture.`;
  const step = stepAdjective(best.step);
  const subject = isPlace ? title : `${capitalised(step)} forecasts`;
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h3", {}, subject, subject !== name && [" ", h("code", {}, name)])),
    h("p", {}, `${isPlace ? `${capitalised(step)} temperatures` : "They reach"} up to ${formatSteps(best.horizon, best.step)} ahead. `, choice),
    h(
      "div",
      { class: "row more" },
      downloadButton("Model card", `${name}.md`, () => `/models/${encodeURIComponent(best.model)}/card`),
      isPlace && [h("a", { href: reportPath(name) }, "Comparison of the networks"), h("a", { href: seaPath(name) }, "The forecast")],
    ),
    h("details", {}, h("summary", {}, `Technical details of ${name}`), facts({ best, models }), digests(name, models)),
  );
}

/** @param {Pick<import("./datasets.js").Dataset, "best" | "models">} release */
function facts({ best, models }) {
  const { step, window, version, training_period: period } = best;
  const entries = [
    ["Release", h("code", {}, version)],
    ...(best.kind === "place" ? [["Before the test period", formatPeriod(period.start, period.end, step)], ["Window", `${window} values (${formatSteps(window, step)})`]] : []),
    ["Device", [...new Set(models.map(({ device }) => device))].join(", ")],
  ];
  return h("dl", { class: "facts" }, entries.flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}

/** @param {string} name @param {any[]} models */
function digests(name, models) {
  const rows = models.map(({ cell, best, sha256 }) => [
    h("span", { class: "label" }, modelLabel(cell), best && h("span", { class: "tag" }, "chosen")),
    h("td", {}, h("code", { title: sha256 }, sha256.slice(0, 12), h("span", { class: "hidden" }, sha256.slice(12)))),
  ]);
  return dataTable(`Models for ${name}`, ["Model", "SHA-256"], rows);
}
