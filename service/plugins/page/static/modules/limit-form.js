// @ts-check
/** "Will it stay above a limit?": a form under the chart, and the probability as a sentence with bars. */

import { readState, updateState } from "./address.js";
import { Chart } from "./chart.js";
import { numberField, selectField } from "./controls.js";
import { inUnit, toCelsius, unit } from "./degrees.js";
import { announce, fill, h, uniqueId } from "./dom.js";
import { limitSentence, limitText, percent } from "./event-words.js";
import { uncalibratedMark } from "./forecast-table.js";
import { blockTrace, panelTitle } from "./traces.js";
import { capitalised, sentence } from "./sentence.js";
import { latestOnly, runTask, waitFor } from "./task.js";
import { colour, tint } from "./theme.js";
import { formatSteps, hoverFormat, milliseconds } from "./times.js";

/**
 * @typedef {object} Limit
 * @property {"above" | "below"} side
 * @property {number} degrees °C
 * @property {number} duration steps in a row
 * @property {number} within steps
 */

const NAME = "limit";
const USUAL_DURATION = 3;
const USUAL_WITHIN = 10;
/** A run may have begun long before the forecast. */
const MAX_DURATION = 60;

/**
 * @param {import("./place.js").Place} place @param {import("./place.js").Choice} choice @param {import("./event-requests.js").EventLoader} loader
 * @param {number[]} sst the forecast, which suggests a limit @param {AbortSignal} signal
 */
export function limitCard({ history: { step } }, choice, loader, sst, signal) {
  const most = choice.maxHorizon;
  const given = limitOf(readState().limit, most);
  const limit = given ?? { side: /** @type {const} */ ("above"), degrees: Math.ceil(Math.max(...sst) * 2) / 2, duration: Math.min(USUAL_DURATION, most), within: Math.min(USUAL_WITHIN, most) };
  const answer = h("div", { class: "limit-answer" });
  const nextSignal = latestOnly(signal);
  const ask = async () => {
    if (!Number.isFinite(limit.degrees)) return;
    const asked = { ...limit };
    const { side, degrees, duration, within } = asked;
    updateState({ limit: [side, degrees, duration, within].join(":") });
    const event = { name: NAME, [side]: degrees, for: duration, within };
    const load = (/** @type {AbortSignal} */ stop) => waitFor(loader.single(choice, event, within), stop);
    await runTask(answer, "Asking how likely that is", nextSignal(), load, (forecasts) => fill(answer, limitAnswer(asked, step, forecasts, signal)));
  };
  const units = (/** @type {number} */ n) => formatSteps(n, step);
  const form = h(
    "form",
    {
      class: "controls",
      novalidate: true,
      submit: (/** @type {Event} */ event) => {
        event.preventDefault();
        ask().then(() => announce(answer.querySelector("p")?.textContent ?? ""));
      },
    },
    selectField("Water", [{ value: "above", text: "Above" }, { value: "below", text: "Below" }], limit.side, (side) => (limit.side = /** @type {any} */ (side))),
    degreesField(limit),
    numberField("In a row", { value: limit.duration, min: 1, max: MAX_DURATION, unit: units }, (n) => (limit.duration = n)),
    numberField("Within", { value: limit.within, min: 1, max: most, unit: units }, (n) => (limit.within = n)),
    h("button", { type: "submit", class: "main" }, "Show how likely"),
  );
  if (given) ask();
  const steps = formatSteps(2, step).replace(/^2 /, "");
  return h("section", { class: "card limit" }, h("header", {}, h("h2", {}, `${/^\d/.test(steps) ? "Time" : capitalised(steps)} above or below a limit`), h("p", {}, "How likely the sea is to stay above or below a temperature you choose")), form, answer);
}

