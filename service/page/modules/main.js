// @ts-check
/** The page: shows the view that the address names, and follows it. */

import { address, read, write } from "./address.js";
import { fill } from "./dom.js";
import { hasCharts, plotly } from "./library.js";
import { installTheme } from "./theme.js";
import * as compare from "./compare.js";
import * as forecast from "./forecast.js";
import * as data from "./data.js";
import * as operate from "./operate.js";

/** @type {Record<string, {heading: string, show: (root: HTMLElement, signal: AbortSignal) => Promise<void>}>} */
const VIEWS = { compare, forecast, data, operate };

const root = /** @type {HTMLElement} */ (document.getElementById("main"));
const links = /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("[data-view]"));

let leave = new AbortController();

async function show() {
  leave.abort();
  leave = new AbortController();
  const { view, dataset } = read();
  document.title = `${VIEWS[view].heading} · SST forecasting`;
  for (const link of links) {
    const own = link.dataset.view === view;
    if (own) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    link.href = address({ view: link.dataset.view, dataset });
  }
  fill(root);
  await VIEWS[view].show(root, leave.signal);
}

for (const link of links) {
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const own = { view: link.dataset.view, dataset: read().dataset };
    const others = Object.fromEntries(Object.keys(read()).map((name) => [name, null]));
    write({ ...others, ...own }, { step: true });
    show();
    root.focus();
    scrollTo(0, 0);
  });
}

addEventListener("popstate", show);
// The first paint comes first; then the library comes while the figures for the first chart do.
requestAnimationFrame(() => setTimeout(() => read().view !== "operate" && hasCharts() && plotly().catch(() => {})));
installTheme(/** @type {HTMLSelectElement} */ (document.getElementById("theme")));
show();
