// @ts-check
/** The entry point: shows what the URL names, and follows changes of the URL. */

import { addressOf, openAddress, readAddress } from "./address.js";
import { installUnit } from "./degrees.js";
import { fill } from "./dom.js";
import { errorNotice } from "./task.js";
import { installTheme } from "./theme.js";

/**
 * The service preloads the modules of the view that the URL names, and only those: the others load after it.
 * @type {Record<import("./address.js").Address["module"], () => Promise<{heading: string, show: (root: HTMLElement, signal: AbortSignal) => Promise<void>}>>}
 */
const VIEWS = {
  home: () => import("./home.js"),
  add: () => import("./add.js"),
  outlook: () => import("./outlook.js"),
  place: () => import("./place.js"),
  report: () => import("./report.js"),
  "loaded-models": () => import("./loaded-models.js"),
};

const root = /** @type {HTMLElement} */ (document.getElementById("main"));
const links = /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll(".views a"));

let viewController = new AbortController();

/** In a fresh view, what follows a part that loads is hidden until that is done, so that nothing moves; but no longer than this. */
const FRESH_MS = 8000;
let isComposed = false;
const settle = () => isComposed && !root.querySelector("[aria-busy]") && root.classList.remove("fresh");
new MutationObserver(settle).observe(root, { subtree: true, attributeFilter: ["aria-busy"] });

async function show() {
  viewController.abort();
  viewController = new AbortController();
  const { signal } = viewController;
  markCurrent();
  isComposed = false;
  root.classList.add("fresh");
  setTimeout(() => signal.aborted || root.classList.remove("fresh"), FRESH_MS);
  root.setAttribute("aria-busy", "true");
  try {
    const module = await VIEWS[readAddress().module]();
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
  isComposed = !signal.aborted;
  settle();
}

function markCurrent() {
  for (const link of links) {
    if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** The other views wait for the data and the charts of the first. */
const OTHERS_DELAY_MS = 3000;

/** Load the other views in advance. One that fails is loaded again when it is shown. */
function loadOthers() {
  for (const load of Object.values(VIEWS)) load().catch(() => {});
}

// Links within the page do not load it again, which would lose the key.
document.addEventListener("click", (event) => {
  const link = /** @type {Element} */ (event.target).closest('a[href^="/"]');
  if (!(link instanceof HTMLAnchorElement) || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  if (!addressOf(link.pathname) || link.target || link.download) return;
  event.preventDefault();
  openAddress(link.pathname + link.search);
});

addEventListener("popstate", show);
installTheme(/** @type {HTMLSelectElement} */ (document.getElementById("theme")));
installUnit(/** @type {HTMLSelectElement} */ (document.getElementById("unit")), show);
show();
setTimeout(loadOthers, OTHERS_DELAY_MS);
