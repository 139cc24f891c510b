// @ts-check
/** QARTOD's quality flags: what they are called, and how what they mark is drawn. */

import { h } from "./dom.js";
import { fixed } from "./numbers.js";
import { colour } from "./theme.js";

/**
 * @typedef {object} Flagged values, lists of one length
 * @property {string[]} timestamps
 * @property {number[]} sst
 * @property {number[]} flags 3 or 4
 */

/** @type {Record<string, string>} as the manuals name them */
const NAMES = { 1: "good", 2: "not evaluated", 3: "suspect", 4: "fail", 9: "missing" };

/** Those that are drawn. */
const MARKS = [
  { flag: 3, name: "Flagged suspect, kept", colour: "warn", symbol: "triangle-up-open", size: 9, kind: "suspect" },
  { flag: 4, name: "Flagged fail, left out", colour: "bad", symbol: "x-thin-open", size: 8, kind: "fail" },
];

/** How far from what was observed a value is still shown where it is, in ranges of that. */
const FAR = 0.5;

/** @param {string | number} flag */
export function flagName(flag) {
  return NAMES[flag] ?? `flag ${flag}`;
}

/** The range of an axis that shows what is marked too, unless it is far off. @param {[number, number]} range of the rest @param {Flagged | null} flagged @returns {[number, number]} */
export function withMarks([low, high], flagged) {
  const room = (high - low) * FAR;
  const near = (flagged?.sst ?? []).filter((value) => value > low - room && value < high + room);
  const margin = (high - low) * 0.04;
  return [near.reduce((least, value) => Math.min(least, value - margin), low), near.reduce((most, value) => Math.max(most, value + margin), high)];
}

/** Marks for what is flagged; what is beyond the axis stands at its edge. @param {Flagged | null} flagged @param {[number, number]} range of the axis */
export function markTraces(flagged, [low, high]) {
  if (!flagged) return [];
  const inset = (high - low) * 0.02;
  return MARKS.map((mark) => {
    const places = flagged.flags.flatMap((flag, i) => (flag === mark.flag ? [i] : []));
    return {
      type: "scatter",
      mode: "markers",
      name: mark.name,
      x: places.map((i) => flagged.timestamps[i]),
      y: places.map((i) => Math.min(Math.max(flagged.sst[i], low + inset), high - inset)),
      text: places.map((i) => `${fixed(flagged.sst[i], 2)} °C${flagged.sst[i] < low || flagged.sst[i] > high ? ", beyond the scale" : ""}`),
      hovertemplate: "%{text}",
      cliponaxis: false,
      marker: { symbol: mark.symbol, size: mark.size, color: colour(mark.colour), line: { width: 2, color: colour(mark.colour) } },
    };
  }).filter((trace) => trace.x.length);
}

/** What the marks mean. @param {Flagged | null} flagged @returns {Element[]} */
export function markKeys(flagged) {
  return MARKS.filter((mark) => flagged?.flags.includes(mark.flag)).map((mark) =>
    h("span", { class: "named" }, h("span", { class: `mark ${mark.kind}`, "aria-hidden": "true" }, mark.kind === "fail" ? "×" : "△"), mark.name),
  );
}

/** What is said of the value at each time that has a flag. @param {Flagged | null} flagged @returns {Map<string, string>} */
export function remarksByTime(flagged) {
  return new Map(flagged?.timestamps.map((time, i) => [time, flagged.flags[i] === 3 ? "suspect" : `fail: ${fixed(flagged.sst[i], 2)}`]) ?? []);
}
