// @ts-check
/** A file of readings as a place: read through the service, kept in this browser, and forecast by universal networks. */

import { OPTIONS_CHANGE, readState, updateState } from "./address.js";
import { ApiError, postJson } from "./api.js";
import { selectField, takeFocus } from "./controls.js";
import { horizonAt, loadReleases, universalFor } from "./datasets.js";
import { announce, fill, h } from "./dom.js";
import { marineEvents } from "./event-kinds.js";
import { withPosition } from "./event-requests.js";
import { fileBacktest, placeBacktest } from "./file-accuracy.js";
import { checkFile, pageSentence, readFile, readingParams } from "./file-reader.js";
import { refusalNotice } from "./file-refusal.js";
import { fileSummaryCard } from "./file-summary.js";
import { forecastsOf } from "./forecast-chart.js";
import { fileCard } from "./keep-form.js";
import { keepFile, keptFile } from "./kept-file.js";
import { CELLS, modelTitle } from "./models.js";
import { isArchive, noPlace } from "./place-sentence.js";
import { placeTrainingCard, reasonToTrain } from "./place-training.js";
import { clearPosition, positionFields, positionOf } from "./position-fields.js";
import { readingOptions } from "./reading-options.js";
import { sentence } from "./sentence.js";
import { timestampsOf } from "./series-times.js";
import { codeCard } from "./share.js";
import { fileSnippets } from "./snippets.js";
import { latestOnly, runTask } from "./task.js";
import { found, leaveOutButton, withoutSuspects } from "./value-check.js";

/**
 * @typedef {import("./place.js").Place} Place
 * @typedef {import("./place.js").Choice} Choice
 * @typedef {(box: HTMLElement, place: Place, signal: AbortSignal) => void} Show
 *
 * @typedef {object} Opened a file and how it was read
 * @property {import("./file-reader.js").FileContent} file
 * @property {Record<string, string>} params of the request that read it
 * @property {any} reading the response of POST /series
 * @property {import("./datasets.js").Releases} releases
 * @property {() => void} reread reads the file again, with the options in the URL
 * @property {Show} show
 */

/** Larger files are sent a second time only on request: 1 MB. */
const CHECKED_BYTES = 1_000_000;

const POSITION_WARNINGS = ["no_climatology", "doubtful_position"];
const SUSPECT = "suspect_value";

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
    if (refusal) return fill(box, unread(opened, refusalNotice(refusal, reread)));
    announce(`${file.name} was read as ${reading.format}`);
    showReading(box, opened, signal);
  });
}

/** A file that is not read. @param {Pick<Opened, "file" | "reread">} opened @param {import("./dom.js").Child} notice */
function unread({ file, reread }, notice) {
  return [h("div", { class: "intro" }, h("h1", {}, file.name)), notice, fileCard(file, null, readingOptions(reread))];
}

/** @param {HTMLElement} box @param {Opened} opened @param {AbortSignal} signal */
function showReading(box, opened, signal) {
  const { file, reading, reread } = opened;
  const stations = reading.stations.filter((/** @type {any} */ station) => reading.series.some((/** @type {any} */ series) => series.id === station.id));
  const problem = problemNotice(file.name, reading, reread);
  if (!stations.length) return fill(box, unread(opened, problem));
  const content = h("div", { class: "stack place" });
  const nextSignal = latestOnly(signal);
  const byId = (/** @type {string | undefined} */ id) => stations.find((/** @type {any} */ station) => station.id === id);
  const { station } = readState();
  const initial = byId(station) ?? stations[0];
  const unknown = h("div", {}, station && station !== initial.id && missing(`No station ${station} in ${file.name}`, `The forecast below is for ${initial.name ?? "the only series in the file"}.`));
  const showStation = (/** @type {string} */ id) => new FilePlace(content, opened, byId(id), nextSignal()).show();
  const select = (/** @type {string} */ id) => {
    updateState({ station: id, from: null, to: null }, { step: true });
    clearPosition();
    fill(unknown);
    showStation(id);
  };
  fill(box, stations.length > 1 && stationField(stations, initial, select), unknown, problem, content);
  showStation(initial.id);
}

