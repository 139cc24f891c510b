// @ts-check
/** "What would we have said?": the forecast of a day in the test period, then what came, with a running score. */

import { readState, updateState } from "./address.js";
import { Chart } from "./chart.js";
import { toggleGroup } from "./controls.js";
import { fill, h, uniqueId } from "./dom.js";
import { fanFigure } from "./fan-figure.js";
import { isNetwork, kindOf, modelLabel, modelTitle, swatch } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { PastForecasts } from "./past-forecasts.js";
import { runningScore, scoreOf } from "./running-score.js";
import { svg } from "./svg.js";
import { dataTable } from "./table.js";
import { errorNotice, latestOnly, runTask } from "./task.js";
import { formatSteps, formatTime } from "./times.js";

/** Of the picture above the slider, in its own units. */
const OVERVIEW = { width: 1000, height: 100 };
/** Browsers limit how often the URL may change. */
const URL_DELAY_MS = 300;
/** A slider that is dragged far passes forecasts that nobody waits for. */
const LOAD_DELAY_MS = 40;

/**
 * @param {HTMLElement} card
 * @param {import("./comparison-chart.js").Predictions & {dataset: string, best: string}} results the response of /compare/predictions
 * @param {AbortSignal} signal
 */
export function showHindcast(card, results, signal) {
  const cells = Object.keys(results.predictions).filter(isNetwork).map(kindOf);
  const best = kindOf(results.best);
  const { network } = readState();
  const chosen = cells.includes(network) ? network : best;
  const body = h("div", { class: "hindcast" });
  const nextSignal = latestOnly(signal);
  const choose = (/** @type {string} */ cell) => {
    const stop = nextSignal();
    const load = (/** @type {AbortSignal} */ abort) => PastForecasts.load(results.dataset, cell, readState().day, abort);
    return runTask(body, "Loading past forecasts", stop, load, (source) => new Hindcast(body, source, results, stop).start());
  };
  const options = cells.map((/** @type {string} */ value) => ({ value, text: modelLabel(value) }));
  fill(
    card,
    h("header", {}, h("div", {}, h("h2", {}, "What would we have said?"), h("p", {}, "Pick a day in the test period. These networks have not seen it."))),
    h(
      "div",
      { class: "controls" },
      toggleGroup("Network", options, [chosen], ([cell]) => {
        updateState({ network: cell === best ? null : cell });
        choose(cell);
      }, { single: true }),
    ),
    body,
  );
  return choose(chosen);
}

class Hindcast {
  /** @param {HTMLElement} body @param {PastForecasts} source @param {import("./comparison-chart.js").Predictions} results @param {AbortSignal} signal */
  constructor(body, source, results, signal) {
    this.body = body;
    this.source = source;
    this.signal = signal;
    this.results = results;
    this.index = source.initial;
    this.came = true;
    this.scoreUntil = runningScore(results, source.model);
    this.nextSignal = latestOnly(signal);
    /** @type {ReturnType<PastForecasts["at"]>} */
    this.shown = null;
    this.chart = new Chart(`Past forecasts of ${modelTitle(kindOf(source.model))}`, signal, { height: "20rem" });
    this.sentence = h("p", { class: "said" });
    this.score = h("div", { class: "score" });
    this.problem = h("div", {});
    const name = uniqueId("day");
    this.day = h("output", { for: name });
    this.slider = h("input", {
      id: name,
      type: "range",
      min: 0,
      max: source.origins.length - 1,
      step: 1,
      input: () => this.show(Number(this.slider.value)),
    });
  }

  start() {
    const { slider, source } = this;
    const move = (/** @type {string} */ text, /** @type {string} */ label, /** @type {number} */ by) =>
      h("button", { type: "button", "aria-label": label, title: label, click: () => this.show(Math.min(Math.max(this.index + by, 0), source.origins.length - 1)) }, text);
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
        h("div", { class: "zoom" }, move("‹", "One step earlier", -1), move("›", "One step later", 1)),
        h("div", { class: "track" }, this.#overview(), slider),
      ),
      this.problem,
      h("div", { class: "past" }, h("div", {}, this.sentence, this.chart.element, this.#legend(), h("label", { class: "check" }, came, "Show what came")), this.score),
    );
    return this.show(this.index);
  }

  /** Show the forecast from an origin, now if it is loaded. @param {number} index */
  async show(index) {
    this.index = index;
    const { source, slider } = this;
    const origin = source.origins[index];
    slider.value = String(index);
    this.day.textContent = formatTime(origin, source.step);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => !this.signal.aborted && updateState({ day: shortTime(origin) }), URL_DELAY_MS);
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
    try {
      await pause(LOAD_DELAY_MS);
      if (!stop.aborted) await this.source.load(index, this.signal);
      return !stop.aborted;
    } catch (error) {
      if (!stop.aborted) fill(this.problem, errorNotice(error, () => this.show(index)));
      return false;
    } finally {
      if (!stop.aborted) this.body.removeAttribute("aria-busy");
    }
  }

