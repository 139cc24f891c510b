// @ts-check
/** A station as a place: its readings, its newest forecast as it was issued, and how right the earlier ones were. */

import { readState, updateState } from "./address.js";
import { alertsCard } from "./alerts.js";
import { ApiError, getJson, withQuery } from "./api.js";
import { selectField } from "./controls.js";
import { horizonAt, loadReleases, universalFor } from "./datasets.js";
import { inUnit, placesOf, temperature } from "./degrees.js";
import { fill, h } from "./dom.js";
import { downloadButton } from "./download.js";
import { hasBaseline } from "./event-kinds.js";
import { fixed } from "./numbers.js";
import { pastLegend, pastOverlay, pastRows, pastTable } from "./past-overlay.js";
import { isArchive, noPlace, toldLead } from "./place-sentence.js";
import { readingsCard } from "./readings.js";
import { sentence } from "./sentence.js";
import { stepLength, timestampsOf } from "./series-times.js";
import { shareCard } from "./share.js";
import { ageInWords } from "./spoken-times.js";
import { explained, offerKey, onChange } from "./station-changes.js";
import { settingsCard } from "./station-settings.js";
import { degreesPerCelsius, SUSPECT, titleOf, toCelsius } from "./station-words.js";
import { tableDisclosure } from "./table.js";
import { latestOnly, runTask } from "./task.js";
import { formatSteps, formatTime, milliseconds } from "./times.js";

/**
 * @typedef {import("./station-words.js").Station & {writable?: boolean, baseline?: any}} Station
 * @typedef {import("./place.js").Place} Place
 *
 * @typedef {object} Loaded a station with what it remembers, °C
 * @property {Station} station
 * @property {import("./forecast-chart.js").History} history of readings that are not in doubt
 * @property {any[]} forecasts as they were issued, the oldest first
 * @property {{leads: any[]}} verification
 * @property {import("./datasets.js").Releases} releases
 */

/** Readings that are loaded: those of the last eleven years at daily steps, which heatwaves need. */
const READINGS = 4_020;

/** Steps of issued forecasts that are loaded. */
const PAST_STEPS = 120;

/** Forecasts in one answer. */
const MAX_PAGE = 1000;

const LEVEL = "80";

const WEEK_MS = 7 * 86_400_000;

/** Readings that a forecast needs. @type {Record<string, string>} */
const NEEDED = { day: "14 daily", hour: "48 hourly", week: "12 weekly", month: "24 monthly" };

/** @param {HTMLElement} box @param {string} id @param {AbortSignal} signal @param {(box: HTMLElement, place: Place, signal: AbortSignal) => void} show */
export function open(box, id, signal, show) {
  return runTask(box, "Loading the station", signal, (stop) => load(id, stop), (loaded) => {
    if (!loaded) noPlace(box, `There is no station named ${id}.`);
    if (!loaded) return void offerKey(box, "It may be one that is shown only to those who have its key.", signal, () => open(box, id, signal, show));
    const { station } = loaded;
    const forecast = h("div", { class: "stack" });
    const nextSignal = latestOnly(signal);
    const showAgain = async (/** @type {Station} */ changed) => {
      const current = nextSignal();
      const again = await load(id, current, changed);
      if (again && !current.aborted) show(forecast, stationPlace(again), current);
    };
    fill(box, forecast, readingsCard(station, signal), alertsCard(station, signal), settingsCard(station, signal), shareCard(titleOf(station), `/stations/${station.id}/card.svg`, signal));
    // What was shown before stays if the service does not answer.
    onChange(station.id, signal, (changed) => showAgain(changed).catch(() => {}));
    show(forecast, stationPlace(loaded), nextSignal());
  });
}

