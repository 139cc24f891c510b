// @ts-check
/** A file of readings as a place: read through the service, kept in this browser, and forecast by universal networks. */

import { OPTIONS_CHANGE, readState, updateState } from "./address.js";
import { ApiError, postFile, postJson, withQuery } from "./api.js";
import { selectField, takeFocus } from "./controls.js";
import { horizonAt, loadReleases, universalFor } from "./datasets.js";
import { inUnit, temperature } from "./degrees.js";
import { announce, fill, h } from "./dom.js";
import { withPosition } from "./event-requests.js";
import { fileCard, readingCard } from "./file-cards.js";
import { OPTION_NAMES, pageSentence, readFile, readingOptions, readingParams } from "./file-reader.js";
import { refusalNotice } from "./file-refusal.js";
import { forecastsOf } from "./forecast-chart.js";
import { keepFile, keptFile } from "./kept-file.js";
import { CELLS, modelTitle } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { rowsByLead } from "./place-accuracy.js";
import { isArchive, noPlace, toldLead } from "./place-sentence.js";
import { clearPosition, positionFields, positionOf } from "./position-fields.js";
import { sentence } from "./sentence.js";
import { timestampsOf } from "./series-times.js";
import { latestOnly, runTask } from "./task.js";
import { formatPeriod, formatSteps, formatTime } from "./times.js";

/**
 * @typedef {import("./place.js").Place} Place
 * @typedef {import("./place.js").Choice} Choice
 * @typedef {(box: HTMLElement, place: Place, signal: AbortSignal) => void} Show
 * @typedef {Omit<import("./place-accuracy.js").Accuracy, "model">} Backtest
 *
 * @typedef {object} Opened a file and how it was read
 * @property {import("./file-reader.js").FileContent} file
 * @property {Record<string, string>} params of the request that read it
 * @property {any} reading the response of POST /series
 * @property {import("./datasets.js").Releases} releases
 * @property {() => void} reread reads the file again, with the options in the URL
 * @property {Show} show
 */

const POSITION_WARNINGS = ["no_climatology", "doubtful_position"];

/** A comparison over more values takes long. */
const MAX_COMPARED_VALUES = 3_000;

/** @param {HTMLElement} box @param {string} _ @param {AbortSignal} signal @param {Show} show */
export function open(box, _, signal, show) {
  return runTask(box, "Opening the file", signal, keptFile, (file) => {
    if (!file) return noPlace(box, "No file is open in this browser.");
    if (!location.search && file.options) updateState(Object.fromEntries(new URLSearchParams(file.options)));
    addEventListener(OPTIONS_CHANGE, () => keepFile(file, location.search), { signal });
    const nextSignal = latestOnly(signal);
    const content = h("div", { class: "stack" });
    const refresh = () => showFile(content, { file, reread, show }, nextSignal());
    const reread = async () => {
      await refresh();
      // The button that was pressed is gone.
      if (!signal.aborted) document.getElementById("main")?.focus();
    };
    fill(box, content);
    refresh();
  });
}

/** @param {HTMLElement} box @param {Pick<Opened, "file" | "reread" | "show">} opened @param {AbortSignal} signal */
function showFile(box, { file, reread, show }, signal) {
  const params = readingParams();
  const load = (/** @type {AbortSignal} */ stop) => Promise.all([loadReleases(stop), readFile(file, params, stop)]);
  return runTask(box, `Reading ${file.name}`, signal, load, ([releases, { refusal, reading }]) => {
    const opened = { file, params, reading, releases, reread, show };
    if (refusal) return fill(box, unread(opened, noticeOf(refusal, reread)));
    announce(`${file.name} was read as ${reading.format}`);
    showReading(box, opened, signal);
  });
}

/** A file that is not read. @param {Pick<Opened, "file" | "reread">} opened @param {import("./dom.js").Child} notice */
function unread({ file, reread }, notice) {
  return [h("div", { class: "intro" }, h("h1", {}, file.name)), notice, fileCard(file, null, readingOptions(reread))];
}

