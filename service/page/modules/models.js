// @ts-check
/** Models and references: what they are called, and how they are drawn in every view. */

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
};

/** As they are listed everywhere. */
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
};

/** @type {Record<string, string>} */
const DASHES = { rnn: "2px,7px", lstm: "9px,9px", gru: "solid", observed: "solid" };

/** The cell of a full name as nino12-gru, or the reference itself. @param {string} model */
export function kindOf(model) {
  const cell = model.slice(model.lastIndexOf("-") + 1);
  return CELLS.includes(cell) ? cell : model;
}

/** @param {string} kind */
export function title(kind) {
  return TITLES[kind] ?? kind;
}

/** The custom property that holds its colour. @param {string} kind */
export function colourOf(kind) {
  return COLOURS[kind] ?? "reference";
}

/** As plotly.js writes dashes. @param {string} kind */
export function dashOf(kind) {
  return DASHES[kind] ?? "4px,3px,1px,3px";
}

/** A short line as it is drawn in charts. @param {string} kind */
export function swatch(kind) {
  const dash = { rnn: "dot", gru: "", observed: "" }[kind] ?? "dash";
  return h("span", { class: `swatch ${kind} ${dash}`, "aria-hidden": "true" });
}

/** Line and name. @param {string} kind */
export function named(kind) {
  return h("span", { class: "named" }, swatch(kind), title(kind));
}
