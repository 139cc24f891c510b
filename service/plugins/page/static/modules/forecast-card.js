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
import { yearsInWords } from "./spoken-times.js";
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
 * @property {{overlay: import("./event-overlay.js").Overlay, legend: import("./dom.js").Child, history: number}} [past] forecasts that were issued before, and observed values to show at least
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
export function forecastChart({ name, history, forecasts, references, onReferences, period, onZoom, series = {}, events, past, usualFrom, controls = [] }, signal) {
  let chosen = references;
  let showsYears = savedChoice("earlier-years") !== "hidden";
  const whole = /** @type {[string, string]} */ ([history.timestamps[0], forecasts[0].timestamps.at(-1)]);
  const range = period ?? recentRange(history, forecasts, events?.history ?? past?.history);
  const chart = new Chart(`Recent values of ${name} and the forecast`, signal, { height: "26rem", range, onZoom: (chosen) => onZoom(chosen ?? whole) });
  const overlays = () => [past?.overlay, events?.overlay()].flatMap((overlay) => overlay ?? []);
  chart.draw((visible) => forecastFigure(history, forecasts, chosen, visible, { overlays: overlays(), showsYears, usualFrom }));
  const years = earlierYearsName(history, forecasts, range);
  const toggleYears = (/** @type {any} */ { target }) => {
    showsYears = target.checked;
    saveChoice("earlier-years", showsYears ? "" : "hidden");
    chart.redraw();
  };
  const yearsEntry = years && h("label", { class: "check" }, h("input", { type: "checkbox", checked: showsYears, change: toggleYears }), h("span", { class: "mark years", "aria-hidden": "true" }), years);
  events?.connect(() => chart.redraw());
  const options = Object.keys(forecasts[0].baselines).map((value) => ({ value, text: modelLabel(value) }));
  const legend = h("div", { class: "row legend", role: "group", "aria-label": "Legend" });
  const showLegend = () => fill(legend, legendOf(forecasts, chosen), past?.legend, yearsEntry);
  const showReferences = (/** @type {string[]} */ selection) => {
    chosen = selection;
    onReferences(selection);
    showLegend();
    chart.redraw();
  };
  showLegend();
  const weather = weatherOf(series, { last: originOf(history).x, whole });
  return {
    parts: [
      chart.element,
      weather && weatherPanel(weather, name, chart, signal),
      h("div", { class: "row under-chart" }, legend, chart.zoomButtons()),
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
  return h(
    "div",
    { class: "notice warning" },
    h("h2", {}, "Before you use this forecast"),
    h("ul", {}, messages.map((message) => h("li", {}, sentence(message))), uncalibrated && h("li", {}, "The intervals marked † below are not calibrated for this series.")),
  );
}

/** The entries of a legend. Bands have one for every level of a single model, or for the narrowest of several. @param {import("./forecast-chart.js").ModelForecast[]} forecasts @param {string[]} references shown */
export function legendOf(forecasts, references) {
  const [{ intervals, baselines, usual }] = forecasts;
  const kinds = forecasts.map(({ model }) => kindOf(model));
  const isSingle = kinds.length === 1;
  const levels = intervals.map(({ level }) => level).sort((a, b) => a - b);
  const mark = () => hasUncalibrated(forecasts) && uncalibratedMark();
  const years = usual?.years ? ` ${yearsInWords(usual.years)}` : "";
  return [
    modelLabel("observed"),
    kinds.map((kind) => modelLabel(kind, isSingle ? "solid" : undefined)),
    (isSingle ? levels : levels.slice(0, 1)).map((level, i) => bandLabel(isSingle ? kinds[0] : "observed", level, i > 0, mark())),
    references.filter((name) => name in baselines).map((name) => h("span", {}, modelLabel(name), name === "climatology" && years)),
  ];
}