/** @param {any[]} stations @param {any} selected @param {(id: string) => void} select */
function stationField(stations, selected, select) {
  const options = stations.map((station) => ({ value: station.id, text: station.name ?? station.id }));
  return h("div", { class: "controls" }, selectField(`Station (${options.length} in the file)`, options, selected.id, select));
}

/** A notice that something in the URL does not exist. @param {string} heading @param {string} [text] */
function missing(heading, text) {
  return h("div", { class: "notice error", role: "alert" }, h("h2", {}, heading), text && h("p", {}, text));
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
  return refusalNotice({ title, problems, choices, excerpt: null, partly: !nothingRead }, reread);
}

/** A station of the file as a place. */
class FilePlace {
  /** @param {HTMLElement} box @param {Opened} opened @param {any} station an entry of the response of POST /series @param {AbortSignal} signal */
  constructor(box, opened, station, signal) {
    const { reading, releases, params } = opened;
    const of = (/** @type {any[]} */ items) => items.find(({ id }) => id === station.id) ?? null;
    this.box = box;
    this.opened = opened;
    this.station = station;
    this.nextSignal = latestOnly(signal);
    this.whole = of(reading.series);
    this.flagged = of(reading.flagged);
    this.params = reading.stations.length > 1 ? { ...params, station: station.name } : params;
    const accepted = station.forecast.filter((/** @type {any} */ use) => use.problem === null).map((/** @type {any} */ use) => use.dataset);
    this.places = releases.places.filter(({ name }) => accepted.includes(name));
    this.universal = universalFor(releases.universal, this.whole.step);
  }

  /** Show it, perhaps without values that look implausible. @param {import("./flags.js").Suspects | null} [leftOut] */
  show(leftOut = null) {
    const { opened, box } = this;
    const signal = this.nextSignal();
    const { start, step, values } = this.whole;
    this.series = leftOut ? withoutSuspects(this.whole, timestampsOf(start, step, values.length), leftOut) : this.whole;
    this.history = { step, timestamps: timestampsOf(this.series.start, step, this.series.values.length), values: this.series.values };
    const leaveOut = (/** @type {import("./flags.js").Suspects | null} */ suspects) => {
      this.show(suspects);
      // The button that was pressed is gone, and the forecast is above it.
      document.getElementById("main")?.focus();
      scrollTo(0, 0);
    };
    const atOnce = opened.file.blob.size <= CHECKED_BYTES;
    /** What the check found. @type {Promise<{suspects: import("./flags.js").Suspects}> | null} */
    this.checked = null;
    const check = (/** @type {AbortSignal} */ stop) => (this.checked = checkFile(opened.file, opened.params, this.station.id, stop));
    this.leaveOut = leaveOut;
    this.summary = fileSummaryCard({ format: opened.reading.format, station: this.station, series: this.series, history: this.history, flagged: this.flagged, checking: { leftOut, atOnce, check, leaveOut } }, signal);
    opened.show(box, this.place(signal), signal);
  }

