// @ts-check
/** "What would we have said?": the forecast of a day in the test period, what happened then, and how right it was. */

import { readState, updateState } from "./address.js";
import { Chart } from "./chart.js";
import { toggleGroup } from "./controls.js";
import { difference, inUnit, temperature } from "./degrees.js";
import { fill, h, uniqueId } from "./dom.js";
import { legendOf } from "./forecast-card.js";
import { forecastFigure, MAX_DOTS } from "./forecast-chart.js";
import { isNetwork, kindOf, modelLabel, modelTitle } from "./models.js";
import { fixed } from "./numbers.js";
import { PastForecasts } from "./past-forecasts.js";
import { svg } from "./svg.js";
import { errorNotice, latestOnly, runTask } from "./task.js";
import { formatSteps, formatTime } from "./times.js";
import { lineTrace } from "./traces.js";

/** Of the picture above the slider, in its own units. */
const OVERVIEW = { width: 1000, height: 100 };
/** Temperatures get another decimal if the interval is narrower. */
const NARROW_CELSIUS = 0.5;
/** Errors get another decimal if the smallest is below. */
const SMALL_CELSIUS = 0.1;
/** Steps before the forecast that are shown, for each step ahead. */
const PAST_SHARE = 1.5;
/** Browsers limit how often the URL may change. */
const URL_DELAY_MS = 300;
/** A slider that is dragged far passes forecasts that nobody waits for. */
const LOAD_DELAY_MS = 40;

/**
 * @param {any} results the response of /compare/predictions @param {any} leads the response of /compare/leads
 * @param {AbortSignal} signal
 */
export function hindcastCard(results, leads, signal) {
  const cells = Object.keys(results.predictions).filter(isNetwork).map(kindOf);
  const standard = kindOf(results.best);
  const { network } = readState();
  const chosen = cells.includes(network) ? network : standard;
  let { day } = readState();
  /** @type {any} */
  let timer;
  const move = (/** @type {string} */ to) => {
    day = to;
    clearTimeout(timer);
    timer = setTimeout(() => !signal.aborted && updateState({ day }), URL_DELAY_MS);
  };
  const body = h("div", { class: "hindcast" });
  const nextSignal = latestOnly(signal);
  const choose = (/** @type {string} */ cell) => {
    const stop = nextSignal();
    const load = async (/** @type {AbortSignal} */ abort) => {
      const source = await PastForecasts.load(results.dataset, cell, abort);
      const index = day ? source.nearest(day) : source.latest;
      await source.at(index, abort);
      return { source, index };
    };
    return runTask(body, "Loading past forecasts", stop, load, ({ source, index }) => new Hindcast(body, { source, results, leads, move }, stop).show(index));
  };
  const options = cells.map((/** @type {string} */ value) => ({ value, text: modelLabel(value) }));
  const chooseNetwork = (/** @type {string[]} */ [cell]) => {
    updateState({ network: cell === standard ? null : cell });
    choose(cell);
  };
  choose(chosen);
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("div", {}, h("h2", {}, "What would we have said?"), h("p", {}, `Pick a time in the test period, which these networks ${Object.keys(results.caveats).length ? "may have seen in training" : "have not seen"}.`))),
    h("div", { class: "controls" }, toggleGroup("Network", options, [chosen], chooseNetwork, { single: true })),
    body,
  );
}

/**
 * @typedef {object} Evidence
 * @property {PastForecasts} source
 * @property {any} results the response of /compare/predictions
 * @property {any} leads the response of /compare/leads
 * @property {(day: string) => void} move keeps the day that the user has chosen
 */

