// @ts-check
/** The view Your data: a file is read by the service, looked at, forecast, and compared on. */

import { read, write } from "./address.js";
import { getJson, Refusal, withQuery } from "./api.js";
import { choice } from "./controls.js";
import { loadDatasets } from "./datasets.js";
import { fill, h, say } from "./dom.js";
import { excerpt, fileInput } from "./file-input.js";
import { ownForecast } from "./own-forecast.js";
import { secondsOf, timesOf } from "./series-times.js";
import { run } from "./task.js";
import { rhythm } from "./times.js";
import { understoodCard } from "./understood.js";

export const heading = "Your data";

const UNITS = [
  { value: "", text: "As the file says" },
  { value: "celsius", text: "°C" },
  { value: "kelvin", text: "kelvin" },
  { value: "fahrenheit", text: "°F" },
];

/** What was given last: it stays while other views are looked at. @type {import("./file-input.js").Content | null} */
let given = null;

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const result = h("div", { class: "stack" });
  const take = (/** @type {import("./file-input.js").Content} */ content) => {
    given = content;
    renew();
  };
  let leave = new AbortController();
  const renew = () => {
    leave.abort();
    leave = new AbortController();
    if (given) readFile(result, given, AbortSignal.any([signal, leave.signal]));
  };
  const text = given?.name.startsWith("pasted") ? await given.blob.text() : "";
  fill(
    root,
    h(
      "div",
      { class: "intro" },
      h("h1", {}, heading),
      h("p", {}, "See your series as the service reads it, what the models forecast for it, and how well they would have done. The file goes to this service alone, and is not kept."),
    ),
    h(
      "section",
      { class: "card" },
      h("h2", { class: "hidden" }, "Your file"),
      fileInput(take, text),
      h("div", { class: "controls reading" }, choice("Temperatures are in", UNITS, read().units ?? "", (units) => (write({ units }), renew()))),
    ),
    result,
  );
  renew();
}

/** @param {HTMLElement} box @param {import("./file-input.js").Content} content @param {AbortSignal} signal */
function readFile(box, content, signal) {
  const work = async (/** @type {AbortSignal} */ stop) => {
    const datasets = await loadDatasets(stop);
    const reading = { units: read().units, station: read().station };
    const answer = await post(content, reading, stop);
    return { datasets, answer, reading };
  };
  return run(box, `Reading ${content.name}`, signal, work, ({ datasets, answer, reading }) => showReading(box, content, datasets, answer, reading, signal));
}

/** The service's reading of the file. @param {import("./file-input.js").Content} content @param {Record<string, any>} reading @param {AbortSignal} signal */
async function post(content, reading, signal) {
  try {
    return await getJson(withQuery("/series", reading), { signal, method: "POST", body: content.blob, headers: { "Content-Type": "application/octet-stream" } });
  } catch (error) {
    if (error instanceof Refusal && error.status === 422) error.shown = excerpt(error.message, await content.blob.text());
    throw error;
  }
}

/**
 * @param {HTMLElement} box @param {import("./file-input.js").Content} content @param {import("./datasets.js").Dataset[]} datasets
 * @param {any} answer @param {Record<string, any>} reading @param {AbortSignal} signal
 */
function showReading(box, content, datasets, answer, reading, signal) {
  const usable = answer.stations.filter((/** @type {any} */ one) => answer.series.some((/** @type {any} */ series) => series.id === one.id));
  const refused = answer.stations.filter((/** @type {any} */ one) => one.problem);
  const problems = [answer.problem, ...refused.map((/** @type {any} */ one) => `${one.name ? `${one.name}: ` : ""}${one.problem}`)].filter(Boolean);
  const refusals = problems.map((text) => h("div", { class: "notice error", role: "alert" }, h("h2", {}, "That cannot be read as a series"), h("p", {}, text)));
  const part = h("div", { class: "stack" });
  const names = usable.map((/** @type {any} */ one) => ({ value: one.id, text: one.name ?? one.id }));
  const pick = (/** @type {string} */ id) => {
    const station = usable.find((/** @type {any} */ one) => one.id === id);
    const series = answer.series.find((/** @type {any} */ one) => one.id === id);
    showSeries(part, content, datasets, { format: answer.format, station, series, reading }, signal);
  };
  const chooser = names.length > 1 ? h("div", { class: "controls" }, choice("Station", names, names[0].value, pick)) : null;
  fill(box, refusals, chooser, part);
  if (!usable.length) return;
  say(`${content.name} was read as ${answer.format}`);
  pick(usable[0].id);
}

/** @param {HTMLElement} box @param {import("./file-input.js").Content} content @param {import("./datasets.js").Dataset[]} datasets @param {any} found @param {AbortSignal} signal */
function showSeries(box, content, datasets, { format, station, series, reading }, signal) {
  const past = { step: series.step, timestamps: timesOf(series.start, series.step, series.values.length), values: series.values };
  const next = h("div", { class: "stack" });
  fill(box, understoodCard(format, station, past, signal), next);
  const fitting = datasets.filter((one) => one.best.step === series.step);
  const own = { file: content.name, series, past, reading };
  if (fitting.length) return ownForecast(next, { ...own, datasets: fitting }, signal);
  const coarser = datasets.filter((one) => secondsOf(one.best.step) > secondsOf(series.step)).sort((a, b) => secondsOf(a.best.step) - secondsOf(b.best.step));
  if (!coarser.length) return fill(next, noModel(series, datasets));
  return average(next, content, coarser, { ...own, reading: { ...reading, station: station.name ?? undefined, resample: coarser[0].best.step } }, signal);
}

/** No model has the file's step: averaged to that of one that there is. @param {HTMLElement} box @param {import("./file-input.js").Content} content @param {import("./datasets.js").Dataset[]} coarser @param {any} own @param {AbortSignal} signal */
function average(box, content, coarser, own, signal) {
  const step = coarser[0].best.step;
  const work = (/** @type {AbortSignal} */ stop) => post(content, own.reading, stop);
  return run(box, `Averaging to ${rhythm(step)} values`, signal, work, (answer) => {
    const [series] = answer.series;
    const part = h("div", { class: "stack" });
    const problem = answer.problem ?? answer.stations.find((/** @type {any} */ one) => one.problem)?.problem;
    fill(box, h("p", { class: "notice" }, `No model here has ${rhythm(own.series.step)} steps. For what follows, the series is averaged to ${rhythm(step)} values.`), part);
    if (!series) return fill(part, h("p", { class: "notice error", role: "alert" }, problem ?? "Nothing is left of it."));
    const past = { step, timestamps: timesOf(series.start, step, series.values.length), values: series.values };
    return ownForecast(part, { ...own, series, past, datasets: coarser.filter((one) => one.best.step === step) }, signal);
  });
}

/** @param {any} series @param {import("./datasets.js").Dataset[]} datasets */
function noModel(series, datasets) {
  const known = datasets.map((one) => `${one.name} (${rhythm(one.best.step)})`).join(", ");
  return h("p", { class: "notice warning" }, `The series has ${rhythm(series.step)} steps, and no model here has, or can be reached by averaging. There are ${known}. A model for it is trained by python -m training --data FILE --name NAME.`);
}
