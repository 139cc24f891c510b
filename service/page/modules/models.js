// @ts-check
/** Names and styles of models and references, the same in every view. */

import { h } from "./dom.js";

export const CELLS = ["rnn", "lstm", "gru"];

/** @type {Record<string, string>} */
const TITLES = {
  observed: "Observed",
  rnn: "RNN",
  lstm: "LSTM",
  gru: "GRU",
  persistence: "Persistence",
  climatology: "Climatology",
  damped: "Damped persistence",
  linear: "Linear autoregression",
  usual_change: "Usual change",
};

/** The order in lists and legends. */
export const ORDER = Object.keys(TITLES);

/** @type {Record<string, string>} */
const COLOURS = {
  observed: "observed",
  rnn: "rnn",
  lstm: "lstm",
  gru: "gru",
  climatology: "reference-2",
  damped: "reference-3",
  linear: "reference-4",
  usual_change: "reference-5",
};

/** @type {Record<string, string>} */
const DASHES = { rnn: "2px,7px", lstm: "9px,9px", gru: "solid", observed: "solid" };

/** The cell of a full name such as nino12-gru; a reference as it is. @param {string} model */
export function kindOf(model) {
  const cell = model.slice(model.lastIndexOf("-") + 1);
  return CELLS.includes(cell) ? cell : model;
}

/** @param {string} kind */
export function modelTitle(kind) {
  return TITLES[kind] ?? kind;
}

/** Whether a model is a network rather than a reference. @param {string} model */
export function isNetwork(model) {
  return CELLS.includes(kindOf(model));
}

/** The name of the CSS custom property with its colour. @param {string} kind */
export function colourOf(kind) {
  return COLOURS[kind] ?? "reference";
}

/** Its dash pattern in plotly.js notation. @param {string} kind */
export function dashOf(kind) {
  return DASHES[kind] ?? "4px,3px,1px,3px";
}

/** A sample of its line. @param {string} kind */
export function swatch(kind) {
  const dash = { rnn: "dot", gru: "", observed: "" }[kind] ?? "dash";
  return h("span", { class: `swatch ${kind} ${dash}`, "aria-hidden": "true" });
}

/** A line sample and the name. @param {string} kind */
export function modelLabel(kind) {
  return h("span", { class: "label" }, swatch(kind), modelTitle(kind));
}
