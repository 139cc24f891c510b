// @ts-check
/** The Your data view: read a file, show it, forecast from it and compare the models on it. */

import { readState, updateState } from "./address.js";
import { selectField } from "./controls.js";
import { loadReleases } from "./datasets.js";
import { announce, fill, h } from "./dom.js";
import { fileForecast } from "./file-forecast.js";
import { fileInput, isPasted } from "./file-input.js";
import { checkFile, pageSentence, readFile, readingParams } from "./file-reader.js";
import { refusalNotice } from "./file-refusal.js";
import { fileSummaryCard } from "./file-summary.js";
import { clearPosition } from "./position-fields.js";
import { clearReadingOptions, readingOptions } from "./reading-options.js";
import { timestampsOf } from "./series-times.js";
import { latestOnly, runTask } from "./task.js";
import { withoutSuspects } from "./value-check.js";

export const heading = "Your data";

/** The last file, kept while the user visits other views. @type {import("./file-reader.js").FileContent | null} */
let currentFile = null;

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const result = h("div", { class: "stack result", tabindex: "-1" });
  const options = h("div", {});
  const nextSignal = latestOnly(signal);
  const refresh = () => (currentFile ? showFile(result, currentFile, reread, nextSignal()) : undefined);
  const showOptions = () => fill(options, readingOptions(refresh));
  /** Read the file again with options that the result has set. */
  const reread = async () => {
    showOptions();
    await refresh();
    if (signal.aborted) return;
    // The button that was pressed is gone.
    result.focus();
    result.scrollIntoView();
  };
  const open = async (/** @type {import("./file-reader.js").FileContent} */ file) => {
    if (currentFile) clearPosition();
    if (currentFile && currentFile.name !== file.name) updateState({ station: null, release: null });
    // Pasted texts share a name but need not be alike.
    if (isPasted(file.name) || (currentFile && currentFile.name !== file.name)) clearReadingOptions();
    currentFile = file;
    showOptions();
    await refresh();
    if (signal.aborted) return;
    // The button that opened the file is hidden.
    result.focus();
    result.scrollIntoView();
  };
  const pastedText = currentFile && isPasted(currentFile.name) ? await currentFile.blob.text() : "";
  showOptions();
  fill(
    root,
    h(
      "div",
      { class: "intro" },
      h("h1", {}, heading),
      h("p", {}, "Forecast a series from any sea, and see how accurate such forecasts would have been on its past. Your file is sent only to this service and is not stored."),
    ),
    h("section", { class: "card" }, h("h2", { class: "hidden" }, "Your file"), fileInput(open, currentFile, pastedText), options),
    result,
  );
  refresh();
}

/** @param {HTMLElement} box @param {import("./file-reader.js").FileContent} file @param {() => void} reread @param {AbortSignal} signal */
function showFile(box, file, reread, signal) {
  const params = readingParams();
  const load = (/** @type {AbortSignal} */ stop) => Promise.all([loadReleases(stop), readFile(file, params, stop)]);
  return runTask(box, `Reading ${file.name}`, signal, load, ([releases, { refusal, reading }]) => {
    if (refusal) return fill(box, refusalNotice(refusal, reread));
    announce(`${file.name} was read as ${reading.format}`);
    showReading(box, { file, params, reading, releases, reread }, signal);
  });
}

/**
 * @typedef {object} FileReading
 * @property {import("./file-reader.js").FileContent} file
 * @property {Record<string, string>} params of the request that read it
 * @property {any} reading the response of POST /series
 * @property {import("./datasets.js").Releases} releases
 * @property {() => void} reread reads the file again, with the options in the URL
 *
 * @param {HTMLElement} box @param {FileReading} fileReading @param {AbortSignal} signal
 */
