// @ts-check
/** Controls that views are set with. */

import { h, id } from "./dom.js";

/**
 * A list to choose from.
 * @param {string} label
 * @param {{value: string, text: string}[]} options
 * @param {string} value
 * @param {(value: string) => void} change
 */
export function choice(label, options, value, change) {
  const name = id("choice");
  return h(
    "div",
    { class: "field" },
    h("label", { for: name }, label),
    h(
      "select",
      { id: name, change: (/** @type {any} */ event) => change(event.target.value) },
      options.map((one) => h("option", { value: one.value, selected: one.value === value }, one.text)),
    ),
  );
}

/**
 * Things to switch on and off, or with `pick` one to pick.
 * @param {string} label
 * @param {{value: string, text: import("./dom.js").Child | import("./dom.js").Child[]}[]} options
 * @param {string[]} on
 * @param {(on: string[]) => void} change
 * @param {{pick?: boolean}} [how]
 */
export function toggles(label, options, on, change, { pick = false } = {}) {
  const name = id("toggle");
  const inputs = options.map((one) =>
    h("input", {
      type: pick ? "radio" : "checkbox",
      name,
      value: one.value,
      checked: on.includes(one.value),
      change: () => change(inputs.filter((input) => input.checked).map((input) => input.value)),
    }),
  );
  return h(
    "fieldset",
    { class: "field" },
    h("legend", {}, label),
    h(
      "div",
      { class: "toggles" },
      options.map((one, i) => h("label", { class: pick ? "toggle pick" : "toggle" }, inputs[i], h("span", {}, one.text))),
    ),
  );
}

/**
 * A line of text; told to `change` when it is left or sent.
 * @param {string} label @param {string} value @param {string} hint what is meant where it is empty @param {(value: string) => void} change
 */
export function text(label, value, hint, change) {
  const name = id("text");
  const input = h("input", { id: name, type: "text", value, placeholder: hint, spellcheck: "false", autocomplete: "off", change: () => change(input.value) });
  return h("div", { class: "field" }, h("label", { for: name }, label), input);
}

/**
 * A whole number within bounds; told to `change` when it is sound.
 * @param {string} label
 * @param {{value: number, min: number, max: number, unit: (n: number) => string}} bounds
 * @param {(value: number) => void} change
 */
export function number(label, { value, min, max, unit }, change) {
  const name = id("number");
  const note = h("span", { class: "note", id: `${name}-note` }, unit(value));
  const input = h("input", {
    id: name,
    type: "number",
    min,
    max,
    step: 1,
    value,
    "aria-describedby": `${name}-note`,
    input: () => {
      const wanted = Number(input.value);
      const sound = Number.isInteger(wanted) && wanted >= min && wanted <= max;
      input.setAttribute("aria-invalid", String(!sound));
      note.textContent = sound ? unit(wanted) : `a whole number from ${min} to ${max}`;
      if (sound) change(wanted);
    },
  });
  return h("div", { class: "field" }, h("label", { for: name }, label), h("div", { class: "row" }, input, note));
}