  /** @param {AbortSignal} signal @returns {Place} */
  place(signal) {
    const { series, history, opened, station } = this;
    const { step, timestamps, values } = history;
    const last = values.findLastIndex((/** @type {number | null} */ value) => value !== null);
    const network = this.places.find(({ name }) => name === readState().release) ?? null;
    const release = network ?? this.universal;
    const cells = network ? network.models.map(({ cell }) => cell) : CELLS;
    const all = cells.length > 1 ? [{ value: "all", text: cells.length === 3 ? "All three" : "All" }] : [];
    const maxHorizon = release ? horizonAt(release, step) : 1;
    return {
      kind: "file",
      id: station.id,
      title: series.id === "0" ? opened.file.name : (station.name ?? series.id),
      get position() {
        return network ? null : positionOf(series);
      },
      history,
      newest: { time: timestamps[last], value: /** @type {number} */ (values[last]), usual: null, years: null, isSuspect: false },
      knowsUsual: true,
      isArchive: isArchive(timestamps[last], new Date()),
      series,
      release: network?.name ?? null,
      baseline: null,
      models: [{ value: "best", text: network ? `Chosen (${modelTitle(network.best.cell)})` : "Chosen" }, ...cells.map((value) => ({ value, text: modelTitle(value) })), ...all],
      levels: release?.best.levels ?? [],
      maxHorizon,
      usualHorizon: Math.ceil(maxHorizon / 2),
      options: (refresh) => this.options(network, refresh),
      more: [this.summary, fileCard(opened.file, { series, params: this.params, title: station.name ?? opened.file.name }, readingOptions(opened.reread))],
      forecast: (choice, stop) => this.forecast(choice, network, stop, signal),
    };
  }

  /** The choice of networks, and the position. @param {import("./datasets.js").Dataset | null} network @param {() => void} refresh */
  options(network, refresh) {
    const { universal, places, series } = this;
    const change = (/** @type {string} */ name) => {
      updateState({ release: name || null, horizon: null, from: null, to: null });
      this.show();
      takeFocus(this.box.querySelector(".networks") ?? this.box);
    };
    const choices = [{ value: "", text: `Any sea${universal ? ` (${universal.name})` : ""}` }, ...places.map(({ name, title }) => ({ value: name, text: `One place (${title})` }))];
    const text = network
      ? `These networks ${network.best.imported ? "were imported for" : "were trained on"} one place, ${network.title}, which may be quite unlike yours.`
      : "These networks were trained on simulated and real seas and take any series at its own step. By default, networks and simple forecasts are mixed by how right they were on your series.";
    this.position = positionFields(series, refresh);
    return [
      places.length > 0 && h("div", { class: "controls networks" }, selectField("Networks for", choices, network?.name ?? "", change)),
      !network && this.position.element,
      h("p", { class: "note" }, text),
    ];
  }

  /**
   * @param {Choice} choice @param {import("./datasets.js").Dataset | null} network @param {AbortSignal} stop @param {AbortSignal} signal
   * @returns {Promise<import("./place.js").Forecasted>}
   */
  async forecast(choice, network, stop, signal) {
    const { series, history, opened } = this;
    const { model, horizon, levels } = choice;
    const body = { ...(network ? { dataset: network.name } : {}), model, horizon, levels };
    const ask = async (/** @type {any} */ changes = {}, asked = series) => {
      const forecasts = forecastsOf(await postJson("/forecast", { ...body, ...changes, series: [withPosition(asked, choice)] }, stop), 0);
      const failed = forecasts.find((/** @type {any} */ forecast) => forecast.error);
      if (failed) throw Object.assign(new ApiError(failed.error, 422), { heading: `Cannot forecast ${opened.file.name}` });
      return forecasts;
    };
    const asked = ask();
    const upTo = (/** @type {number} */ steps) => (model === "best" && steps === horizon ? asked : ask({ model: "best", horizon: steps, levels: [] }));
    const [forecasts, backtest] = await Promise.all([asked, network ? placeBacktest(withPosition(series, choice), history, network, stop) : fileBacktest(upTo, choice, history)]);
    const rmse = (/** @type {any} */ { model: name }) => backtest.rows.at(-1)?.rmse[name] ?? Infinity;
    const [shown] = [...forecasts].sort((a, b) => rmse(a) - rmse(b));
    const still = shown.weather?.used.length ? await ask({}, { ...series, weather: undefined }) : [];
    this.position?.setProblem(positionProblem(forecasts));
    const accuracy = { ...backtest, model: shown.model };
    // The card of the file says why a check failed.
    const checked = await this.checked?.catch(() => null);
    return {
      forecasts,
      shown,
      accuracy,
      without: (still.find((/** @type {any} */ other) => other.model === shown.model) ?? still[0])?.sst ?? null,
      notices: [this.unusedRelease(network), this.suspectNotice(forecasts, checked?.suspects), readingWarnings(this.station)],
      after: [this.training(choice, network, accuracy, signal), codeCard(fileSnippets(opened.file, this.params, { ...body, events: marineEvents({ history, baseline: null }) }, enteredPosition(series, choice)))],
    };
  }

