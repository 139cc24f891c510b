// @ts-check
/** All earlier years of a series on the calendar of the period that a chart shows. */

import { stepLength } from "./series-times.js";
import { colour, tint } from "./theme.js";
import { formatTime, milliseconds } from "./times.js";

/** Over longer periods, the years hide each other. */
const MAX_SHOWN_MS = 3 * 366 * 86_400_000;

/** Points of a line; more are thinned. */
const MAX_POINTS = 400;

/** From so many years on, a band shows the range of all of them behind their lines. */
const BAND_FROM = 11;

/** Fewer years before say little about a value. */
const MIN_YEARS = 2;

/**
 * @typedef {object} EarlierYears
 * @property {string} name with the first and the last year
 * @property {any[]} traces
 * @property {(number | null)[][]} columns of each year
 */

/**
 * The earlier years at some times of a series and its forecast; null for fewer than two, or for too long a period.
 * @param {import("./forecast-chart.js").History} history @param {string[]} shown times @returns {EarlierYears | null}
 */
export function earlierYears(history, shown) {
  const last = shown.at(-1);
  if (!last || milliseconds(last) - milliseconds(shown[0]) > MAX_SHOWN_MS) return null;
  const stride = Math.ceil(shown.length / MAX_POINTS);
  const times = shown.filter((_, i) => i % stride === 0);
  const count = yearOf(last) - yearOf(history.timestamps[0]);
  const columns = Array.from({ length: count }, (_, i) => times.map((time) => valueBefore(history, time, i + 1)));
  const filled = columns.map((column, i) => ({ column, before: i + 1 })).filter(({ column }) => column.filter((value) => value !== null).length > times.length / 2);
  if (filled.length < MIN_YEARS) return null;
  const years = filled.flatMap(({ column, before }) => column.flatMap((value, i) => (value === null ? [] : [yearOf(times[i]) - before])));
  const name = `Earlier years, ${years.reduce((a, b) => Math.min(a, b))}–${years.reduce((a, b) => Math.max(a, b))}`;
  return { name, traces: tracesOf(name, times, filled.map(({ column }) => column)), columns: filled.map(({ column }) => column) };
}

/**
 * Since when no value at this time of the year was as high or as low, such as "warmest 30 Nov since 2014"; empty if it
 * has to beat fewer than two years, or if one of them is missing.
 * @param {import("./forecast-chart.js").History} history @param {number} i
 */
export function rankWords(history, i) {
  const { timestamps, values, step } = history;
  const [time, value] = [timestamps[i], values[i]];
  if (value === null || !["day", "month"].includes(step)) return "";
  const all = yearOf(time) - yearOf(timestamps[0]);
  const until = (/** @type {(earlier: number) => boolean} */ beaten) => {
    let before = 1;
    for (; before <= all; before += 1) {
      const earlier = valueBefore(history, time, before);
      if (earlier === null) return { before, known: false };
      if (!beaten(earlier)) break;
    }
    return { before, known: before <= all };
  };
  const day = formatTime(time, step).replace(/ -?\d+$/, "");
  const [warm, cold] = [until((earlier) => earlier < value), until((earlier) => earlier > value)];
  const [word, { before, known }] = warm.before > cold.before ? ["warmest", warm] : ["coldest", cold];
  return known && before > MIN_YEARS ? `${word} ${day} since ${yearOf(time) - before}` : "";
}

/** A line for each year, and the range of many. @param {string} name @param {string[]} times @param {(number | null)[][]} columns */
function tracesOf(name, times, columns) {
  const common = { legendrank: 1200 };
  const isMany = columns.length >= BAND_FROM;
  const present = times.map((_, i) => columns.map((column) => column[i]).filter((value) => value !== null));
  const edge = (/** @type {(...values: number[]) => number} */ choose) => present.map((values) => (values.length ? choose(...values) : null));
  const band = [
    { ...common, x: times, y: edge(Math.min), line: { width: 0 } },
    { ...common, x: times, y: edge(Math.max), line: { width: 0 }, fill: "tonexty", fillcolor: tint("muted", 0.1) },
  ];
  const lines = { x: columns.flatMap(() => [...times, null]), y: columns.flatMap((column) => [...column, null]) };
  return [...(isMany ? band : []), { ...common, name, ...lines, line: { color: colour("muted"), width: 0.75 }, opacity: isMany ? 0.2 : 0.45 }];
}

/** The value at the same date some years before; null if there is none within half a step. @param {import("./forecast-chart.js").History} history @param {string} time @param {number} years */
function valueBefore({ timestamps, values, step }, time, years) {
  const year = yearOf(time) - years;
  const isLeap = new Date(Date.UTC(year, 1, 29)).getUTCMonth() === 1;
  const rest = time.slice(4).replace("-02-29", isLeap ? "-02-29" : "-02-28");
  const wanted = `${String(year).padStart(4, "0")}${rest}`;
  let [low, high] = [0, timestamps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timestamps[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  const distance = (/** @type {number} */ i) => Math.abs(milliseconds(timestamps[i]) - milliseconds(wanted));
  const nearest = [low - 1, low].filter((i) => i in timestamps).reduce((a, b) => (distance(b) < distance(a) ? b : a));
  return distance(nearest) <= stepLength(step) / 2 ? values[nearest] : null;
}

/** @param {string} time */
function yearOf(time) {
  return Number(time.slice(0, 4));
}