function showReading(box, fileReading, signal) {
  const { file, reading, reread } = fileReading;
  const stations = reading.stations.filter((/** @type {any} */ station) => reading.series.some((/** @type {any} */ series) => series.id === station.id));
  if (!stations.length) return fill(box, problemNotice(file.name, reading, reread));
  const content = h("div", { class: "stack" });
  const nextSignal = latestOnly(signal);
  const byId = (/** @type {string | undefined} */ id) => stations.find((/** @type {any} */ station) => station.id === id);
  const showById = (/** @type {string} */ id, /** @type {import("./flags.js").Suspects | null} */ leftOut = null) => {
    const leaveOut = (/** @type {import("./flags.js").Suspects | null} */ suspects) => {
      showById(id, suspects);
      // The button that was pressed is gone, and the forecast is above it.
      box.focus();
      box.scrollIntoView();
    };
    showStation(content, fileReading, { station: byId(id), leftOut, leaveOut }, nextSignal());
  };
  const { station } = readState();
  const initial = byId(station) ?? stations[0];
  const unknown = h("div", {}, station && station !== initial.id && unknownStation(station, file.name, initial));
  const select = (/** @type {string} */ id) => {
    fill(unknown);
    showById(id);
  };
  fill(box, stations.length > 1 && stationField(stations, initial, select), unknown, problemNotice(file.name, reading, reread), content);
  showById(initial.id);
}

/** @param {any[]} stations @param {any} selected @param {(id: string) => void} change */
function stationField(stations, selected, change) {
  const options = stations.map((station) => ({ value: station.id, text: station.name ?? station.id }));
  const select = (/** @type {string} */ id) => {
    updateState({ station: id }, { step: true });
    clearPosition();
    change(id);
  };
  return h("div", { class: "controls" }, selectField(`Station (${options.length} in the file)`, options, selected.id, select));
}

/** A notice that a file has no station of this name. @param {string} name @param {string} fileName @param {any} shown the station shown instead */
function unknownStation(name, fileName, shown) {
  return h("div", { class: "notice error", role: "alert" }, h("h2", {}, `No station ${name} in ${fileName}`), h("p", {}, `The forecast below is for ${shown.name ?? "the only series in the file"}.`));
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
  if (nothingRead) return refusalNotice({ title: `Cannot read a series from ${fileName}`, problems, choices, excerpt: null }, reread);
  return refusalNotice({ title: "Some stations could not be read", problems, choices, excerpt: null, partly: true }, reread);
}

/**
 * @param {HTMLElement} box @param {FileReading} fileReading
 * @param {{station: any, leftOut: import("./flags.js").Suspects | null, leaveOut: (suspects: import("./flags.js").Suspects | null) => void}} shown
 * @param {AbortSignal} signal
 */
function showStation(box, { file, params, reading, releases, reread }, { station, leftOut, leaveOut }, signal) {
  const ofStation = (/** @type {any[]} */ items) => items.find((item) => item.id === station.id) ?? null;
  const whole = ofStation(reading.series);
  const series = leftOut ? withoutSuspects(whole, historyOf(whole).timestamps, leftOut) : whole;
  const check = (/** @type {AbortSignal} */ stop) => checkFile(file, params, station.id, stop);
  const forecasts = h("div", { class: "stack" });
  fill(box, readingWarnings(station), forecasts);
  const accepted = station.forecast.filter((/** @type {any} */ use) => use.problem === null).map((/** @type {any} */ use) => use.dataset);
  const source = {
    file,
    series,
    history: historyOf(series),
    universal: releases.universal,
    places: releases.places.filter(({ name }) => accepted.includes(name)),
    known: releases.places.map(({ name }) => name),
    trainable: station.training.problem === null,
    params: reading.stations.length > 1 ? { ...params, station: station.name } : params,
    summary: fileSummaryCard({ format: reading.format, station, series, history: historyOf(series), flagged: ofStation(reading.flagged), checking: { leftOut, check, leaveOut } }, signal),
    reread,
  };
  fileForecast(forecasts, source, signal);
}

/** Doubts about how the file was read; null if there are none. @param {any} station */
function readingWarnings({ warnings }) {
  if (!warnings.length) return null;
  return h("div", { class: "notice warning" }, h("h2", {}, "Check how the file was read"), h("ul", {}, warnings.map((/** @type {string} */ warning) => h("li", {}, pageSentence(warning)))));
}

/** A series with the time of each value. @param {any} series as in the response of POST /series @returns {import("./forecast-chart.js").History} */
function historyOf({ start, step, values }) {
  return { step, timestamps: timestampsOf(start, step, values.length), values };
}
