// @ts-check
/** Small figures in SVG, drawn at the width of their box so that text keeps its size. Colours come from the style sheet. */

import { fill, h } from "./dom.js";

const NAMESPACE = "http://www.w3.org/2000/svg";

/**
 * Create an SVG element.
 * @param {string} tag @param {Record<string, string | number>} [attributes] @param {...(Node | string | null | false | (Node | null | false)[])} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, typeof value === "number" ? String(Math.round(value * 100) / 100) : value);
  element.append(.../** @type {(Node | string)[]} */ (children.flat().filter((child) => child !== null && child !== false)));
  return element;
}

/**
 * A figure that is drawn again whenever its width changes.
 * @param {number} height in pixels
 * @param {(width: number) => {label: string, content: (SVGElement | null | false)[]}} draw label: what the figure shows, for screen readers
 * @param {AbortSignal} signal removes the figure
 */
export function figure(height, draw, signal) {
  const element = h("div", { class: "figure", role: "img" });
  element.style.height = `${height}px`;
  let width = 0;
  const redraw = () => {
    if (!width) return;
    const { label, content } = draw(width);
    element.setAttribute("aria-label", label);
    fill(element, svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, content));
  };
  const observer = new ResizeObserver(() => {
    if (element.clientWidth === width) return;
    width = element.clientWidth;
    redraw();
  });
  observer.observe(element);
  signal.addEventListener("abort", () => observer.disconnect());
  return { element, redraw };
}

/** A linear scale. @param {[number, number]} domain @param {[number, number]} range in pixels @returns {(value: number) => number} */
export function linear([low, high], [from, to]) {
  const factor = high === low ? 0 : (to - from) / (high - low);
  return (value) => from + (value - low) * factor;
}

/**
 * Round ticks within a domain.
 * @param {[number, number]} domain @param {number} most number of ticks
 */
export function ticks([low, high], most) {
  const rough = (high - low) / most || 1;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const size = [1, 2, 2.5, 5, 10].map((factor) => factor * magnitude).find((candidate) => candidate >= rough) ?? rough;
  const first = Math.ceil(low / size - 1e-9);
  const count = Math.floor(high / size + 1e-9) - first + 1;
  return Array.from({ length: Math.max(count, 0) }, (_, i) => (first + i) * size);
}

/** The path through points, with gaps at missing values. @param {(number | null)[][]} points x and y in pixels */
export function linePath(points) {
  let pen = "M";
  return points
    .map(([x, y]) => {
      if (x === null || y === null) {
        pen = "M";
        return "";
      }
      const command = `${pen}${x.toFixed(1)},${y.toFixed(1)}`;
      pen = "L";
      return command;
    })
    .join("");
}

/** The outline of a band between two lines. @param {number[]} x @param {number[]} lower @param {number[]} upper in pixels */
export function bandPath(x, lower, upper) {
  const forth = x.map((value, i) => [value, upper[i]]);
  const back = x.map((value, i) => [value, lower[i]]).reverse();
  return `${linePath([...forth, ...back])}Z`;
}
