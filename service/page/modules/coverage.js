// @ts-check
/** Whether the intervals hold: the share of observations inside them, by lead, beside their level. */

import { h } from "./dom.js";
import { CELLS, kindOf, modelLabel, modelTitle } from "./models.js";
import { fixed } from "./numbers.js";
import { bandPath, figure, linear, linePath, svg } from "./svg.js";
import { tableDisclosure } from "./table.js";
import { formatSteps } from "./times.js";

const HEIGHT = 260;
const MARGIN = { left: 40, right: 34, top: 22, bottom: 40 };
/** Coverage is compared with the level within two standard errors, but at least within these points, as in the report. */
const TOLERANCE = 0.03;
const LEVELS = ["80", "95"];

/**
 * A card that compares intervals with what they promise; null for a release that does not record it.
 * @param {any} leads the response of /compare/leads @param {AbortSignal} signal
 */
export function coverageCard(leads, signal) {
  const networks = leads.models.filter((/** @type {any} */ model) => model.kind === "recurrent");
  const levels = LEVELS.filter((level) => networks.every((/** @type {any} */ model) => level in model.coverage));
  if (!levels.length) return null;
  const text = verdict(leads, networks, levels);
  const drawn = figure(HEIGHT, (width) => ({ label: `Share of observations inside the intervals, by lead. ${text}`, content: content(networks, levels, leads, width) }), signal);
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, "Do the intervals hold?"), h("p", {}, "Share of observations inside, over the test period")),
    h("p", { class: "answer" }, text),
    drawn.element,
    h("div", { class: "row legend" }, networks.map((/** @type {any} */ model) => modelLabel(kindOf(model.model)))),
    h("p", { class: "note" }, "Dashed lines are what the intervals promise. Inside the shading, the difference is no more than chance allows: two standard errors, or 3 points if that is more."),
    tableDisclosure("Share of observations inside the intervals, %", () => ({
      head: ["Steps ahead", ...levels.flatMap((level) => networks.map((/** @type {any} */ model) => `${modelTitle(kindOf(model.model))} ${level}%`))],
      rows: networks[0].rmse.map((/** @type {any} */ _, /** @type {number} */ i) => [
        String(i + 1),
        ...levels.flatMap((level) => networks.map((/** @type {any} */ model) => fixed(model.coverage[level].share[i] * 100, 1))),
      ]),
    })),
  );
}

/** Whether the intervals of the best network hold, in a sentence. @param {any} leads @param {any[]} networks @param {string[]} levels */
function verdict(leads, networks, levels) {
  const best = networks.find((model) => model.model === leads.best) ?? networks[0];
  const parts = levels.map((level) => {
    const { share } = best.coverage[level];
    const [low, high] = [Math.min(...share), Math.max(...share)].map((value) => Math.round(value * 100));
    const kept = share.filter((/** @type {number} */ value, /** @type {number} */ i) => Math.abs(value - Number(level) / 100) <= allowance(best.coverage[level], i)).length;
    const range = low === high ? `${low}%` : `${low} to ${high}%`;
    return `its ${level}% intervals hold ${range} of observations, as promised at ${kept === share.length ? "every lead" : `${kept} of ${share.length} leads`}`;
  });
  return `${modelTitle(kindOf(best.model))}: ${parts.join("; ")}.`;
}

/** How far coverage may be from the level. @param {{error: number[] | null}} coverage @param {number} i */
function allowance({ error }, i) {
  return Math.max(TOLERANCE, 2 * (error?.[i] ?? 0));
}

/** @param {any[]} networks @param {string[]} levels @param {any} leads @param {number} width */
function content(networks, levels, leads, width) {
  const n = networks[0].rmse.length;
  const best = networks.find((model) => model.model === leads.best) ?? networks[0];
  const x = linear([1, Math.max(n, 2)], [MARGIN.left + 6, width - MARGIN.right]);
  const shares = networks.flatMap((model) => levels.flatMap((level) => model.coverage[level].share));
  const low = Math.min(0.7, Math.floor(Math.min(...shares) * 10) / 10);
  const y = linear([low, 1], [HEIGHT - MARGIN.bottom, MARGIN.top]);
  const places = Array.from({ length: n }, (_, i) => x(i + 1));
  const rows = Array.from({ length: Math.round((1 - low) * 10) + 1 }, (_, i) => low + i / 10);
  const steps = Array.from({ length: n }, (_, i) => i + 1).filter((lead) => lead === 1 || lead % Math.max(1, Math.ceil(n / Math.max(3, Math.floor(width / 60)))) === 0);
  const ordered = [...networks].sort((a, b) => CELLS.indexOf(kindOf(b.model)) - CELLS.indexOf(kindOf(a.model)));
  return [
    svg("text", { x: 0, y: 12 }, "Observations inside, %"),
    ...rows.flatMap((value) => [
      svg("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }),
      svg("text", { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, String(Math.round(value * 100))),
    ]),
    ...levels.flatMap((level) => {
      const nominal = Number(level) / 100;
      const margin = places.map((_, i) => allowance(best.coverage[level], i));
      return [
        svg("path", { class: "band allowed", d: bandPath(places, margin.map((value) => y(Math.max(nominal - value, low))), margin.map((value) => y(Math.min(nominal + value, 1)))) }),
        svg("line", { class: "nominal", x1: places[0], x2: places[n - 1], y1: y(nominal), y2: y(nominal) }),
        svg("text", { class: "end", x: width - MARGIN.right + 4, y: y(nominal) + 4 }, `${level}%`),
      ];
    }),
    ...ordered.flatMap((model) => levels.map((level) => svg("path", { class: `line ${kindOf(model.model)}`, d: linePath(model.coverage[level].share.map((/** @type {number} */ value, /** @type {number} */ i) => [places[i], y(value)])) }))),
    ...steps.map((lead) => svg("text", { x: x(lead), y: HEIGHT - MARGIN.bottom + 16, "text-anchor": "middle" }, String(lead))),
    svg("text", { x: (MARGIN.left + width - MARGIN.right) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, `Steps ahead (1 step = ${formatSteps(1, leads.step)})`),
  ];
}