/** @param {Limit} limit */
function degreesField(limit) {
  const id = uniqueId("degrees");
  const note = h("span", { class: "note", id: `${id}-note` }, unit());
  const input = h("input", {
    id,
    type: "number",
    step: "any",
    value: Number(inUnit(limit.degrees).toFixed(2)),
    "aria-describedby": `${id}-note`,
    input: () => {
      limit.degrees = input.value === "" ? NaN : Number(toCelsius(Number(input.value)).toFixed(4));
      const valid = Number.isFinite(limit.degrees);
      input.setAttribute("aria-invalid", String(!valid));
      note.textContent = valid ? unit() : `Enter degrees ${unit() === "°C" ? "Celsius" : "Fahrenheit"}`;
    },
  });
  return h("div", { class: "field" }, h("label", { for: id }, "Limit"), h("div", { class: "row" }, input, note));
}

/** @param {Limit} limit @param {string} step @param {import("./event-requests.js").EventForecasts} forecasts @param {AbortSignal} signal */
function limitAnswer(limit, step, { timestamps, events: [outcome] }, signal) {
  if (outcome.error) return h("div", { class: "notice error" }, h("p", {}, sentence(outcome.error)));
  return [
    h("p", { class: "answer" }, limitSentence(outcome, limit, step, timestamps, new Date()), !outcome.calibrated && uncalibratedMark()),
    limitChart({ timestamps, probability: outcome.by_lead, step, limit }, signal),
    h("p", { class: "note" }, `Each bar is the probability for that ${formatSteps(1, step).replace(/^1 /, "")} alone.`, !outcome.calibrated && [" ", uncalibratedMark(), " Not calibrated: the event may happen more or less often than this says."]),
    outcome.warnings.map((/** @type {any} */ warning) => h("p", { class: "note" }, sentence(warning.message))),
  ];
}

/** The limit in the URL, such as above:24:5:10; null if there is none. @param {string | undefined} text @param {number} most steps ahead @returns {Limit | null} */
function limitOf(text, most) {
  const [, side, degrees, duration, within] = /^(above|below):(-?\d+(?:\.\d+)?):(\d+):(\d+)$/.exec(text ?? "") ?? [];
  if (!side) return null;
  const bounded = (/** @type {string} */ digits, /** @type {number} */ max) => Math.min(Math.max(Number(digits), 1), max);
  return { side: /** @type {any} */ (side), degrees: Number(degrees), duration: bounded(duration, MAX_DURATION), within: bounded(within, most) };
}

/** The width of a bar, as a share of a step. */
const BAR_SHARE = 0.7;

/**
 * @typedef {object} LimitBars
 * @property {string[]} timestamps
 * @property {number[]} probability
 * @property {string} step
 * @property {Limit} limit
 *
 * @param {LimitBars} bars @param {AbortSignal} signal
 */
function limitChart(bars, signal) {
  const { side, degrees } = bars.limit;
  const chart = new Chart(`Probability ${side} ${limitText(degrees)} at each step ahead`, signal, { height: "11rem" });
  chart.draw(() => barFigure(bars));
  return chart.element;
}

/** @param {LimitBars} bars @returns {import("./chart.js").Figure} */
function barFigure({ timestamps, probability, step, limit }) {
  const times = timestamps.map(milliseconds);
  const width = times.length > 1 ? times[1] - times[0] : 86_400_000;
  const at = (/** @type {number} */ ms) => new Date(ms).toISOString();
  const bars = times.map((ms, i) => ({ begin: at(ms - (BAR_SHARE / 2) * width), end: at(ms + (BAR_SHARE / 2) * width), low: 0, high: probability[i] * 100 }));
  const blocks = blockTrace(bars, tint("accent", 0.55), 1, { line: { width: 1, color: colour("accent") } });
  const tops = { name: `${limit.side === "above" ? "Above" : "Below"} ${limitText(limit.degrees)}`, x: timestamps, y: probability.map((p) => p * 100), line: { width: 0, color: colour("accent") }, read: (/** @type {number} */ i) => percent(probability[i]) };
  return {
    data: [blocks, tops],
    layout: {
      xaxis: { hoverformat: hoverFormat(step), range: [at(times[0] - width / 2), at(times[times.length - 1] + width / 2)] },
      // Room for the title above the highest label.
      yaxis: { range: [0, 112], nticks: 3 },
      annotations: [panelTitle("Probability, %", 1)],
    },
  };
}
