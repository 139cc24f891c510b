// @ts-check
/** Earlier forecasts of a place over what came: for each time, the forecast that was issued a number of steps before. */

import { inUnit, temperature } from "./degrees.js";
import { h } from "./dom.js";
import { swatch } from "./models.js";
import { fixed } from "./numbers.js";
import { colour } from "./theme.js";
import { formatSteps, formatTime, milliseconds } from "./times.js";
import { bandTraces } from "./traces.js";

/**
 * @typedef {object} PastRow a time for which there was a forecast
 * @property {string} time
 * @property {number | null} observed °C
 * @property {number} sst forecast so many steps before, °C
 * @property {number | null} lower of its range of 80 %
 * @property {number | null} upper
 */

const LEVEL = 80;

/** How the earlier forecasts are drawn. */
const LINE = { color: colour("accent"), width: 1.75, dash: "5px,3px" };

/** @param {import("./forecast-chart.js").History} history @param {any[]} forecasts as they were issued, the oldest first @param {number} lead @returns {PastRow[]} */
export function pastRows({ timestamps, values }, forecasts, lead) {
  const observed = new Map(timestamps.map((time, i) => [milliseconds(time), values[i]]));
  const last = milliseconds(timestamps.at(-1) ?? "");
  /** @type {Map<number, PastRow>} */
  const rows = new Map();
  for (const { timestamps: times, sst, intervals } of forecasts) {
    const time = times[lead - 1];
    const key = time === undefined ? Infinity : milliseconds(time);
    // The first forecast of a time counts; later ones rest on corrected readings.
    if (key > last || rows.has(key)) continue;
    const range = intervals.find((/** @type {any} */ { level }) => level === LEVEL);
    rows.set(key, { time, observed: observed.get(key) ?? null, sst: sst[lead - 1], lower: range?.lower[lead - 1] ?? null, upper: range?.upper[lead - 1] ?? null });
  }
  return [...rows.values()].sort((a, b) => milliseconds(a.time) - milliseconds(b.time));
}

/** What earlier forecasts add to the chart; undefined if there are none. @param {PastRow[]} rows @param {number} lead @param {string} step @returns {import("./event-overlay.js").Overlay | undefined} */
export function pastOverlay(rows, lead, step) {
  if (!rows.length) return undefined;
  const x = rows.map(({ time }) => time);
  const line = { line: LINE, dots: rows.length === 1, name: nameOf(lead, step), x, y: rows.map(({ sst }) => sst), read: (/** @type {number} */ i) => temperature(rows[i].sst, 2) };
  const band = bandTraces("accent", x, rows.map(({ lower }) => lower), rows.map(({ upper }) => upper), 0.18);
  return { behind: () => [...band, line], columns: () => [rows.map(({ sst }) => sst)] };
}

/** @param {PastRow[]} rows @param {number} lead @param {string} step */
export function pastLegend(rows, lead, step) {
  return rows.length > 0 && h("span", { class: "label" }, swatch(LINE), nameOf(lead, step));
}

/** The rows as a table, the newest first. @param {PastRow[]} rows @param {number} lead @param {string} step */
export function pastTable(rows, lead, step) {
  const head = ["Time", "Observed", nameOf(lead, step), "80% range", "Error"];
  const cells = [...rows].reverse().map(({ time, observed, sst, lower, upper }) => [
    formatTime(time, step),
    observed === null ? "–" : fixed(inUnit(observed), 2),
    fixed(inUnit(sst), 2),
    lower === null ? "–" : `${fixed(inUnit(lower), 2)} to ${fixed(inUnit(upper), 2)}`,
    observed === null ? "–" : fixed(inUnit(sst - observed, "difference"), 2),
  ]);
  return { head, rows: cells };
}

/** @param {number} lead @param {string} step */
function nameOf(lead, step) {
  return `Forecast ${formatSteps(lead, step)} before`;
}
