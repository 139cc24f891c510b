// @ts-check
/** One station: its last value, forecasts and observations, its record, its events, and a card to embed. */

import { HOME, readState, updateState } from "./address.js";
import { alertsCard } from "./alerts.js";
import { getJson, hasKey, request, withQuery } from "./api.js";
import { Chart } from "./chart.js";
import { selectField } from "./controls.js";
import { fill, h } from "./dom.js";
import { codeBlock } from "./download.js";
import { readingsCard } from "./readings.js";
import { modelPhrase } from "./record.js";
import { sentence } from "./sentence.js";
import { ageInWords } from "./spoken-times.js";
import { lastValue, nextSteps } from "./station-card.js";
import { rowsOf, rowsTable, stationFigure, stationWeather } from "./station-chart.js";
import { explained, onChange } from "./station-changes.js";
import { showRecord } from "./station-record.js";
import { settingsCard } from "./station-settings.js";
import { stepLength, titleOf, unitOf, usualInWords } from "./station-words.js";
import { tableDisclosure } from "./table.js";
import { latestOnly, runTask } from "./task.js";
import { formatSteps, formatTime, milliseconds, stepAdjective } from "./times.js";
import { isWorthless, weatherPanel, weatherWords } from "./weather.js";
import { positionInWords } from "./world-map.js";

/** @typedef {import("./station-words.js").Station} Station */

/** Steps of the past in the chart, and the longest past, which is enough to see how forecasts did. */
const PAST_STEPS = 120;

/** Forecasts in one answer. */
const MAX_PAGE = 1000;

/** Columns of the next steps. */
const COLUMNS = 7;

/** @param {HTMLElement} root @param {string} id @param {AbortSignal} signal */
export async function showStation(root, id, signal) {
  const intro = h("div", { class: "intro" }, h("h1", {}, id));
  const part = h("div", { class: "stack" });
  fill(root, h("nav", { "aria-label": "Back" }, h("a", { href: HOME }, "‹ All stations")), intro, part);
  await runTask(part, "Loading the station", signal, (stop) => loadStation(id, stop), (station) => {
    document.title = `${titleOf(station)} · SST forecasting`;
    fill(intro, h("h1", {}, titleOf(station)), h("p", {}, describeStation(station)));
    compose(part, station, signal);
  });
}

/** @param {string} id @param {AbortSignal} signal @returns {Promise<Station>} */
async function loadStation(id, signal) {
  try {
    return await getJson(withQuery(`/stations/${encodeURIComponent(id)}`, { recent: "true" }), { signal });
  } catch (error) {
    throw explained(error);
  }
}

/** @param {HTMLElement} part @param {Station} station @param {AbortSignal} signal */
function compose(part, station, signal) {
  const above = h("div", { class: "stack" });
  fill(part, above, readingsCard(station, signal), alertsCard(station, signal), settingsCard(station, signal), embedCard(station, signal));
  const nextSignal = latestOnly(signal);
  const show = (/** @type {Station} */ changed) => showForecast(above, changed, nextSignal());
  onChange(station.id, signal, show);
  show(station);
}

/** @param {HTMLElement} part @param {Station} station @param {AbortSignal} signal */
function showForecast(part, station, signal) {
  const now = new Date();
  const usual = usualInWords(station);
  const [chart, record] = [h("section", { class: "card" }), h("section", { class: "card" })];
  fill(
    part,
    h("section", { class: "card station whole", "aria-label": "Now and next" }, lastValue(station, now), nextSteps(station, now, COLUMNS), usual && h("p", { class: "note" }, usual), fetchNote(station, now)),
    ...(station.newest ? [chart, record] : []),
  );
  if (!station.newest) return;
  showChart(chart, station, signal);
  showRecord(record, station, signal);
}

/** @param {Station} station */
function describeStation({ id, latitude, longitude, step, model, forecast }) {
  const where = latitude === null || longitude === null ? "no position" : positionInWords({ latitude, longitude });
  const by = forecast ? modelPhrase(forecast.model) : model === "best" ? "the mixture of networks and references" : model;
  return [h("code", {}, id), ` · ${where} · ${stepAdjective(step)} readings · forecast by ${by}`];
}

/** How fetching goes; null if readings are sent. @param {Station} station @param {Date} now */
function fetchNote({ fetch }, now) {
  if (!fetch) return null;
  const last = fetch.succeeded ? `The last successful fetch was ${ageInWords(fetch.succeeded, now)} ago` : "No fetch has succeeded yet";
  if (!fetch.error) return h("p", { class: "note" }, `The service fetches the readings. ${last}.`);
  return h("div", { class: "notice warning" }, h("strong", {}, "Fetching is failing"), h("p", {}, `${sentence(fetch.error)} ${last}; the next attempt is at ${formatTime(fetch.next, "hour")}.`));
}

