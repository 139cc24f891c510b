// @ts-check
/** What each cell remembers: the errors of universal networks by length of context, with and without companion. */

import { getJson, withQuery } from "./api.js";
import { Chart } from "./chart.js";
import { toggleGroup } from "./controls.js";
import { loadReleases, universalFor } from "./datasets.js";
import { fill, h } from "./dom.js";
import { fixedRange, panelTitle } from "./layout.js";
import { kindOf, modelTitle } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { svg } from "./svg.js";
import { tableDisclosure } from "./table.js";
import { runTask } from "./task.js";
import { colour } from "./theme.js";
import { formatSteps } from "./times.js";
import { lineTrace } from "./traces.js";

/**
 * @typedef {object} Score on held-out seas
 * @property {number} context
 * @property {number} lead
 * @property {boolean} positioned
 * @property {number} relative_rmse
 *
 * @typedef {{model: string, held_out: Score[], held_out_without_companion: Score[]}} Network
 */

/** @param {HTMLElement} box @param {string} step of the dataset @param {AbortSignal} signal */
export function showMemory(box, step, signal) {
  const load = async (/** @type {AbortSignal} */ stop) => {
    const release = universalFor((await loadReleases(stop)).universal, step);
    return release && getJson(withQuery("/compare", { dataset: release.name }), { signal: stop });
  };
  return runTask(box, "Loading accuracy on held-out seas", signal, load, (answer) => {
    if (answer) fill(box, card(answer, signal));
    else box.parentElement?.remove();
  });
}

/** @param {any} answer of /compare for a universal dataset @param {AbortSignal} signal */
function card(answer, signal) {
  const leads = [...new Set(answer.models[0].held_out.map((/** @type {Score} */ score) => score.lead))].sort((a, b) => a - b);
  let [lead, positioned] = [leads[Math.min(1, leads.length - 1)], true];
  const charts = answer.models.map((/** @type {Network} */ network) => {
    const chart = new Chart(`Error by length of context, ${modelTitle(kindOf(network.model))}`, signal, { height: "13rem" });
    chart.draw(() => memoryFigure(answer, network, lead, positioned));
    return chart;
  });
  const answerText = h("p", { class: "answer" }, labelOf(answer, lead, positioned));
  const table = () => tableDisclosure("RMSE relative to persistence on held-out seas", () => tableOf(answer, lead, positioned));
  let values = table();
  const update = () => {
    values.replaceWith((values = table()));
    answerText.textContent = labelOf(answer, lead, positioned);
    charts.forEach((/** @type {Chart} */ chart) => chart.redraw());
  };
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h3", {}, `Error by length of context, ${answer.dataset}`), h("p", {}, `${formatCount(answer.seas)} simulated seas to learn from; errors on others`)),
    h(
      "div",
      { class: "controls" },
      toggleGroup("Steps ahead", leads.map((value) => ({ value: String(value), text: formatSteps(value, answer.step) })), [String(lead)], ([value]) => {
        lead = Number(value);
        update();
      }, { single: true }),
      toggleGroup("Position", [{ value: "known", text: "Known" }, { value: "unknown", text: "Unknown" }], ["known"], ([value]) => {
        positioned = value === "known";
        update();
      }, { single: true }),
    ),
    answerText,
    h("div", { class: "panels" }, charts.map((/** @type {Chart} */ chart) => chart.element)),
    h("div", { class: "row legend" }, lineSample("Filled dots: with companion, as served", "none"), lineSample("Open dots: without companion", "5 4")),
    h("p", { class: "note" }, "RMSE relative to persistence: below 1 is better than persistence. The companion is a regression that adapts to each series; without it, the cell has to remember by itself."),
    values,
  );
}

/** @param {string} text @param {string} dash */
function lineSample(text, dash) {
  const line = svg("line", { x1: 0, x2: 28, y1: 4, y2: 4 }, { stroke: colour("ink"), "stroke-width": 2, "stroke-dasharray": dash });
  const dot = svg("circle", { cx: 14, cy: 4, r: 3.25 }, { stroke: colour("ink"), "stroke-width": 1.5, fill: dash === "none" ? colour("ink") : colour("card") });
  return h("span", { class: "label" }, svg("svg", { class: "swatch", viewBox: "0 0 28 8", width: 28, height: 8, "aria-hidden": "true" }, {}, [line, dot]), text);
}

