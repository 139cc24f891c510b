// @ts-check
/** The values of a chart at a time, in a box beside it and in words. */

import { fill, h } from "./dom.js";
import { round } from "./marks.js";
import { dashArray, svg } from "./svg.js";

/**
 * @typedef {import("./plot.js").Plot} Plot
 * @typedef {{trace: any, y: number, text: string}} Reading a point of a trace: its height in pixels, and what it says
 */

const GAP = 14;

export class Readout {
  constructor() {
    this.element = h("div", { class: "readout", "aria-hidden": "true", hidden: true });
    /** The line at the time and the marks at its points. @type {SVGElement} */
    this.marks = svg("g", { class: "reading" });
  }

  /** Show the values at a number of the horizontal axis, and return them in words. @param {Plot} plot @param {any} axis of the layout @param {number} number */
  show(plot, axis, number) {
    const readings = readingsAt(plot, number);
    const when = axis.hoverformat(plot.x.value(number));
    if (!readings.length) {
      this.hide();
      return `${when}, missing`;
    }
    const pixel = round(plot.x.pixel(number));
    const spike = svg("line", { x1: pixel, x2: pixel, y1: plot.box.top, y2: plot.box.bottom, class: "spike" });
    const dots = readings.map(({ trace, y }) => svg("circle", { cx: pixel, cy: round(y), r: 4 }, { fill: trace.line.color }));
    this.marks.replaceChildren(spike, ...dots);
    plot.element.append(this.marks);
    fill(this.element, h("p", { class: "when" }, when), readings.map(row));
    this.element.hidden = false;
    this.#place(plot, pixel);
    return [when, ...readings.map(({ trace, text }) => `${trace.name} ${text.replaceAll("\n", ", ")}`)].join(", ");
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

/** The numbers of the horizontal axis, within the visible period, that have values to read. @param {Plot} plot */
export function numbersToRead({ points, x }) {
  const [first, last] = x.domain;
  const all = points.filter(({ trace }) => trace.read).flatMap(({ xs }) => [...xs]);
  return Float64Array.from(new Set(all.filter((number) => number >= first && number <= last))).sort();
}

/** The index of the nearest of ascending numbers. @param {Float64Array} numbers @param {number} wanted */
export function nearestIndex(numbers, wanted) {
  let [low, high] = [0, numbers.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < wanted) low = middle;
    else high = middle;
  }
  return Math.abs(numbers[high] - wanted) < Math.abs(numbers[low] - wanted) ? high : low;
}

/** What the traces say at a number, in the order of the legend. @param {Plot} plot @param {number} number @returns {Reading[]} */
function readingsAt({ points }, number) {
  const readings = points.flatMap(({ trace, xs, py }) => {
    const i = nearestIndex(xs, number);
    const text = xs[i] === number && Number.isFinite(py[i]) && trace.read?.(i);
    return text ? [{ trace, y: py[i], text }] : [];
  });
  return readings.sort((a, b) => (a.trace.legendrank ?? 1000) - (b.trace.legendrank ?? 1000));
}

/** @param {Reading} reading */
function row({ trace, text }) {
  return h("p", {}, sample(trace), h("span", { class: "name" }, trace.name), h("span", { class: "value" }, text));
}

/** A piece of its area or line. @param {any} trace */
export function sample(trace) {
  const line = svg("path", { d: "M0 5H18", class: "line" }, { stroke: trace.line?.color, "stroke-width": trace.line?.width ?? 2, "stroke-dasharray": dashArray(trace.line?.dash) });
  const area = trace.fill ? svg("rect", { width: 18, height: 10 }, { fill: trace.fillcolor, opacity: trace.opacity }) : null;
  return svg("svg", { viewBox: "0 0 18 10", width: 18, height: 10, "aria-hidden": "true" }, {}, [area ?? line]);
}
