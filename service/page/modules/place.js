// @ts-check
/** The page of a place: a sea, a station or a file. */

import { ADD, HOME, readAddress } from "./address.js";
import { fill, h } from "./dom.js";

export const heading = "Place";

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const { kind, id } = readAddress();
  if (kind === "sea") return (await import("./forecast.js")).show(root, signal);
  if (kind === "file") return (await import("./data.js")).show(root, signal);
  if (kind === "station") return (await import("./station-view.js")).showStation(root, id, signal);
  fill(root, h("h1", {}, "There is no such place"), h("p", {}, "Look at ", h("a", { href: HOME }, "all places"), ", or ", h("a", { href: ADD }, "add a place"), "."));
}
