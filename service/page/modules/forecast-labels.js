// @ts-check
/** Labels inside the chart of a forecast: where the observations end, and what is usual. */

import { ageInWords } from "./spoken-times.js";
import { colour } from "./theme.js";
import { formatTime } from "./times.js";

const DAY_MS = 86_400_000;

/** A label leaves out the age of younger observations, and the day of older ones. */
const RECENT_MS = 2 * DAY_MS;
const OLD_MS = 2 * 365 * DAY_MS;

/** Space between a line and its label, in pixels. */
const LABEL_GAP = 6;

/** Labels on both sides of the last observation, with its age if it is old. @param {string} time @param {string} step */
export function originLabels(time, step) {
  const now = new Date();
  const age = now.getTime() - new Date(time).getTime();
  const until = `until ${formatTime(time, step === "month" || age > OLD_MS ? "month" : "day")}${age > RECENT_MS ? `, ${ageInWords(time, now)} ago` : ""}`;
  const common = { x: time, y: 1, yref: "paper", yanchor: "bottom", yshift: 4, showarrow: false, font: { size: 12, color: colour("muted") } };
  return [
    { ...common, text: until, xanchor: "right", xshift: -2 },
    { ...common, text: "forecast", xanchor: "left", xshift: 2, font: { size: 12, color: colour("ink") } },
  ];
}

/**
 * A label of the climatology: at a turn of it, away from the observations.
 * @param {string[]} times @param {(number | null)[]} values @param {number[]} usual @param {[number, number]} slice visible
 */
export function usualLabel(times, values, usual, [first, end]) {
  const departure = (/** @type {number} */ i) => (values[i] === null ? 0 : /** @type {number} */ (values[i]) - usual[i]);
  const inside = usual.map((_, i) => i).slice(first + 1, Math.max(end - 1, first + 1));
  const turns = inside.filter((i) => (usual[i] - usual[i - 1]) * (usual[i + 1] - usual[i]) <= 0);
  const [i] = (turns.length ? turns : inside).sort((a, b) => Math.abs(departure(b)) - Math.abs(departure(a)));
  if (i === undefined) return [];
  const below = departure(i) > 0;
  return [{ text: "usual", x: times[i], y: usual[i], yanchor: below ? "top" : "bottom", yshift: below ? -LABEL_GAP : LABEL_GAP, showarrow: false, font: { size: 12, color: colour("muted") } }];
}
