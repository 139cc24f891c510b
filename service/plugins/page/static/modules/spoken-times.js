// @ts-check
/** Times in sentences, relative to now where they are near. All times are UTC. */

import { hasClock } from "./times.js";

const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const WEEK_DAYS = 7;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Units of an age, the largest first. @type {[string, number][]} */
const AGE_UNITS = [["year", 365.25 * DAY_MS], ["month", 30.4375 * DAY_MS], ["day", DAY_MS], ["hour", HOUR_MS], ["minute", 60_000]];

/** An age is given in the largest unit of which it has at least as many. */
const MIN_UNITS = 2;

/**
 * When a forecast value applies, such as "next month", "tomorrow at 14:00 UTC" or "in January 2011".
 * @param {string} time @param {string} step @param {Date} now
 */
export function validPhrase(time, step, now) {
  const date = new Date(time);
  if (step === "month") return ["this month", "next month"][monthsBetween(now, date)] ?? `in ${monthOf(date)}`;
  if (step === "week") return `in the week of ${dayOf(date)}`;
  const near = ["today", "tomorrow"][daysBetween(now, date)];
  if (!hasClock(step)) return near ?? `on ${dayOf(date)}`;
  return near ? `${near} at ${clockOf(date)}` : `at ${clockOf(date)} on ${dayOf(date)}`;
}

/**
 * The end of a series, such as "yesterday 14:00 UTC" or "October 2026".
 * @param {string} time @param {string} step @param {Date} now
 */
export function untilPhrase(time, step, now) {
  const date = new Date(time);
  if (step === "month") return monthOf(date);
  const near = ["today", "yesterday"][daysBetween(date, now)];
  if (!hasClock(step)) return near ?? dayOf(date);
  return near ? `${near} ${clockOf(date)}` : `${dayOf(date)}, ${clockOf(date)}`;
}

/** The month of a monthly value, or the day of others. @param {string} time @param {string} step */
export function longDate(time, step) {
  return step === "month" ? monthOf(new Date(time)) : dayOf(new Date(time));
}

/**
 * A time ahead, such as "tomorrow", "Friday" or "3 December", with the year if it is another.
 * @param {string} time @param {string} step @param {Date} now @param {boolean} [isAdverb] whether it says when something happens, as in "on Friday"
 */
export function soonPhrase(time, step, now, isAdverb = false) {
  const date = new Date(time);
  if (step === "month") return `${isAdverb ? "in " : ""}${monthOf(date)}`;
  const ahead = daysBetween(now, date);
  const near = ["today", "tomorrow"][ahead];
  const later = ahead > 1 && ahead < WEEK_DAYS ? WEEKDAYS[date.getUTCDay()] : dayOf(date).replace(` ${now.getUTCFullYear()}`, "");
  const day = near ?? `on ${later}`;
  if (hasClock(step)) return `${isAdverb ? "at " : ""}${clockOf(date)} ${day}`;
  return isAdverb ? day : (near ?? later);
}

/** The age of a time in its largest unit, such as "15 years". @param {string} time @param {Date} now */
export function ageInWords(time, now) {
  const age = now.getTime() - new Date(time).getTime();
  const [unit, size] = AGE_UNITS.find(([, size]) => age >= MIN_UNITS * size) ?? ["minute", 60_000];
  const count = Math.max(0, Math.floor(age / size));
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** @param {Date} date */
function monthOf(date) {
  return `${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

/** @param {Date} date */
function dayOf(date) {
  return `${date.getUTCDate()} ${monthOf(date)}`;
}

/** @param {Date} date */
function clockOf(date) {
  return `${date.toISOString().slice(11, 16)} UTC`;
}

/** The calendar months from one date to another. @param {Date} from @param {Date} to */
function monthsBetween(from, to) {
  return (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth();
}

/** The calendar days from one date to another. @param {Date} from @param {Date} to */
function daysBetween(from, to) {
  return Math.floor(to.getTime() / DAY_MS) - Math.floor(from.getTime() / DAY_MS);
}

/** The first and the last year of a period. @param {[number, number]} years */
export function yearsInWords([first, last]) {
  return first === last ? String(first) : `${first}–${last}`;
}
