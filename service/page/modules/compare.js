// @ts-check
/** The view Compare: the models on the test part, beside the references. */

import { accuracyTable, meanings, pickedAndLowest, skillBars } from "./accuracy.js";
import { list, read, write } from "./address.js";
import { getJson, withQuery } from "./api.js";
import { Chart } from "./chart.js";
import { comparisonFigure, comparisonRows, disagreement } from "./comparison-chart.js";
import { choice, number, toggles } from "./controls.js";
import { loadDatasets, pick } from "./datasets.js";
import { fill, h } from "./dom.js";
import { saveAnswer } from "./download.js";
import { glossary } from "./glossary.js";
import { CELLS, kindOf, named, title } from "./models.js";
import { count, fixed } from "./numbers.js";
import { asTable } from "./table.js";
import { inTurn, run } from "./task.js";
import { showLeads } from "./leads.js";
import { rhythm, steps, written } from "./times.js";
import { trainingCards } from "./training.js";

export const heading = "Compare";

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  await run(root, "Loading the models", signal, loadDatasets, (datasets) => compose(root, datasets, signal));
}

/** @param {HTMLElement} root @param {import("./datasets.js").Dataset[]} datasets @param {AbortSignal} signal */
function compose(root, datasets, signal) {
  const dataset = pick(datasets, read().dataset);
  const horizon = Math.min(Math.max(Number(read().horizon) || 1, 1), dataset.best.horizon);
  const intro = h("p", {}, "How far the forecasts of RNN, LSTM and GRU are from what was observed.");
  const errors = h("div", { class: "stack" });
  const plot = h("section", { class: "card" });
  const training = h("div", {});
  const options = datasets.map((one) => ({ value: one.name, text: `${one.name} (${rhythm(one.best.step)})` }));
  const lead = { value: horizon, min: 1, max: dataset.best.horizon, unit: (/** @type {number} */ n) => steps(n, dataset.best.step) };
  const turn = inTurn(signal);
  const showAt = (/** @type {number} */ wanted) => showErrors(errors, intro, dataset.name, wanted, turn());
  const controls = h(
    "div",
    { class: "controls" },
    choice("Dataset", options, dataset.name, (name) => {
      write({ dataset: name, horizon: null, from: null, to: null }, { step: true });
      show(root, signal);
    }),
    number("Steps ahead, in the table", lead, (wanted) => {
      write({ horizon: wanted === 1 ? null : wanted });
      showAt(wanted);
    }),
  );
  fill(
    root,
    h("div", { class: "intro" }, h("h1", {}, heading), intro, glossary()),
    controls,
    plot,
    errors,
    part("How they were trained", "For those who study the networks: all three have the same configuration and differ only in their cell.", training),
  );
  showPlot(plot, dataset.name, signal);
  showAt(horizon);
  showTraining(training, dataset.name, signal);
}

/** @param {HTMLElement} card @param {string} dataset @param {AbortSignal} signal */
function showPlot(card, dataset, signal) {
  const load = (/** @type {AbortSignal} */ stop) => getJson(withQuery("/compare/predictions", { dataset }), { signal: stop });
  return run(card, "Loading the forecasts of the test part", signal, load, (part) => fill(card, ...plotCard(part, signal)));
}

