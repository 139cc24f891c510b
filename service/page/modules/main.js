// @ts-check
/** The entry point: shows the view that the URL names, and follows changes of the URL. */

import { readState, updateState, urlOf } from "./address.js";
import { installUnit } from "./degrees.js";
import { fill } from "./dom.js";
import { errorNotice } from "./task.js";
import { installTheme } from "./theme.js";

/**
 * The service preloads the modules of the view that the URL names, and only those: the others load after it.
 * @type {Record<string, () => Promise<{heading: string, show: (root: HTMLElement, signal: AbortSignal) => Promise<void>}>>}
 */
const VIEWS = {
  forecast: () => import("./forecast.js"),
  data: () => import("./data.js"),
  stations: () => import("./stations.js"),
  compare: () => import("./compare.js"),
  operate: () => import("./operate.js"),
};

const root = /** @type {HTMLElement} */ (document.getElementById("main"));
const links = /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("[data-view]"));

let viewController = new AbortController();

/** The options of Your data, which belong to the file that stays open. @type {import("./address.js").State} */
let dataOptions = {};

async function show() {
  viewController.abort();
  viewController = new AbortController();
  const { signal } = viewController;
  const { view, dataset } = readState();
  markCurrent(view, dataset);
  root.setAttribute("aria-busy", "true");
  try {
    const module = await VIEWS[view]();
    if (signal.aborted) return;
    document.title = `${module.heading} · SST forecasting`;
    fill(root);
    root.removeAttribute("aria-busy");
    await module.show(root, signal);
  } catch (error) {
    if (signal.aborted) return;
    root.removeAttribute("aria-busy");
    fill(root, errorNotice(error, show));
  }
}

/** @param {string} view @param {string | undefined} dataset */
function markCurrent(view, dataset) {
  for (const link of links) {
    const isCurrent = link.dataset.view === view;
    if (isCurrent) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    link.href = urlOf({ view: link.dataset.view, dataset });
  }
}

/** The other views wait for the data and the charts of the first. */
const OTHERS_DELAY_MS = 3000;

/** Load the other views in advance. One that fails is loaded again when it is shown. */
function loadOthers() {
  for (const load of Object.values(VIEWS)) load().catch(() => {});
}

/** Open a view in place of the current one. @param {import("./address.js").State} next its state */
function openView(next) {
  const state = readState();
  if (state.view === "data") dataOptions = state;
  const cleared = Object.fromEntries(Object.keys(state).map((name) => [name, null]));
  updateState({ ...cleared, ...(next.view === "data" ? dataOptions : {}), ...next }, { step: true });
  show();
  root.focus();
  scrollTo(0, 0);
}

// Links to views do not load the page again, which would close the file that is open.
document.addEventListener("click", (event) => {
  const link = /** @type {Element} */ (event.target).closest('a[href^="/?"]');
  if (!(link instanceof HTMLAnchorElement) || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const { view } = link.dataset;
  openView(view ? { view, dataset: readState().dataset } : Object.fromEntries(new URL(link.href).searchParams));
});

addEventListener("popstate", show);
installTheme(/** @type {HTMLSelectElement} */ (document.getElementById("theme")));
installUnit(/** @type {HTMLSelectElement} */ (document.getElementById("unit")), show);
show();
setTimeout(loadOthers, OTHERS_DELAY_MS);
