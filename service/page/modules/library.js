// @ts-check
/** plotly.js, loaded when the first chart is drawn: tables are there before it is. */

/** @type {Promise<any> | null} */
let loading = null;

/** @type {Promise<void>} */
let queue = Promise.resolve();

/** Resolves when the page has had time to show what was drawn before: one chart must not wait for all. */
export function turn() {
  queue = queue.then(() => new Promise((resolve) => setTimeout(resolve)));
  return queue;
}

/** Whether the service has the library to give. */
export function hasCharts() {
  return Boolean(document.body.dataset.charts);
}

/** The library. @returns {Promise<any>} */
export function plotly() {
  loading ??= load(document.body.dataset.charts ?? "");
  return loading;
}

/** @param {string} source @returns {Promise<any>} */
function load(source) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = () => resolve(/** @type {any} */ (window).Plotly);
    script.onerror = () => {
      loading = null;
      reject(new Error("The library that draws the charts could not be loaded. Reload the page."));
    };
    document.head.append(script);
  });
}
