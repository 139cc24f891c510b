// @ts-check
/** Names and styles of models and references, the same in every view. */

import { h } from "./dom.js";
import { dashArray, svg } from "./svg.js";
import { colour } from "./theme.js";

export const CELLS = ["rnn", "lstm", "gru"];

/** @type {Record<string, string>} */
const TITLES = {
  observed: "Observed",
  mixture: "Mixture",
  rnn: "RNN",
  lstm: "LSTM",
  gru: "GRU",
  persistence: "Persistence",
  climatology: "Usual",
  damped: "Damped persistence",
  linear: "Linear autoregression",
  usual_change: "Usual change",
};

const NO_NETWORKS = new Set(["observed", "persistence", "climatology", "damped", "linear", "usual_change"]);

/** Colours of networks that were imported. */
const IMPORTED = ["imported", "imported-2", "imported-3"];

/** @type {string[]} imported networks, in the order in which the page met them */
const imported = [];

/** @type {Record<string, string>} */
const COLOURS = {
  observed: "observed",
  rnn: "rnn",
  lstm: "lstm",
  gru: "gru",
  persistence: "reference",
  climatology: "reference-2",
  damped: "reference-3",
  linear: "reference-4",
  usual_change: "reference-5",
  mixture: "gru",
};

/** @type {Record<string, string>} lengths of dashes and gaps; those of references differ as much as their colours */
const DASHES = {
  rnn: "2px,7px",
  lstm: "9px,9px",
  persistence: "2px,3px",
  climatology: "10px,4px",
  damped: "9px,3px,2px,3px",
  linear: "5px,3px",
  usual_change: "9px,3px,2px,3px,2px,3px",
};

/** The cell of a full name such as nino12-gru; a reference as it is. @param {string} model */
export function kindOf(model) {
  return model.slice(model.lastIndexOf("-") + 1);
}

/** @param {string} kind */
export function modelTitle(kind) {
  return TITLES[kind] ?? kind;
}

/** @type {{[name: string]: string}} */
const PHRASES = {
  persistence: "repeating the last value",
  climatology: "the usual temperature",
  damped: "damped persistence",
  linear: "a linear autoregression",
  usual_change: "the last value plus the usual change",
  mixture: "the mixture of networks and references",
};

/** A model in a sentence. @param {string} model */
export function modelPhrase(model) {
  return PHRASES[model] ?? (isNetwork(model) ? `the ${modelTitle(kindOf(model))} network` : model);
}

/** Whether a model is a network rather than a reference. @param {string} model */
export function isNetwork(model) {
  return !NO_NETWORKS.has(kindOf(model));
}

/** Its place in lists and legends: the mixture, RNN, LSTM and GRU, other networks, then references. @param {string} model */
export function orderOf(model) {
  const order = Object.keys(TITLES);
  const place = order.indexOf(kindOf(model));
  return place < 0 ? order.indexOf("gru") + 0.5 : place;
}

/** The name of the CSS custom property with its colour. @param {string} kind */
export function colourOf(kind) {
  if (kind in COLOURS) return COLOURS[kind];
  if (!imported.includes(kind)) imported.push(kind);
  return IMPORTED[imported.indexOf(kind) % IMPORTED.length];
}

/** The CSS class of marks in its colour. @param {string} kind */
export function classOf(kind) {
  return kind in COLOURS ? kind : colourOf(kind);
}

/** Its dash pattern, as in plot.js. @param {string} kind */
export function dashOf(kind) {
  return DASHES[kind] ?? "solid";
}

/** A sample of its line. @param {string} kind @param {string} [dash] as in plot.js */
export function swatch(kind, dash = dashOf(kind)) {
  const line = svg("line", { x1: 0, x2: 28, y1: 4, y2: 4 }, { stroke: colour(colourOf(kind)), "stroke-width": kind === "observed" ? 2 : 3, "stroke-dasharray": dashArray(dash) });
  return svg("svg", { class: `swatch ${kind}`, viewBox: "0 0 28 8", width: 28, height: 8, "aria-hidden": "true" }, {}, [line]);
}

/** A line sample and the name. @param {string} kind @param {string} [dash] as in plot.js */
export function modelLabel(kind, dash = dashOf(kind)) {
  return h("span", { class: "label" }, swatch(kind, dash), modelTitle(kind));
}

/** A sample of the band of an interval and its level. @param {string} kind @param {number} level in percent @param {boolean} isOuter whether a narrower band is drawn over it @param {Node | false} [mark] after the level */
export function bandLabel(kind, level, isOuter, mark = false) {
  const sample = h("span", { class: `mark band ${classOf(kind)}${isOuter ? " outer" : ""}`, "aria-hidden": "true" });
  return h("span", { class: "label" }, sample, h("span", {}, `${level}%`, mark));
}
