// @ts-check
/** Whether the intervals hold: the share of observations inside them, by lead, beside their level. */

import { caveatSentence } from "./accuracy.js";
import { Chart } from "./chart.js";
import { h } from "./dom.js";
import { fixedRange, panelTitle } from "./layout.js";
import { kindOf, modelLabel, modelTitle } from "./models.js";
import { fixed } from "./numbers.js";
import { tableDisclosure } from "./table.js";
import { colour } from "./theme.js";
import { formatSteps } from "./times.js";
import { bandTraces, lineTrace } from "./traces.js";

/** Coverage is compared with the level within two standard errors, but at least within these points, as in the report. */
const TOLERANCE = 0.03;
const LEVELS = ["80", "95"];

/**
 * A card that compares intervals with what they promise; null for a release that does not record it.
 * @param {any} leads the response of /compare/leads @param {AbortSignal} signal
 */
export function coverageCard(leads, signal) {
  const networks = leads.models.filter((/** @type {any} */ model) => model.kind !== "baseline");
  const levels = LEVELS.filter((level) => networks.every((/** @type {any} */ model) => level in model.coverage));
  if (!levels.length) return null;
  const text = verdict(leads, networks, levels);
  const chart = new Chart(`Share of observations inside the intervals, by lead, ${leads.dataset}`, signal, { height: "17rem" });
  chart.draw(() => coverageFigure(leads, networks, levels));
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, "Do the intervals hold?"), h("p", {}, "Share of observations inside")),
    h("p", { class: "answer" }, text),
    chart.element,
    h("div", { class: "row legend" }, networks.map((/** @type {any} */ model) => modelLabel(kindOf(model.model)))),
    h("p", { class: "note" }, "Dashed lines are what the intervals promise. Inside the shading, the difference is no more than chance allows: two standard errors, or 3 points if that is more. ", caveatSentence(leads.models)),
    tableDisclosure("Share of observations inside the intervals, %", () => ({
      head: ["Steps ahead", ...levels.flatMap((level) => networks.map((/** @type {any} */ model) => `${modelTitle(kindOf(model.model))} ${level}%`))],
      rows: networks[0].rmse.map((/** @type {any} */ _, /** @type {number} */ i) => [
        String(i + 1),
        ...levels.flatMap((level) => networks.map((/** @type {any} */ model) => fixed(model.coverage[level].share[i] * 100, 1))),
      ]),
    })),
  );
}

/** Whether the intervals of the chosen network hold, in a sentence. @param {any} leads @param {any[]} networks @param {string[]} levels */
function verdict(leads, networks, levels) {
  const chosen = networks.find((model) => model.model === leads.best) ?? networks[0];
  const parts = levels.map((level) => {
    const { share } = chosen.coverage[level];
    const [low, high] = [Math.min(...share), Math.max(...share)].map((value) => Math.round(value * 100));
    const kept = share.filter((/** @type {number} */ value, /** @type {number} */ i) => Math.abs(value - Number(level) / 100) <= allowance(chosen.coverage[level], i)).length;
    const range = low === high ? `${low}%` : `${low} to ${high}%`;
    return `${level}% intervals contained ${range} of the observations${closenessInWords(level, kept, share.length)}`;
  });
  const [first, ...others] = parts;
  return [`${modelTitle(kindOf(chosen.model))}'s ${first}.`, ...others.map((part) => `Its ${part}.`)].join(" ");
}

/** At how many leads coverage is close to its level, in words. @param {string} level @param {number} close @param {number} n leads */
function closenessInWords(level, close, n) {
  if (close === n) return `, close to ${level}% at every lead`;
  if (!close) return `, further from ${level}% than chance explains at every lead`;
  const others = n - close === 1 ? "the other one" : `the other ${n - close}`;
  return `: close to ${level}% at ${close} of ${n} leads, and further from it than chance explains at ${others}`;
}

/** How far coverage may be from the level. @param {{error: number[] | null}} coverage @param {number} i */
function allowance({ error }, i) {
  return Math.max(TOLERANCE, 2 * (error?.[i] ?? 0));
}

/** @param {any} leads @param {any[]} networks @param {string[]} levels @returns {import("./chart.js").Figure} */
function coverageFigure(leads, networks, levels) {
  const chosen = networks.find((model) => model.model === leads.best) ?? networks[0];
  /** @type {any[]} */
  const steps = chosen.rmse.map((/** @type {number} */ _, /** @type {number} */ i) => i + 1);
  const shares = (/** @type {any} */ model, /** @type {string} */ level) => model.coverage[level].share.map((/** @type {number} */ share) => share * 100);
  const allowed = levels.flatMap((level) => {
    const margins = steps.map((_, i) => allowance(chosen.coverage[level], i) * 100);
    const [lower, upper] = [margins.map((margin) => Number(level) - margin), margins.map((margin) => Math.min(Number(level) + margin, 100))];
    return bandTraces("persistence", steps, lower, upper, 0.18);
  });
  const lines = [...networks].reverse().flatMap((model) =>
    levels.map((level) => lineTrace(kindOf(model.model), steps, shares(model, level), { name: `${modelTitle(kindOf(model.model))} ${level}%`, hovertemplate: "%{y:.1f}%", legendrank: Number(level) * 100 + networks.indexOf(model) })),
  );
  const lowest = Math.min(...lines.flatMap((trace) => /** @type {number[]} */ (trace.y)), 75);
  const promise = (/** @type {string} */ level) => ({ type: "line", x0: 0, x1: 1, xref: "paper", y0: Number(level), y1: Number(level), line: { color: colour("ink"), width: 1, dash: "4px,3px" } });
  return {
    data: [...allowed, ...lines],
    layout: {
      xaxis: { showgrid: false, title: { text: `Steps ahead (1 step = ${formatSteps(1, leads.step)})` }, nticks: 8, hoverformat: (/** @type {number} */ n) => `${formatSteps(n, leads.step)} ahead` },
      yaxis: { nticks: 6, ...fixedRange([Math.floor(lowest / 5) * 5, 100]) },
      margin: { l: 44, r: 12, t: 32, b: 44 },
      annotations: [{ ...panelTitle("Observations inside, %", 1), yshift: 12 }],
      shapes: levels.map(promise),
    },
    extent: [0, steps.length],
    describe: (i) => [`${formatSteps(i + 1, leads.step)} ahead`, ...levels.flatMap((level) => networks.map((model) => `${modelTitle(kindOf(model.model))} ${level}%: ${fixed(shares(model, level)[i], 1)}`))].join(", "),
    pointsAt: (i) => lines.map((_, place) => ({ curveNumber: allowed.length + place, pointNumber: i })),
  };
}
