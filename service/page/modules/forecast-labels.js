// @ts-check
/** Labels inside the chart of a forecast: where the observations end, and what is usual. */

import { ageInWords, yearsInWords } from "./spoken-times.js";
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
  const until = `until ${formatTime(time, step === "month" || age > OLD_MS ? "month" : "day")}`;
  const text = age > RECENT_MS ? `${until}, ${ageInWords(time, now)} ago` : until;
  const common = { x: time, y: 1, yref: "paper", yanchor: "bottom", yshift: 4, font: { size: 12, color: colour("muted") } };
  return [
    { ...common, text, shortText: until, xanchor: "right", xshift: -6 },
    { ...common, text: "forecast", xanchor: "left", xshift: 6, font: { size: 12, color: colour("ink") } },
  ];
}

/**
 * A label of the climatology, away from the observations: if possible below a trough or above a peak of it, where no line passes.
 * @param {string[]} times @param {(number | null)[]} values @param {number[]} usual @param {[number, number] | null} years that it rests on @param {[number, number]} slice visible
 */
export function usualLabel(times, values, usual, years, [first, end]) {
  const departure = (/** @type {number} */ i) => (values[i] === null ? 0 : /** @type {number} */ (values[i]) - usual[i]);
  const inside = usual.map((_, i) => i).slice(first + 1, Math.max(end - 1, first + 1));
  const turns = inside.filter((i) => (usual[i] - usual[i - 1]) * (usual[i + 1] - usual[i]) <= 0);
  const free = turns.filter((i) => (usual[i + 1] - usual[i]) * departure(i) > 0);
  const places = [free, turns, inside].find((candidates) => candidates.length) ?? [];
  const [i] = [...places].sort((a, b) => Math.abs(departure(b)) - Math.abs(departure(a)));
  if (i === undefined) return [];
  const below = departure(i) > 0;
  return [{ text: years ? `usual ${yearsInWords(years)}` : "usual", x: times[i], y: usual[i], yanchor: below ? "top" : "bottom", yshift: below ? -LABEL_GAP : LABEL_GAP, font: { size: 12, color: colour("muted") } }];
}

/** A label where usual becomes the better forecast. @param {string} time */
export function usualBetterLabel(time) {
  return { text: "from here on, usual is the better forecast", shortText: "usual is better from here", x: time, y: 1, yref: "paper", xanchor: "auto", xshift: LABEL_GAP, yanchor: "top", yshift: -LABEL_GAP, font: { size: 12, color: colour("ink") } };
}
