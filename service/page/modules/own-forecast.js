// @ts-check
/** A forecast of somebody's own series, and how the models would have done on it. */

import { accuracyTable, meanings, skillBars } from "./accuracy.js";
import { list, read, write } from "./address.js";
import { postJson, Refusal } from "./api.js";
import { Chart } from "./chart.js";
import { comparisonFigure, comparisonRows } from "./comparison-chart.js";
import { choice, number, toggles } from "./controls.js";
import { fill, h } from "./dom.js";
import { csv, save } from "./download.js";
import { answersOf } from "./forecast-chart.js";
import { forecastCard } from "./forecast-card.js";
import { glossary } from "./glossary.js";
import { CELLS, kindOf, named, title } from "./models.js";
import { count } from "./numbers.js";
import { fileSnippets } from "./snippets.js";
import { asTable } from "./table.js";
import { inTurn, run } from "./task.js";
import { steps, written } from "./times.js";
import { sentence } from "./words.js";

const LEVELS = [80, 95];

/**
 * @typedef {object} Own
 * @property {import("./reading.js").Content} content the file
 * @property {any} series as /forecast takes it
 * @property {import("./forecast-chart.js").Past} past the same with its times
 * @property {import("./datasets.js").Dataset[]} datasets whose models can be asked
 * @property {Record<string, any>} reading what the service was told about the file
 */

/** @param {HTMLElement} box @param {Own} own @param {AbortSignal} signal */
export function ownForecast(box, own, signal) {
  const dataset = own.datasets.find((one) => one.name === read().dataset) ?? own.datasets[0];
  const forecast = h("div", { class: "stack" });
  const comparison = h("div", { class: "stack" });
  const most = dataset.best.horizon;
  const asked = () => ({
    model: ["best", ...CELLS].includes(read().model) ? read().model : "all",
    horizon: Math.min(Math.max(Math.round(Number(read().horizon) || Math.min(12, most)), 1), most),
  });
  const turn = inTurn(signal);
  const renew = (/** @type {Record<string, any>} */ changes) => {
    write(changes);
    showForecast(forecast, own, dataset, asked(), turn());
  };
  const models = [{ value: "best", text: `Best (${title(dataset.best.cell)})` }, ...CELLS.map((value) => ({ value, text: title(value) })), { value: "all", text: "All three" }];
  const others = own.datasets.map((one) => ({ value: one.name, text: one.name }));
  fill(
    box,
    h(
      "section",
      { class: "part" },
      h("h2", {}, "Forecast and comparison"),
      h("p", {}, `These models were trained on ${dataset.name}, which may be quite unlike your place; the comparison below shows how well they suit it.`),
      glossary(),
      h(
        "div",
        { class: "controls" },
        choice("Models trained on", others, dataset.name, (name) => (write({ dataset: name, horizon: null }), ownForecast(box, own, signal))),
        toggles("Model", models, [asked().model], ([one]) => renew({ model: one === "all" ? null : one }), { pick: true }),
        number("Steps ahead", { value: asked().horizon, min: 1, max: most, unit: (n) => steps(n, own.past.step) }, (n) => renew({ horizon: n })),
      ),
    ),
    forecast,
    comparison,
  );
  renew({});
  showComparison(comparison, own, dataset, signal);
}

/** @param {HTMLElement} box @param {Own} own @param {import("./datasets.js").Dataset} dataset @param {{model: string, horizon: number}} asked @param {AbortSignal} signal */
function showForecast(box, own, dataset, { model, horizon }, signal) {
  const body = { dataset: dataset.name, model, horizon, levels: LEVELS.filter((level) => dataset.best.levels.includes(level)) };
  const work = async (/** @type {AbortSignal} */ stop) => {
    const answers = answersOf(await postJson("/forecast", { ...body, series: [own.series] }, stop), 0);
    if (answers[0].error) throw new Refusal(answers[0].error, 422);
    return answers;
  };
  return run(box, "Forecasting", signal, work, (answers) =>
    fill(
      box,
      ...forecastCard({ name: own.series.id === "0" ? own.content.name : own.series.id, past: own.past, answers, references: list(read().refs, []), refer: (on) => write({ refs: on.join(",") }) }, signal),
      fileSnippets(own.content, own.reading, body),
    ),
  );
}

/** @param {HTMLElement} box @param {Own} own @param {import("./datasets.js").Dataset} dataset @param {AbortSignal} signal */
function showComparison(box, own, dataset, signal) {
  const work = async (/** @type {AbortSignal} */ stop) => {
    const answer = await postJson("/compare", { dataset: dataset.name, predictions: true, series: [own.series] }, stop);
    if (answer.series[0].error) throw new Refusal(answer.series[0].error, 422);
    return answer;
  };
  return run(box, "Comparing the models on your series", signal, work, (answer) => fill(box, ...comparisonCards(answer, signal)));
}

/** @param {any} answer of POST /compare @param {AbortSignal} signal */
function comparisonCards(answer, signal) {
  const [own] = answer.series;
  const part = { step: answer.step, timestamps: own.predictions.timestamps, observed: own.predictions.observed, predictions: own.predictions.predicted };
  const kinds = Object.keys(part.predictions).map(kindOf);
  let shown = list(read().models, CELLS).filter((kind) => kinds.includes(kind));
  const chart = new Chart("Your series and its one-step forecasts, and the errors", signal, { height: "28rem" });
  chart.draw((range) => comparisonFigure(part, shown, range));
  const choose = (/** @type {string[]} */ on) => {
    shown = on;
    write({ models: on.join(",") === CELLS.join(",") ? null : on.join(",") || "none" });
    chart.redraw();
  };
  const first = kindOf(answer.lowest_rmse);
  return [
    h(
      "section",
      { class: "card" },
      h(
        "header",
        {},
        h(
          "div",
          {},
          h("h2", {}, "Your series as the models would have forecast it, one step ahead"),
          h("p", {}, `${written(answer.test.start, answer.step)} – ${written(answer.test.end, answer.step)}, ${count(answer.test.n)} forecasts`),
        ),
        chart.zoomButtons(),
      ),
      h("div", { class: "controls" }, toggles("Shown", kinds.map((value) => ({ value, text: named(value) })), shown, choose)),
      chart.element,
      own.warnings.map((/** @type {any} */ one) => h("p", { class: "note" }, sentence(one.message))),
      asTable("Your series and its one-step forecasts, °C", () => comparisonRows(part, shown, chart.range)),
    ),
    h(
      "div",
      { class: "grid" },
      h(
        "section",
        { class: "card" },
        h("header", {}, h("h2", {}, "Errors on your series"), h("button", { type: "button", class: "plain", click: () => save("comparison.csv", csv(rows(answer)), "text/csv") }, "CSV")),
        accuracyTable(answer, "Errors on your series"),
        h("p", { class: "note" }, `${title(first)} has the lowest RMSE here. Bold: the lowest of each column.`),
        meanings(),
      ),
      h("section", { class: "card" }, h("header", {}, h("h2", {}, "Skill on your series"), h("p", {}, "Share of RMSE saved; right of the line is better")), skillBars(answer)),
    ),
  ];
}

/** @param {any} answer */
function rows(answer) {
  const references = Object.keys(answer.models[0].skill);
  const head = ["model", "kind", "mae", "rmse", "mape", "bias", ...references.map((name) => `skill_${name}`)];
  return [head, ...answer.models.map((/** @type {any} */ one) => [one.model, one.kind, one.mae, one.rmse, one.mape, one.bias, ...references.map((name) => one.skill[name])])];
}
