// @ts-check
/** The fan of a past forecast: what was observed before, what was said, and what came. */

import { kindOf } from "./models.js";
import { bandPath, linear, linePath, svg, ticks } from "./svg.js";
import { timeTicks } from "./time-ticks.js";

const MARGIN = { left: 40, right: 12, top: 22, bottom: 26 };
/** Steps before the origin that are shown, for each step ahead. */
const PAST_SHARE = 1.5;

/**
 * @param {{forecast: import("./past-forecasts.js").PastForecast, history: {timestamps: string[], values: (number | null)[]}}} said
 * @param {string} model
 * @param {{came: boolean, width: number, height: number}} options came: whether to show what came
 */
export function fanContent({ forecast, history }, model, { came, width, height }) {
  const kind = kindOf(model);
  const before = pastOf(history, forecast);
  const origin = before[before.length - 1];
  const ahead = forecast.timestamps.map(Date.parse);
  const [begin, end] = [before[0][0], ahead[ahead.length - 1]];
  const x = linear([begin, end], [MARGIN.left, width - MARGIN.right]);
  const marks = valueTicks(before, forecast);
  const y = linear([marks[0], marks[marks.length - 1]], [height - MARGIN.bottom, MARGIN.top]);
  const leads = [origin[0], ...ahead].map(x);
  const from = (/** @type {number[]} */ values) => [origin[1], ...values].map(y);
  const line = (/** @type {string} */ name, /** @type {(number | null)[][]} */ points) => svg("path", { class: `line ${name}`, d: linePath(points) });
  const pairs = (/** @type {(number | null)[]} */ values, /** @type {number[]} */ places) => values.map((value, i) => [places[i], value === null ? null : y(value)]);
  return [
    ...marks.map((mark) => svg("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(mark), y2: y(mark) })),
    ...marks.map((mark) => svg("text", { x: MARGIN.left - 6, y: y(mark) + 4, "text-anchor": "end" }, String(Math.round(mark * 100) / 100))),
    ...timeTicks([begin, end], Math.max(2, Math.floor(width / 110))).map(({ time, label }) => svg("text", { x: x(time), y: height - 8, "text-anchor": anchorAt(x(time), width) }, label)),
    svg("text", { x: 0, y: 12 }, "SST, °C"),
    ...[...forecast.intervals].sort((a, b) => b.level - a.level).map(({ lower, upper }) => svg("path", { class: `band ${kind}`, d: bandPath(leads, from(lower), from(upper)) })),
    svg("line", { class: "moment", x1: leads[0], x2: leads[0], y1: MARGIN.top - 6, y2: height - MARGIN.bottom }),
    line("persistence", [[leads[0], y(origin[1])], ...pairs(forecast.baselines.persistence, leads.slice(1))]),
    line(kind, from(forecast.sst).map((value, i) => [leads[i], value])),
    line("observed", before.map(([time, value]) => [x(time), y(value)])),
    came && line("observed came", [[leads[0], y(origin[1])], ...pairs(forecast.observed, leads.slice(1))]),
    ...(came && ahead.length <= 20 ? forecast.observed.flatMap((value, i) => (value === null ? [] : [svg("circle", { class: "dot observed", cx: leads[i + 1], cy: y(value), r: 3 })])) : []),
    svg("circle", { class: "dot observed", cx: leads[0], cy: y(origin[1]), r: 3.5 }),
  ];
}

/** The observed points up to the origin, oldest first. @param {{timestamps: string[], values: (number | null)[]}} history @param {import("./past-forecasts.js").PastForecast} forecast @returns {[number, number][]} */
function pastOf({ timestamps, values }, { origin, timestamps: ahead }) {
  const end = timestamps.indexOf(origin) + 1;
  const begin = Math.max(end - Math.ceil(ahead.length * PAST_SHARE) - 1, 0);
  return timestamps.slice(begin, end).flatMap((time, i) => {
    const value = values[begin + i];
    return value === null ? [] : [/** @type {[number, number]} */ ([Date.parse(time), value])];
  });
}

/** Round values that span all that is drawn. @param {[number, number][]} before @param {import("./past-forecasts.js").PastForecast} forecast */
function valueTicks(before, { sst, intervals, observed, baselines }) {
  const all = [...before.map(([, value]) => value), ...sst, ...baselines.persistence, ...intervals.flatMap(({ lower, upper }) => [...lower, ...upper]), ...observed.filter((value) => value !== null)];
  const [low, high] = [Math.min(.../** @type {number[]} */ (all)), Math.max(.../** @type {number[]} */ (all))];
  const [first, second] = ticks([low, high], 4);
  const size = second === undefined ? 1 : second - first;
  const least = Math.floor(low / size + 1e-9);
  const count = Math.max(Math.ceil(high / size - 1e-9) - least, 1);
  return Array.from({ length: count + 1 }, (_, i) => (least + i) * size);
}

/** @param {number} x @param {number} width */
function anchorAt(x, width) {
  if (x > width - 40) return "end";
  return x < MARGIN.left + 20 ? "start" : "middle";
}
