// @ts-check
/** A chart of how errors grow with how far ahead a forecast looks. */

import { Chart } from "./chart.js";
import { toggleGroup } from "./controls.js";
import { difference, inUnit, unit } from "./degrees.js";
import { h } from "./dom.js";
import { kindOf, modelLabel, modelTitle } from "./models.js";
import { fixed } from "./numbers.js";
import { tableDisclosure } from "./table.js";
import { formatSteps } from "./times.js";
import { lineTrace, panelTitle } from "./traces.js";

/** @param {any} leads the response of /compare/leads @param {AbortSignal} signal */
export function leadErrorsCard(leads, signal) {
  /** @type {[string, number[]][]} */
  const errors = leads.models.map((/** @type {any} */ model) => [kindOf(model.model), model.rmse]);
  const chart = new Chart(`Typical error by how far ahead, ${leads.dataset}`, signal, { height: "18rem" });
  let shown = comparableKinds(errors);
  chart.draw(() => leadFigure(errors.filter(([kind]) => shown.includes(kind)), leads.step));
  const choose = (/** @type {string[]} */ selection) => {
    shown = selection;
    chart.redraw();
  };
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, "Errors by how far ahead"), h("p", {}, "Typical error (RMSE)")),
    h("div", { class: "controls" }, toggleGroup("Show", errors.map(([kind]) => ({ value: kind, text: modelLabel(kind) })), shown, choose)),
    chart.element,
    tableDisclosure(`Typical error by how far ahead, ${unit()}`, () => ({
      head: ["Steps ahead", ...errors.map(([kind]) => modelTitle(kind))],
      rows: errors[0][1].map((_, i) => [String(i + 1), ...errors.map(([, values]) => fixed(inUnit(values[i], "difference"), 4))]),
    })),
  );
}

/** The models whose errors fit on one scale: at most three times the largest error of the best model. @param {[string, number[]][]} errors */
function comparableKinds(errors) {
  const largest = errors.map(([, values]) => Math.max(...values));
  return errors.filter((_, i) => largest[i] <= 3 * Math.min(...largest)).map(([kind]) => kind);
}

/** @param {[string, number[]][]} errors @param {string} step @returns {import("./chart.js").Figure} */
function leadFigure(errors, step) {
  const leads = (errors[0]?.[1] ?? []).map((_, i) => i + 1);
  return {
    data: [...errors].reverse().map(([kind, values]) => lineTrace(kind, /** @type {any} */ (leads), values, { read: (/** @type {number} */ i) => difference(values[i], 3) })),
    layout: {
      xaxis: { hoverformat: (/** @type {number} */ n) => `${formatSteps(n, step)} ahead`, title: `Steps ahead (1 step = ${formatSteps(1, step)})`, nticks: 8, range: [1, leads.length] },
      yaxis: { nticks: 5, unit: "difference", range: [0, 1.05 * Math.max(...errors.flatMap(([, values]) => values), 0.01)] },
      annotations: [panelTitle(`Typical error, ${unit()}`, 1)],
    },
  };
}
