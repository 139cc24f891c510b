// @ts-check
/** Ways to share a place: its address, and a picture of it for other pages. */

import { OPTIONS_CHANGE } from "./address.js";
import { hasKey } from "./api.js";
import { fill, h } from "./dom.js";
import { codeBlock, fetchedPicture } from "./download.js";

/**
 * A link to the place, and a picture of it.
 * @param {string} title of the place @param {string | null} card path of its picture; null if it has none @param {AbortSignal} signal
 */
export function shareCard(title, card, signal) {
  const body = h("div", { class: "stack" });
  const link = h("div", {});
  const showLink = () => link.isConnected && fill(link, codeBlock("Link to what you see now", location.href));
  const show = (/** @type {any} */ { target }) => {
    if (!target.open) return;
    fill(body, link, card && embedding(title, card, signal), h("p", { class: "note" }, "Programs get the same numbers from the ", h("a", { href: "/docs" }, "API"), "."));
    showLink();
  };
  addEventListener(OPTIONS_CHANGE, showLink, { signal });
  return h("details", { class: "card add share", toggle: show }, h("summary", {}, "Share this place"), body);
}

/** The picture, and how to show it elsewhere. @param {string} title @param {string} card @param {AbortSignal} signal */
function embedding(title, card, signal) {
  const alt = title.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
  const code = `<img src="${location.origin}${card}" width="360" height="224"\n     alt="SST at ${alt}: last value and forecast">`;
  const picture = fetchedPicture(card, { alt: `The card of ${title}`, width: 360, height: 224 }, signal);
  const note = hasKey() ? "This service requires a key, which images cannot send. Let your server fetch the picture with a key and pass it on." : "The picture follows the reader's light or dark theme.";
  return h("div", { class: "grid" }, picture, h("div", {}, codeBlock("HTML for another page", code), h("p", { class: "note" }, note)));
}
