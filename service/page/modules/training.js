// @ts-check
/** Training details: the loss by epoch of the first fit, the epochs of the final fit, and the effect of the seed. */

import { Chart } from "./chart.js";
import { h } from "./dom.js";
import { panelTitle } from "./layout.js";
import { colourOf, dashOf, kindOf, modelLabel, modelTitle } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { dataTable, tableDisclosure } from "./table.js";
import { colour } from "./theme.js";

/**
 * @param {any} record the response of /compare/training
 * @param {AbortSignal} signal
 */
export function trainingCards(record, signal) {
  return h("div", { class: "grid" }, lossCard(record, signal), seedCard(record, signal));
}

/** @param {any} record @param {AbortSignal} signal */
function lossCard(record, signal) {
  const networks = record.networks.filter((/** @type {any} */ network) => network.train_loss.length);
  if (!networks.length) return card("Loss by epoch", h("p", { class: "empty" }, "This release has no loss curves."));
  const chart = new Chart("Loss by epoch", signal, { height: "22rem" });
  chart.draw(() => lossFigure(networks));
  const rows = () => ({
    head: ["Epoch", ...networks.flatMap((/** @type {any} */ network) => [`${nameOf(network)} training`, `${nameOf(network)} validation`])],
    rows: indices(maxEpochs(networks)).map((i) => [
      String(i + 1),
      ...networks.flatMap((/** @type {any} */ network) => [fixed(network.train_loss[i], 4), fixed(network.validation_loss[i], 4)]),
    ]),
  });
  return card(
    "Loss by epoch",
    chart.element,
    h("p", { class: "note" }, "Huber loss of a first fit to the training period alone, in units of the one-step spread. Each panel has its own scale."),
    h("p", { class: "note" }, "The number of epochs is set in advance. The validation period selects the best network and helps calibrate the intervals."),
    tableDisclosure("Loss by epoch", rows),
  );
}

/** @param {any[]} networks @returns {import("./chart.js").Figure} */
function lossFigure(networks) {
  const data = networks.flatMap((network) => [curve(network, "validation_loss", "validation", "y"), curve(network, "train_loss", "training", "y2")]);
  return {
    data,
    layout: {
      xaxis: { showgrid: false, title: { text: "Epoch" }, hoverformat: (/** @type {number} */ epoch) => `Epoch ${epoch}`, dtick: tickSpacing(maxEpochs(networks)) },
      yaxis: { domain: [0.58, 1], nticks: 4 },
      yaxis2: { domain: [0, 0.42], nticks: 4 },
      margin: { l: 52, r: 10, t: 22, b: 44 },
      annotations: [panelTitle("Loss on the validation period", 1), panelTitle("Loss on the training period", 0.42)],
    },
    extent: [0, maxEpochs(networks)],
    describe: (i) => [`epoch ${i + 1}`, ...networks.map((network) => `${nameOf(network)} validation ${fixed(network.validation_loss[i], 4)}`)].join(", "),
    pointsAt: (i) => data.flatMap((trace, curveNumber) => (i < trace.x.length ? [{ curveNumber, pointNumber: i }] : [])),
  };
}

/** @param {any} network @param {string} field @param {string} period @param {string} axis */
function curve(network, field, period, axis) {
  const kind = kindOf(network.model);
  return {
    type: "scatter",
    mode: "lines",
    name: `${modelTitle(kind)} ${period}`,
    x: indices(network[field].length).map((i) => i + 1),
    y: network[field],
    line: { color: colour(colourOf(kind)), width: 1.75, dash: dashOf(kind) },
    yaxis: axis,
    hovertemplate: "%{y:.4f}",
  };
}

/** @param {any} record @param {AbortSignal} signal */
function seedCard(record, signal) {
  const networks = record.networks.filter((/** @type {any} */ network) => network.seeds.length);
  if (!networks.length) return card("Effect of the seed", h("p", { class: "empty" }, "This release was trained with a single seed."));
  const chart = new Chart("Effect of the seed", signal, { height: "12rem" });
  chart.draw(() => seedFigure(networks));
  const spreads = networks.map((/** @type {any} */ network) => deviation(network.seeds.map((/** @type {any} */ run) => run.rmse)));
  const decimals = Math.max(4, Math.ceil(-Math.log10(Math.max(...spreads, 1e-6))));
  const rows = record.networks.map((/** @type {any} */ network) => {
    const values = network.seeds.map((/** @type {any} */ run) => run.rmse);
    return [modelLabel(kindOf(network.model)), formatCount(network.parameters), network.epochs ?? "–", `${fixed(mean(values), decimals)} ± ${fixed(deviation(values), decimals)}`];
  });
  return card(
    "Effect of the seed",
    chart.element,
    dataTable("Trained networks", ["Cell", "Weights", ["Epochs", h("span", { class: "unit" }, " final fit")], ["RMSE over seeds", h("span", { class: "unit" }, " °C")]], rows),
    h("p", { class: "note" }, "RMSE over the test period, one step ahead, of networks retrained with different random seeds: mean ± standard deviation. Differences smaller than this spread say nothing about the cells."),
    h("p", { class: "note" }, "The final fit, which makes the forecasts, learns from more data than the first. The table gives its epochs; the loss curves are those of the first fit."),
  );
}

/** @param {any[]} networks @returns {import("./chart.js").Figure} */
function seedFigure(networks) {
  const runs = networks.flatMap((network) => network.seeds.map((/** @type {any} */ run) => ({ ...run, kind: kindOf(network.model) })));
  const traces = networks.map((network) => ({
    type: "scatter",
    mode: "markers",
    name: nameOf(network),
    x: network.seeds.map((/** @type {any} */ run) => run.rmse),
    y: network.seeds.map(() => nameOf(network)),
    text: network.seeds.map((/** @type {any} */ run) => `seed ${run.seed}`),
    marker: { color: colour(colourOf(kindOf(network.model))), size: 11, opacity: 0.75, line: { width: 1, color: colour("card") } },
    hovertemplate: "%{text}: %{x:.4f} °C",
  }));
  return {
    data: traces,
    layout: {
      hovermode: "closest",
      xaxis: { title: { text: "RMSE, °C" }, nticks: 5, zeroline: false },
      yaxis: { autorange: "reversed", showgrid: false, tickfont: { size: 13, color: colour("ink") } },
      margin: { l: 52, r: 24, t: 8, b: 44 },
    },
    extent: [0, runs.length],
    describe: (i) => `${modelTitle(runs[i].kind)}, seed ${runs[i].seed}, RMSE ${fixed(runs[i].rmse, 4)} °C`,
    pointsAt: (i) => {
      let offset = i;
      for (const [curveNumber, network] of networks.entries()) {
        if (offset < network.seeds.length) return [{ curveNumber, pointNumber: offset }];
        offset -= network.seeds.length;
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
const nameOf = (network) => modelTitle(kindOf(network.model));

/** @param {any[]} networks */
const maxEpochs = (networks) => Math.max(...networks.map((network) => network.train_loss.length));

/** @param {number} n */
const indices = (n) => Array.from({ length: n }, (_, i) => i);

/** A round tick spacing that gives at most nine ticks. @param {number} n */
const tickSpacing = (n) => [1, 2, 5, 10, 20, 50, 100, 200, 500].find((size) => n / size <= 9) ?? 1000;

/** @param {number[]} values */
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The sample standard deviation; NaN for fewer than two values. @param {number[]} values */
function deviation(values) {
  if (values.length < 2) return NaN;
  const average = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - average) ** 2, 0) / (values.length - 1));
}
