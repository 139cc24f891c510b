// @ts-check
/** For those who study the cells: the loss by epoch of the first fit, how long the final one took, and what the seed changes. */

import { Chart } from "./chart.js";
import { h } from "./dom.js";
import { panelTitle } from "./layout.js";
import { colourOf, dashOf, kindOf, named, title } from "./models.js";
import { count, fixed } from "./numbers.js";
import { asTable, table } from "./table.js";
import { colour } from "./theme.js";

/**
 * @param {any} record the answer of /compare/training
 * @param {AbortSignal} signal
 */
export function trainingCards(record, signal) {
  return h("div", { class: "grid" }, lossCard(record, signal), seedCard(record, signal));
}

/** @param {any} record @param {AbortSignal} signal */
function lossCard(record, signal) {
  const networks = record.networks.filter((/** @type {any} */ one) => one.train_loss.length);
  if (!networks.length) return card("Loss by epoch", h("p", { class: "empty" }, "This release has no loss curves."));
  const chart = new Chart("Loss by epoch", signal, { height: "22rem" });
  chart.draw(() => lossFigure(networks));
  const rows = () => ({
    head: ["Epoch", ...networks.flatMap((/** @type {any} */ one) => [`${name(one)} training`, `${name(one)} validation`])],
    rows: range(longest(networks)).map((i) => [
      String(i + 1),
      ...networks.flatMap((/** @type {any} */ one) => [fixed(one.train_loss[i], 4), fixed(one.validation_loss[i], 4)]),
    ]),
  });
  return card(
    "Loss by epoch",
    chart.element,
    h("p", { class: "note" }, "Huber loss in one-step spreads, of a first fit to the training part alone; each panel has its own scale."),
    h("p", { class: "note" }, "The number of epochs is set in advance; the validation part picks the best network and helps to calibrate the intervals."),
    asTable("Loss by epoch", rows),
  );
}

/** @param {any[]} networks @returns {import("./chart.js").Figure} */
function lossFigure(networks) {
  const data = networks.flatMap((one) => [curve(one, "validation_loss", "validation", "y"), curve(one, "train_loss", "training", "y2")]);
  return {
    data,
    layout: {
      hoversubplots: "axis",
      xaxis: { anchor: "y2", showgrid: false, title: { text: "Epoch", standoff: 8 }, hoverformat: "d", dtick: step(longest(networks)) },
      yaxis: { domain: [0.58, 1], fixedrange: true, nticks: 4 },
      yaxis2: { domain: [0, 0.42], fixedrange: true, nticks: 4 },
      margin: { l: 52, r: 10, t: 22, b: 44 },
      annotations: [panelTitle("Loss on the validation part", 1), panelTitle("Loss on the training part", 0.42)],
    },
    places: [0, longest(networks)],
    read: (i) => [`epoch ${i + 1}`, ...networks.map((one) => `${name(one)} validation ${fixed(one.validation_loss[i], 4)}`)].join(", "),
    at: (i) => data.flatMap((one, curveNumber) => (i < one.x.length ? [{ curveNumber, pointNumber: i }] : [])),
  };
}

/** @param {any} network @param {string} field @param {string} part @param {string} axis */
function curve(network, field, part, axis) {
  const kind = kindOf(network.model);
  return {
    type: "scatter",
    mode: "lines",
    name: `${title(kind)}, ${part}`,
    x: range(network[field].length).map((i) => i + 1),
    y: network[field],
    line: { color: colour(colourOf(kind)), width: 1.75, dash: dashOf(kind) },
    yaxis: axis,
    hovertemplate: "%{y:.4f}",
  };
}

/** @param {any} record @param {AbortSignal} signal */
function seedCard(record, signal) {
  const networks = record.networks.filter((/** @type {any} */ one) => one.seeds.length);
  if (!networks.length) return card("Effect of the seed", h("p", { class: "empty" }, "This release was trained with one seed only."));
  const chart = new Chart("Effect of the seed", signal, { height: "12rem" });
  chart.draw(() => seedFigure(networks));
  const spreads = networks.map((/** @type {any} */ one) => deviation(one.seeds.map((/** @type {any} */ run) => run.rmse)));
  const places = Math.max(4, Math.ceil(-Math.log10(Math.max(...spreads, 1e-6))));
  const rows = record.networks.map((/** @type {any} */ one) => {
    const values = one.seeds.map((/** @type {any} */ run) => run.rmse);
    return [named(kindOf(one.model)), count(one.parameters), one.epochs ?? "–", `${fixed(mean(values), places)} ± ${fixed(deviation(values), places)}`];
  });
  return card(
    "Effect of the seed",
    chart.element,
    table("What was trained", ["Cell", "Weights", ["Epochs", h("span", { class: "unit" }, " final fit")], ["RMSE over seeds", h("span", { class: "unit" }, " °C")]], rows),
    h("p", { class: "note" }, "RMSE on the test part, one step ahead, of networks trained again from other random numbers: mean ± standard deviation. Differences within this spread say nothing about the cells."),
    h("p", { class: "note" }, "The final fit, which makes the forecasts, learns from the training and validation parts together. Its epochs are in the table; the loss curves are those of the first fit."),
  );
}

/** @param {any[]} networks @returns {import("./chart.js").Figure} */
function seedFigure(networks) {
  const runs = networks.flatMap((one) => one.seeds.map((/** @type {any} */ run) => ({ ...run, kind: kindOf(one.model) })));
  const dots = networks.map((one) => ({
    type: "scatter",
    mode: "markers",
    name: name(one),
    x: one.seeds.map((/** @type {any} */ run) => run.rmse),
    y: one.seeds.map(() => name(one)),
    text: one.seeds.map((/** @type {any} */ run) => `seed ${run.seed}`),
    marker: { color: colour(colourOf(kindOf(one.model))), size: 11, opacity: 0.75, line: { width: 1, color: colour("card") } },
    hovertemplate: "%{text}: %{x:.4f} °C<extra></extra>",
  }));
  return {
    data: dots,
    layout: {
      hovermode: "closest",
      xaxis: { title: { text: "RMSE, °C", standoff: 8 }, nticks: 5, zeroline: false, tickformat: ".4f" },
      yaxis: { fixedrange: true, autorange: "reversed", showgrid: false, tickfont: { size: 13, color: colour("ink") } },
      margin: { l: 52, r: 24, t: 8, b: 44 },
    },
    places: [0, runs.length],
    read: (i) => `${title(runs[i].kind)}, seed ${runs[i].seed}, RMSE ${fixed(runs[i].rmse, 4)} °C`,
    at: (i) => {
      let left = i;
      for (const [curveNumber, one] of networks.entries()) {
        if (left < one.seeds.length) return [{ curveNumber, pointNumber: left }];
        left -= one.seeds.length;
      }
      return [];
    },
  };
}

/** @param {string} heading @param {...any} content */
function card(heading, ...content) {
  return h("section", { class: "card" }, h("header", {}, h("h3", {}, heading)), content);
}

/** @param {any} network */
const name = (network) => title(kindOf(network.model));

/** @param {any[]} networks */
const longest = (networks) => Math.max(...networks.map((one) => one.train_loss.length));

/** @param {number} n */
const range = (n) => Array.from({ length: n }, (_, i) => i);

/** Between ticks, a round number, for about eight of them. @param {number} n */
const step = (n) => [1, 2, 5, 10, 20, 50, 100, 200, 500].find((size) => n / size <= 9) ?? 1000;

/** @param {number[]} values */
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** @param {number[]} values */
function deviation(values) {
  if (values.length < 2) return NaN;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}
