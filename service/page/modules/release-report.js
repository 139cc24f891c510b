// @ts-check
/** The link to the report of a release, a page without script beside its model card. */

import { hasKey, request } from "./api.js";
import { fill, h } from "./dom.js";
import { runTask } from "./task.js";

/** A link. With a key, which only this page can send, the report opens below it. @param {string} model @param {string} text @param {AbortSignal} signal */
export function releaseReport(model, text, signal) {
  const path = `/models/${encodeURIComponent(model)}/report`;
  const box = h("div", {});
  const open = (/** @type {Event} */ event) => {
    if (!hasKey()) return;
    event.preventDefault();
    const load = async (/** @type {AbortSignal} */ stop) => (await request(path, { signal: stop })).text();
    runTask(box, "Loading the report", signal, load, (page) => {
      const main = new DOMParser().parseFromString(page, "text/html").querySelector("main");
      fill(box, ...(main?.children ?? []));
    });
  };
  return h("div", {}, h("a", { href: path, click: open }, text), box);
}
