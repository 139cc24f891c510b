// @ts-check
/** Bars of the probability of each step ahead to be beyond a limit. */

import { Chart } from "./chart.js";
import { limitText, percent } from "./event-words.js";
import { panelTitle } from "./layout.js";
import { colour, tint } from "./theme.js";
import { formatTime, hoverFormat, milliseconds } from "./times.js";

/** The width of a bar, as a share of a step. */
const BAR_SHARE = 0.7;

/**
 * @typedef {object} LimitBars
 * @property {string[]} timestamps
 * @property {number[]} probability
 * @property {string} step
 * @property {import("./limit-form.js").Limit} limit
 *
 * @param {LimitBars} bars @param {AbortSignal} signal
 */
export function limitChart(bars, signal) {
  const { side, degrees } = bars.limit;
  const chart = new Chart(`Probability ${side} ${limitText(degrees)} at each step ahead`, signal, { height: "11rem" });
  chart.draw(() => barFigure(bars));
  return chart.element;
}

/** @param {LimitBars} bars @returns {import("./chart.js").Figure} */
function barFigure({ timestamps, probability, step, limit }) {
  const times = timestamps.map(milliseconds);
  const width = times.length > 1 ? times[1] - times[0] : 86_400_000;
  const at = (/** @type {number} */ ms) => new Date(ms).toISOString();
  const edges = times.map((ms) => [at(ms - (BAR_SHARE / 2) * width), at(ms + (BAR_SHARE / 2) * width)]);
  const blocks = {
    type: "scatter",
    mode: "lines",
    x: edges.flatMap(([begin, end]) => [begin, begin, end, end, null]),
    y: probability.flatMap((p) => [0, p * 100, p * 100, 0, null]),
    fill: "toself",
    fillcolor: tint("accent", 0.55),
    line: { width: 1, color: colour("accent") },
    hoverinfo: "skip",
  };
  const tops = { type: "scatter", mode: "lines", name: `${limit.side === "above" ? "Above" : "Below"} ${limitText(limit.degrees)}`, x: timestamps, y: probability.map((p) => p * 100), text: probability.map(percent), line: { width: 0, color: colour("accent") }, hovertemplate: "%{text}" };
  return {
    data: [blocks, tops],
    layout: {
      xaxis: { hoverformat: hoverFormat(step), showgrid: false, range: [at(times[0] - width / 2), at(times[times.length - 1] + width / 2)] },
      // Room for the title above the highest label.
      yaxis: { range: [0, 112], dtick: 50 },
      annotations: [panelTitle("Probability, %", 1)],
    },
    extent: [0, timestamps.length],
    describe: (i) => `${formatTime(timestamps[i], step)}, ${percent(probability[i])}`,
    pointsAt: (i) => [{ curveNumber: 1, pointNumber: i }],
  };
}
