// @ts-check
/** The view Your data: a file is read by the service, looked at, forecast, and compared on. */

import { read, write } from "./address.js";
import { choice } from "./controls.js";
import { loadDatasets } from "./datasets.js";
import { fill, h, say } from "./dom.js";
import { fileInput } from "./file-input.js";
import { ownForecast } from "./own-forecast.js";
import { forPage, readFile, told } from "./reading.js";
import { readingOptions } from "./reading-options.js";
import { secondsOf, timesOf } from "./series-times.js";
import { inTurn, run } from "./task.js";
import { rhythm } from "./times.js";
import { understoodCard } from "./understood.js";

export const heading = "Your data";

/** What was given last: it stays while other views are looked at. @type {import("./reading.js").Content | null} */
let given = null;

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const result = h("div", { class: "stack result" });
  const turn = inTurn(signal);
  const renew = () => (given ? showFile(result, given, turn()) : undefined);
  const take = async (/** @type {import("./reading.js").Content} */ content) => {
    given = content;
    await renew();
    result.scrollIntoView();
  };
  const text = given?.name.startsWith("pasted") ? await given.blob.text() : "";
  fill(
    root,
    h(
      "div",
      { class: "intro" },
      h("h1", {}, heading),
      h("p", {}, "See how the service reads your series, what the models forecast for it, and how well they would have done so far. The file is sent to this service only, and is not kept."),
    ),
    h("section", { class: "card" }, h("h2", { class: "hidden" }, "Your file"), fileInput(take, given, text), readingOptions(renew)),
    result,
  );
  renew();
}

/** @param {HTMLElement} box @param {import("./reading.js").Content} content @param {AbortSignal} signal */
function showFile(box, content, signal) {
  const options = told();
  const work = (/** @type {AbortSignal} */ stop) => Promise.all([loadDatasets(stop), readFile(content, options, stop)]);
  return run(box, `Reading ${content.name}`, signal, work, ([datasets, answer]) => {
    say(`${content.name} was read as ${answer.format}`);
    showReading(box, { content, options, answer, datasets }, signal);
  });
}

/**
 * @typedef {object} Read
 * @property {import("./reading.js").Content} content
 * @property {Record<string, string>} options what the service was told about it
 * @property {any} answer of POST /series
 * @property {import("./datasets.js").Dataset[]} datasets
 *
 * @param {HTMLElement} box @param {Read} found @param {AbortSignal} signal
 */
function showReading(box, found, signal) {
  const { answer } = found;
  const usable = answer.stations.filter((/** @type {any} */ one) => answer.series.some((/** @type {any} */ series) => series.id === one.id));
  if (!usable.length) return fill(box, refusals(found.content.name, answer));
  const part = h("div", { class: "stack" });
  const turn = inTurn(signal);
  const pick = (/** @type {string} */ id) => showStation(part, found, usable.find((/** @type {any} */ one) => one.id === id), turn());
  const first = usable.find((/** @type {any} */ one) => one.id === read().station) ?? usable[0];
  fill(box, usable.length > 1 && chooser(usable, first, pick), refusals(found.content.name, answer), part);
  pick(first.id);
}

/** @param {any[]} stations @param {any} first @param {(id: string) => void} pick */
function chooser(stations, first, pick) {
  const names = stations.map((one) => ({ value: one.id, text: one.name ?? one.id }));
  const change = (/** @type {string} */ id) => {
    write({ station: id }, { step: true });
    pick(id);
  };
  return h("div", { class: "controls" }, choice(`Station (${names.length} in the file)`, names, first.id, change));
}

/** Stations that have no series, and why. @param {string} file @param {any} answer */
function refusals(file, answer) {
  const none = !answer.series.length;
  const refused = answer.stations.filter((/** @type {any} */ one) => one.problem);
  const problems = refused.map((/** @type {any} */ one) => [one.name && h("strong", {}, `${one.name}: `), forPage(one.problem)]);
  if (none && answer.problem) problems.unshift(forPage(answer.problem));
  if (!problems.length) return null;
  const title = none ? `${file} cannot be read as a series` : "Stations that cannot be read";
  return h(
    "div",
    none ? { class: "notice error", role: "alert" } : { class: "notice warning" },
    h("h2", {}, title),
    problems.length > 1 ? h("ul", {}, problems.slice(0, 20).map((/** @type {any} */ one) => h("li", {}, one))) : h("p", {}, problems[0]),
  );
}

/** @param {HTMLElement} box @param {Read} found @param {any} station @param {AbortSignal} signal */
function showStation(box, { content, options, answer, datasets }, station, signal) {
  const of = (/** @type {any[]} */ list) => list.find((one) => one.id === station.id) ?? null;
  const series = of(answer.series);
  const past = { step: series.step, timestamps: timesOf(series.start, series.step, series.values.length), values: series.values };
  const next = h("div", { class: "stack" });
  fill(box, understoodCard({ format: answer.format, station, past, flagged: of(answer.flagged) }, signal), next);
  const reading = answer.stations.length > 1 ? { ...options, station: station.name } : options;
  const own = { content, series, past, reading };
  const fitting = datasets.filter((one) => one.best.step === series.step);
  if (fitting.length) return ownForecast(next, { ...own, datasets: fitting }, signal);
  const coarser = datasets.filter((one) => secondsOf(one.best.step) > secondsOf(series.step)).sort((a, b) => secondsOf(a.best.step) - secondsOf(b.best.step));
  if (!coarser.length) return fill(next, noModel(series, datasets));
  return average(next, coarser, { ...own, reading: { ...reading, resample: coarser[0].best.step } }, signal);
}

/** No model has the file's step: averaged to that of one that there is. @param {HTMLElement} box @param {import("./datasets.js").Dataset[]} coarser @param {any} own @param {AbortSignal} signal */
function average(box, coarser, own, signal) {
  const step = coarser[0].best.step;
  const work = (/** @type {AbortSignal} */ stop) => readFile(own.content, own.reading, stop);
  return run(box, `Averaging to ${rhythm(step)} values`, signal, work, (answer) => {
    const [series] = answer.series;
    if (!series) return fill(box, refusals(own.content.name, answer));
    const part = h("div", { class: "stack" });
    fill(box, h("p", { class: "notice" }, `No model here has ${rhythm(own.series.step)} steps, so the series is averaged to ${rhythm(step)} values for what follows.`), part);
    const past = { step, timestamps: timesOf(series.start, step, series.values.length), values: series.values };
    return ownForecast(part, { ...own, series, past, datasets: coarser.filter((one) => one.best.step === step) }, signal);
  });
}

/** @param {any} series @param {import("./datasets.js").Dataset[]} datasets */
function noModel(series, datasets) {
  const known = datasets.map((one) => `${one.name} (${rhythm(one.best.step)})`).join(", ");
  return h("p", { class: "notice warning" }, `The series has ${rhythm(series.step)} steps. No model here has such steps, or longer ones that it could be averaged to; there are ${known}. To train one: python -m training --data FILE --name NAME.`);
}
