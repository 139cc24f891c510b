// @ts-check
/**
 * Temperatures in the unit that the reader chose: °C, or °F. All values are in °C until one of these functions writes or
 * draws them; charts convert the values of axes that have a `unit`.
 */

import { fixed } from "./numbers.js";
import { savedChoice, saveChoice } from "./theme.js";

/** @typedef {"temperature" | "difference"} Quantity a temperature, or a difference between two, such as an error */

const NBSP = "\u00a0";

let isFahrenheit = savedChoice("unit") === "F";

/** The unit, as it is written. */
export function unit() {
  return isFahrenheit ? "°F" : "°C";
}

/** A number in the unit. @template {number | null | undefined} T @param {T} celsius @param {Quantity} [quantity] @returns {T | number} */
export function inUnit(celsius, quantity = "temperature") {
  if (!isFahrenheit || celsius === null || celsius === undefined) return celsius;
  return celsius * 1.8 + (quantity === "temperature" ? 32 : 0);
}

/** The decimals of a range: one, or two if its ends would look the same. @param {number | null} lower °C @param {number | null} upper °C */
export function placesOf(lower, upper) {
  return lower !== null && fixed(inUnit(lower), 1) === fixed(inUnit(upper), 1) ? 2 : 1;
}

/** A temperature as a field has it: without decimals that say nothing. @param {number} celsius */
export function typedDegrees(celsius) {
  return String(Number(inUnit(celsius).toFixed(3))).replace("-", "−");
}

/** A temperature in the unit in °C, such as one that was entered. @param {number} value @param {Quantity} [quantity] */
export function toCelsius(value, quantity = "temperature") {
  return isFahrenheit ? (value - (quantity === "temperature" ? 32 : 0)) / 1.8 : value;
}

/** A temperature with its unit, such as 22.8 °C. @param {number | null | undefined} celsius @param {number} places */
export function temperature(celsius, places) {
  return fixed(inUnit(celsius), places) + NBSP + unit();
}

/** A difference between temperatures with its unit, such as 0.4 °C. @param {number | null | undefined} celsius @param {number} places */
export function difference(celsius, places) {
  return fixed(inUnit(celsius, "difference"), places) + NBSP + unit();
}

/** Connect the control that chooses the unit. @param {HTMLSelectElement} select @param {() => void} show the view anew */
export function installUnit(select, show) {
  select.value = unit();
  select.addEventListener("change", () => {
    isFahrenheit = select.value === "°F";
    saveChoice("unit", isFahrenheit ? "F" : "");
    show();
  });
}
