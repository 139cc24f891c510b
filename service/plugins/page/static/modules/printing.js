// @ts-check
/** Printing: charts are drawn anew for the width of paper, so that their text stays legible. */

/** The width of the charts on paper, in pixels: that of A4 within the margins of the page and the card. */
const PAPER_WIDTH = 645;

const paper = matchMedia("print");
let printing = paper.matches;

/** @type {Set<() => void>} */
const listeners = new Set();

/** @param {boolean} begins */
function change(begins) {
  if (begins === printing) return;
  printing = begins;
  listeners.forEach((listener) => listener());
}

addEventListener("beforeprint", () => change(true));
addEventListener("afterprint", () => change(false));
paper.addEventListener("change", () => change(paper.matches));

/** The width of charts while the page is printed; null otherwise. */
export function paperWidth() {
  return printing ? PAPER_WIDTH : null;
}

/** Call a function before and after printing, until the signal aborts. @param {() => void} listener @param {AbortSignal} signal */
export function onPrint(listener, signal) {
  listeners.add(listener);
  signal.addEventListener("abort", () => listeners.delete(listener));
}