/** Show one series of the file, with a choice if there are several. @param {HTMLElement} box @param {Opened} opened @param {AbortSignal} signal */
function showReading(box, opened, signal) {
  const { file, reading, reread } = opened;
  const stations = reading.stations.filter((/** @type {any} */ station) => reading.series.some((/** @type {any} */ series) => series.id === station.id));
  const problem = problemNotice(file.name, reading, reread);
  if (!stations.length) return fill(box, unread(opened, problem));
  const content = h("div", { class: "stack place" });
  const nextSignal = latestOnly(signal);
  const selected = () => stations.find((/** @type {any} */ { id }) => id === readState().station) ?? stations[0];
  const showSelected = () => opened.show(content, filePlace(content, opened, selected(), showSelected), nextSignal());
  const select = (/** @type {string} */ id) => {
    updateState({ station: id, from: null, to: null }, { step: true });
    clearPosition();
    showSelected();
  };
  const options = stations.map((/** @type {any} */ { id, name }) => ({ value: id, text: name ?? id }));
  fill(box, options.length > 1 && h("div", { class: "controls" }, selectField(`Station (${options.length} in the file)`, options, selected().id, select)), problem, content);
  showSelected();
}

/** The stations that could not be read, and why; null if all were. @param {string} fileName @param {any} reading @param {() => void} reread */
function problemNotice(fileName, reading, reread) {
  const nothingRead = !reading.series.length;
  const unreadable = reading.stations.filter((/** @type {any} */ station) => station.problem);
  const problems = unreadable.map((/** @type {any} */ station) => [station.name && h("strong", {}, `${station.name}: `), pageSentence(station.problem)]);
  if (nothingRead && reading.problem) problems.unshift(pageSentence(reading.problem));
  if (!problems.length) return null;
  // Stations of one file mostly leave the same question open.
  const choices = unreadable.find((/** @type {any} */ station) => station.choices.length)?.choices ?? (nothingRead ? reading.choices : []);
  const title = nothingRead ? `Cannot read a series from ${fileName}` : "Some stations could not be read";
  return noticeOf({ title, problems, choices, excerpt: null, partly: !nothingRead }, reread);
}

/** @param {import("./file-refusal.js").Refusal} refusal @param {() => void} reread */
function noticeOf(refusal, reread) {
  const readWith = (/** @type {Record<string, string | null>} */ options) => {
    updateState(options);
    reread();
  };
  const reset = () => readWith(Object.fromEntries(OPTION_NAMES.map((name) => [name, null])));
  return refusalNotice(refusal, ({ option, value }) => readWith({ [option]: value }), Object.keys(readingParams()).length > 0 ? reset : null);
}

/**
 * A station of the file as a place.
 * @param {HTMLElement} box that shows it @param {Opened} opened @param {any} station an entry of the response of POST /series @param {() => void} again shows it again
 * @returns {Place}
 */
