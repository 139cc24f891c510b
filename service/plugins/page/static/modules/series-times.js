// @ts-check
/** The times of a regular series, from its start and step as the service writes them. */

/** A month counts as a twelfth of a year. @type {Record<string, number>} */
const STEP_MS = { hour: 3_600_000, day: 86_400_000, week: 604_800_000, month: 2_629_800_000, P1M: 2_629_800_000 };

/** The length of a step in milliseconds. @param {string} step */
export function stepLength(step) {
  if (step in STEP_MS) return STEP_MS[step];
  const [, weeks, days, hours, minutes, seconds] = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(step) ?? [];
  const [w, d, h, m, s] = [weeks, days, hours, minutes, seconds].map((part) => Number(part ?? 0));
  return 1000 * (w * 604_800 + d * 86_400 + h * 3600 + m * 60 + s);
}

/**
 * The time of each value, in ISO 8601 and UTC.
 * @param {string} start @param {string} step @param {number} n
 */
export function timestampsOf(start, step, n) {
  const first = new Date(/[zZ]|[+-]\d\d:\d\d$/.test(start) || start.length <= 10 ? start : `${start}Z`);
  const timeAt = step === "month" || step === "P1M" ? (/** @type {number} */ i) => monthsAfter(first, i) : (/** @type {number} */ i) => first.getTime() + i * stepLength(step);
  return Array.from({ length: n }, (_, i) => new Date(timeAt(i)).toISOString().replace(".000Z", "Z"));
}

/** @param {Date} first @param {number} months */
function monthsAfter(first, months) {
  return Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + months, first.getUTCDate(), first.getUTCHours(), first.getUTCMinutes());
}
