// @ts-check
/** How errors grow with the lead. */

import { getJson, withQuery } from "./api.js";
import { Chart } from "./chart.js";
import { toggles } from "./controls.js";
import { fill, h } from "./dom.js";
import { panelTitle } from "./layout.js";
import { line } from "./lines.js";
import { kindOf, named, title } from "./models.js";
import { fixed } from "./numbers.js";
import { asTable } from "./table.js";
import { run } from "./task.js";
import { steps } from "./times.js";
import { colour } from "./theme.js";

/**
 * @param {HTMLElement} box
 * @param {string} dataset
 * @param {any} comparison the answer of /compare, which says whose errors, and at which lead
 * @param {AbortSignal} signal
 */
export function showLeads(box, dataset, comparison, signal) {
  const cells = comparison.models.filter((/** @type {any} */ one) => one.kind === "recurrent").map((/** @type {any} */ one) => kindOf(one.model));
  const load = (/** @type {AbortSignal} */ stop) =>
    Promise.all(cells.map((/** @type {string} */ cell) => getJson(withQuery(`/models/${cell}`, { dataset }), { signal: stop })));
  return run(box, "Loading the errors by lead", signal, load, (details) => {
    const errors = byModel(details.map((one) => one.metadata));
    const chart = new Chart(`RMSE on the test part by lead, ${dataset}`, signal, { height: "18rem" });
    let shown = legible(errors);
    const seen = () => errors.filter(([kind]) => shown.includes(kind));
    chart.draw(() => figure(seen(), comparison.step, comparison.horizon));
    const choose = (/** @type {string[]} */ on) => {
      shown = on;
      chart.redraw();
    };
    fill(
      box,
      h("header", {}, h("h2", {}, "Errors by lead"), h("p", {}, "How errors grow with the steps ahead")),
      h("div", { class: "controls" }, toggles("Shown", errors.map(([kind]) => ({ value: kind, text: named(kind) })), shown, choose)),
      chart.element,
      asTable("RMSE on the test part by lead, °C", () => ({
        head: ["Steps ahead", ...errors.map(([kind]) => title(kind))],
        rows: errors[0][1].map((_, i) => [String(i + 1), ...errors.map(([, values]) => fixed(values[i], 4))]),
      })),
    );
  });
}

/** RMSE per lead of each network and reference. @param {any[]} metadata @returns {[string, number[]][]} */
function byModel(metadata) {
  const references = Object.entries(metadata[0].baselines).map(([name, splits]) => [name, /** @type {any} */ (splits).test.rmse]);
  return /** @type {[string, number[]][]} */ ([...metadata.map((one) => [one.cell, one.accuracy.test.rmse]), ...references]);
}

/** Those whose errors can be shown on one scale: three times what the best has at its worst. @param {[string, number[]][]} errors */
function legible(errors) {
  const worst = errors.map(([, values]) => Math.max(...values));
  return errors.filter((_, i) => worst[i] <= 3 * Math.min(...worst)).map(([kind]) => kind);
}

/** @param {[string, number[]][]} errors @param {string} step @param {number} horizon @returns {import("./chart.js").Figure} */
function figure(errors, step, horizon) {
  const leads = (errors[0]?.[1] ?? []).map((_, i) => i + 1);
  const drawn = [...errors].reverse();
  return {
    data: drawn.map(([kind, values]) => line(kind, /** @type {any} */ (leads), values, { hovertemplate: "%{y:.3f} °C", text: leads.map((n) => steps(n, step)) })),
    layout: {
      xaxis: { showgrid: false, title: { text: `Steps ahead (one is ${steps(1, step)})`, standoff: 6 }, nticks: 8 },
      yaxis: { fixedrange: true, nticks: 5, rangemode: "tozero" },
      margin: { l: 44, r: 12, t: 26, b: 44 },
      annotations: [panelTitle("RMSE by lead, °C", 1)],
      shapes: [{ type: "line", x0: horizon, x1: horizon, yref: "paper", y0: 0, y1: 1, line: { color: colour("edge"), width: 1, dash: "2px,3px" } }],
    },
    places: [0, leads.length],
    read: (i) => [`${steps(i + 1, step)} ahead`, ...errors.map(([kind, values]) => `${title(kind)} ${fixed(values[i], 3)}`)].join(", "),
    at: (i) => drawn.map((_, curveNumber) => ({ curveNumber, pointNumber: i })),
  };
}
