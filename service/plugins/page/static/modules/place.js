// @ts-check
/** The page of a place: a shipped sea, a file or a station, each a series with a position. */

import { keepPeriod, parseList, readAddress, readPeriod, readState, updateState } from "./address.js";
import { numberField, toggleGroup } from "./controls.js";
import { announce, fill, h } from "./dom.js";
import { eventLoader } from "./event-requests.js";
import { eventView } from "./event-view.js";
import { forecastChart, valuesCard, warningsNotice } from "./forecast-card.js";
import { limitCard } from "./limit-form.js";
import { accuracyCard, usualFrom } from "./place-accuracy.js";
import { noPlace, placeSentence, readingSentence } from "./place-sentence.js";
import { latestOnly, runTask } from "./task.js";
import { formatSteps } from "./times.js";
import { isWorthless, weatherWords } from "./weather.js";

export const heading = "Place";

/**
 * @typedef {object} Place a series with a position
 * @property {"sea" | "file" | "station"} kind
 * @property {string} id
 * @property {string} title
 * @property {import("./position-fields.js").Position | null} position
 * @property {import("./forecast-chart.js").History} history all values that are cheap to have, °C
 * @property {{time: string, value: number, usual: number | null, years: [number, number] | null, isSuspect: boolean} | null} newest reading, °C, and what is usual at its time in which years
 * @property {boolean} knowsUsual whether climatology says what is usual
 * @property {boolean} isArchive whether it is told as of its end
 * @property {any} series in the form that POST /forecast and POST /events take
 * @property {string | null} release that these requests name; null for the universal one
 * @property {"position" | null} baseline of its heatwaves, if not its own past
 * @property {{value: string, text: string}[]} models to choose from; none if the choice is made
 * @property {number[]} levels of intervals to choose from
 * @property {number} maxHorizon
 * @property {number} usualHorizon of the chart at first
 * @property {(refresh: () => void) => import("./dom.js").Child[]} options further ones; refresh forecasts anew
 * @property {import("./dom.js").Child[]} more what else there is, such as readings, alerts and ways to share
 * @property {(choice: Choice, stop: AbortSignal) => Promise<Forecasted>} forecast
 *
 * @typedef {object} Choice what the reader asks for
 * @property {string} model best, all or a cell
 * @property {number} horizon in steps
 * @property {number} maxHorizon
 * @property {number[]} levels
 * @property {string | null} release
 * @property {import("./position-fields.js").Position | null} position
 *
 * @typedef {object} Forecasted
 * @property {import("./forecast-chart.js").ModelForecast[]} forecasts none if there cannot be any yet
 * @property {import("./forecast-chart.js").ModelForecast | null} shown the one that the sentence tells
 * @property {import("./place-accuracy.js").Accuracy} accuracy
 * @property {number[] | null} without the shown forecast without weather; null if it uses none
 * @property {import("./event-overlay.js").Overlay} [past] forecasts that were issued before
 * @property {import("./dom.js").Child} [pastLegend]
 * @property {any} [series] with weather over the times of the chart, if that is not the place's
 * @property {import("./dom.js").Child[]} notices above all else
 */

/** @type {Record<string, () => Promise<{open: (box: HTMLElement, id: string, signal: AbortSignal, show: (box: HTMLElement, place: Place, signal: AbortSignal) => void) => Promise<void>}>>} */
const SOURCES = {
  sea: () => import("./sea-source.js"),
  file: () => import("./file-source.js"),
  station: () => import("./station-source.js"),
};

const DEFAULT_LEVELS = [80, 95];

/** Levels to choose from: more would be hard to tell apart. */
const LEVELS = [50, 80, 90, 95];

/** Steps before the forecast that a chart with earlier forecasts shows at first. */
const SHOWN_STEPS = 35;

/** The code of a warning that the page says elsewhere. */
const LATE = "late";

/** Whether the options are open, also for the next place. */
let areOptionsOpen = false;

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const { kind, id } = readAddress();
  if (!(kind in SOURCES)) return noPlace(root, "There is no such place.");
  root.setAttribute("aria-busy", "true");
  const source = await SOURCES[kind]();
  if (signal.aborted) return;
  root.removeAttribute("aria-busy");
  const box = h("div", { class: "stack place" });
  fill(root, box);
  await source.open(box, id, signal, compose);
}

/** What the reader asks for, from the URL. @param {Place} place @returns {Choice} */
function choiceOf({ models, levels, maxHorizon, usualHorizon, release, position }) {
  const state = readState();
  const horizon = Math.round(Number(state.horizon)) || usualHorizon;
  return {
    model: models.some(({ value }) => value === state.model) ? state.model : "best",
    horizon: Math.min(Math.max(horizon, 1), maxHorizon),
    maxHorizon,
    levels: parseList(state.levels, DEFAULT_LEVELS.map(String)).map(Number).filter((level) => levels.includes(level)),
    release,
    position,
  };
}

/** @typedef {Record<"opening" | "chart" | "drawn" | "below", HTMLElement>} Boxes drawn: the options that belong to what is drawn */