/** @param {any} part @param {AbortSignal} signal */
function plotCard(part, signal) {
  const kinds = Object.keys(part.predictions).map(kindOf);
  const { from, to, models } = read();
  let shown = list(models, CELLS).filter((kind) => kinds.includes(kind));
  const chart = new Chart(`Observed and forecast SST of ${part.dataset}, and the errors`, signal, {
    height: "31rem",
    range: from && to ? [from, to] : null,
    zoomed: (range) => write({ from: range && short(range[0]), to: range && short(range[1]) }),
  });
  const apart = disagreement(part, CELLS);
  chart.draw((range) => comparisonFigure(part, shown, range));
  const options = kinds.map((value) => ({ value, text: named(value) }));
  return [
    h(
      "header",
      {},
      h(
        "div",
        {},
        h("h2", {}, "Observed and forecast, one step ahead"),
        h("p", {}, `${written(part.timestamps[0], part.step)} – ${written(part.timestamps.at(-1), part.step)}, UTC`),
      ),
      chart.zoomButtons(),
    ),
    h(
      "div",
      { class: "controls" },
      toggles("Shown", options, shown, (on) => {
        shown = on;
        write({ models: on.join(",") === CELLS.join(",") ? null : on.join(",") || "none" });
        chart.redraw();
      }),
    ),
    chart.element,
    apart !== null && h("p", { class: "note" }, `On average the networks lie within ${fixed(apart, apart < 0.01 ? 3 : 2)} °C of one another, so their lines nearly coincide. Drag over the chart or use its buttons to zoom in; double-click to show everything.`),
    asTable(`Observed and forecast SST of ${part.dataset}, °C`, () => comparisonRows(part, shown, chart.range)),
  ];
}

/** @param {HTMLElement} box @param {HTMLElement} intro @param {string} dataset @param {number} horizon @param {AbortSignal} signal */
function showErrors(box, intro, dataset, horizon, signal) {
  const path = (/** @type {string} */ format) => withQuery("/compare", { dataset, horizon, format });
  const load = (/** @type {AbortSignal} */ stop) => getJson(path("json"), { signal: stop });
  return run(box, "Loading the table", signal, load, (comparison) => {
    fill(intro, ...sentence(comparison));
    const name = `${dataset}-${horizon}`;
    const leads = h("section", { class: "card" });
    showLeads(leads, dataset, comparison, signal);
    fill(
      box,
      h(
        "div",
        { class: "grid" },
        h(
          "section",
          { class: "card" },
          h("header", {}, h("h2", {}, `Errors, ${steps(horizon, comparison.step)} ahead`), h("p", {}, `${count(comparison.test.n)} forecasts`)),
          accuracyTable(comparison, "Errors on the test part", { picked: true }),
          pickedAndLowest(comparison),
          h(
            "div",
            { class: "row" },
            saveAnswer("CSV", `${name}.csv`, () => path("csv")),
            saveAnswer("Markdown", `${name}.md`, () => path("markdown")),
            saveAnswer("Plot as SVG", `${dataset}.svg`, () => withQuery("/compare/plot", { dataset, format: "svg" })),
          ),
          meanings(),
        ),
        h("section", { class: "card" }, h("header", {}, h("h2", {}, "Skill"), h("p", {}, "Share of RMSE saved; right of the line is better")), skillBars(comparison)),
      ),
      leads,
    );
  });
}

/** @param {any} comparison */
function sentence(comparison) {
  const best = comparison.models.find((/** @type {any} */ model) => model.model === comparison.best);
  const when = `${written(comparison.test.start, comparison.step)} – ${written(comparison.test.end, comparison.step)}`;
  return [
    `The test part, ${when}, was not used for training or tuning. `,
    h("strong", {}, `${title(kindOf(best.model))}, picked on the validation part, is off by ${fixed(best.mae, 2)} °C on average`),
    ` ${steps(comparison.horizon, comparison.step)} ahead.`,
  ];
}

/** @param {HTMLElement} box @param {string} dataset @param {AbortSignal} signal */
function showTraining(box, dataset, signal) {
  const load = (/** @type {AbortSignal} */ stop) => getJson(withQuery("/compare/training", { dataset }), { signal: stop });
  return run(box, "Loading the training", signal, load, (record) => fill(box, trainingCards(record, signal)));
}

/** @param {string} name @param {string} text @param {HTMLElement} content */
function part(name, text, content) {
  return h("section", { class: "part" }, h("h2", {}, name), h("p", {}, text), content);
}

/** To the minute: more would only make the address longer. @param {string} time */
function short(time) {
  return time.slice(0, 16).replace(" ", "T");
}
