// @ts-check
/** What events add to the chart of a forecast: the usual curve, the threshold, bands I to IV, and a strip of event days. */

import { temperature } from "./degrees.js";
import { CATEGORIES } from "./event-kinds.js";
import { percent } from "./event-words.js";
import { capitalised } from "./sentence.js";
import { colour, tint } from "./theme.js";
import { milliseconds } from "./times.js";
import { blockTrace } from "./traces.js";

/**
 * @typedef {import("./event-requests.js").EventDays} EventDays
 * @typedef {object} Overlay what else the chart of a forecast shows
 * @property {(indices: number[], slice: [number, number], axis: [number, number]) => any[]} [behind] traces behind the lines, at the drawn indices of the history and within the range of the axis
 * @property {(slice: [number, number]) => any[]} [below] traces of the strip below, or before the lines
 * @property {(slice: [number, number]) => (number | null)[][]} columns that the vertical axis has to show
 * @property {any} [layout] of the chart
 */

/** Multiples of the threshold minus the climatology at which the bands begin. The last band is open; it is drawn as wide as the others. */
const BAND_EDGES = [1, 2, 3, 4, 5];

/** The bands are smooth, so that a part of the days is enough to draw them. */
const MAX_BAND_DAYS = 700;

/** Over longer periods the curves hide each other, and the strip says when there were events. */
const MAX_DAYS = { bands: 1_100, curves: 3_700 };

/** The opacity of the bands I to IV. */
const BAND_OPACITY = [0.3, 0.26, 0.22, 0.22];

const HALF_DAY_MS = 43_200_000;

/** Days ahead are apart, since each has a probability. */
const LEAD_SHARE = 0.92;

/** The strip from bottom to top on its axis. */
const STRIP = { low: 0.1, middle: 0.5, high: 0.9 };
const STRIP_HEIGHT = 0.05;
const CHART_BOTTOM = 0.13;

/**
 * @param {import("./forecast-chart.js").History} history @param {EventDays} days
 * @param {any | null} outcome the forecast of the event; null if there is none @param {string[]} leads their times
 * @returns {Overlay}
 */
export function eventOverlay(history, days, outcome, leads) {
  const n = history.timestamps.length;
  const ahead = outcome ?? { climatology: [], threshold: [], probability: [], category_probability: {} };
  const times = [...history.timestamps, ...leads.slice(0, ahead.climatology.length)];
  const usual = [...days.climatology, ...ahead.climatology];
  const threshold = [...days.threshold, ...ahead.threshold];
  const leadIndices = times.map((_, i) => i).slice(n);
  return {
    behind: (indices, slice, axis) => {
      const visible = slice[1] - slice[0];
      const smooth = [...thinned(indices, slice), ...leadIndices];
      return [
        ...(visible <= MAX_DAYS.bands ? bandTraces(times, usual, threshold, smooth, { palette: days.kind.palette, axis }) : []),
        ...(visible <= MAX_DAYS.curves ? curveTraces(times, usual, threshold, [...indices, ...leadIndices], days.kind) : []),
      ];
    },
    below: (slice) => stripTraces(history, days, { ahead, leads: times.slice(n) }, slice),
    columns: (slice) => [usual, threshold].map((column) => [...column.slice(...slice), ...column.slice(n, times.length)]),
    layout: {
      yaxis: { domain: [CHART_BOTTOM, 1] },
      yaxis2: { domain: [0, STRIP_HEIGHT], range: [STRIP.low, STRIP.high], nticks: 0 },
      annotations: [{ text: `${days.kind.name === "heatwave" ? "Heatwave" : "Cold-spell"} days`, x: 0, xref: "paper", y: STRIP_HEIGHT, yref: "paper", xanchor: "left", yshift: 4 }],
    },
  };
}

/** The colour of a category from 1 to 4. @param {string} palette @param {number} category */
export function categoryColour(palette, category) {
  return `${palette}-${category}`;
}

/** The most likely category of a lead, from 1 to 4. @param {Record<string, number[]>} byCategory @param {number} lead */
export function likeliestCategory(byCategory, lead) {
  const probabilities = CATEGORIES.map((name) => byCategory[name]?.[lead] ?? 0);
  return probabilities.indexOf(Math.max(...probabilities)) + 1;
}

/** Some of the drawn indices, within the visible slice. @param {number[]} indices @param {[number, number]} slice */
function thinned(indices, [first, end]) {
  const visible = indices.filter((i) => i >= first - 1 && i <= end);
  const stride = Math.ceil(visible.length / MAX_BAND_DAYS);
  return visible.filter((_, i) => i % stride === 0 || i === visible.length - 1);
}

/**
 * @param {string[]} times @param {(number | null)[]} usual @param {(number | null)[]} threshold @param {number[]} indices
 * @param {{palette: string, axis: [number, number]}} look axis: the range that the bands do not leave, since the strip is below it
 */