/** The scores of one network by context, shortest first. @param {Score[]} scores @param {number} lead @param {boolean} positioned */
function selected(scores, lead, positioned) {
  return scores.filter((score) => score.lead === lead && score.positioned === positioned).sort((a, b) => a.context - b.context);
}

/** How much more context helps, in a sentence. @param {any} answer @param {number} lead @param {boolean} positioned */
function labelOf(answer, lead, positioned) {
  const parts = answer.models.map((/** @type {Network} */ network) => {
    const scores = selected(network.held_out, lead, positioned);
    return `${fixed(scores[0].relative_rmse, 2)} to ${fixed(scores[scores.length - 1].relative_rmse, 2)} for ${modelTitle(kindOf(network.model))}`;
  });
  const scores = selected(answer.models[0].held_out, lead, positioned);
  const [shortest, longest] = [scores[0].context, scores[scores.length - 1].context];
  const last = parts.pop();
  return `${formatSteps(lead, answer.step)} ahead, with ${formatCount(longest)} values before the forecast instead of ${shortest}, the error relative to persistence goes from ${parts.length ? `${parts.join(", ")} and ${last}` : last}.`;
}

/** The scores of one network, on a scale that all have in common. @param {any} answer @param {Network} network @param {number} lead @param {boolean} positioned @returns {import("./chart.js").Figure} */
function memoryFigure(answer, network, lead, positioned) {
  const kind = kindOf(network.model);
  const [alone, together] = [network.held_out_without_companion, network.held_out].map((scores) => selected(scores, lead, positioned));
  const all = answer.models.flatMap((/** @type {Network} */ { held_out: scores, held_out_without_companion: others }) => [...scores, ...others]);
  const values = [...selected(all, lead, positioned).map((score) => score.relative_rmse), 1];
  const margin = (Math.max(...values) - Math.min(...values)) * 0.08;
  const line = (/** @type {Score[]} */ scores, /** @type {string} */ name, /** @type {any} */ style, /** @type {string} */ symbol) => {
    const trace = lineTrace(kind, scores.map((score) => formatCount(score.context)), scores.map((score) => score.relative_rmse), { name, mode: "lines+markers", hovertemplate: "%{y:.3f}" });
    return { ...trace, line: { ...trace.line, ...style }, marker: { size: 7, symbol, color: trace.line.color } };
  };
  const data = [
    ...(alone.length ? [line(alone, "Without companion", { dash: "5px,4px", width: 1.5 }, "circle-open")] : []),
    line(together, "With companion", { dash: "solid", width: 2 }, "circle"),
  ];
  return {
    data,
    layout: {
      xaxis: { showgrid: false, title: { text: `Context (1 value = ${formatSteps(1, answer.step)})` } },
      yaxis: { nticks: 5, ...fixedRange([Math.min(...values) - margin, Math.max(...values) + margin]) },
      margin: { l: 44, r: 12, t: 26, b: 44 },
      annotations: [panelTitle(`${modelTitle(kind)}: RMSE relative to persistence`, 1)],
      shapes: [{ type: "line", x0: 0, x1: 1, xref: "paper", y0: 1, y1: 1, line: { color: colour("edge"), width: 1, dash: "4px,3px" } }],
    },
    extent: [0, together.length],
    describe: (i) => [`${formatCount(together[i].context)} values`, ...data.map((trace) => `${trace.name} ${fixed(trace.y[i], 3)}`)].join(", "),
    pointsAt: (i) => data.map((_, curveNumber) => ({ curveNumber, pointNumber: i })),
  };
}

/** @param {any} answer @param {number} lead @param {boolean} positioned */
function tableOf(answer, lead, positioned) {
  const columns = answer.models.flatMap((/** @type {Network} */ network) => {
    const name = modelTitle(kindOf(network.model));
    return [
      { head: name, list: selected(network.held_out, lead, positioned) },
      { head: `${name} without companion`, list: selected(network.held_out_without_companion, lead, positioned) },
    ].filter(({ list }) => list.length);
  });
  return {
    head: ["Context", ...columns.map((/** @type {any} */ column) => column.head)],
    rows: columns[0].list.map((/** @type {Score} */ score, /** @type {number} */ i) => [formatCount(score.context), ...columns.map((/** @type {any} */ { list }) => fixed(list[i]?.relative_rmse, 3))]),
  };
}
