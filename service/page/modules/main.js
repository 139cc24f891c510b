// @ts-check
/** The entry point: shows the view that the URL names, and follows changes of the URL. */

import { readState, updateState, urlOf } from "./address.js";
import { fill } from "./dom.js";
import { installTheme } from "./theme.js";
import * as forecast from "./forecast.js";
import * as data from "./data.js";
import * as compare from "./compare.js";
import * as operate from "./operate.js";

/** @type {Record<string, {heading: string, show: (root: HTMLElement, signal: AbortSignal) => Promise<void>}>} */
const VIEWS = { forecast, data, compare, operate };

const root = /** @type {HTMLElement} */ (document.getElementById("main"));
const links = /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("[data-view]"));

let viewController = new AbortController();

/** The options of Your data, which belong to the file that stays open. @type {import("./address.js").State} */
let dataOptions = {};

async function show() {
  viewController.abort();
  viewController = new AbortController();
  const { view, dataset } = readState();
  document.title = `${VIEWS[view].heading} · SST forecasting`;
  for (const link of links) {
    const isCurrent = link.dataset.view === view;
    if (isCurrent) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    link.href = urlOf({ view: link.dataset.view, dataset });
  }
  fill(root);
  await VIEWS[view].show(root, viewController.signal);
}

for (const link of links) {
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const state = readState();
    if (state.view === "data") dataOptions = state;
    const kept = { ...(link.dataset.view === "data" ? dataOptions : {}), view: link.dataset.view, dataset: state.dataset };
    const cleared = Object.fromEntries(Object.keys(state).map((name) => [name, null]));
    updateState({ ...cleared, ...kept }, { step: true });
    show();
    root.focus();
    scrollTo(0, 0);
  });
}

addEventListener("popstate", show);
installTheme(/** @type {HTMLSelectElement} */ (document.getElementById("theme")));
show();
