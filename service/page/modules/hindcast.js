// @ts-check
/** "What would we have said?": the forecast of a day in the test period, what happened then, and how right it was. */

import { readState, updateState } from "./address.js";
import { Chart } from "./chart.js";
import { toggleGroup } from "./controls.js";
import { difference, inUnit, temperature } from "./degrees.js";
import { fill, h, uniqueId } from "./dom.js";
import { fanFigure } from "./fan-figure.js";
import { bandLabel, isNetwork, kindOf, modelLabel, modelTitle, swatch } from "./models.js";
import { fixed } from "./numbers.js";
import { PastForecasts } from "./past-forecasts.js";
import { svg } from "./svg.js";
import { dataTable } from "./table.js";
import { errorNotice, latestOnly, runTask } from "./task.js";
import { formatSteps, formatTime } from "./times.js";

/** Of the picture above the slider, in its own units. */
const OVERVIEW = { width: 1000, height: 100 };
/** Temperatures get another decimal if the interval is narrower. */
const NARROW_CELSIUS = 0.5;
/** Browsers limit how often the URL may change. */
const URL_DELAY_MS = 300;
/** A slider that is dragged far passes forecasts that nobody waits for. */
const LOAD_DELAY_MS = 40;

/**
 * @param {HTMLElement} card
 * @param {import("./comparison-chart.js").Predictions & {dataset: string, best: string, caveats: Record<string, string>}} results the response of /compare/predictions
 * @param {any} leads the response of /compare/leads
 * @param {AbortSignal} signal
 */
export function showHindcast(card, results, leads, signal) {
  const cells = Object.keys(results.predictions).filter(isNetwork).map(kindOf);
  const standard = kindOf(results.best);
  const { network } = readState();
  const chosen = cells.includes(network) ? network : standard;
  const body = h("div", { class: "hindcast" });
  const nextSignal = latestOnly(signal);
  /** @type {Hindcast | undefined} */
  let shown;
  const choose = (/** @type {string} */ cell) => {
    const stop = nextSignal();
    const load = (/** @type {AbortSignal} */ abort) => PastForecasts.load(results.dataset, cell, readState().day, abort);
    return runTask(body, "Loading past forecasts", stop, load, (source) => (shown = new Hindcast(body, source, results, leads, stop)).start());
  };
  const options = cells.map((/** @type {string} */ value) => ({ value, text: modelLabel(value) }));
  fill(
    card,
    h("header", {}, h("div", {}, h("h2", {}, "What would we have said?"), h("p", {}, `Pick a time in the test period, which these networks ${Object.keys(results.caveats).length ? "may have seen in training" : "have not seen"}.`))),
    h(
      "div",
      { class: "controls" },
      toggleGroup("Network", options, [chosen], ([cell]) => {
        // The URL may not have the day yet.
        updateState({ network: cell === standard ? null : cell, day: shown?.moved ?? readState().day });
        choose(cell);
      }, { single: true }),
    ),
    body,
  );
  return choose(chosen);
}

class Hindcast {
  /** @param {HTMLElement} body @param {PastForecasts} source @param {import("./comparison-chart.js").Predictions} results @param {any} leads @param {AbortSignal} signal */
  constructor(body, source, results, leads, signal) {
    this.body = body;
    this.source = source;
    this.signal = signal;
    this.results = results;
    this.leads = leads;
    this.index = source.initial;
    this.came = true;
    /** The day that the user has chosen. @type {string | undefined} */
    this.moved = undefined;
    this.nextSignal = latestOnly(signal);
    /** @type {ReturnType<PastForecasts["at"]>} */
    this.shown = null;
    this.chart = new Chart(`Past forecasts of ${modelTitle(kindOf(source.model))}`, signal, { height: "20rem" });
    this.sentence = h("p", { class: "said" });
    this.score = h("div", { class: "score" });
    this.problem = h("div", {});
    this.past = h("div", { class: "past" });
    /** What the box holds, unless the forecast could not be loaded. @type {Element[]} */
    this.content = [];
    // The slider speaks the day.
    this.day = h("span", { class: "day" });
    this.slider = h("input", {
      id: uniqueId("day"),
      type: "range",
      min: 0,
      max: source.origins.length - 1,
      step: 1,
      input: () => this.#move(Number(this.slider.value)),
    });
  }