function filePlace(box, { file, params, reading, releases, reread }, station, again) {
  const series = reading.series.find((/** @type {any} */ { id }) => id === station.id);
  const { step, values } = series;
  const history = { step, timestamps: timestampsOf(series.start, step, values.length), values };
  const last = values.findLastIndex((/** @type {number | null} */ value) => value !== null);
  const accepted = station.forecast.filter((/** @type {any} */ use) => use.problem === null).map((/** @type {any} */ use) => use.dataset);
  const places = releases.places.filter(({ name }) => accepted.includes(name));
  const network = places.find(({ name }) => name === readState().release) ?? null;
  const universal = universalFor(releases.universal, step);
  const release = network ?? universal;
  const cells = network ? network.models.map(({ cell }) => cell) : CELLS;
  const all = cells.length > 1 ? [{ value: "all", text: cells.length === 3 ? "All three" : "All" }] : [];
  const maxHorizon = release ? horizonAt(release, step) : 1;
  const notices = [readingWarnings(station), suspectsNotice(file, params, station, step)];
  const title = series.id === "0" ? file.name : (station.name ?? series.id);
  /** @type {import("./position-fields.js").Picker | null} */
  let position = null;
  const options = (/** @type {() => void} */ refresh) => {
    position = network ? null : positionFields(series, refresh);
    return [
      places.length > 0 && networksField(places, network, universal, () => {
        again();
        takeFocus(box.querySelector(".networks") ?? box);
      }),
      position?.element,
      h("p", { class: "note" }, aboutNetworks(network)),
    ];
  };
  return {
    kind: "file",
    id: station.id,
    title,
    get position() {
      return network ? null : positionOf(series);
    },
    history,
    newest: { time: history.timestamps[last], value: values[last], usual: null, years: null, isSuspect: false },
    knowsUsual: true,
    isArchive: isArchive(history.timestamps[last], new Date()),
    series,
    release: network?.name ?? null,
    baseline: null,
    models: [{ value: "best", text: network ? `Chosen (${modelTitle(network.best.cell)})` : "Chosen" }, ...cells.map((value) => ({ value, text: modelTitle(value) })), ...all],
    levels: release?.best.levels ?? [],
    maxHorizon,
    usualHorizon: Math.ceil(maxHorizon / 2),
    options,
    more: [
      readingCard({ format: reading.format, station, series }),
      fileCard(file, { series, params: reading.stations.length > 1 ? { ...params, station: station.name } : params, title: station.name ?? file.name }, readingOptions(reread)),
    ],
    forecast: async (choice, stop) => {
      const forecasted = await forecastFile({ file, series, history, network }, choice, stop);
      const problem = forecasted.forecasts[0].warnings.find(({ code }) => POSITION_WARNINGS.includes(code));
      position?.say(problem ? sentence(problem.message) : "");
      return { ...forecasted, notices };
    },
  };
}

/** The choice of networks. @param {import("./datasets.js").Dataset[]} places @param {import("./datasets.js").Dataset | null} network @param {import("./datasets.js").Dataset | null} universal @param {() => void} show */
function networksField(places, network, universal, show) {
  const choices = [{ value: "", text: `Any sea${universal ? ` (${universal.name})` : ""}` }, ...places.map(({ name, title }) => ({ value: name, text: `One place (${title})` }))];
  const change = (/** @type {string} */ name) => {
    updateState({ release: name || null, horizon: null, from: null, to: null });
    show();
  };
  return h("div", { class: "controls networks" }, selectField("Networks for", choices, network?.name ?? "", change));
}

/** @param {import("./datasets.js").Dataset | null} network */
function aboutNetworks(network) {
  if (network) return `These networks ${network.best.imported ? "were imported for" : "were trained on"} one place, ${network.title}, which may be quite unlike yours.`;
  return ["These networks were trained on simulated and real seas and take any series at its own step. By default, a network and simple forecasts are mixed by how right they were on your series. With years of readings, you can also ", h("a", { href: "/manual/guides/train" }, "train networks on them"), "."];
}

/**
 * @param {{file: import("./file-reader.js").FileContent, series: any, history: import("./forecast-chart.js").History, network: import("./datasets.js").Dataset | null}} of
 * @param {Choice} choice @param {AbortSignal} stop
 * @returns {Promise<import("./place.js").Forecasted>}
 */
async function forecastFile({ file, series, history, network }, choice, stop) {
  const { model, horizon, levels } = choice;
  const ask = async (/** @type {any} */ changes = {}, asked = series) => {
    const body = { ...(network ? { dataset: network.name } : {}), model, horizon, levels, ...changes };
    const forecasts = forecastsOf(await postJson("/forecast", { ...body, series: [withPosition(asked, choice)] }, stop), 0);
    const failed = forecasts.find((/** @type {any} */ forecast) => forecast.error);
    if (failed) throw Object.assign(new ApiError(failed.error, 422), { heading: `Cannot forecast ${file.name}` });
    return forecasts;
  };
  const asked = ask();
  // Only the forecast of the release's choice comes with the errors of its backtest.
  const chosen = async () => fileBacktest((await asked)[0], history);
  const compared = () => comparedBacktest(withPosition(series, choice), history, network, stop);
  const [forecasts, backtest] = await Promise.all([asked, network || model !== "best" ? compared() : chosen()]);
  const error = (/** @type {any} */ { model: name }) => backtest.rows[backtest.told]?.rmse[name] ?? Infinity;
  const [shown] = [...forecasts].sort((a, b) => error(a) - error(b));
  const still = shown.weather?.used.length ? await ask({}, { ...series, weather: undefined }) : [];
  const without = still.find((/** @type {any} */ other) => other.model === shown.model) ?? still[0];
  return { forecasts, shown, accuracy: { ...backtest, model: shown.model }, without: without?.sst ?? null, notices: [] };
}

