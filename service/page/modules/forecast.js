// @ts-check
/** The view Forecast: what follows a dataset's own last observation. */

import { list, read, write } from "./address.js";
import { getJson, withQuery } from "./api.js";
import { choice, number, toggles } from "./controls.js";
import { loadDatasets, pick } from "./datasets.js";
import { fill, h } from "./dom.js";
import { answersOf } from "./forecast-chart.js";
import { forecastCard } from "./forecast-card.js";
import { glossary } from "./glossary.js";
import { title } from "./models.js";
import { getSnippets } from "./snippets.js";
import { inTurn, run } from "./task.js";
import { rhythm, steps, written } from "./times.js";

export const heading = "Forecast";

const LEVELS = ["80", "95"];
const REFERENCES = ["climatology"];

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  await run(root, "Loading the models", signal, loadDatasets, (datasets) => compose(root, datasets, signal));
}

/** @param {HTMLElement} root @param {import("./datasets.js").Dataset[]} datasets @param {AbortSignal} signal */
function compose(root, datasets, signal) {
  const dataset = pick(datasets, read().dataset);
  const intro = h("p", {}, "What follows the last observation.");
  const body = h("div", { class: "stack" });
  const turn = inTurn(signal);
  const change = (/** @type {Record<string, string | number | null>} */ changes) => {
    write(changes);
    showForecast(body, intro, dataset, turn());
  };
  const anew = (/** @type {string} */ name) => {
    write({ dataset: name, horizon: null }, { step: true });
    show(root, signal);
  };
  fill(root, h("div", { class: "intro" }, h("h1", {}, heading), intro, glossary()), controls(datasets, dataset, change, anew), body);
  change({});
}

/**
 * @param {import("./datasets.js").Dataset[]} datasets @param {import("./datasets.js").Dataset} dataset
 * @param {(changes: Record<string, string | number | null>) => void} change @param {(name: string) => void} anew
 */
function controls(datasets, dataset, change, anew) {
  const { model, horizon, levels } = asked(dataset);
  const { step, horizon: most } = dataset.best;
  const cells = dataset.models.map((one) => ({ value: one.cell, text: title(one.cell) }));
  const models = [{ value: "best", text: `Best (${title(dataset.best.cell)})` }, ...cells, { value: "all", text: "All three" }];
  const known = dataset.best.levels.map((/** @type {number} */ level) => ({ value: String(level), text: `${level} %` }));
  return h(
    "div",
    { class: "controls" },
    choice("Dataset", datasets.map((one) => ({ value: one.name, text: `${one.name} (${rhythm(one.best.step)})` })), dataset.name, anew),
    toggles("Model", models, [model], ([one]) => change({ model: one === "best" ? null : one }), { pick: true }),
    number("Steps ahead", { value: horizon, min: 1, max: most, unit: (n) => steps(n, step) }, (n) => change({ horizon: n })),
    toggles("Intervals", known, levels, (on) => change({ levels: on.join(",") === LEVELS.join(",") ? null : on.join(",") || "none" })),
  );
}

/** What the address asks for. @param {import("./datasets.js").Dataset} dataset */
function asked(dataset) {
  const state = read();
  const most = dataset.best.horizon;
  const wanted = Number(state.horizon) || Math.min(most, 12);
  return {
    model: ["rnn", "lstm", "gru", "all"].includes(state.model) ? state.model : "best",
    horizon: Math.min(Math.max(Math.round(wanted), 1), most),
    levels: list(state.levels, LEVELS).filter((level) => dataset.best.levels.includes(Number(level))),
  };
}

/** @param {HTMLElement} body @param {HTMLElement} intro @param {import("./datasets.js").Dataset} dataset @param {AbortSignal} signal */
function showForecast(body, intro, dataset, signal) {
  const { model, horizon, levels } = asked(dataset);
  const query = { dataset: dataset.name, model, horizon, level: levels.map(Number) };
  const load = (/** @type {AbortSignal} */ stop) =>
    Promise.all([getJson(withQuery("/forecast", query), { signal: stop }), getJson(withQuery("/series", { dataset: dataset.name }), { signal: stop })]);
  return run(body, "Forecasting", signal, load, ([answer, past]) => {
    const answers = answersOf(answer, 0).map((/** @type {any} */ one) => (levels.length ? one : { ...one, intervals: [] }));
    fill(intro, ...sentence(past, answers));
    const refer = (/** @type {string[]} */ on) => write({ refs: on.join(",") === REFERENCES.join(",") ? null : on.join(",") || "none" });
    fill(
      body,
      ...forecastCard({ name: dataset.name, past, answers, references: list(read().refs, REFERENCES), refer }, signal),
      getSnippets("/forecast", query),
    );
  });
}

/** @param {any} past @param {any[]} answers */
function sentence(past, answers) {
  const [first] = answers;
  const end = first.timestamps.length - 1;
  const range = answers.map((one) => one.sst[0]);
  const [low, high] = [Math.min(...range), Math.max(...range)].map((value) => value.toFixed(2));
  return [
    `After the last observation, of ${written(past.timestamps.at(-1), past.step)}, the forecast is `,
    h("strong", {}, low === high ? `${low} °C` : `${low} to ${high} °C`),
    ` for ${written(first.timestamps[0], past.step)}`,
    end ? `, and goes on to ${written(first.timestamps[end], past.step)}.` : ".",
  ];
}
