// @ts-check
/** QARTOD quality flags: their names, and how flagged and implausible values are drawn. */

import { inUnit, temperature } from "./degrees.js";
import { h } from "./dom.js";
import { fixed } from "./numbers.js";
import { colour } from "./theme.js";

/**
 * @typedef {object} Flagged the flagged values of a series, as parallel lists
 * @property {string[]} timestamps
 * @property {number[]} sst
 * @property {(number | string)[]} flags 3, 4 or IMPLAUSIBLE
 *
 * @typedef {object} Suspects values that the forecasts made before them call implausible, as parallel lists
 * @property {string[]} timestamps
 * @property {number[]} sst
 * @property {number[]} lower what was expected
 * @property {number[]} upper
 */

/** The flag of values that a check calls implausible. */
const IMPLAUSIBLE = "implausible";

/** @type {Record<string, string>} as in the QARTOD manuals */
const NAMES = { 1: "good", 2: "not evaluated", 3: "suspect", 4: "fail", 9: "missing" };

/** The flags that charts show. */
const MARKS = [
  { flag: 3, name: "Flagged suspect (kept)", colour: "warn", symbol: "triangle-up-open", size: 9, kind: "suspect", sign: "△" },
  { flag: 4, name: "Flagged fail (excluded)", colour: "bad", symbol: "x-thin-open", size: 8, kind: "fail", sign: "×" },
  { flag: IMPLAUSIBLE, name: "Looks implausible", colour: "bad", symbol: "circle-open", size: 13, kind: "implausible", sign: "○" },
];

/** Flagged values further than this from the axis are drawn at its edge; as a fraction of the axis range. */
const MAX_OVERSHOOT = 0.5;

/** Room kept beyond flagged values, as a fraction of the axis range. */
const MARGIN = 0.04;

/** Distance of markers from the edge of the axis, as a fraction of its range. */
const INSET = 0.02;

/** @param {string | number} flag */
export function flagName(flag) {
  return NAMES[flag] ?? `flag ${flag}`;
}

/** An axis range widened to show flagged values, except those far outside. @param {[number, number]} range of the other values @param {Flagged | null} flagged @returns {[number, number]} */
export function axisWithFlags([low, high], flagged) {
  const overshoot = (high - low) * MAX_OVERSHOOT;
  const near = (flagged?.sst ?? []).filter((value) => value > low - overshoot && value < high + overshoot);
  const margin = (high - low) * MARGIN;
  return [near.reduce((lowest, value) => Math.min(lowest, value - margin), low), near.reduce((highest, value) => Math.max(highest, value + margin), high)];
}

/** Markers for flagged values, at the edge of the axis for values outside it. @param {Flagged | null} flagged @param {[number, number]} range of the axis */
export function flagTraces(flagged, [low, high]) {
  if (!flagged) return [];
  const inset = (high - low) * INSET;
  return MARKS.map((mark) => {
    const indices = flagged.flags.flatMap((flag, i) => (flag === mark.flag ? [i] : []));
    return {
      type: "scatter",
      mode: "markers",
      name: mark.name,
      x: indices.map((i) => flagged.timestamps[i]),
      y: indices.map((i) => Math.min(Math.max(flagged.sst[i], low + inset), high - inset)),
      text: indices.map((i) => `${temperature(flagged.sst[i], 2)}${flagged.sst[i] < low || flagged.sst[i] > high ? " (off the scale)" : ""}`),
      hovertemplate: "%{text}",
      marker: { symbol: mark.symbol, size: mark.size, color: colour(mark.colour), line: { width: 2, color: colour(mark.colour) } },
    };
  }).filter((trace) => trace.x.length);
}

/** Legend entries for the markers in use. @param {Flagged | null} flagged @returns {Element[]} */
export function flagLegend(flagged) {
  return MARKS.filter((mark) => flagged?.flags.includes(mark.flag)).map((mark) =>
    h("span", { class: "label" }, h("span", { class: `mark ${mark.kind}`, "aria-hidden": "true" }, mark.sign), mark.name),
  );
}

/** A note for each time that has a flag. @param {Flagged | null} flagged @returns {Map<string, string>} */
export function flagNotesByTime(flagged) {
  /** @type {Map<string, string>} */
  const notes = new Map();
  flagged?.timestamps.forEach((time, i) => {
    const note = flagged.flags[i] === 4 ? `fail: ${fixed(inUnit(flagged.sst[i]), 2)}` : flagged.flags[i] === 3 ? "suspect" : IMPLAUSIBLE;
    notes.set(time, notes.has(time) ? `${notes.get(time)}, ${note}` : note);
  });
  return notes;
}

/** The flagged values of a file together with implausible ones, in chronological order. @param {Flagged | null} flagged @param {Suspects | null} suspects @returns {Flagged | null} */
export function withSuspects(flagged, suspects) {
  if (!suspects?.timestamps.length) return flagged;
  const values = [
    ...(flagged?.timestamps ?? []).map((time, i) => ({ time, sst: flagged?.sst[i] ?? NaN, flag: flagged?.flags[i] ?? 3 })),
    ...suspects.timestamps.map((time, i) => ({ time, sst: suspects.sst[i], flag: IMPLAUSIBLE })),
  ].sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
  return { timestamps: values.map(({ time }) => time), sst: values.map(({ sst }) => sst), flags: values.map(({ flag }) => flag) };
}