  /** A notice that the release in the URL is not the one that forecasts; null if it is. @param {import("./datasets.js").Dataset | null} network */
  unusedRelease(network) {
    const { places, universal } = this.opened.releases;
    const { release } = readState();
    if (!release || network || release === this.universal?.name) return null;
    const exists = [...places, ...universal].some(({ name }) => name === release);
    return missing(exists ? `The networks of ${release} do not forecast this series` : `No release ${release}`, this.universal ? `The forecast below is from ${this.universal.name}.` : "");
  }

  /** A warning of values that look implausible, above all of the last one, which decides the whole forecast; null if there are none. @param {import("./forecast-chart.js").ModelForecast[]} forecasts @param {import("./flags.js").Suspects} [suspects] */
  suspectNotice(forecasts, suspects) {
    const warning = forecasts[0].warnings.find(({ code }) => code === SUSPECT);
    const count = suspects?.timestamps.length ?? 0;
    if (!warning && !count) return null;
    const goToCheck = () => {
      const check = /** @type {HTMLElement} */ (this.summary?.querySelector(".value-check button"));
      check.focus({ preventScroll: true });
      check.scrollIntoView({ block: "center" });
    };
    const heading = warning ? "This forecast starts from an implausible value" : "Is this right?";
    const text = suspects && count ? found(suspects, this.whole.step) : sentence(warning?.message ?? "");
    const leave = suspects && count > 0 && leaveOutButton(suspects, (/** @type {import("./flags.js").Suspects} */ left) => this.leaveOut?.(left));
    const buttons = [leave, h("button", { type: "button", class: "plain", click: goToCheck }, "See it in the file")];
    return h("div", { class: "notice warning" }, h("h2", {}, heading), h("p", {}, text), h("div", { class: "row" }, buttons));
  }

  /** How to train at the place of the series; null if that is not likely to help. @param {Choice} choice @param {import("./datasets.js").Dataset | null} network @param {import("./place-accuracy.js").Accuracy} accuracy @param {AbortSignal} signal */
  training(choice, network, accuracy, signal) {
    const reason = network || this.station.training.problem !== null ? null : reasonToTrain(this.history, accuracy);
    if (reason === null) return null;
    const use = (/** @type {string} */ dataset) => {
      updateState({ release: dataset, model: null, horizon: null });
      this.opened.reread();
    };
    const known = this.opened.releases.places.map(({ name }) => name);
    return placeTrainingCard({ file: this.opened.file, params: this.params, position: enteredPosition(this.series, choice), step: this.series.step, known }, reason, use, signal);
  }
}

/** Doubts about how the file was read; null if there are none. @param {any} station */
function readingWarnings({ warnings }) {
  if (!warnings.length) return null;
  return h("div", { class: "notice warning" }, h("h2", {}, "Check how the file was read"), h("ul", {}, warnings.map((/** @type {string} */ warning) => h("li", {}, pageSentence(warning)))));
}

/** The position that the request has to add, because the file does not have it; null if there is none. @param {any} series @param {Choice} choice */
function enteredPosition({ latitude, longitude }, { position }) {
  return position && (position.latitude !== latitude || position.longitude !== longitude) ? position : null;
}

/** Why the position is not used or in doubt; null if it is right. @param {import("./forecast-chart.js").ModelForecast[]} forecasts */
function positionProblem(forecasts) {
  const warning = forecasts[0].warnings.find(({ code }) => POSITION_WARNINGS.includes(code));
  return warning ? sentence(warning.message) : null;
}
