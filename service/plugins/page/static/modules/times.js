// @ts-check
/** Formats of times and steps. All times are UTC. */

export const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A time at the precision of a step: Dec 2010, 2 Dec 2010, or 2 Dec 2010, 14:00 UTC. @param {string} time ISO 8601 @param {string} step as the service writes it */
export function formatTime(time, step) {
  const text = columnTime(time, step);
  return hasClock(step) && text !== time ? `${text} UTC` : text;
}

/** The same in a column whose head says that times are in UTC. @param {string} time @param {string} step */
export function columnTime(time, step) {
  const [, year, month, day, clock] = /^(-?\d+)-(\d\d)-(\d\d)(?:T(\d\d:\d\d))?/.exec(time) ?? [];
  if (year === undefined) return time;
  const monthName = MONTHS[Number(month) - 1];
  if (step === "month") return `${monthName} ${year}`;
  const date = `${Number(day)} ${monthName} ${year}`;
  return hasClock(step) ? `${date}, ${clock ?? "00:00"}` : date;
}

/** A time that the two functions above wrote, in ISO 8601; null for another text. @param {string} text */
export function isoTime(text) {
  const [, day, name, year, clock] = /^(?:(\d\d?) )?([A-Z][a-z]{2}) (-?\d+)(?:, (\d\d:\d\d)(?: UTC)?)?$/.exec(text) ?? [];
  const month = MONTHS.indexOf(name) + 1;
  if (!month) return null;
  const date = [year, month, ...(day ? [day] : [])].map((part) => String(part).padStart(2, "0")).join("-");
  return clock ? `${date}T${clock}Z` : date;
}

/** A period at the precision of a step. @param {string} start ISO 8601 @param {string} end @param {string} step */
export function formatPeriod(start, end, step) {
  return `${columnTime(start, step)} – ${formatTime(end, step)}`;
}

/** The format of the times that a chart reads out. @param {string} step @returns {(time: string) => string} */
export function hoverFormat(step) {
  return (time) => formatTime(time, step);
}

/** A time in milliseconds since 1970. Times without a zone are in UTC. @param {string | number} time */
export function milliseconds(time) {
  if (typeof time === "number") return time;
  return Date.parse(/[zZ]$|[+-]\d\d:?\d\d$/.test(time) || time.length <= 10 ? time : `${time}Z`);
}

/** The length of n steps in words. @param {number} n @param {string} step */
export function formatSteps(n, step) {
  const unit = { month: "month", week: "week", day: "day", hour: "hour" }[step];
  if (unit) return n === 1 ? `1 ${unit}` : `${n} ${unit}s`;
  const [, size, letter] = /^PT?(\d+)([HDW])$/.exec(step) ?? [];
  if (size) return formatSteps(n * Number(size), { H: "hour", D: "day", W: "week" }[letter] ?? step);
  const minutes = /^PT(\d+)M$/.exec(step);
  if (!minutes) return `${n} × ${step}`;
  const total = n * Number(minutes[1]);
  if (total % 60) return total < 60 ? `${total} minutes` : `${Math.floor(total / 60)} h ${total % 60} min`;
  return total === 60 ? "1 hour" : `${total / 60} hours`;
}

/** A step as an adjective, such as monthly or 3-hour. @param {string} step */
export function stepAdjective(step) {
  const adjectives = { month: "monthly", week: "weekly", day: "daily", hour: "hourly", PT30M: "half-hourly" };
  return /** @type {Record<string, string>} */ (adjectives)[step] ?? formatSteps(1, step).replace(/^(\d+) (\w+?)s?$/, "$1-$2");
}

/** Whether times need hours and minutes at this step: not at steps of whole days, such as P2D. @param {string} step */
export function hasClock(step) {
  return step === "hour" || step.includes("T");
}