/** @param {HTMLElement} card @param {Station} station @param {AbortSignal} signal */
function showChart(card, station, signal) {
  const path = `/stations/${station.id}`;
  const newest = station.newest?.time ?? "";
  const from = new Date(milliseconds(newest) - PAST_STEPS * stepLength(station.step)).toISOString();
  const load = async (/** @type {AbortSignal} */ stop) => {
    const [observations, forecasts] = await Promise.all([getJson(withQuery(`${path}/observations`, { from }), { signal: stop }), loadForecasts(path, from, stop)]);
    return { observations, forecasts };
  };
  return runTask(card, "Loading forecasts and readings", signal, load, ({ observations, forecasts }) => fill(card, ...chartParts(station, observations, forecasts, signal)));
}

/** All forecasts since a time, page by page. @param {string} path of the station @param {string} from @param {AbortSignal} signal @returns {Promise<any[]>} */
async function loadForecasts(path, from, signal) {
  const forecasts = [];
  let after = "";
  do {
    const page = await getJson(withQuery(`${path}/forecasts`, { from, after, limit: MAX_PAGE }), { signal });
    forecasts.push(...page.forecasts);
    after = page.next ?? "";
  } while (after);
  return forecasts;
}

/** @param {Station} station @param {any} observations @param {any[]} forecasts @param {AbortSignal} signal */
function chartParts(station, observations, forecasts, signal) {
  const most = Math.max(...forecasts.map(({ sst }) => sst.length), 1);
  let lead = Math.min(Math.max(Number(readState().lead) || 1, 1), most);
  let rows = rowsOf(observations, forecasts, lead);
  const chart = new Chart(`Observed and forecast SST of ${titleOf(station)}`, signal, { height: "22rem" });
  const draw = () => chart.draw(() => stationFigure(rows, lead, station));
  const options = Array.from({ length: most }, (_, i) => ({ value: String(i + 1), text: `${formatSteps(i + 1, station.step)} before` }));
  const choose = (/** @type {string} */ value) => {
    lead = Number(value);
    rows = rowsOf(observations, forecasts, lead);
    updateState({ lead: lead === 1 ? null : lead });
    draw();
  };
  draw();
  const weather = stationWeather(rows, forecasts, station);
  return [
    h("header", {}, h("div", {}, h("h2", {}, "Forecasts and observations"), h("p", {}, `Until ${formatTime(observations.timestamps.at(-1), station.step)}`)), chart.zoomButtons()),
    h("div", { class: "controls" }, selectField("Show forecasts made", options, String(lead), choose), legend()),
    chart.element,
    weather && weatherPanel(weather, titleOf(station), chart, signal),
    ...weatherNotes(forecasts.at(-1), station),
    forecasts.length < 2 && h("p", { class: "note" }, "A forecast is issued for each new reading, and appears here next to the observations."),
    tableDisclosure("Observed and forecast SST", () => rowsTable(rows, lead, station)),
  ].filter((part) => part !== false);
}

/** What weather changed in the newest forecast, and what is wrong with it. @param {any} forecast as it was issued; undefined if there is none @param {Station} station */
function weatherNotes(forecast, station) {
  if (!forecast) return [];
  const words = weatherWords(forecast, forecast.sst_without_weather, station.step, unitOf(station));
  const wrong = isWorthless(forecast.weather) ? [] : forecast.warnings.filter((/** @type {any} */ warning) => warning.code.includes("weather"));
  return [words, ...wrong.map((/** @type {any} */ warning) => sentence(warning.message))].filter(Boolean).map((text) => h("p", { class: "note" }, text));
}

function legend() {
  const label = (/** @type {string} */ kind, /** @type {string} */ text) => h("span", { class: "label" }, h("span", { class: `line-key ${kind}`, "aria-hidden": "true" }), text);
  return h("div", { class: "row legend" }, label("observed", "Observed"), label("before", "Forecast before"), label("newest", "Newest forecast"), label("range", "80% range"));
}

/** The card as a picture, and how to show it elsewhere. @param {Station} station @param {AbortSignal} signal */
function embedCard(station, signal) {
  const address = `${location.origin}/stations/${station.id}/card.svg`;
  const alt = titleOf(station).replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
  const code = `<img src="${address}" width="360" height="224"\n     alt="SST at ${alt}: last value and forecast">`;
  const picture = h("div", { class: "card-picture" });
  const show = (/** @type {any} */ event) => {
    if (!event.target.open || picture.childElementCount) return;
    runTask(picture, "Loading the card", signal, (stop) => request(`/stations/${station.id}/card.svg`, { signal: stop }).then((response) => response.blob()), (blob) => fill(picture, pictureOf(blob, station, signal)));
  };
  const note = hasKey() ? "This service requires a key, which images cannot send. Let your server fetch the card with a key and pass it on." : "The image follows the reader's light or dark theme.";
  return h("details", { class: "card add", toggle: show }, h("summary", {}, "Embed this station"), h("div", { class: "grid" }, picture, h("div", {}, codeBlock("HTML", code), h("p", { class: "note" }, note))));
}

/** @param {Blob} blob @param {Station} station @param {AbortSignal} signal */
function pictureOf(blob, station, signal) {
  const src = URL.createObjectURL(blob);
  signal.addEventListener("abort", () => URL.revokeObjectURL(src));
  return h("img", { src, width: 360, height: 224, alt: `The card of ${titleOf(station)}` });
}
