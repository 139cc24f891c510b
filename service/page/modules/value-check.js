// @ts-check
/** Checks the values of a series, and leaves out those that look implausible. */

import { inUnit, temperature } from "./degrees.js";
import { announce, fill, h } from "./dom.js";
import { pageSentence } from "./file-reader.js";
import { fixed, formatCount } from "./numbers.js";
import { runTask } from "./task.js";
import { formatTime } from "./times.js";

/**
 * @typedef {import("./flags.js").Suspects} Suspects
 *
 * @typedef {object} Checking
 * @property {string} step of the series
 * @property {Suspects | null} leftOut values that are left out; null if none are
 * @property {boolean} atOnce whether it is checked without being asked for
 * @property {(signal: AbortSignal) => Promise<{problem: string | null, suspects: Suspects}>} check
 * @property {(suspects: Suspects) => void} show marks them in the chart
 * @property {(suspects: Suspects | null) => void} leaveOut forecasts without them; with all values if null
 *
 * @param {Checking} checking @param {AbortSignal} signal
 */
export function valueCheck(checking, signal) {
  const box = h("div", { class: "value-check", role: "group", "aria-label": "Check of the values" });
  const run = () =>
    runTask(box, "Checking each value against the forecast made before it", signal, checking.check, ({ problem, suspects }) => {
      const text = problem === null ? found(suspects, checking.step) : pageSentence(problem);
      const count = suspects.timestamps.length;
      checking.show(suspects);
      fill(box, h("p", { class: "row" }, text, count > 0 && leaveOutButton(suspects, checking.leaveOut)));
      if (!checking.atOnce) announce(text);
    });
  if (checking.leftOut) fill(box, leftOutNote(checking.leftOut, checking.leaveOut));
  else if (checking.atOnce) run();
  else fill(box, h("button", { type: "button", class: "plain", click: run }, "Check for implausible values"));
  return box;
}

/** @param {Suspects} suspects @param {(suspects: Suspects) => void} leaveOut */
export function leaveOutButton(suspects, leaveOut) {
  return h("button", { type: "button", class: "plain", click: () => leaveOut(suspects) }, suspects.timestamps.length === 1 ? "Leave it out" : "Leave them out");
}

/** How many values look implausible, and the last of them. @param {Suspects} suspects @param {string} step */
export function found({ timestamps, sst, lower, upper }, step) {
  const count = timestamps.length;
  if (!count) return "No value looks implausible.";
  const last = count - 1;
  const which = `${temperature(sst[last], 2)} of ${formatTime(timestamps[last], step)}, where ${fixed(inUnit(lower[last]), 1)} to ${temperature(upper[last], 1)} was expected`;
  return count === 1 ? `1 value looks implausible: ${which}.` : `${formatCount(count)} values look implausible, the last of them ${which}.`;
}

/** @param {Suspects} leftOut @param {(suspects: Suspects | null) => void} leaveOut */
function leftOutNote({ timestamps }, leaveOut) {
  const text = timestamps.length === 1 ? "1 implausible value is left out." : `${formatCount(timestamps.length)} implausible values are left out.`;
  return h("p", { class: "row" }, text, h("button", { type: "button", class: "plain", click: () => leaveOut(null) }, "Use all values"));
}

/** A series without suspect values, up to its last value. @param {any} series in the form that /forecast takes @param {string[]} times of its values @param {Suspects} suspects */
export function withoutSuspects(series, times, { timestamps }) {
  const left = new Set(timestamps.map((time) => Date.parse(time)));
  const values = series.values.map((/** @type {number | null} */ value, /** @type {number} */ i) => (left.has(Date.parse(times[i])) ? null : value));
  const end = values.findLastIndex((/** @type {number | null} */ value) => value !== null) + 1;
  return { ...series, values: values.slice(0, end) };
}
