// @ts-check
/** The dialog that asks for an API key. */

import { h } from "./dom.js";

/** @type {Promise<string> | null} */
let pendingKey = null;

/**
 * Ask for a key. Concurrent requests share one dialog.
 * @param {boolean} rejected whether the service rejected the previous key
 * @returns {Promise<string>} empty if the user cancels
 */
export function askForKey(rejected) {
  pendingKey ??= openDialog(rejected).finally(() => {
    pendingKey = null;
  });
  return pendingKey;
}

/** @param {boolean} rejected @returns {Promise<string>} */
function openDialog(rejected) {
  return new Promise((resolve) => {
    const input = h("input", {
      type: "password",
      name: "key",
      required: true,
      autocomplete: "off",
      "aria-invalid": rejected ? "true" : null,
      "aria-describedby": "key-note",
    });
    const dialog = h(
      "dialog",
      { "aria-labelledby": "key-title", close: () => (resolve(dialog.returnValue && input.value.trim()), dialog.remove()) },
      h(
        "form",
        { method: "dialog", submit: () => dialog.close("submitted") },
        h("h2", { id: "key-title" }, "This service requires an API key"),
        h("label", { class: "field" }, h("span", {}, "API key"), input),
        h(
          "p",
          { class: "note", id: "key-note" },
          rejected ? "The key was rejected. Ask the operator of this service for a valid one. " : "",
          "The key is kept only in the memory of this page and is gone when you close or reload it.",
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
