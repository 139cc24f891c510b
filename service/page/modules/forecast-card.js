// @ts-check
/** A forecast as warnings, a chart, a table and a CSV download. */

import { Chart } from "./chart.js";
import { fill, h } from "./dom.js";
import { saveFile, toCsv } from "./download.js";
import { forecastFigure, recentRange } from "./forecast-chart.js";
import { forecastCsv, forecastTable, hasUncalibrated, uncalibratedMark } from "./forecast-table.js";
import { toggleGroup } from "./controls.js";
import { kindOf, modelLabel } from "./models.js";
import { sentence } from "./sentence.js";

/**
 * @param {object} forecast
 * @param {string} forecast.name of the series
 * @param {import("./forecast-chart.js").History} forecast.history
 * @param {import("./forecast-chart.js").ModelForecast[]} forecast.forecasts
 * @param {string[]} forecast.references shown initially
 * @param {(references: string[]) => void} forecast.onReferences called with each new choice of references
 * @param {AbortSignal} signal
 */
export function forecastCard({ name, history, forecasts, references, onReferences }, signal) {
  let shown = references;
  const chart = new Chart(`Recent values of ${name} and the forecast`, signal, { height: "26rem", range: recentRange(history, forecasts) });
  chart.draw((range) => forecastFigure(history, forecasts, shown, range));
  const options = Object.keys(forecasts[0].baselines).map((value) => ({ value, text: modelLabel(value) }));
  const showReferences = (/** @type {string[]} */ selection) => {
    shown = selection;
    onReferences(selection);
    chart.redraw();
  };
  return [
    warnings(forecasts),
    h(
      "section",
      { class: "card" },
      h(
        "div",
        { class: "controls" },
        h("div", { class: "field" }, h("span", {}, "Legend"), h("div", { class: "row legend" }, modelLabel("observed"), forecasts.map(({ model }) => modelLabel(kindOf(model))), bandLegend(forecasts))),
        toggleGroup("References", options, shown, showReferences),
        chart.zoomButtons(),
      ),
      chart.element,
    ),
    h(
      "section",
      { class: "card" },
      h(
        "header",
        {},
        h("h2", {}, "Forecast values, °C"),
        h("button", { type: "button", class: "plain", click: () => saveFile(`${name}-forecast.csv`, toCsv(forecastCsv(forecasts)), "text/csv") }, "CSV"),
      ),
      forecastTable(`Forecast for ${name}, °C`, forecasts, history.step),
    ),
  ];
}

/** The warnings of all models, without repetition; null if there are none. @param {import("./forecast-chart.js").ModelForecast[]} forecasts */
function warnings(forecasts) {
  const messages = [...new Set(forecasts.flatMap((forecast) => forecast.warnings.map((warning) => warning.message)))];
  const uncalibrated = hasUncalibrated(forecasts);
  if (!messages.length && !uncalibrated) return null;
  const box = h("div", { class: "notice warning" });
  fill(
    box,
    h("h2", {}, "Before you use this forecast"),
    h("ul", {}, messages.map((message) => h("li", {}, sentence(message))), uncalibrated && h("li", {}, "The intervals marked † below are not calibrated for this series.")),
  );
  return box;
}

/** Legend entries for the bands: every level of a single model, or the narrowest of several. @param {import("./forecast-chart.js").ModelForecast[]} forecasts */
function bandLegend(forecasts) {
  const levels = forecasts[0].intervals.map((interval) => interval.level).sort((a, b) => a - b);
  const kind = forecasts.length === 1 ? kindOf(forecasts[0].model) : "observed";
  const shown = forecasts.length === 1 ? levels : levels.slice(0, 1);
  return shown.map((level, i) => h("span", { class: "label" }, h("span", { class: `mark band ${kind} ${i ? "outer" : ""}`, "aria-hidden": "true" }), h("span", {}, `${level}%`, hasUncalibrated(forecasts) && uncalibratedMark())));
}