/** The backtest by which universal networks and references are chosen. @param {any} forecast @param {import("./forecast-chart.js").History} history @returns {Backtest} */
function fileBacktest({ timestamps, chosen: { origins, since, by, rmse_by_lead: rmse = {} } }, history) {
  const { step } = history;
  const told = toldLead({ history, isArchive: true }, timestamps, new Date());
  const learned = by === "own_past" ? ", but the weights of the mixture were learned from all of them" : "";
  const window = `Typical errors (RMSE) of ${formatCount(origins)} forecasts of the past of this series${since ? `, since ${formatTime(since, step)}` : ""}. Each used earlier values only${learned}.`;
  return { step, told: told - 1, rows: rowsByLead(timestamps.map(() => origins), rmse), window: origins ? window : `The series is too short to check this forecast, of ${formatSteps(timestamps.length, step)}, against its past.`, held: null, more: [] };
}

/**
 * The errors of networks on a series, one step ahead; without `network`, of those for any sea.
 * @param {any} series as it is sent @param {import("./forecast-chart.js").History} history @param {import("./datasets.js").Dataset | null} network @param {AbortSignal} stop
 * @returns {Promise<Backtest>}
 */
async function comparedBacktest(series, { step, timestamps, values }, network, stop) {
  const end = values.length <= MAX_COMPARED_VALUES ? series : { ...series, start: timestamps[values.length - MAX_COMPARED_VALUES], values: values.slice(-MAX_COMPARED_VALUES) };
  const { series: [compared] } = await postJson("/compare", { ...(network ? { dataset: network.name } : {}), series: [end] }, stop);
  const common = { step, told: 0, held: null, more: [] };
  if (compared.error) return { ...common, rows: [], window: sentence(compared.error) };
  const { test, models } = compared;
  const rmse = Object.fromEntries(models.map((/** @type {any} */ model) => [model.model, [model.rmse]]));
  return { ...common, rows: rowsByLead([test.n], rmse), window: `Typical errors (RMSE) of ${formatCount(test.n)} forecasts of this series, ${formatPeriod(test.start, test.end, step)}.` };
}

/** Doubts about how the file was read; null if there are none. @param {any} station */
function readingWarnings({ warnings }) {
  if (!warnings.length) return null;
  return h("div", { class: "notice warning" }, h("h2", {}, "Check how the file was read"), h("ul", {}, warnings.map((/** @type {string} */ warning) => h("li", {}, pageSentence(warning)))));
}

/** Doubts about values, as soon as they are found: the forecast does not wait for them. @param {Opened["file"]} file @param {Opened["params"]} params @param {any} station @param {string} step */
function suspectsNotice({ blob }, params, { id }, step) {
  const box = h("div", { role: "status" });
  const show = (/** @type {any} */ { checks }) => {
    const { timestamps = [], sst, lower, upper } = checks.find((/** @type {any} */ check) => check.id === id)?.suspects ?? {};
    const last = timestamps.length - 1;
    if (last < 0) return;
    const doubt = `${temperature(sst[last], 2)} on ${formatTime(timestamps[last], step)}, where ${fixed(inUnit(lower[last]), 1)} to ${temperature(upper[last], 1)} was expected`;
    const found = last ? `${formatCount(last + 1)} values look wrong. The last is ${doubt}` : `A value looks wrong: ${doubt}`;
    fill(box, h("div", { class: "notice warning" }, h("p", {}, `${found}. If so, correct the file and open it again.`)));
  };
  postFile(withQuery("/series", { ...params, check: "true" }), blob).then(show, () => {});
  return box;
}
