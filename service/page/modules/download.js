// @ts-check
/** Files to keep, and text to copy. */

import { call } from "./api.js";
import { h, say } from "./dom.js";
import { scroll } from "./scroll.js";
import { failure } from "./task.js";

/** Save some content as a file. @param {string} name @param {BlobPart} content @param {string} type */
export function save(name, content, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  h("a", { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}

/**
 * A button that saves an answer of the service, sent with the key where there is one.
 * @param {string} label @param {string} name @param {() => string} path
 */
export function saveAnswer(label, name, path) {
  const button = h("button", { type: "button", class: "plain", click: get }, label);
  async function get() {
    button.disabled = true;
    try {
      const answer = await call(path());
      save(name, await answer.blob(), answer.headers.get("content-type") ?? "");
    } catch (error) {
      button.after(failure(error, null));
    } finally {
      button.disabled = false;
    }
  }
  return button;
}

/** Rows as CSV. @param {unknown[][]} rows */
export function csv(rows) {
  return rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n";
}

/** @param {unknown} value */
function quoted(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Text with a button that copies it. @param {string} label @param {string} text */
export function code(label, text) {
  const button = h("button", { type: "button", class: "plain", "aria-label": `Copy: ${label}`, click: copy }, "Copy");
  const block = scroll("pre", label, {}, text);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      say(`${label} copied`);
    } catch {
      // Only pages from this machine or over TLS may write to the clipboard: selected, it is one keystroke away.
      getSelection()?.selectAllChildren(block);
      button.textContent = "Selected";
      say(`${label} selected`);
    }
  }
  return h("div", { class: "code" }, h("header", {}, h("h3", {}, label), button), block);
}
