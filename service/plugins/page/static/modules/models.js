// @ts-check
/** Names and styles of models and references, the same in every view. */

import { h } from "./dom.js";
import { dashArray, svg } from "./svg.js";
import { colour, tint } from "./theme.js";

export const CELLS = ["rnn", "lstm", "gru"];

/**
 * @typedef {object} Kind a model, a reference, or the observations
 * @property {string} title
 * @property {string} [phrase] in a sentence; that of a network is made of its title
 * @property {string} colour the CSS custom property
 * @property {string} [dash] lengths of dashes and gaps; those of references differ as much as their colours
 */

/** In the order of lists and legends. @type {Record<string, Kind>} */
const KINDS = {
  observed: { title: "Observed", colour: "observed" },
  mixture: { title: "Mixture", phrase: "the mixture of networks and references", colour: "gru" },
  rnn: { title: "RNN", colour: "rnn", dash: "2px,7px" },
  lstm: { title: "LSTM", colour: "lstm", dash: "9px,9px" },
  gru: { title: "GRU", colour: "gru" },
  persistence: { title: "Persistence", phrase: "repeating the last value", colour: "reference", dash: "2px,3px" },
  climatology: { title: "Usual", phrase: "the usual temperature", colour: "reference-2", dash: "10px,4px" },
  damped: { title: "Damped persistence", phrase: "damped persistence", colour: "reference-3", dash: "9px,3px,2px,3px" },
  linear: { title: "Linear autoregression", phrase: "a linear autoregression", colour: "reference-4", dash: "5px,3px" },
  usual_change: { title: "Usual change", phrase: "the last value plus the usual change", colour: "reference-5", dash: "9px,3px,2px,3px,2px,3px" },
};

/** Colours of networks that were imported. */
const IMPORTED = ["imported", "imported-2", "imported-3"];

/** @type {string[]} imported networks, in the order in which the page met them */
const imported = [];

/** The cell of a full name such as nino12-gru; a reference as it is. @param {string} model */
export function kindOf(model) {
  return model.slice(model.lastIndexOf("-") + 1);
}

/** @param {string} kind */
export function modelTitle(kind) {
  return KINDS[kind]?.title ?? kind;
}

/** A model in a sentence. @param {string} model */
export function modelPhrase(model) {
  return KINDS[model]?.phrase ?? (isNetwork(model) ? `the ${modelTitle(kindOf(model))} network` : model);
}

/** Whether a model is a network, or a mixture with some, rather than a reference. @param {string} model */
export function isNetwork(model) {
  const { colour: name } = KINDS[kindOf(model)] ?? {};
  return name !== "observed" && !name?.startsWith("reference");
}

/** Its place in lists and legends, where other networks follow GRU. @param {string} model */
export function orderOf(model) {
  const order = Object.keys(KINDS);
  const place = order.indexOf(kindOf(model));
  return place < 0 ? order.indexOf("gru") + 0.5 : place;
}

/** The name of the CSS custom property with its colour. @param {string} kind */
export function colourOf(kind) {
  if (kind in KINDS) return KINDS[kind].colour;
  if (!imported.includes(kind)) imported.push(kind);
  return IMPORTED[imported.indexOf(kind) % IMPORTED.length];
}

/** Its dash pattern, as in plot.js. @param {string} kind */
export function dashOf(kind) {
  return KINDS[kind]?.dash ?? "solid";
}

/** A sample of a line as long as in legends. @param {{color: string, dash?: string, width?: number}} line */
export function swatch({ color, dash, width = 3 }) {
  const line = svg("line", { x1: 0, x2: 28, y1: 4, y2: 4 }, { stroke: color, "stroke-width": width, "stroke-dasharray": dashArray(dash) });
  return svg("svg", { class: "swatch", viewBox: "0 0 28 8", width: 28, height: 8, "aria-hidden": "true" }, {}, [line]);
}

/** A line sample and the name. @param {string} kind @param {string} [dash] as in plot.js */
export function modelLabel(kind, dash = dashOf(kind)) {
  return h("span", { class: "label" }, swatch({ color: colour(colourOf(kind)), dash, width: kind === "observed" ? 2 : 3 }), modelTitle(kind));
}

/** A sample of the band of an interval and its level. @param {string} kind @param {number} level in percent @param {boolean} isOuter whether a narrower band is drawn over it @param {Node | false} [mark] after the level */
export function bandLabel(kind, level, isOuter, mark = false) {
  const sample = h("span", { class: "mark band", "aria-hidden": "true" });
  sample.style.background = tint(colourOf(kind), isOuter ? 0.18 : 0.4);
  return h("span", { class: "label" }, sample, h("span", {}, `${level}%`, mark));
}
