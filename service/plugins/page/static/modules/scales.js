// @ts-check
/** The scales of a chart: from values to pixels and back. */

import { inUnit, toCelsius } from "./degrees.js";
import { milliseconds } from "./times.js";

/**
 * @typedef {number | string | null | undefined} Value
 * @typedef {[number, number]} Pair
 *
 * @typedef {object} Scale
 * @property {boolean} isTime
 * @property {Pair} domain the numbers at the two ends
 * @property {(value: Value) => number} number a value as a number; NaN for a missing one
 * @property {(number: number) => Value} value what a number stands for in a range of the axis
 * @property {(number: number) => number} pixel
 * @property {(pixel: number) => number} invert from a pixel to a number
 */

/** The scale of an axis. @param {any} axis of the layout; one without a range has no values @param {Pair} pixels of the two ends @returns {Scale} */
export function scaleOf({ range, unit }, [begin, end]) {
  const isTime = typeof range?.[0] === "string";
  const number = (/** @type {any} */ value) => {
    if ((value ?? null) === null) return NaN;
    return isTime ? milliseconds(value) : unit ? inUnit(value, unit) : value;
  };
  const [low, high] = (range ?? [0, 1]).map(number);
  const perUnit = (end - begin) / (high - low || 1);
  return {
    isTime,
    domain: [low, high],
    number,
    value: (value) => (isTime ? new Date(value).toISOString() : unit ? toCelsius(value, unit) : value),
    pixel: (value) => begin + (value - low) * perUnit,
    invert: (pixel) => low + (pixel - begin) / perUnit,
  };
}
