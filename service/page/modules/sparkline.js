// @ts-check
/** A small line of the last days of a station, and its forecast. */

import { svg } from "./svg.js";

const WIDTH = 200;
const HEIGHT = 56;

/**
 * @typedef {object} Ahead the steps ahead
 * @property {number[]} sst
 * @property {number[]} lower of the range; as long as sst
 * @property {number[]} upper
 */

/**
 * The picture, hidden from screen readers, which get its values in words.
 * @param {number[]} past @param {Ahead} ahead
 */
export function sparkline(past, { sst, lower, upper }) {
  const values = [...past, ...sst, ...lower, ...upper];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const count = Math.max(past.length + sst.length - 1, 1);
  const point = (/** @type {number} */ i, /** @type {number} */ value) =>
    `${((WIDTH * i) / count).toFixed(1)} ${(HEIGHT * (high > low ? 1 - (value - low) / (high - low) : 0.5)).toFixed(1)}`;
  const last = past.length - 1;
  const end = point(last, past[last]);
  const after = (/** @type {number[]} */ list) => list.map((value, i) => point(last + 1 + i, value));
  const line = (/** @type {string} */ name, /** @type {string[]} */ points, close = "") => svg("path", { class: name, d: `M${points.join("L")}${close}` });
  const [x, y] = end.split(" ");
  return svg("svg", { class: "sparkline", viewBox: `-4 -4 ${WIDTH + 8} ${HEIGHT + 8}`, "aria-hidden": "true", focusable: "false" }, {}, [
    ...(sst.length ? [line("fan", [end, ...after(upper), ...after(lower).reverse()], "Z"), line("ahead", [end, ...after(sst)])] : []),
    line("past", past.map((value, i) => point(i, value))),
    svg("circle", { class: "dot", cx: x, cy: y, r: 3 }),
  ]);
}
