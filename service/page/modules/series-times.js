// @ts-check
/** The times of a regular series, from its start and step as the service writes them. */

/** @type {Record<string, number>} */
const SECONDS_PER_STEP = { hour: 3600, day: 86400, week: 604800 };

/** The length of a step in seconds; a month counts as a twelfth of a year. @param {string} step */
export function stepSeconds(step) {
  if (step === "month" || step === "P1M") return 2629800;
  if (step in SECONDS_PER_STEP) return SECONDS_PER_STEP[step];
  const [, weeks, days, hours, minutes, seconds] =
    /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(step) ?? [];
  const parts = [weeks, days, hours, minutes, seconds].map((part) => Number(part ?? 0));
  return parts[0] * 604800 + parts[1] * 86400 + parts[2] * 3600 + parts[3] * 60 + parts[4];
}

/**
 * The time of each value, in ISO 8601 and UTC.
 * @param {string} start @param {string} step @param {number} n
 */
export function timestampsOf(start, step, n) {
  const first = new Date(/[zZ]|[+-]\d\d:\d\d$/.test(start) || start.length <= 10 ? start : `${start}Z`);
  const timeAt = step === "month" || step === "P1M" ? (/** @type {number} */ i) => monthsAfter(first, i) : (/** @type {number} */ i) => first.getTime() + i * stepSeconds(step) * 1000;
  return Array.from({ length: n }, (_, i) => new Date(timeAt(i)).toISOString().replace(".000Z", "Z"));
}

/** Runs of missing values, as the indices of their first and last value. @param {(number | null)[]} values @returns {[number, number][]} */
export function findGaps(values) {
  /** @type {[number, number][]} */
  const gaps = [];
  values.forEach((value, i) => {
    if (value !== null) return;
    const gap = gaps.at(-1);
    if (gap && gap[1] === i - 1) gap[1] = i;
    else gaps.push([i, i]);
  });
  return gaps;
}

/** @param {Date} first @param {number} months */
function monthsAfter(first, months) {
  return Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + months, first.getUTCDate(), first.getUTCHours(), first.getUTCMinutes());
}
