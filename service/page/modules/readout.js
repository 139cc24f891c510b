// @ts-check
/** The values of a chart at a time, in a box beside it. */

import { inUnit, unit } from "./degrees.js";
import { fill, h } from "./dom.js";
import { at, markerAt, round } from "./marks.js";
import { fixed } from "./numbers.js";
import { dashArray, svg } from "./svg.js";

/**
 * @typedef {import("./plot.js").Plot} Plot
 * @typedef {{curveNumber: number, pointNumber: number}} Point
 */

const GAP = 14;

export class Readout {
  constructor() {
    this.element = h("div", { class: "readout", "aria-hidden": "true", hidden: true });
    /** The line at the time and the marks at its points. @type {SVGElement} */
    this.marks = svg("g", { class: "reading" });
  }

  /** Show the values at some points of a plot. @param {Plot} plot @param {any} layout @param {Point[]} points */
  show(plot, layout, points) {
    const shown = points.filter((point) => isReadable(plot, point));
    if (!shown.length) return this.hide();
    const pixel = plot.points[shown[0].curveNumber].px[shown[0].pointNumber];
    const spike = svg("line", { x1: round(pixel), x2: round(pixel), y1: plot.box.top, y2: plot.box.bottom, class: "spike" });
    this.marks.replaceChildren(spike, ...shown.map((point) => dot(plot, point)));
    plot.element.append(this.marks);
    fill(this.element, h("p", { class: "when" }, heading(plot, layout, shown[0])), shown.map((point) => row(plot, layout, point)));
    this.element.hidden = false;
    this.#place(plot, pixel);
  }

  hide() {
    this.element.hidden = true;
    this.marks.remove();
  }

  /** Beside the time, on the side with more room. @param {Plot} plot @param {number} x */
  #place({ box }, x) {
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const left = x + GAP + width <= box.right || x - box.left < box.right - x ? x + GAP : x - GAP - width;
    this.element.style.left = `${round(Math.max(Math.min(left, box.right + GAP - width), 0))}px`;
    this.element.style.top = `${round(Math.max(Math.min(box.top, box.bottom - height), 0))}px`;
  }
}

/** The points to read at a position: those at the nearest time. @param {Plot} plot @param {number} x @returns {Point[]} */
export function pointsAtPixel(plot, x) {
  const all = plot.points
    .map(({ xs }, curveNumber) => ({ curveNumber, pointNumber: nearestIndex(xs, plot.x.invert(x)) }))
    .filter((point) => isReadable(plot, point));
  const distance = (/** @type {Point} */ { curveNumber, pointNumber }) => Math.abs(plot.points[curveNumber].px[pointNumber] - x);
  const nearest = all.reduce((least, point) => Math.min(least, distance(point)), Infinity);
  const first = all.find((point) => distance(point) === nearest);
  return first ? pointsAtSameX(plot, first) : [];
}

/** All points at the same x as one of them, in the order of the legend. @param {Plot} plot @param {Point} point @returns {Point[]} */
export function pointsAtSameX(plot, { curveNumber, pointNumber }) {
  const x = plot.points[curveNumber].xs[pointNumber];
  const rank = (/** @type {Point} */ point) => plot.points[point.curveNumber].trace.legendrank ?? 1000;
  return plot.points
    .map(({ xs }, i) => ({ curveNumber: i, pointNumber: nearestIndex(xs, x) }))
    .filter((point) => plot.points[point.curveNumber].xs[point.pointNumber] === x && isReadable(plot, point))
    .sort((a, b) => rank(a) - rank(b));
}

/** Whether a point exists, is visible and is not to be skipped. @param {Plot} plot @param {Point} point */
function isReadable({ points, box }, { curveNumber, pointNumber }) {
  const { trace, px, py } = points[curveNumber];
  return at(trace.hoverinfo, pointNumber) !== "skip" && px[pointNumber] >= box.left - 1 && px[pointNumber] <= box.right + 1 && Number.isFinite(py[pointNumber]);
}

/** The index of the nearest of ascending numbers. @param {Float64Array} numbers @param {number} wanted */
function nearestIndex(numbers, wanted) {
  let [low, high] = [0, numbers.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < wanted) low = middle;
    else high = middle;
  }
  return Math.abs(numbers[high] - wanted) < Math.abs(numbers[low] - wanted) ? high : low;
}

/** @param {Plot} plot @param {any} layout @param {Point} point */
function heading({ points }, { xaxis }, { curveNumber, pointNumber }) {
  const value = points[curveNumber].trace.x[pointNumber];
  return typeof xaxis.hoverformat === "function" ? xaxis.hoverformat(value) : String(value);
}

/** @param {Plot} plot @param {any} layout @param {Point} point */
function row({ points }, layout, { curveNumber, pointNumber }) {
  const { trace } = points[curveNumber];
  return h("p", {}, sample(trace, pointNumber), trace.name && h("span", { class: "name" }, trace.name), h("span", { class: "value" }, readingOf(trace, pointNumber, layout)));
}

/** A piece of its area or line, or its marker. @param {any} trace @param {number} i */
export function sample(trace, i) {
  const marker = trace.mode === "markers" ? markerAt(trace, i) : null;
  marker?.setAttribute("transform", "translate(9 5)");
  const line = svg("path", { d: "M0 5H18", class: "line" }, { stroke: trace.line?.color, "stroke-width": trace.line?.width ?? 2, "stroke-dasharray": dashArray(trace.line?.dash) });
  const area = trace.fill ? svg("rect", { width: 18, height: 10 }, { fill: trace.fillcolor, opacity: trace.opacity }) : null;
  return svg("svg", { viewBox: "0 0 18 10", width: 18, height: 10 }, {}, [area ?? marker ?? line]);
}

/** @param {Plot} plot @param {Point} point */
function dot({ points }, { curveNumber, pointNumber }) {
  const { trace, px, py } = points[curveNumber];
  const colour = trace.line?.color ?? at(trace.marker?.color, pointNumber);
  return svg("circle", { cx: round(px[pointNumber]), cy: round(py[pointNumber]), r: 4 }, { fill: colour });
}

/** The template of a trace filled in, as nodes: text from files is never parsed as markup. @param {any} trace @param {number} i @param {any} layout */
function readingOf(trace, i, layout) {
  const template = at(trace.hovertemplate, i) ?? "%{y}";
  return template.split(/(<b>.*?<\/b>|<br>)/).map((/** @type {string} */ part) => {
    if (part === "<br>") return h("br");
    const text = part.replace(/<\/?b>/g, "").replace(/%\{(\w+)(?::([^}]*))?\}( °C)?/g, (_, name, format, celsius = "") => {
      const quantity = celsius && layout[name === "x" ? "xaxis" : (trace.yaxis ?? "y").replace("y", "yaxis")]?.unit;
      const value = at(trace[name], i);
      return quantity ? `${formatted(inUnit(value, quantity), format)} ${unit()}` : formatted(value, format) + celsius;
    });
    return part.startsWith("<b>") ? h("b", {}, text) : text;
  });
}

/** A value in a format such as .2f, or +.2f with a sign. @param {any} value @param {string | undefined} format */
function formatted(value, format) {
  const [, plus, places] = /^(\+?)\.(\d)f$/.exec(format ?? "") ?? [];
  if (places === undefined || typeof value !== "number") return String(value ?? "");
  return `${plus && value >= 0 ? "+" : ""}${fixed(value, Number(places))}`;
}
