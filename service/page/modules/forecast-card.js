// @ts-check
/** A forecast as a chart, warnings and a table. */

import { Chart } from "./chart.js";
import { unit } from "./degrees.js";
import { fill, h } from "./dom.js";
import { earlierYearsName, forecastFigure, originOf, recentRange } from "./forecast-chart.js";
import { forecastTable, hasUncalibrated, uncalibratedMark } from "./forecast-table.js";
import { toggleGroup } from "./controls.js";
import { bandLabel, kindOf, modelLabel } from "./models.js";
import { sentence } from "./sentence.js";
import { savedChoice, saveChoice } from "./theme.js";
import { weatherOf, weatherPanel } from "./weather.js";

/**
 * @typedef {object} Shown a forecast to show
 * @property {string} name of the series
 * @property {import("./forecast-chart.js").History} history
 * @property {import("./forecast-chart.js").ModelForecast[]} forecasts
 * @property {string[]} references shown initially
 * @property {(references: string[]) => void} onReferences called with each new choice of references
 * @property {import("./visible-range.js").Range} period shown initially; null for the end of the history and the forecast
 * @property {(range: import("./visible-range.js").Range) => void} onZoom called with each new choice of a period
 * @property {any} [series] as it was sent, perhaps with weather
 * @property {EventsOnChart} [events]
 * @property {number | null} [usualFrom] the lead, from 1, from which usual is the better forecast; null for none
 * @property {import("./dom.js").Child[]} [controls] beside the choice of references
 *
 * @typedef {object} EventsOnChart events in the chart of a forecast
 * @property {() => import("./event-overlay.js").Overlay | null} overlay null as long as there is nothing to draw
 * @property {(redraw: () => void) => void} connect what draws the chart again
 * @property {boolean} replacesReferences whether they leave no room for references that nobody has asked for
 * @property {number} history observed values to show at least
 * @property {Element} legend
 */

/** The chart of a forecast with its legend, and the choice of references. @param {Shown} shown @param {AbortSignal} signal @returns {{parts: import("./dom.js").Child[], controls: Element}} */
export function forecastChart({ name, history, forecasts, references, onReferences, period, onZoom, series = {}, events, usualFrom, controls = [] }, signal) {
  let chosen = references;
  let showsYears = savedChoice("earlier-years") !== "hidden";
  const whole = [history.timestamps[0], /** @type {string} */ (forecasts[0].timestamps.at(-1))];
  const range = period ?? recentRange(history, forecasts, events?.history);
  const chart = new Chart(`Recent values of ${name} and the forecast`, signal, { height: "26rem", range, onZoom: (chosen) => onZoom(chosen ?? /** @type {[string, string]} */ (whole)) });
  chart.draw((visible) => forecastFigure(history, forecasts, chosen, visible, { overlay: events?.overlay(), showsYears, usualFrom }));
  const years = earlierYearsName(history, forecasts, range);
  const toggleYears = (/** @type {any} */ { target }) => {
    showsYears = target.checked;
    saveChoice("earlier-years", showsYears ? "" : "hidden");
    chart.redraw();
  };
  const yearsEntry = years && h("label", { class: "check" }, h("input", { type: "checkbox", checked: showsYears, change: toggleYears }), h("span", { class: "mark years", "aria-hidden": "true" }), years);
  events?.connect(() => chart.redraw());
  const options = Object.keys(forecasts[0].baselines).map((value) => ({ value, text: modelLabel(value) }));
  const showReferences = (/** @type {string[]} */ selection) => {
    chosen = selection;
    onReferences(selection);
    chart.redraw();
  };
  const weather = weatherOf(series, { last: originOf(history).x, whole });
  return {
    parts: [
      chart.element,
      weather && weatherPanel(weather, name, chart, signal),
      h("div", { class: "row under-chart" }, legend(forecasts, yearsEntry), chart.zoomButtons()),
      events?.legend,
    ],
    controls: h("div", { class: "controls" }, controls, toggleGroup("References", options, chosen, showReferences)),
  };
}

/** The values of a forecast in a card. @param {Shown} shown */
export function valuesCard({ name, history, forecasts, usualFrom }) {
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, `Forecast values, ${unit()}`)),
    forecastTable(`Forecast for ${name}, ${unit()}`, forecasts, history.step, usualFrom),
  );
}

/**
 * The warnings of all models, without repetition; null if there are none.
 * @param {import("./forecast-chart.js").ModelForecast[]} forecasts @param {string[]} [omitted] codes of warnings that the view says elsewhere
 */
export function warningsNotice(forecasts, omitted = []) {
  const warnings = forecasts.flatMap((forecast) => forecast.warnings).filter(({ code }) => !omitted.includes(code));
  const messages = [...new Set(warnings.map(({ message }) => message))];
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

/** @param {import("./forecast-chart.js").ModelForecast[]} forecasts @param {import("./dom.js").Child} years the entry of earlier years */
function legend(forecasts, years) {
  const kinds = forecasts.map(({ model }) => kindOf(model));
  const lines = kinds.map((kind) => modelLabel(kind, kinds.length === 1 ? "solid" : undefined));
  return h("div", { class: "row legend", role: "group", "aria-label": "Legend" }, modelLabel("observed"), lines, bandLegend(forecasts), years);
}

/** Legend entries for the bands: every level of a single model, or the narrowest of several. @param {import("./forecast-chart.js").ModelForecast[]} forecasts */
function bandLegend(forecasts) {
  const levels = forecasts[0].intervals.map((interval) => interval.level).sort((a, b) => a - b);
  const kind = forecasts.length === 1 ? kindOf(forecasts[0].model) : "observed";
  const shown = forecasts.length === 1 ? levels : levels.slice(0, 1);
  return shown.map((level, i) => bandLabel(kind, level, i > 0, hasUncalibrated(forecasts) && uncalibratedMark()));
}
