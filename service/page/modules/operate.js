// @ts-check
/** The Operate view: the loaded models, and links to more information. */

import { ADD, reportPath } from "./address.js";
import { ApiError, getJson } from "./api.js";
import { loadReleases } from "./datasets.js";
import { fill, h } from "./dom.js";
import { glossary } from "./glossary.js";
import { placeCard, universalCard } from "./release-cards.js";
import { runTask } from "./task.js";

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
  await runTask(models, "Loading models", signal, loadReleases, ({ universal, places }) =>
    fill(
      models,
      part("Any sea", h("p", {}, "These networks forecast series from places that they have never seen. To try them, open ", h("a", { href: ADD }, "Add a place"), "."), universal.map((release) => universalCard(release, signal))),
      part("One place", h("p", {}, "These networks were trained on the series of one place. ", h("a", { href: reportPath(places[0]?.name ?? "") }, "Compare"), " shows how accurate they are."), places.map((dataset, i) => placeCard(dataset, i === 0, signal))),
    ),
  );
}

/** A part of the list of releases; null if there are none. @param {string} name @param {Element} text @param {Element[]} cards */
function part(name, text, cards) {
  return cards.length > 0 && h("section", { class: "part" }, h("h2", {}, name), text, h("div", { class: "stack" }, cards));
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