function bandTraces(times, usual, threshold, indices, { palette, axis: [low, high] }) {
  const x = indices.map((i) => times[i]);
  const edgeAt = (/** @type {number | null} */ mean, /** @type {number | null} */ limit, /** @type {number} */ multiple) => (mean === null || limit === null ? null : Math.min(Math.max(mean + multiple * (limit - mean), low), high));
  const edge = (/** @type {number} */ multiple) => indices.map((i) => edgeAt(usual[i], threshold[i], multiple));
  return BAND_EDGES.map((multiple, i) => ({
    x,
    y: edge(multiple),
    line: { width: 0 },
    ...(i ? { fill: "tonexty", fillcolor: tint(categoryColour(palette, i), BAND_OPACITY[i - 1]) } : {}),
  }));
}

/** The usual curve and the threshold. @param {string[]} times @param {(number | null)[]} usual @param {(number | null)[]} threshold @param {number[]} indices @param {import("./event-kinds.js").Kind} kind */
function curveTraces(times, usual, threshold, indices, kind) {
  const x = indices.map((i) => times[i]);
  const curve = (/** @type {string} */ name, /** @type {(number | null)[]} */ column, /** @type {any} */ line) => ({ name, x, y: indices.map((i) => column[i]), line, legendrank: 2000, read: (/** @type {number} */ i) => temperature(column[indices[i]], 2) });
  return [curve("Usual", usual, CURVES.usual), curve(capitalised(kind.percentile), threshold, { color: colour(`${kind.palette}-line`), width: 1.25 })];
}

/** How the usual curve is drawn. */
export const CURVES = { usual: { color: colour("muted"), dash: "4px,3px", width: 1.5 } };

/**
 * The strip: days of past events by category, and days ahead as opaque as an event is likely.
 * @param {import("./forecast-chart.js").History} history @param {EventDays} days
 * @param {{ahead: any, leads: string[]}} forecast @param {[number, number]} slice
 */
function stripTraces({ timestamps }, { kind, category }, { ahead, leads }, [first, end]) {
  const whole = { begin: timestamps[first] ?? leads[0], end: leads.at(-1) ?? timestamps[end - 1] };
  const runs = runsOf(category, first, end);
  const past = CATEGORIES.map((_, i) => blocks(runs.filter((run) => run.category === i + 1).map(({ begin, end }) => ({ begin: timestamps[begin], end: timestamps[end] })), colour(categoryColour(kind.palette, i + 1)), 0.75));
  const future = leads.map((time, lead) => blocks([{ begin: time, end: time }], tint(categoryColour(kind.palette, likeliestCategory(ahead.category_probability, lead)), ahead.probability[lead]), 0, LEAD_SHARE));
  return [blocks([whole], colour("well")), ...past, ...future, readingTrace(timestamps, kind, category, { ahead, leads }, [first, end])];
}

/** What the strip says where it is read. @param {string[]} timestamps @param {import("./event-kinds.js").Kind} kind @param {number[]} category @param {{ahead: any, leads: string[]}} forecast @param {[number, number]} slice */
function readingTrace(timestamps, kind, category, { ahead, leads }, [first, end]) {
  const visible = timestamps.map((_, i) => i).slice(first, end).filter((i) => category[i] > 0);
  const texts = [...visible.map((i) => CATEGORIES[category[i] - 1]), ...leads.map((_, lead) => `${percent(ahead.probability[lead])} likely`)];
  return {
    name: capitalised(kind.name),
    yaxis: "y2",
    x: [...visible.map((i) => timestamps[i]), ...leads],
    y: [...visible, ...leads].map(() => STRIP.middle),
    line: { width: 0, color: colour(categoryColour(kind.palette, 1)) },
    legendrank: 2001,
    read: (/** @type {number} */ i) => texts[i],
  };
}

/** Runs of days of one category. @param {number[]} category @param {number} first @param {number} end */
function runsOf(category, first, end) {
  /** @type {{category: number, begin: number, end: number}[]} */
  const runs = [];
  for (let i = first; i < end; i += 1) {
    if (!category[i]) continue;
    const last = runs.at(-1);
    if (last && last.end === i - 1 && last.category === category[i]) last.end = i;
    else runs.push({ category: category[i], begin: i, end: i });
  }
  return runs;
}

/** Rectangles on the strip, each from its first day to its last. @param {{begin: string, end: string}[]} periods @param {string} fillcolor @param {number} [width] of their outline, so that single days of many years remain visible @param {number} [share] of a day at either end */
function blocks(periods, fillcolor, width = 0, share = 1) {
  const inStrip = periods.map(({ begin, end }) => ({ begin: shifted(begin, -share * HALF_DAY_MS), end: shifted(end, share * HALF_DAY_MS), low: STRIP.low, high: STRIP.high }));
  return blockTrace(inStrip, fillcolor, width, { yaxis: "y2" });
}

/** @param {string} time @param {number} amount in milliseconds */
function shifted(time, amount) {
  return new Date(milliseconds(time) + amount).toISOString();
}
