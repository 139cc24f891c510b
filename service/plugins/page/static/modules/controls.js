// @ts-check
/** Form controls. */

import { h, uniqueId } from "./dom.js";

/**
 * A drop-down list.
 * @param {string} label
 * @param {{value: string, text: string}[]} options
 * @param {string} value
 * @param {(value: string) => void} change
 */
export function selectField(label, options, value, change) {
  const name = uniqueId("select");
  return h(
    "div",
    { class: "field" },
    h("label", { for: name }, label),
    h(
      "select",
      { id: name, change: (/** @type {any} */ event) => change(event.target.value) },
      options.map((option) => h("option", { value: option.value, selected: option.value === value }, option.text)),
    ),
  );
}

/** Focus the control of a field that replaces the one in focus, unless the user has moved on. @param {Element} field */
export function takeFocus(field) {
  if (document.activeElement === document.body) /** @type {HTMLElement | null} */ (field.querySelector("select, input"))?.focus({ preventScroll: true });
}

/**
 * A group of toggles, or of radio buttons with `single`.
 * @param {string} label
 * @param {{value: string, text: import("./dom.js").Child | import("./dom.js").Child[]}[]} options
 * @param {string[]} selected values
 * @param {(selected: string[]) => void} change called with the new selection
 * @param {{single?: boolean}} [settings]
 */
export function toggleGroup(label, options, selected, change, { single = false } = {}) {
  const name = uniqueId("toggle");
  const inputs = options.map((option) =>
    h("input", {
      type: single ? "radio" : "checkbox",
      name,
      value: option.value,
      checked: selected.includes(option.value),
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
      options.map((option, i) => h("label", { class: single ? "toggle single" : "toggle" }, inputs[i], h("span", {}, option.text))),
    ),
  );
}

/**
 * A text field.
 * @param {string} label @param {string} value @param {string} hint shown while the field is empty
 * @param {(value: string) => void} change called when the field loses focus or Enter is pressed
 */
export function textField(label, value, hint, change) {
  const name = uniqueId("text");
  const input = h("input", { id: name, type: "text", value, placeholder: hint, spellcheck: "false", autocomplete: "off", change: () => change(input.value) });
  return h("div", { class: "field" }, h("label", { for: name }, label), input);
}

/**
 * A field for a whole number within bounds.
 * @param {string} label
 * @param {{value: number, min: number, max: number, unit: (n: number) => string}} bounds
 * @param {(value: number) => void} change called with each valid value
 */
export function numberField(label, { value, min, max, unit }, change) {
  const name = uniqueId("number");
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
      const entered = Number(input.value);
      const valid = Number.isInteger(entered) && entered >= min && entered <= max;
      input.setAttribute("aria-invalid", String(!valid));
      note.textContent = valid ? unit(entered) : `Enter a whole number from ${min} to ${max}`;
      if (valid) change(entered);
    },
  });
  return h("div", { class: "field" }, h("label", { for: name }, label), h("div", { class: "row" }, input, note));
}

/**
 * A small menu of buttons. It closes when it loses the focus.
 * @param {string} text @param {string} label of the menu, to be spoken @param {Record<string, () => unknown>} actions by the text of their button
 */
export function menu(text, label, actions) {
  const close = () => details.removeAttribute("open");
  const act = (/** @type {() => unknown} */ action) => () => {
    close();
    summary.focus();
    action();
  };
  const summary = h("summary", { "aria-label": label }, text);
  const details = h(
    "details",
    {
      class: "menu",
      focusout: (/** @type {FocusEvent} */ { relatedTarget }) => !details.contains(relatedTarget) && close(),
      keydown: (/** @type {KeyboardEvent} */ { key }) => key === "Escape" && close(),
    },
    summary,
    h("div", {}, Object.entries(actions).map(([name, action]) => h("button", { type: "button", class: "plain", click: act(action) }, name))),
  );
  return details;
}
