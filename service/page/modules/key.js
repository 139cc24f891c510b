// @ts-check
/** The API key, asked for when the service wants one. */

import { h } from "./dom.js";

/** @type {Promise<string> | null} */
let asking = null;

/**
 * Ask for a key, once for all who wait for it.
 * @param {boolean} wrong whether one was tried and refused
 * @returns {Promise<string>} empty where none was given
 */
export function askForKey(wrong) {
  asking ??= open(wrong).finally(() => {
    asking = null;
  });
  return asking;
}

/** @param {boolean} wrong @returns {Promise<string>} */
function open(wrong) {
  return new Promise((resolve) => {
    const input = h("input", {
      type: "password",
      name: "key",
      required: true,
      autocomplete: "off",
      "aria-invalid": wrong ? "true" : null,
      "aria-describedby": "key-note",
    });
    const dialog = h(
      "dialog",
      { "aria-labelledby": "key-title", close: () => (resolve(dialog.returnValue && input.value.trim()), dialog.remove()) },
      h(
        "form",
        { method: "dialog", submit: () => dialog.close("given") },
        h("h2", { id: "key-title" }, "This service asks for an API key"),
        h("label", { class: "field" }, h("span", {}, "Key"), input),
        h(
          "p",
          { class: "note", id: "key-note" },
          wrong ? "The key was refused; ask whoever runs the service for one. " : "",
          "It is kept only in the memory of this page, and is gone when you close it.",
        ),
        h(
          "div",
          { class: "row end" },
          h("button", { type: "button", click: () => dialog.close("") }, "Cancel"),
          h("button", { class: "main" }, "Use key"),
        ),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