/** All that the page shows of a station; null if there is none. @param {string} id @param {AbortSignal} signal @param {Station} [known] the station itself, if it is loaded already @returns {Promise<Loaded | null>} */
async function load(id, signal, known) {
  const path = `/stations/${encodeURIComponent(id)}`;
  try {
    const [station, releases] = await Promise.all([known ?? getJson(path, { signal }), loadReleases(signal)]);
    const since = (/** @type {number} */ steps) => (station.newest ? new Date(milliseconds(station.newest.time) - steps * stepLength(station.step)).toISOString() : undefined);
    const [observations, forecasts, verification] = await Promise.all([
      getJson(withQuery(`${path}/observations`, { from: since(READINGS) }), { signal }),
      loadForecasts(path, since(PAST_STEPS) ?? "", signal),
      getJson(`${path}/verification`, { signal }),
    ]);
    return { station, history: historyOf(observations, station), forecasts: forecasts.map((forecast) => inCelsius(forecast, station)), verification, releases };
  } catch (error) {
    if (error instanceof ApiError && [404, 422].includes(error.status)) return null;
    throw explained(error);
  }
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

/** A regular series of readings, without those in doubt. @param {any} observations @param {Station} station @returns {import("./forecast-chart.js").History} */
function historyOf({ timestamps, values, flag }, { step, units }) {
  const n = timestamps.length ? Math.round((milliseconds(timestamps.at(-1)) - milliseconds(timestamps[0])) / stepLength(step)) + 1 : 0;
  const times = n ? timestampsOf(timestamps[0], step, n) : [];
  const celsius = toCelsius(units);
  const known = new Map(timestamps.map((/** @type {string} */ time, /** @type {number} */ i) => [milliseconds(time), flag[i] < SUSPECT ? celsius(values[i]) : null]));
  const end = times.findLastIndex((time) => (known.get(milliseconds(time)) ?? null) !== null) + 1;
  return { step, timestamps: times.slice(0, end), values: times.slice(0, end).map((time) => known.get(milliseconds(time)) ?? null) };
}

/** A forecast as it was issued, in °C. @param {any} forecast @param {Station} station */
function inCelsius(forecast, { units }) {
  if (units === "celsius") return forecast;
  const celsius = toCelsius(units);
  const all = (/** @type {number[] | null} */ values) => values && values.map(celsius);
  return {
    ...forecast,
    sst: all(forecast.sst),
    intervals: forecast.intervals.map((/** @type {any} */ interval) => ({ ...interval, lower: all(interval.lower), upper: all(interval.upper) })),
    baselines: Object.fromEntries(Object.entries(forecast.baselines).map(([name, values]) => [name, all(values)])),
    sst_without_weather: all(forecast.sst_without_weather),
    weather: forecast.weather && { ...forecast.weather, air_temperature: forecast.weather.air_temperature.map((/** @type {number | null} */ value) => value === null ? null : celsius(value)) },
  };
}

/** @param {Loaded} loaded @returns {Place} */
function stationPlace(loaded) {
  const { station, history, forecasts, releases } = loaded;
  const { id, newest, usual, units, step, horizon } = station;
  const celsius = toCelsius(units);
  const newestForecast = forecasts.at(-1);
  const release = universalFor(releases.universal, step);
  const position = station.latitude === null || station.longitude === null ? null : { latitude: station.latitude, longitude: station.longitude };
  const ahead = release ? horizonAt(release, step) : horizon;
  return {
    kind: "station",
    id,
    title: titleOf(station),
    position,
    history,
    newest: newest && { time: newest.time, value: celsius(newest.sst), usual: usual && newest.flag < SUSPECT ? celsius(usual.sst) : null, years: usual?.years ?? null, isSuspect: newest.flag >= SUSPECT },
    knowsUsual: true,
    isArchive: isArchive(newest?.time, new Date()),
    series: { id, step, start: history.timestamps[0], values: history.values, ...position },
    release: null,
    baseline: station.baseline === "position" && !hasBaseline(history) ? "position" : null,
    models: [],
    levels: newestForecast?.intervals.map((/** @type {any} */ { level }) => level) ?? [],
    maxHorizon: ahead,
    usualHorizon: ahead,
    options: (refresh) => [pastField(forecasts, step, refresh)],
    more: [],
    forecast: async (choice) => forecastOf(loaded, choice),
  };
}

/** The choice of earlier forecasts that the chart shows. @param {any[]} forecasts @param {string} step @param {() => void} refresh */
function pastField(forecasts, step, refresh) {
  const most = Math.max(0, ...forecasts.map(({ sst }) => sst.length));
  const options = Array.from({ length: most }, (_, i) => ({ value: String(i + 1), text: `${formatSteps(i + 1, step)} before` }));
  const change = (/** @type {string} */ lead) => {
    updateState({ lead: lead === "1" ? null : lead });
    refresh();
  };
  return most > 0 && h("div", { class: "controls" }, selectField("Past forecasts made", options, String(chosenLead(most)), change));
}

/** @param {number} most */
function chosenLead(most) {
  return Math.min(Math.max(Math.round(Number(readState().lead)) || 1, 1), most);
}

/** @param {Loaded} loaded @param {import("./place.js").Choice} choice @returns {import("./place.js").Forecasted} */
function forecastOf(loaded, { levels }) {
  const { station, history, forecasts } = loaded;
  const { step } = station;
  const notices = [fetchNotice(station)];
  const issued = forecasts.at(-1);
  if (!issued) {
    const note = h("p", { class: "notice" }, `No forecast yet. From ${NEEDED[step] ?? "enough"} readings on, a new forecast comes with each reading.`);
    return { forecasts: [], shown: null, accuracy: accuracyOf(loaded, 0, []), without: null, notices: [...notices, note] };
  }
  const shown = { ...issued, intervals: issued.intervals.filter((/** @type {any} */ { level }) => levels.includes(level)) };
  const lead = chosenLead(Math.max(...forecasts.map(({ sst }) => sst.length)));
  const rows = pastRows(history, forecasts, lead);
  const told = toldLead({ history, isArchive: isArchive(station.newest?.time, new Date()) }, shown.timestamps, new Date());
  return {
    forecasts: [shown],
    shown,
    accuracy: { lately: lastWeek(loaded), ...accuracyOf(loaded, told, rows.length ? [tableDisclosure("Forecasts and what came", () => pastTable(rows, lead, step), "Forecasts and what came, as a table")] : []) },
    without: issued.sst_without_weather,
    past: pastOverlay(rows, lead, step),
    pastLegend: pastLegend(rows, lead, step),
    series: { step, start: history.timestamps[0], weather: weatherSeries(history, forecasts) },
    notices,
  };
}

/** The weather that forecasts were given over the times of the chart: of each the first step ahead, and all of the newest; undefined if there is none. @param {import("./forecast-chart.js").History} history @param {any[]} forecasts */
function weatherSeries({ timestamps }, forecasts) {
  /** @type {Map<number, (number | null)[]>} */
  const known = new Map();
  forecasts.forEach(({ timestamps: times, weather }, position) => {
    const leads = weather ? times.slice(0, position === forecasts.length - 1 ? undefined : 1) : [];
    leads.forEach((/** @type {string} */ time, /** @type {number} */ i) => known.set(milliseconds(time), [weather.air_temperature[i] ?? null, weather.wind_speed[i] ?? null]));
  });
  const ahead = forecasts.at(-1).timestamps;
  const times = [...timestamps, ...ahead.filter((/** @type {string} */ time) => milliseconds(time) > milliseconds(timestamps.at(-1) ?? ""))];
  const first = times.findIndex((time) => known.has(milliseconds(time)));
  if (first < 0) return undefined;
  const [air, wind] = [0, 1].map((column) => times.slice(first).map((time) => known.get(milliseconds(time))?.[column] ?? null));
  return { start: times[first], air_temperature: air, wind_speed: wind };
}

/** @param {Loaded} loaded @param {number} told lead of the sentence @param {import("./dom.js").Child[]} more @returns {import("./place-accuracy.js").Accuracy} */
function accuracyOf({ station, verification: { leads } }, told, more) {
  const { id, step, units } = station;
  const path = `/stations/${encodeURIComponent(id)}/verification`;
  const checked = leads.filter(({ n }) => n > 0);
  const named = (/** @type {any} */ { model, kind, rmse }) => [kind === "issued" ? ISSUED : model, rmse / degreesPerCelsius(units)];
  const shown = (/** @type {any} */ { kind }) => kind !== "without_weather";
  const rows = checked.map(({ lead, n, models }) => ({ lead, n, rmse: Object.fromEntries(models.filter(shown).map(named)) }));
  const row = Math.max(rows.findIndex(({ lead }) => lead === told), 0);
  const coverage = checked[row]?.models.find((/** @type {any} */ { kind }) => kind === "issued")?.coverage?.[LEVEL];
  const none = "No forecast can be checked yet: each one is compared with the readings that come after it.";
  const files = downloadButton("All errors as CSV", `${id}-verification.csv`, () => withQuery(path, { format: "csv" }));
  return {
    model: ISSUED,
    step,
    told: row,
    rows,
    window: rows.length ? "Typical errors (RMSE) of the forecasts as they were issued, compared with the latest readings." : none,
    held: coverage?.recalibrated ?? coverage?.plain ?? null,
    more: rows.length ? [...more, h("div", { class: "row" }, files)] : more,
  };
}

/** What the forecast of a week ago said of the newest reading that it reached, in a sentence; empty if there was none. @param {Loaded} loaded */
function lastWeek({ history, forecasts }) {
  const { step } = history;
  const most = Math.max(...forecasts.map(({ sst }) => sst.length));
  const lead = Math.min(Math.max(Math.round(WEEK_MS / stepLength(step)), 1), most);
  const row = pastRows(history, forecasts, lead).findLast(({ observed }) => observed !== null);
  if (!row || row.observed === null || row.lower === null || row.upper === null) return "";
  const { time, observed, sst, lower, upper } = row;
  const places = placesOf(lower, upper);
  const range = `80%: ${fixed(inUnit(lower), places)} to ${fixed(inUnit(upper), places)}`;
  return `${formatSteps(lead, step)} before ${formatTime(time, step)}, we expected ${temperature(sst, places)} (${range}). It was ${temperature(observed, places)}, ${observed >= lower && observed <= upper ? "within" : "outside"} that range.`;
}

/** The name of the station's own forecasts, whatever model issued them. */
const ISSUED = "mixture";

/** How fetching goes; null if readings are sent or all is well. @param {Station} station */
function fetchNotice({ fetch }) {
  if (!fetch?.error) return null;
  const last = fetch.succeeded ? `The last successful fetch was ${ageInWords(fetch.succeeded, new Date())} ago` : "No fetch has succeeded yet";
  return h("div", { class: "notice warning" }, h("strong", {}, "Fetching is failing"), h("p", {}, `${sentence(fetch.error)} ${last}; the next attempt is at ${formatTime(fetch.next, "hour")}.`));
}
