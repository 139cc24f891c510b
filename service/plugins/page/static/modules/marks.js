// @ts-check
/** What draws a trace: its line, its area and its dots. */

import { dashArray, svg } from "./svg.js";

/**
 * @typedef {object} Points a trace in pixels; NaN where a value is missing
 * @property {any} trace
 * @property {number[] | Float64Array} px
 * @property {number[] | Float64Array} py
 */

/** Pixels. */
const DOT_RADIUS = 3;

/** Pixels beyond the panels that are still drawn above and below them. */
export const OVERHANG = 6;

/**
 * The elements of a trace, from back to front. Lines and areas end at the edge; dots at the edge are drawn whole.
 * @param {Points} points @param {Points | undefined} previous trace, to which "tonexty" fills
 * @param {{clip: string, box: import("./plot.js").Box}} edge id of what clips lines and areas, and the box of all panels
 */
export function marksOf(points, previous, { clip, box }) {
  const { trace } = points;
  const elements = [];
  if (trace.fill) elements.push(area(points, previous));
  if (trace.line?.width !== 0) elements.push(line(points));
  for (const element of elements) element.setAttribute("clip-path", `url(#${clip})`);
  return trace.dots ? [...elements, ...dots(points, box)] : elements;
}

/** @param {Points} points */
function line({ trace, px, py }) {
  const { color, width = 1.75, dash } = trace.line ?? {};
  return svg("path", { d: pathOf(px, py, ""), class: "line" }, { stroke: color, "stroke-width": width, "stroke-dasharray": dashArray(dash), opacity: trace.opacity });
}

/** @param {Points} points @param {Points | undefined} previous */
function area({ trace, px, py }, previous) {
  const path = trace.fill === "tonexty" && previous ? between({ trace, px, py }, previous) : pathOf(px, py, "Z");
  return svg("path", { d: path, class: "area" }, { fill: trace.fillcolor, opacity: trace.opacity });
}

/** A path through points, with gaps where a value is missing. @param {Points["px"]} px @param {Points["py"]} py @param {"" | "Z"} end of each part: closed or not */
function pathOf(px, py, end) {
  let path = "";
  let drawing = false;
  for (let i = 0; i < px.length; i += 1) {
    const missing = Number.isNaN(px[i]) || Number.isNaN(py[i]);
    if (missing) path += drawing ? end : "";
    else path += `${drawing ? "L" : "M"}${round(px[i])} ${round(py[i])}`;
    drawing = !missing;
  }
  return drawing ? path + end : path;
}

/** The areas between two lines over the same points, without those where one is missing. @param {Points} upper @param {Points} lower */
function between(upper, lower) {
  let path = "";
  for (let begin = 0; begin < upper.px.length; begin += 1) {
    let end = begin;
    while (end < upper.px.length && !Number.isNaN(upper.py[end]) && !Number.isNaN(lower.py[end])) end += 1;
    const run = Array.from({ length: end - begin }, (_, i) => begin + i);
    const edge = [...run.map((i) => `${round(upper.px[i])} ${round(upper.py[i])}`), ...run.reverse().map((i) => `${round(lower.px[i])} ${round(lower.py[i])}`)];
    if (edge.length > 2) path += `M${edge.join("L")}Z`;
    begin = end;
  }
  return path;
}

/** @param {Points} points @param {import("./plot.js").Box} box */
function dots({ trace, px, py }, { left, right, top, bottom }) {
  const inside = (/** @type {number} */ i) => px[i] >= left - 1 && px[i] <= right + 1 && py[i] >= top - OVERHANG && py[i] <= bottom + OVERHANG;
  const shown = trace.x.map((/** @type {any} */ _, /** @type {number} */ i) => i).filter((/** @type {number} */ i) => inside(i) && trace.read?.(i));
  return shown.map((/** @type {number} */ i) => svg("circle", { cx: round(px[i]), cy: round(py[i]), r: DOT_RADIUS }, { fill: trace.line.color }));
}

/** A tenth of a pixel is enough, and makes paths short. @param {number} pixel */
export function round(pixel) {
  return Math.round(pixel * 10) / 10;
}
