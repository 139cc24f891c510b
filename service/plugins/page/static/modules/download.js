// @ts-check
/** Files to download and text to copy. */

import { request } from "./api.js";
import { announce, fill, h } from "./dom.js";
import { scrollable } from "./scroll.js";
import { errorNotice, runTask } from "./task.js";

/** Download content as a file. @param {string} name @param {BlobPart} content @param {string} type */
export function saveFile(name, content, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  h("a", { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}

/** A file name such as recent-values-of-the-pier.svg. @param {string} title @param {string} suffix */
export function fileName(title, suffix) {
  return `${title.replace(/, °[CF]$/, "").toLowerCase().match(/[\p{L}\p{N}]+/gu)?.join("-") ?? "chart"}.${suffix}`;
}

/**
 * A button that downloads a response of the service. Unlike a plain link, it sends the API key.
 * @param {string} label @param {string} name @param {() => string} path evaluated on each click
 */
export function downloadButton(label, name, path) {
  const button = h("button", { type: "button", class: "plain", click: download }, label);
  async function download() {
    button.disabled = true;
    try {
      const response = await request(path());
      saveFile(name, await response.blob(), response.headers.get("content-type") ?? "");
    } catch (error) {
      button.after(errorNotice(error, null));
    } finally {
      button.disabled = false;
    }
  }
  return button;
}

/**
 * A picture that the service draws. It is fetched, because an image cannot send the API key.
 * @param {string} path @param {{ alt: string, width: number, height: number }} image @param {AbortSignal} signal
 */
export function fetchedPicture(path, image, signal) {
  const box = h("div", { class: "card-picture" });
  const load = async (/** @type {AbortSignal} */ stop) => URL.createObjectURL(await (await request(path, { signal: stop })).blob());
  runTask(box, "Loading the picture", signal, load, (src) => {
    signal.addEventListener("abort", () => URL.revokeObjectURL(src));
    fill(box, h("img", { src, ...image }));
  });
  return box;
}

/** Rows as CSV. @param {unknown[][]} rows */
export function toCsv(rows) {
  return rows.map((row) => row.map(csvField).join(",")).join("\n") + "\n";
}

/** A spreadsheet would calculate a text that begins like a formula, such as a name: an apostrophe keeps it as text. @param {unknown} value */
function csvField(value) {
  const plain = value === null || value === undefined ? "" : String(value);
  const text = /^[=+\-@\t\r]/.test(plain) && !Number.isFinite(Number(plain)) ? `'${plain}` : plain;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A block of code with a Copy button. @param {string} label @param {string} text */
export function codeBlock(label, text) {
  const button = h("button", { type: "button", class: "plain", "aria-label": `Copy: ${label}`, click: copy }, "Copy");
  const block = scrollable("pre", label, {}, text);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      announce(`${label} copied`);
    } catch {
      // Browsers give clipboard access only over TLS or from localhost. Select the text so that it takes one key to copy.
      getSelection()?.selectAllChildren(block);
      button.textContent = "Selected";
      announce(`${label} selected`);
    }
  }
  return h("div", { class: "code" }, h("header", {}, h("h3", {}, label), button), block);
}
