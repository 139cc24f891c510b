// @ts-check
/** The fan of a past forecast: what was observed before, what was forecast, and what was observed then. */

import { inUnit, unit } from "./degrees.js";
import { fixedRange, panelTitle, verticalLine } from "./layout.js";
import { kindOf, modelTitle } from "./models.js";
import { fixed } from "./numbers.js";
import { formatTime, hoverFormat } from "./times.js";
import { bandTraces, lineTrace } from "./traces.js";

/** Steps before the origin that are shown, for each step ahead. */
const PAST_SHARE = 1.5;
/** Longer forecasts are drawn without a dot for each observation. */
const MAX_DOTS = 20;
/** Lines of the grid that the values span. */
const LINES = 5;

/**
 * @param {{forecast: import("./past-forecasts.js").PastForecast, history: {timestamps: string[], values: (number | null)[]}}} said
 * @param {{model: string, step: string, came: boolean}} options came: whether to show what was observed then
 * @returns {import("./chart.js").Figure}
 */
export function fanFigure({ forecast, history }, { model, step, came }) {
  const kind = kindOf(model);
  const past = pastOf(history, forecast);
  const origin = past.values[past.values.length - 1];
  const x = [forecast.origin, ...forecast.timestamps];
  const from = (/** @type {any[]} */ values) => [origin, ...values];
  const bands = [...forecast.intervals].sort((a, b) => b.level - a.level).flatMap(({ lower, upper }) => bandTraces(kind, x, from(lower), from(upper), 0.17));
  const line = (/** @type {string} */ name, /** @type {any[]} */ values, /** @type {any} */ overrides = {}) => {
    const trace = lineTrace(name, x, from(values), { hoverinfo: ["skip", ...values.map(() => "all")] });
    return { ...trace, ...overrides, line: { ...trace.line, ...overrides.line } };
  };
  const observed = line("observed", forecast.observed, {
    name: "Observed",
    mode: forecast.observed.length <= MAX_DOTS ? "lines+markers" : "lines",
    marker: { size: [0, ...forecast.observed.map(() => 6)], color: lineTrace("observed", [], []).line.color },
    hovertemplate: "<b>%{y:.2f} °C</b>",
  });
  const data = [
    ...bands,
    line("persistence", forecast.baselines.persistence),
    line(kind, forecast.sst, { name: `${modelTitle(kind)} forecast`, line: { width: 2.5 } }),
    lineTrace("observed", past.timestamps, past.values, { hovertemplate: "<b>%{y:.2f} °C</b>" }),
    ...(came ? [observed] : []),
  ];
  const n = past.timestamps.length;
  const curve = (/** @type {number} */ i) => (i < n ? [data.length - (came ? 2 : 1)] : data.flatMap((trace, number) => (trace.hoverinfo === "skip" || trace.x !== x ? [] : [number])));
  return {
    data,
    layout: {
      xaxis: { hoverformat: hoverFormat(step), showgrid: false, range: [past.timestamps[0], x[x.length - 1]] },
      yaxis: { nticks: LINES + 1, unit: "temperature", ...fixedRange(valueRange(past.values, forecast)) },
      margin: { l: 44, r: 12, t: 30, b: 40 },
      annotations: [{ ...panelTitle(`SST, ${unit()}`, 1), yshift: 12 }],
      shapes: [verticalLine(forecast.origin)],
    },
    extent: [0, n + forecast.timestamps.length],
    describe: (i) => (i < n ? `${formatTime(past.timestamps[i], step)}, observed ${fixed(inUnit(past.values[i]), 2)}` : describeLead(forecast, model, step, i - n, came)),
    pointsAt: (i) => curve(i).map((curveNumber) => ({ curveNumber, pointNumber: i < n ? i : i - n + 1 })),
  };
}

/** @param {import("./past-forecasts.js").PastForecast} forecast @param {string} model @param {string} step @param {number} i @param {boolean} came */
function describeLead({ timestamps, sst, intervals, observed, baselines }, model, step, i, came) {
  const bands = intervals.map(({ level, lower, upper }) => `${level}% ${fixed(inUnit(lower[i]), 2)} to ${fixed(inUnit(upper[i]), 2)}`);
  const parts = [formatTime(timestamps[i], step), `${modelTitle(kindOf(model))} forecast ${fixed(inUnit(sst[i]), 2)}`, ...bands, `persistence ${fixed(inUnit(baselines.persistence[i]), 2)}`];
  return [...parts, ...(came ? [observed[i] === null ? "nothing was observed" : `observed ${fixed(inUnit(observed[i]), 2)}`] : [])].join(", ");
}

/** The observations up to the origin. @param {{timestamps: string[], values: (number | null)[]}} history @param {import("./past-forecasts.js").PastForecast} forecast */
function pastOf({ timestamps, values }, { origin, timestamps: ahead }) {
  const end = timestamps.indexOf(origin) + 1;
  const begin = Math.max(end - Math.ceil(ahead.length * PAST_SHARE) - 1, 0);
  return { timestamps: timestamps.slice(begin, end), values: values.slice(begin, end) };
}

/** The range of all that may be drawn, to round values, so that the axis stays while the slider moves a little. @param {(number | null)[]} past @param {import("./past-forecasts.js").PastForecast} forecast @returns {[number, number]} */
function valueRange(past, { sst, intervals, observed, baselines }) {
  const all = [...past, ...sst, ...observed, ...baselines.persistence, ...intervals.flatMap(({ lower, upper }) => [...lower, ...upper])];
  const known = /** @type {number[]} */ (all.filter((value) => value !== null));
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const rough = (high - low) / LINES || 0.1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? rough;
  return [Math.floor(low / size) * size, Math.ceil(high / size) * size];
}