/** Show a place in the one order that all have. @param {HTMLElement} box @param {Place} place @param {AbortSignal} signal */
function compose(box, place, signal) {
  document.title = `${place.title} · SST forecasting`;
  const boxes = { opening: h("div", { class: "outlook" }, h("h1", {}, place.title)), chart: h("div", { class: "chart-slot" }), drawn: h("div", {}), below: h("div", { class: "stack" }) };
  const nextSignal = latestOnly(signal);
  const loader = eventLoader(place, signal);
  const refresh = () => showForecast(boxes, place, loader, nextSignal());
  const toggle = (/** @type {any} */ { target }) => (areOptionsOpen = target.open);
  const options = h("details", { class: "options", open: areOptionsOpen, toggle }, h("summary", {}, "Options"), h("div", {}, boxes.drawn, choices(place, refresh), place.options(refresh)));
  fill(box, boxes.opening, h("section", { class: "card" }, h("h2", { class: "hidden" }, "Chart"), boxes.chart, options), boxes.below, place.more);
  refresh();
}

/** The controls of the forecast. @param {Place} place @param {() => void} refresh */
function choices(place, refresh) {
  const { model, horizon, levels } = choiceOf(place);
  const change = (/** @type {Record<string, string | number | null>} */ changes) => {
    updateState(changes);
    refresh();
  };
  const usual = DEFAULT_LEVELS.filter((level) => place.levels.includes(level)).join(",");
  const levelOptions = place.levels.filter((level) => LEVELS.includes(level)).map((level) => ({ value: String(level), text: `${level}%` }));
  return h(
    "div",
    { class: "controls" },
    place.models.length > 0 && toggleGroup("Model", place.models, [model], ([selected]) => change({ model: selected === "best" ? null : selected }), { single: true }),
    place.models.length > 0 && numberField("Steps ahead", { value: horizon, min: 1, max: place.maxHorizon, unit: (n) => formatSteps(n, place.history.step) }, (n) => change({ horizon: n, from: null, to: null })),
    toggleGroup("Ranges", levelOptions, levels.map(String), (selection) => change({ levels: selection.join(",") === usual ? null : selection.join(",") || "none" })),
  );
}

/** @param {Boxes} boxes @param {Place} place @param {import("./event-requests.js").EventLoader} loader @param {AbortSignal} signal */
function showForecast({ opening, chart, drawn, below }, place, loader, signal) {
  const choice = choiceOf(place);
  const setStale = (/** @type {boolean} */ stale) => [opening, below].forEach((box) => box.classList.toggle("stale", stale));
  setStale(below.hasChildNodes());
  const load = async (/** @type {AbortSignal} */ stop) => {
    try {
      return await place.forecast(choice, stop);
    } catch (error) {
      if (!signal.aborted) {
        setStale(false);
        fill(opening, h("h1", {}, place.title));
        fill(drawn);
        fill(below);
      }
      throw error;
    }
  };
  return runTask(chart, "Forecasting", signal, load, (forecasted) => {
    setStale(false);
    fill(opening, ...openingOf(place, forecasted));
    if (!forecasted.forecasts.length) {
      chart.parentElement?.remove();
      return fill(below, forecasted.notices);
    }
    const events = eventView(place, choice, loader, signal);
    opening.append(events.line);
    const shown = shownOf(place, forecasted, events);
    const { parts, controls } = forecastChart(shown, signal);
    fill(chart, ...parts, events.below);
    fill(drawn, controls);
    const { forecasts, accuracy, notices } = forecasted;
    const omitted = [LATE, ...(isWorthless(forecasts[0].weather) ? ["weather_not_used"] : [])];
    fill(below, notices, warningsNotice(forecasts, omitted), events.notice, limitCard(place, choice, loader, forecasts[0].sst, signal), accuracyCard(accuracy), valuesCard(shown));
    const said = () => signal.aborted || announce(`${opening.querySelector("h1")?.textContent} ${events.sentence()}`.trim());
    events.show(forecasts[0].timestamps).then(said);
  });
}

/** The sentence, and what it rests on. @param {Place} place @param {Forecasted} forecasted */
function openingOf(place, { shown, without }) {
  const now = new Date();
  const weather = shown && weatherWords(shown, without, place.history.step);
  return [h("h1", {}, placeSentence(place, shown, now)), h("p", {}, readingSentence(place, shown?.timestamps.at(-1), now)), weather && h("p", { class: "weather" }, weather)].filter((part) => part !== "" && part !== null);
}

/** What the chart and the table show. @param {Place} place @param {Forecasted} forecasted @param {import("./event-view.js").EventView} events @returns {import("./forecast-card.js").Shown} */
function shownOf(place, { forecasts, accuracy, past, pastLegend, series }, events) {
  const initial = place.knowsUsual && !events.chart?.replacesReferences ? ["climatology"] : [];
  const from = usualFrom(accuracy);
  return {
    name: place.title,
    history: place.history,
    forecasts,
    series: series ?? place.series,
    period: periodOf(place.history, forecasts[0]),
    onZoom: keepPeriod,
    references: parseList(readState().refs, initial),
    onReferences: (selection) => updateState({ refs: selection.join(",") === initial.join(",") ? null : selection.join(",") || "none" }),
    past: past && { overlay: past, legend: pastLegend, history: SHOWN_STEPS },
    events: events.chart,
    controls: events.controls,
    usualFrom: from !== null && from <= forecasts[0].timestamps.length ? from : null,
  };
}

/** The period in the URL, if there is something of the place to see in it. @param {import("./forecast-chart.js").History} history @param {import("./forecast-chart.js").ModelForecast} forecast */
function periodOf({ timestamps }, forecast) {
  const period = readPeriod();
  return period && period[0] < /** @type {string} */ (forecast.timestamps.at(-1)) && period[1] > timestamps[0] ? period : null;
}
