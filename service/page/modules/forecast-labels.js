// @ts-check
/** Labels inside the chart of a forecast: where the observations end, and what is usual. */

import { ageInWords } from "./spoken-times.js";
import { colour } from "./theme.js";
import { formatTime } from "./times.js";

/** Ages that a label leaves out, in milliseconds: two days. */
const RECENT_MS = 2 * 86_400_000;

/** Space between a line and its label, in pixels. */
const LABEL_GAP = 6;

/** Labels on both sides of the last observation, with its age if it is old. @param {string} time @param {string} step */
export function originLabels(time, step) {
  const now = new Date();
  const old = now.getTime() - new Date(time).getTime() > RECENT_MS;
  const until = `until ${formatTime(time, step === "month" ? step : "day")}${old ? `, ${ageInWords(time, now)} ago` : ""}`;
  const common = { x: time, y: 1, yref: "paper", yanchor: "bottom", yshift: 4, showarrow: false, font: { size: 12, color: colour("muted") } };
  return [
    { ...common, text: until, xanchor: "right", xshift: -2 },
    { ...common, text: "forecast", xanchor: "left", xshift: 2, font: { size: 12, color: colour("ink") } },
  ];
}

/**
 * A label of the climatology, where it is furthest from the observations and on its other side.
 * @param {string[]} times @param {(number | null)[]} values @param {number[]} usual @param {[number, number]} slice visible
 */
export function usualLabel(times, values, usual, [first, end]) {
  const departures = usual.map((value, i) => (i > first && i < end - 1 && values[i] !== null ? /** @type {number} */ (values[i]) - value : 0));
  const i = departures.reduce((furthest, departure, j) => (Math.abs(departure) > Math.abs(departures[furthest]) ? j : furthest), first);
  if (!departures[i]) return [];
  const below = departures[i] > 0;
  return [{ text: "usual", x: times[i], y: usual[i], yanchor: below ? "top" : "bottom", yshift: below ? -LABEL_GAP : LABEL_GAP, showarrow: false, font: { size: 12, color: colour("muted") } }];
}