  #draw() {
    const { shown, came, source } = this;
    if (!shown) return;
    this.chart.draw(() => fanFigure(shown, { model: source.model, step: source.step, came }));
    const text = this.#saidInWords(shown.forecast);
    this.sentence.textContent = text;
    this.slider.setAttribute("aria-valuetext", `${this.day.textContent}. ${text}`);
    fill(this.score, ...this.#scores(shown.forecast));
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

  /** What was said for the next step, and what came. @param {import("./past-forecasts.js").PastForecast} forecast */
  #saidInWords({ timestamps, sst, intervals, observed }) {
    const { model, step } = this.source;
    const band = intervals.find(({ level }) => level === 80) ?? intervals[0];
    const range = band ? ` (${band.level}%: ${fixed(band.lower[0], 1)} to ${fixed(band.upper[0], 1)})` : "";
    const said = `${modelTitle(kindOf(model))} would have said ${fixed(sst[0], 1)} °C for ${formatTime(timestamps[0], step)}${range}.`;
    if (!this.came) return said;
    return observed[0] === null ? `${said} No value was observed then.` : `${said} It was ${fixed(observed[0], 1)} °C.`;
  }

  #legend() {
    const kind = kindOf(this.source.model);
    const entry = (/** @type {any} */ sample, /** @type {string} */ text) => h("span", { class: "label" }, sample, text);
    return h(
      "div",
      { class: "row legend" },
      entry(swatch("observed"), "Observed"),
      entry(swatch(kind), `${modelTitle(kind)} forecast`),
      entry(h("span", { class: `mark band ${kind}`, "aria-hidden": "true" }), "80%"),
      entry(h("span", { class: `mark band outer ${kind}`, "aria-hidden": "true" }), "95%"),
      entry(swatch("persistence"), "Persistence"),
    );
  }

  /** @param {import("./past-forecasts.js").PastForecast} forecast */
  #scores(forecast) {
    const { step, model } = this.source;
    const [this_, soFar] = [scoreOf(forecast), this.scoreUntil(forecast.timestamps[0])];
    if (!this.came || !this_) return [];
    const ahead = formatSteps(this_.n, step);
    const cell = modelTitle(kindOf(model));
    const error = (/** @type {number | undefined} */ value) => (value === undefined ? "–" : `${fixed(value, 2)} °C`);
    return [
      h("h3", {}, "Running score"),
      h("p", { class: "note" }, "Mean absolute error"),
      dataTable(
        "Mean absolute error",
        ["Model", ["This forecast", h("span", { class: "unit" }, ` ${ahead}`)], ["So far", h("span", { class: "unit" }, ` ${formatSteps(1, step)} ahead`)]],
        [
          [modelLabel(kindOf(model)), error(this_.model), error(soFar?.model)],
          [modelLabel("persistence"), error(this_.persistence), error(soFar?.persistence)],
        ],
      ),
      h("p", { class: "note" }, `In this forecast, ${cell} was closer than persistence at ${this_.closer} of ${this_.n} steps. ${insideInWords(this_)}`),
      soFar && h("p", { class: "note" }, `So far: ${formatCount(soFar.n)} ${soFar.n === 1 ? "forecast" : "forecasts"} since the test period began; ${cell} was closer than persistence in ${formatCount(soFar.closer)}.`),
    ];
  }
}

/** @param {{n: number, inside: {level: number, n: number}[]}} score */
function insideInWords({ n, inside }) {
  if (!inside.length) return "";
  const counts = [...inside].sort((a, b) => a.level - b.level).map((band) => `${band.n} within the ${band.level}% interval`);
  return `Of ${n} ${n === 1 ? "observation" : "observations"}, ${counts.join(" and ")}.`;
}

/** @param {number} milliseconds */
function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A time for the URL: without the time of day at midnight. @param {string} time */
function shortTime(time) {
  return time.endsWith("T00:00:00Z") ? time.slice(0, 10) : time.slice(0, 16);
}
