// @ts-check
/** Ticks of a time axis, in UTC. */

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const CLOCK = [15, 30, 60, 180, 360, 720].map((minutes) => minutes * MINUTE);
const DAYS = [1, 2, 7, 14].map((days) => days * DAY);
const CALENDAR = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600];

/**
 * Round times within a period, and their labels.
 * @param {[number, number]} period in milliseconds @param {number} most number of ticks
 * @returns {{time: number, label: string}[]}
 */
export function timeTicks([begin, end], most) {
  const rough = (end - begin) / most;
  const size = [...CLOCK, ...DAYS].find((candidate) => candidate >= rough);
  if (size) return multiples(begin, end, size).map((time) => ({ time, label: size < DAY ? clockLabel(time) : dayLabel(time) }));
  const months = CALENDAR.find((candidate) => candidate * 30.4 * DAY >= rough) ?? 1200;
  return calendarTicks(begin, end, months);
}

/** @param {number} begin @param {number} end @param {number} size */
function multiples(begin, end, size) {
  const first = Math.ceil(begin / size);
  return Array.from({ length: Math.max(Math.floor(end / size) - first + 1, 0) }, (_, i) => (first + i) * size);
}

/** @param {number} begin @param {number} end @param {number} months */
function calendarTicks(begin, end, months) {
  const monthOf = (/** @type {number} */ time) => new Date(time).getUTCFullYear() * 12 + new Date(time).getUTCMonth();
  const list = [];
  for (let month = Math.floor(monthOf(begin) / months) * months; ; month += months) {
    const time = Date.UTC(Math.floor(month / 12), month % 12);
    if (time > end) return list;
    if (time >= begin) list.push({ time, label: months % 12 ? `${MONTHS[month % 12]} ${Math.floor(month / 12)}` : String(Math.floor(month / 12)) });
  }
}

/** @param {number} time */
function clockLabel(time) {
  return time % DAY ? new Date(time).toISOString().slice(11, 16) : dayLabel(time);
}

/** @param {number} time */
function dayLabel(time) {
  const date = new Date(time);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}
