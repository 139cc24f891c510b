// @ts-check
/** The times of a regular series, from its start and step as the service names it. */

/** @type {Record<string, number>} */
const SECONDS = { hour: 3600, day: 86400, week: 604800 };

/** How many seconds a step is; a month, whose length varies, as a twelfth of a year. @param {string} step */
export function secondsOf(step) {
  if (step === "month" || step === "P1M") return 2629800;
  if (step in SECONDS) return SECONDS[step];
  const [, weeks, days, hours, minutes, seconds] =
    /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(step) ?? [];
  const parts = [weeks, days, hours, minutes, seconds].map((part) => Number(part ?? 0));
  return parts[0] * 604800 + parts[1] * 86400 + parts[2] * 3600 + parts[3] * 60 + parts[4];
}

/**
 * ISO 8601 times, UTC.
 * @param {string} start @param {string} step @param {number} n
 */
export function timesOf(start, step, n) {
  const first = new Date(/[zZ]|[+-]\d\d:\d\d$/.test(start) || start.length <= 10 ? start : `${start}Z`);
  const at = step === "month" || step === "P1M" ? (/** @type {number} */ i) => monthsAfter(first, i) : (/** @type {number} */ i) => first.getTime() + i * secondsOf(step) * 1000;
  return Array.from({ length: n }, (_, i) => new Date(at(i)).toISOString().replace(".000Z", "Z"));
}

/** Runs of missing values, as positions of their first and last. @param {(number | null)[]} values @returns {[number, number][]} */
export function gapsIn(values) {
  /** @type {[number, number][]} */
  const gaps = [];
  values.forEach((value, i) => {
    if (value !== null) return;
    const last = gaps.at(-1);
    if (last && last[1] === i - 1) last[1] = i;
    else gaps.push([i, i]);
  });
  return gaps;
}

/** @param {Date} first @param {number} months */
function monthsAfter(first, months) {
  return Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + months, first.getUTCDate(), first.getUTCHours(), first.getUTCMinutes());
}
