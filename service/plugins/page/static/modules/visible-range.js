// @ts-check
/** The visible part of a series: its indices, the points to draw, and the axis range. */

import { milliseconds } from "./times.js";

/** Longer slices are thinned before drawing. */
const MAX_POINTS = 6000;
const BUCKETS = 600;

/** Room beyond the values, as a fraction of their range. */
const MARGIN = 0.06;

/**
 * @typedef {(number | null)[]} Values
 * @typedef {[string, string] | null} Range of times; null for the whole series
 */

/** The first index within a range, and one past the last. @param {string[]} times @param {Range} range @returns {[number, number]} */
export function indexRange(times, range) {
  if (!range) return [0, times.length];
  const [begin, end] = range.map(milliseconds);
  const first = times.findIndex((time) => milliseconds(time) >= begin);
  if (first < 0) return [times.length, times.length];
  const stop = times.findIndex((time, i) => i >= first && milliseconds(time) > end);
  return [first, stop < 0 ? times.length : stop];
}

/**
 * The indices to draw. A long series is drawn only where it is visible, and thinned to the extremes and gaps of equal
 * intervals if that is still too much: it looks the same and draws faster. All columns share the indices.
 * @param {Values[]} columns @param {[number, number]} visible
 * @returns {{indices: number[], thinned: boolean}} thinned: whether values are left out
 */
export function pointsToDraw(columns, [first, stop]) {
  const n = columns[0].length;
  if (n <= MAX_POINTS) return { indices: integers(0, n), thinned: false };
  // Include one more on either side, so that lines reach the edge.
  const [begin, end] = [Math.max(first - 1, 0), Math.min(stop + 1, n)];
  if (end - begin <= MAX_POINTS) return { indices: integers(begin, end), thinned: false };
  const selected = new Set([begin, end - 1]);
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    const from = begin + Math.floor((bucket * (end - begin)) / BUCKETS);
    const to = begin + Math.floor(((bucket + 1) * (end - begin)) / BUCKETS);
    for (const column of columns) extremes(column, from, to).forEach((index) => selected.add(index));
  }
  return { indices: [...selected].sort((a, b) => a - b), thinned: true };
}

/** The axis range that shows columns of values, with a margin; null if there are none. @param {Values[]} columns @returns {[number, number] | null} */
export function axisRange(columns) {
  let [low, high] = [Infinity, -Infinity];
  for (const column of columns) {
    for (const value of column) {
      if ((value ?? null) === null) continue;
      low = Math.min(low, /** @type {number} */ (value));
      high = Math.max(high, /** @type {number} */ (value));
    }
  }
  if (low > high) return null;
  const margin = (high - low) * MARGIN || 0.5;
  return [low - margin, high + margin];
}

/** The indices of the lowest value, the highest value and the first gap. @param {Values} column @param {number} from @param {number} to */
function extremes(column, from, to) {
  let [low, high, gap] = [-1, -1, -1];
  for (let i = from; i < to; i += 1) {
    const value = column[i];
    if (value === null) gap = gap < 0 ? i : gap;
    else {
      if (low < 0 || value < /** @type {number} */ (column[low])) low = i;
      if (high < 0 || value > /** @type {number} */ (column[high])) high = i;
    }
  }
  return [low, high, gap].filter((index) => index >= 0);
}

/** The integers from begin up to end, without end. @param {number} begin @param {number} end */
function integers(begin, end) {
  return Array.from({ length: end - begin }, (_, i) => begin + i);
}
