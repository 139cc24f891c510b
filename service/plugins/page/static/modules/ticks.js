// @ts-check
/** The ticks of an axis and their labels. */

import { fixed } from "./numbers.js";
import { MONTHS } from "./times.js";

/**
 * @typedef {import("./scales.js").Scale} Scale
 * @typedef {{at: number, text: string, under?: string}} Tick a number, its label, and a second line under it
 */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MONTH = 30.5 * DAY;
const YEAR = 365.25 * DAY;

/** @type {[number, number, string][]} length in milliseconds, number of units, unit */
const TIME_STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => /** @type {[number, number, string]} */ ([n * MINUTE, n, "minute"])),
  ...[1, 2, 3, 6, 12].map((n) => /** @type {[number, number, string]} */ ([n * HOUR, n, "hour"])),
  ...[1, 2, 7, 14].map((n) => /** @type {[number, number, string]} */ ([n * DAY, n, "day"])),
  ...[1, 2, 3, 6].map((n) => /** @type {[number, number, string]} */ ([n * MONTH, n, "month"])),
  ...[1, 2, 5, 10, 20, 50, 100].map((n) => /** @type {[number, number, string]} */ ([n * YEAR, n, "year"])),
];

/**
 * At most so many ticks within the domain of a scale.
 * @param {Scale} scale @param {number} count @returns {Tick[]}
 */
export function ticksOf({ isTime, domain: [low, high] }, count) {
  if (!(high > low) || !count) return [];
  return isTime ? timeTicks(low, high, count) : numberTicks(low, high, count);
}

/** @param {number} low @param {number} high @param {number} count @returns {Tick[]} */
function numberTicks(low, high, count) {
  const step = roundStep(low, high, count);
  const places = [0, 1, 2, 3, 4, 5, 6].find((n) => Math.abs(step * 10 ** n - Math.round(step * 10 ** n)) < 1e-6) ?? 7;
  const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) => ({ at: (first + i) * step, text: fixed((first + i) * step + 0, places) }));
}

/** The smallest of 1, 2 and 5 times a power of ten that gives at most so many ticks. @param {number} low @param {number} high @param {number} count */
function roundStep(low, high, count) {
  const power = 10 ** Math.floor(Math.log10((high - low) / count));
  const fits = (/** @type {number} */ step) => Math.floor(high / step + 1e-9) - Math.ceil(low / step - 1e-9) < count;
  return [1, 2, 5, 10, 20].map((factor) => factor * power).find(fits) ?? 50 * power;
}

/** @param {number} low @param {number} high @param {number} count @returns {Tick[]} */
function timeTicks(low, high, count) {
  const [, n, unit] = TIME_STEPS.find(([length]) => (high - low) / length <= count) ?? [0, roundYears((high - low) / YEAR / count), "year"];
  const times = timesBetween(low, high, n, unit);
  const ticks = times.map((time, i) => ({ at: time, ...timeLabel(new Date(time), i ? new Date(times[i - 1]) : null, unit) }));
  // Two second lines side by side do not fit: the first gives way.
  if (ticks[0]?.under && ticks[1]?.under) ticks[0].under = undefined;
  return ticks;
}

/** The smallest power of ten that is not less than a number of years. @param {number} years */
function roundYears(years) {
  return 10 ** Math.ceil(Math.log10(years));
}

/** The starts of every n units. @param {number} low @param {number} high @param {number} n @param {string} unit */
function timesBetween(low, high, n, unit) {
  const times = [];
  const first = new Date(low);
  const length = { minute: MINUTE, hour: HOUR, day: DAY }[unit];
  if (length) {
    // Weeks start on Monday; 1 January 1970 was a Thursday.
    const offset = unit === "day" && n % 7 === 0 ? 4 * DAY : 0;
    for (let time = Math.ceil((low - offset) / (n * length)) * n * length + offset; time <= high; time += n * length) times.push(time);
    return times;
  }
  const months = unit === "year" ? 12 * n : n;
  const start = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months;
  for (let month = start; ; month += months) {
    const time = Date.UTC(Math.floor(month / 12), month % 12);
    if (time > high) return times;
    if (time >= low) times.push(time);
  }
}

/** The label of a time, and what changes less often under it. @param {Date} time @param {Date | null} previous @param {string} unit */
function timeLabel(time, previous, unit) {
  const year = String(time.getUTCFullYear());
  const day = `${time.getUTCDate()} ${MONTHS[time.getUTCMonth()]}`;
  if (unit === "year") return { text: year };
  const newYear = !previous || previous.getUTCFullYear() !== time.getUTCFullYear();
  if (unit === "month") return { text: MONTHS[time.getUTCMonth()], under: newYear ? year : undefined };
  if (unit === "day") return { text: day, under: newYear ? year : undefined };
  const newDay = !previous || Math.floor(previous.getTime() / DAY) !== Math.floor(time.getTime() / DAY);
  return { text: time.toISOString().slice(11, 16), under: newDay ? `${day} ${year}` : undefined };
}
