// @ts-check
/** The stretch of a series that a chart shows: its places, those worth drawing, and how far its values reach. */

const MOST = 6000;
const BUCKETS = 600;
const ROOM = 0.06;

/**
 * @typedef {(number | null)[]} Values
 * @typedef {[string, string] | null} Range of times; null where all is shown
 */

/** The first place within a range and the one after the last. @param {string[]} times @param {Range} range @returns {[number, number]} */
export function within(times, range) {
  if (!range) return [0, times.length];
  const [begin, end] = range.map(comparable);
  const first = times.findIndex((time) => comparable(time) >= begin);
  if (first < 0) return [times.length, times.length];
  const after = times.findIndex((time, i) => i >= first && comparable(time) > end);
  return [first, after < 0 ? times.length : after];
}

/**
 * The places to draw. Of a long series those that are seen: all, or the extremes and gaps of each of many stretches, which
 * look the same and are drawn sooner. All columns have the same places, so that they are read together.
 * @param {Values[]} columns @param {[number, number]} shown @returns {{places: number[], thinned: boolean}}
 */
export function worthDrawing(columns, [first, after]) {
  const n = columns[0].length;
  if (n <= MOST) return { places: upTo(0, n), thinned: false };
  // One more on either side: lines go on to the edge.
  const [begin, end] = [Math.max(first - 1, 0), Math.min(after + 1, n)];
  if (end - begin <= MOST) return { places: upTo(begin, end), thinned: false };
  const kept = new Set([begin, end - 1]);
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    const from = begin + Math.floor((bucket * (end - begin)) / BUCKETS);
    const to = begin + Math.floor(((bucket + 1) * (end - begin)) / BUCKETS);
    for (const column of columns) extremes(column, from, to).forEach((place) => kept.add(place));
  }
  return { places: [...kept].sort((a, b) => a - b), thinned: true };
}

/** Where among sorted places one stands, or the next one that does. @param {number[]} places @param {number} place */
export function pointOf(places, place) {
  const found = places.findIndex((one) => one >= place);
  return found < 0 ? places.length - 1 : found;
}

/**
 * The range of an axis that shows these values, with some room.
 * @param {Values[]} columns @param {[number, number]} shown @returns {[number, number] | null} null where there are none
 */
export function reach(columns, [first, after]) {
  let [low, high] = [Infinity, -Infinity];
  for (const column of columns) {
    for (let i = first; i < Math.min(after, column.length); i += 1) {
      const value = column[i];
      if (value === null || value === undefined) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return null;
  const room = (high - low) * ROOM || 0.5;
  return [low - room, high + room];
}

/** @param {Values} column @param {number} from @param {number} to */
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
  return [low, high, gap].filter((place) => place >= 0);
}

/** Times as the service and plotly.js write them, to be compared as texts. @param {string} time */
function comparable(time) {
  return time.slice(0, 19).replace(" ", "T").replace("Z", "");
}

/** @param {number} begin @param {number} end */
function upTo(begin, end) {
  return Array.from({ length: end - begin }, (_, i) => begin + i);
}