class Hindcast {
  /** @param {HTMLElement} body @param {Evidence} evidence @param {AbortSignal} signal */
  constructor(body, evidence, signal) {
    const { source } = evidence;
    this.body = body;
    this.evidence = evidence;
    this.signal = signal;
    this.index = 0;
    this.nextSignal = latestOnly(signal);
    this.chart = new Chart(`Past forecasts of ${modelTitle(kindOf(source.model))}`, signal, { height: "20rem" });
    this.sentence = h("p", { class: "said" });
    this.legend = h("div", { class: "row legend" });
    this.score = h("p", { class: "note" });
    this.past = h("div", {});
    // The slider speaks the day.
    this.day = h("span", { class: "day" });
    this.slider = h("input", { id: uniqueId("day"), type: "range", min: 0, max: source.origins.length - 1, step: 1, input: () => this.#move(Number(this.slider.value)) });
    const button = (/** @type {string} */ text, /** @type {number} */ by) => {
      const label = `${formatSteps(Math.abs(by), source.step)} ${by < 0 ? "earlier" : "later"}`;
      return h("button", { type: "button", "aria-label": label, title: label, click: () => this.#move(this.index + by) }, text);
    };
    const buttons = [button("«", -source.horizon), button("‹", -1), button("›", 1), button("»", source.horizon)];
    fill(
      body,
      h("div", { class: "pick" }, h("label", { for: this.slider.id }, "Data up to ", this.day), h("div", { class: "zoom" }, buttons), h("div", { class: "track" }, overview(evidence), this.slider)),
      this.past,
    );
  }

  /** Show the forecast from an origin that the user has chosen. @param {number} to */
  #move(to) {
    const { source, move } = this.evidence;
    const index = Math.min(Math.max(to, 0), source.origins.length - 1);
    const time = source.origins[index];
    move(time.endsWith("T00:00:00Z") ? time.slice(0, 10) : time.slice(0, 16));
    return this.show(index);
  }

  /** Show the forecast from an origin, at once if it is loaded. @param {number} index */
  async show(index) {
    this.index = index;
    const { source } = this.evidence;
    const day = formatTime(source.origins[index], source.step);
    this.slider.value = String(index);
    this.slider.setAttribute("aria-valuetext", day);
    this.day.textContent = day;
    const stop = this.nextSignal();
    this.body.setAttribute("aria-busy", "true");
    this.past.classList.add("stale");
    try {
      if (!source.has(index)) await new Promise((resolve) => setTimeout(resolve, LOAD_DELAY_MS));
      if (stop.aborted) return;
      const said = await source.at(index, this.signal);
      if (stop.aborted) return;
      this.#draw(said);
      source.loadNeighbours(index, this.signal);
    } catch (error) {
      if (stop.aborted) return;
      fill(this.past, errorNotice(error, () => this.show(index)));
    }
    this.past.classList.remove("stale");
    this.body.removeAttribute("aria-busy");
  }

  /** @param {Awaited<ReturnType<PastForecasts["at"]>>} said */
  #draw({ forecast, around }) {
    const { source, leads } = this.evidence;
    const said = { model: source.model, warnings: [], ...forecast };
    if (!this.chart.element.isConnected) fill(this.past, this.sentence, this.chart.element, this.legend, this.score);
    const end = around.timestamps.indexOf(forecast.origin) + 1;
    const begin = Math.max(end - Math.ceil(source.horizon * PAST_SHARE) - 1, 0);
    const history = { step: source.step, timestamps: around.timestamps.slice(begin, end), values: around.values.slice(begin, end) };
    this.chart.draw(() => forecastFigure(history, [said], ["persistence"], null, { overlays: [whatCame(forecast, history, around)] }));
    const text = inWords(forecast, source);
    this.sentence.textContent = text;
    this.score.textContent = scoreInWords(forecast, leads, source);
    this.slider.setAttribute("aria-valuetext", `${this.day.textContent}. ${text}`);
    fill(this.legend, legendOf([said], ["persistence"]));
  }
}

/** What was observed during a forecast. The axis has room for all values around it, so that it stays while the slider moves a little. @param {import("./past-forecasts.js").PastForecast} forecast @param {import("./forecast-chart.js").History} history @param {import("./forecast-chart.js").History} around @returns {import("./event-overlay.js").Overlay} */
function whatCame({ origin, timestamps, observed }, history, around) {
  const line = lineTrace("observed", [origin, ...timestamps], [history.values.at(-1) ?? null, ...observed], {
    name: "Observed then",
    dots: observed.length < MAX_DOTS,
    read: (/** @type {number} */ i) => (i ? temperature(observed[i - 1], 2) : ""),
  });
  return { below: () => [line], columns: () => [around.values] };
}

/** The observations of the whole test period, above the slider. @param {Evidence} evidence */
function overview({ source, results: { timestamps, observed } }) {
  const known = new Map(timestamps.map((/** @type {string} */ time, /** @type {number} */ i) => [time, observed[i]]));
  const values = source.origins.map((time) => known.get(time) ?? null);
  const present = /** @type {number[]} */ (values.filter((value) => value !== null));
  const [low, high] = [Math.min(...present), Math.max(...present)];
  const { width, height } = OVERVIEW;
  let path = "";
  values.forEach((value, i) => {
    if (value === null) return;
    const [x, y] = [(i / Math.max(values.length - 1, 1)) * width, (1 - (value - low) / (high - low || 1)) * height];
    path += `${path && values[i - 1] !== null ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return svg("svg", { class: "overview", viewBox: `0 -4 ${width} ${height + 8}`, preserveAspectRatio: "none", "aria-hidden": "true" }, {}, [svg("path", { d: path })]);
}

/** What was forecast for the next step, and what happened. @param {import("./past-forecasts.js").PastForecast} forecast @param {PastForecasts} source */
function inWords({ timestamps, sst, intervals, observed }, { model, step }) {
  const band = intervals.find(({ level }) => level === 80) ?? intervals[0];
  const places = band && band.upper[0] - band.lower[0] < NARROW_CELSIUS ? 2 : 1;
  const range = band ? ` (${band.level}%: ${fixed(inUnit(band.lower[0]), places)} to ${fixed(inUnit(band.upper[0]), places)})` : "";
  const said = `${modelTitle(kindOf(model))} would have forecast ${temperature(sst[0], places)} for ${formatTime(timestamps[0], step)}${range}.`;
  const came = observed[0] === null ? "No value was observed then." : `It was ${temperature(observed[0], places)}.`;
  const doubt = intervals.some(({ calibrated }) => !calibrated) ? " The values until then are unlike the training data, so the intervals are uncalibrated." : "";
  return `${said} ${came}${doubt}`;
}

/**
 * The typical errors of one forecast and of all, over all leads; empty if nothing was observed after the forecast.
 * @param {import("./past-forecasts.js").PastForecast} forecast @param {any} leads the response of /compare/leads @param {PastForecasts} source
 */
function scoreInWords({ sst, baselines, intervals, observed }, leads, { model, step }) {
  const known = observed.flatMap((value, i) => (value === null ? [] : [{ value, i }]));
  if (!known.length) return "";
  const always = (/** @type {string} */ name) => typical(leads.models.find((/** @type {any} */ entry) => entry.model === name).rmse);
  const own = (/** @type {number[]} */ values) => typical(known.map(({ value, i }) => values[i] - value));
  const errors = [own(sst), always(model), own(baselines.persistence), always("persistence")];
  const [mine, all, persisted, allPersisted] = errors.map((error) => difference(error, Math.min(...errors) < SMALL_CELSIUS ? 3 : 2));
  const held = [...intervals].sort((a, b) => a.level - b.level).map(({ level, lower, upper }) => `${known.filter(({ value, i }) => value >= lower[i] && value <= upper[i]).length} within the ${level}% interval`);
  const inside = held.length ? ` Of ${known.length} ${known.length === 1 ? "observation" : "observations"}, ${held.join(" and ")}.` : "";
  return `Over ${formatSteps(known.length, step)}, the typical error of this forecast was ${mine} (${all} in all forecasts of ${modelTitle(kindOf(model))}), and ${persisted} if the last value was repeated (${allPersisted}).${inside}`;
}

/** The root of the mean square. @param {number[]} errors */
function typical(errors) {
  return Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length);
}
