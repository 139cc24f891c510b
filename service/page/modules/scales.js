// @ts-check
/** The scales of a chart: from values to pixels and back. */

import { inUnit, toCelsius } from "./degrees.js";
import { milliseconds } from "./times.js";

/**
 * @typedef {number | string | null | undefined} Value
 * @typedef {[number, number]} Pair
 *
 * @typedef {object} Scale
 * @property {"time" | "number"} kind
 * @property {Pair} domain the numbers at the two ends
 * @property {Pair} pixels the pixels of the two ends
 * @property {(value: Value) => number} number a value as a number; NaN for a missing one
 * @property {(number: number) => Value} value what a number stands for in a range of the axis
 * @property {(number: number) => number} pixel
 * @property {(pixel: number) => number} invert from a pixel to a number
 */

/** Room beyond the values of an axis without a range, as a fraction of their extent. */
const MARGIN = 0.05;

/**
 * The scale of an axis.
 * @param {Value[][]} columns the values that it shows
 * @param {any} axis of the layout
 * @param {Pair} pixels of the two ends
 * @param {boolean} padded whether there is room beyond the values
 * @returns {Scale}
 */
export function scaleOf(columns, axis, pixels, padded) {
  const isTime = typeof columns.flat().find((value) => value !== null && value !== undefined) === "string";
  const { unit } = axis;
  const inItsUnit = (/** @type {Value} */ value) => inUnit(plainNumber(value), unit);
  const number = isTime ? timeNumber : unit ? inItsUnit : plainNumber;
  const domain = /** @type {Pair} */ (axis.range ? axis.range.map(number) : extent(columns, number, padded ? MARGIN : 0));
  if (axis.rangemode === "tozero" && !axis.range) domain.splice(0, 2, Math.min(domain[0], 0), Math.max(domain[1], 0));
  const perUnit = (pixels[1] - pixels[0]) / (domain[1] - domain[0] || 1);
  return {
    kind: isTime ? "time" : "number",
    domain,
    pixels,
    number,
    value: (value) => (isTime ? new Date(value).toISOString() : unit ? toCelsius(value, unit) : value),
    pixel: (value) => pixels[0] + (value - domain[0]) * perUnit,
    invert: (pixel) => domain[0] + (pixel - pixels[0]) / perUnit,
  };
}

/** The lowest and the highest number, with a margin. @param {Value[][]} columns @param {(value: Value) => number} number @param {number} margin @returns {Pair} */
function extent(columns, number, margin) {
  let [low, high] = [Infinity, -Infinity];
  for (const column of columns) {
    for (const value of column) {
      const at = number(value);
      if (at < low) low = at;
      if (at > high) high = at;
    }
  }
  if (low > high) return [0, 1];
  const room = (high - low) * margin || (low === high ? 0.5 : 0);
  return [low - room, high + room];
}

/** @param {Value} value */
function plainNumber(value) {
  return typeof value === "number" ? value : NaN;
}

/** @param {Value} value */
function timeNumber(value) {
  return value === null || value === undefined ? NaN : milliseconds(value);
}
