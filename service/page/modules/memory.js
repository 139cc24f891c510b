// @ts-check
/** What each cell remembers: the errors of universal networks by length of context, with and without companion. */

import { getJson, withQuery } from "./api.js";
import { toggleGroup } from "./controls.js";
import { loadReleases, universalFor } from "./datasets.js";
import { fill, h } from "./dom.js";
import { kindOf, modelTitle } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { figure, linear, linePath, svg, ticks } from "./svg.js";
import { tableDisclosure } from "./table.js";
import { runTask } from "./task.js";
import { formatSteps } from "./times.js";

const HEIGHT = 230;
const MARGIN = { left: 40, right: 8, top: 44, bottom: 40 };
const GAP = 18;

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
  const drawn = figure(HEIGHT, (width) => ({ label: labelOf(answer, lead, positioned), content: panels(answer, lead, positioned, width) }), signal);
  const answerText = h("p", { class: "answer" }, labelOf(answer, lead, positioned));
  const table = () => tableDisclosure("RMSE relative to persistence on held-out seas", () => tableOf(answer, lead, positioned));
  let values = table();
  const update = () => {
    values.replaceWith((values = table()));
    answerText.textContent = labelOf(answer, lead, positioned);
    drawn.redraw();
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
    drawn.element,
    h("div", { class: "row legend" }, h("span", { class: "label" }, h("span", { class: "swatch with", "aria-hidden": "true" }), "With companion, as served"), h("span", { class: "label" }, h("span", { class: "swatch dash", "aria-hidden": "true" }), "Without companion")),
    h("p", { class: "note" }, "RMSE relative to persistence: below 1 is better than persistence. The companion is a regression that adapts to each series; without it, the cell has to remember by itself."),
    values,
  );
}

/** The scores of one network by context, shortest first. @param {Score[]} scores @param {number} lead @param {boolean} positioned */
function selected(scores, lead, positioned) {
  return scores.filter((score) => score.lead === lead && score.positioned === positioned).sort((a, b) => a.context - b.context);
}

/** How much more context helps, in a sentence. @param {any} answer @param {number} lead @param {boolean} positioned */
function labelOf(answer, lead, positioned) {
  const parts = answer.models.map((/** @type {Network} */ network) => {
    const scores = selected(network.held_out, lead, positioned);
    return `${modelTitle(kindOf(network.model))} ${fixed(scores[0].relative_rmse, 2)} to ${fixed(scores[scores.length - 1].relative_rmse, 2)}`;
  });
  const scores = selected(answer.models[0].held_out, lead, positioned);
  const [shortest, longest] = [scores[0].context, scores[scores.length - 1].context];
  return `${formatSteps(lead, answer.step)} ahead, from ${shortest} to ${formatCount(longest)} values of context, the relative RMSE goes from ${parts.join(", ")}.`;
}

/** A panel for each cell, on a common scale. @param {any} answer @param {number} lead @param {boolean} positioned @param {number} width */
function panels(answer, lead, positioned, width) {
  /** @type {{kind: string, lines: [string, Score[]][]}[]} */
  const cells = answer.models.map((/** @type {Network} */ network) => ({
    kind: kindOf(network.model),
    lines: [
      ["without", selected(network.held_out_without_companion, lead, positioned)],
      ["with", selected(network.held_out, lead, positioned)],
    ],
  }));
  const scores = cells.flatMap(({ lines }) => lines.flatMap(([, list]) => list));
  const values = [...scores.map((score) => score.relative_rmse), 1];
  const margin = (Math.max(...values) - Math.min(...values)) * 0.08;
  const y = linear([Math.min(...values) - margin, Math.max(...values) + margin], [HEIGHT - MARGIN.bottom, MARGIN.top]);
  const marks = ticks([Math.min(...values) - margin, Math.max(...values) + margin], 5);
  const size = (width - MARGIN.left - MARGIN.right - GAP * (cells.length - 1)) / cells.length;
  const contexts = cells[0].lines[1][1].map((score) => score.context);
  return [
    svg("text", { x: 0, y: 12 }, "RMSE relative to persistence"),
    ...marks.map((mark) => svg("text", { x: MARGIN.left - 6, y: y(mark) + 4, "text-anchor": "end" }, fixed(mark, 2))),
    ...cells.flatMap(({ kind, lines }, i) => {
      const begin = MARGIN.left + i * (size + GAP);
      const x = linear([0, Math.max(contexts.length - 1, 1)], [begin + 12, begin + size - 12]);
      return [
        ...marks.map((mark) => svg("line", { class: "grid", x1: begin, x2: begin + size, y1: y(mark), y2: y(mark) })),
        svg("line", { class: "nominal", x1: begin, x2: begin + size, y1: y(1), y2: y(1) }),
        svg("text", { class: "title", x: begin, y: MARGIN.top - 12 }, modelTitle(kind)),
        ...lines.flatMap(([name, list]) => [
          svg("path", { class: `line plain ${kind} ${name}`, d: linePath(list.map((score, j) => [x(j), y(score.relative_rmse)])) }),
          ...list.map((score, j) => svg("circle", { class: `dot ${kind} ${name}`, cx: x(j), cy: y(score.relative_rmse), r: 3.5 })),
        ]),
        ...contexts.map((context, j) => svg("text", { x: x(j), y: HEIGHT - MARGIN.bottom + 16, "text-anchor": "middle" }, String(context))),
      ];
    }),
    svg("text", { x: (MARGIN.left + width) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, `Values of context (1 value = ${formatSteps(1, answer.step)})`),
  ];
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