  start() {
    const { slider, source } = this;
    const move = (/** @type {string} */ text, /** @type {string} */ label, /** @type {number} */ by) =>
      h("button", { type: "button", "aria-label": label, title: label, click: () => this.#move(Math.min(Math.max(this.index + by, 0), source.origins.length - 1)) }, text);
    const came = h("input", {
      type: "checkbox",
      checked: this.came,
      change: () => {
        this.came = came.checked;
        this.#draw();
      },
    });
    fill(
      this.body,
      h(
        "div",
        { class: "pick" },
        h("label", { for: slider.id }, "Data up to ", this.day),
        h(
          "div",
          { class: "zoom" },
          move("«", `${formatSteps(source.horizon, source.step)} earlier`, -source.horizon),
          move("‹", `${formatSteps(1, source.step)} earlier`, -1),
          move("›", `${formatSteps(1, source.step)} later`, 1),
          move("»", `${formatSteps(source.horizon, source.step)} later`, source.horizon),
        ),
        h("div", { class: "track" }, this.#overview(), slider),
      ),
      this.problem,
      this.past,
    );
    this.content = [h("div", {}, this.sentence, this.chart.element, this.#legend(), h("label", { class: "check" }, came, "Show what happened")), this.score];
    return this.show(this.index);
  }

  /** Show the forecast from an origin that the user has chosen, and put it into the URL. @param {number} index */
  #move(index) {
    const day = shortTime(this.source.origins[index]);
    this.moved = day;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => !this.signal.aborted && updateState({ day }), URL_DELAY_MS);
    return this.show(index);
  }

  /** Show the forecast from an origin, now if it is loaded. @param {number} index */
  async show(index) {
    this.index = index;
    const { source, slider } = this;
    const day = formatTime(source.origins[index], source.step);
    slider.value = String(index);
    slider.setAttribute("aria-valuetext", day);
    this.day.textContent = day;
    const stop = this.nextSignal();
    this.body.removeAttribute("aria-busy");
    if (!source.at(index) && !(await this.#load(index, stop))) return;
    fill(this.problem);
    this.shown = source.at(index);
    this.#draw();
    source.loadNeighbours(index, this.signal);
  }

  /** Load the forecast from an origin; false if the slider has moved on, or it failed. @param {number} index @param {AbortSignal} stop */
  async #load(index, stop) {
    this.body.setAttribute("aria-busy", "true");
    this.past.classList.add("stale");
    try {
      await pause(LOAD_DELAY_MS);
      if (!stop.aborted) await this.source.load(index, this.signal);
      return !stop.aborted;
    } catch (error) {
      if (stop.aborted) return false;
      fill(this.past);
      this.shown = null;
      fill(this.problem, errorNotice(error, () => this.show(index)));
      return false;
    } finally {
      if (!stop.aborted) this.body.removeAttribute("aria-busy");
    }
  }

  #draw() {
    const { shown, came, source } = this;
    if (!shown) return;
    this.past.classList.remove("stale");
    if (!this.past.hasChildNodes()) fill(this.past, ...this.content);
    this.chart.draw(() => fanFigure(shown, { model: source.model, step: source.step, came }));
    const text = this.#saidInWords(shown.forecast);
    this.sentence.textContent = text;
    this.slider.setAttribute("aria-valuetext", `${this.day.textContent}. ${text}`);
    fill(this.score, came && scorePanel(shown.forecast, this.leads, source));
  }

  /** The observations of the whole test period, above the slider. */
  #overview() {
    const { timestamps, observed } = this.results;
    const known = new Map(timestamps.map((time, i) => [time, observed[i]]));
    const values = this.source.origins.map((time) => known.get(time) ?? null);
    const present = /** @type {number[]} */ (values.filter((value) => value !== null));
    const [low, high] = [Math.min(...present), Math.max(...present)];
    let path = "";
    values.forEach((value, i) => {
      if (value === null) return;
      const [x, y] = [(i / Math.max(values.length - 1, 1)) * OVERVIEW.width, (1 - (value - low) / (high - low || 1)) * OVERVIEW.height];
      path += `${path && values[i - 1] !== null ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    });
    const { width, height } = OVERVIEW;
    return svg("svg", { class: "overview", viewBox: `0 -4 ${width} ${height + 8}`, preserveAspectRatio: "none", "aria-hidden": "true" }, {}, [svg("path", { d: path })]);
  }

  /** What was forecast for the next step, and what happened. @param {import("./past-forecasts.js").PastForecast} forecast */
  #saidInWords({ timestamps, sst, intervals, observed }) {
    const { model, step } = this.source;
    const band = intervals.find(({ level }) => level === 80) ?? intervals[0];
    const places = band && band.upper[0] - band.lower[0] < NARROW_CELSIUS ? 2 : 1;
    const range = band ? ` (${band.level}%: ${fixed(inUnit(band.lower[0]), places)} to ${fixed(inUnit(band.upper[0]), places)})` : "";
    const said = `${modelTitle(kindOf(model))} would have forecast ${temperature(sst[0], places)} for ${formatTime(timestamps[0], step)}${range}.`;
    const doubt = intervals.some(({ calibrated }) => !calibrated) ? " The values until then are unlike the training data, so the intervals are uncalibrated." : "";
    if (!this.came) return `${said}${doubt}`;
    const came = observed[0] === null ? "No value was observed then." : `It was ${temperature(observed[0], places)}.`;
    return `${said} ${came}${doubt}`;
  }

  #legend() {
    const kind = kindOf(this.source.model);
    const levels = (this.source.at(this.index)?.forecast.intervals ?? []).map(({ level }) => level).sort((a, b) => a - b);
    const entry = (/** @type {any} */ sample, /** @type {string} */ text) => h("span", { class: "label" }, sample, text);
    return h(
      "div",
      { class: "row legend" },
      entry(swatch("observed"), "Observed"),
      entry(swatch(kind), `${modelTitle(kind)} forecast`),
      levels.map((level, i) => bandLabel(kind, level, i > 0)),
      entry(swatch("persistence"), "Persistence"),
    );
  }
}

/** @param {number} milliseconds */
function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A time for the URL: without the time of day at midnight. @param {string} time */
function shortTime(time) {
  return time.endsWith("T00:00:00Z") ? time.slice(0, 10) : time.slice(0, 16);
}

/** Errors get another decimal if the smallest is below. */
const SMALL_CELSIUS = 0.1;

/**
 * The typical errors of one forecast and of all, over all leads; null if nothing was observed after the forecast.
 * @param {import("./past-forecasts.js").PastForecast} forecast @param {any} leads the response of /compare/leads @param {{model: string, step: string}} source
 */
function scorePanel({ sst, baselines, intervals, observed }, leads, { model, step }) {
  const known = observed.flatMap((value, i) => (value === null ? [] : [{ value, i }]));
  if (!known.length) return null;
  const kind = kindOf(model);
  const errorsOf = (/** @type {number[]} */ values) => known.map(({ value, i }) => values[i] - value);
  const [mine, persisted] = [errorsOf(sst), errorsOf(baselines.persistence)];
  const always = (/** @type {string} */ name) => typical(leads.models.find((/** @type {any} */ entry) => entry.model === name).rmse);
  const rows = [
    { label: modelLabel(kind), errors: [typical(mine), always(model)] },
    { label: modelLabel("persistence"), errors: [typical(persisted), always("persistence")] },
  ];
  const places = Math.min(...rows.flatMap(({ errors }) => errors)) < SMALL_CELSIUS ? 3 : 2;
  const closer = mine.filter((error, i) => Math.abs(error) < Math.abs(persisted[i])).length;
  const inside = [...intervals].sort((a, b) => a.level - b.level).map(({ level, lower, upper }) => `${known.filter(({ value, i }) => value >= lower[i] && value <= upper[i]).length} within the ${level}% interval`);
  return [
    h("h3", {}, "How right was it?"),
    h("p", { class: "note" }, `Typical error over ${formatSteps(sst.length, step)}`),
    dataTable("Typical error", ["Model", "This forecast", "All forecasts"], rows.map(({ label, errors }) => [label, ...errors.map((error) => difference(error, places))])),
    h("p", { class: "note" }, `In this forecast, ${modelTitle(kind)} was closer than persistence at ${closer} of ${known.length} steps.${inside.length ? ` Of ${known.length} ${known.length === 1 ? "observation" : "observations"}, ${inside.join(" and ")}.` : ""}`),
  ];
}

/** The root of the mean square. @param {number[]} errors */
function typical(errors) {
  return Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length);
}
