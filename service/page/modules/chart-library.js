// @ts-check
/** plotly.js, loaded on demand so that tables appear before charts. */

/** @type {Promise<any> | null} */
let loading = null;

/** @type {Promise<void>} */
let queue = Promise.resolve();

/** Wait for a turn to draw. The browser can paint between turns, so charts appear one by one. */
export function nextTurn() {
  queue = queue.then(() => new Promise((resolve) => setTimeout(resolve)));
  return queue;
}

/** Whether the service provides plotly.js. */
export function hasCharts() {
  return Boolean(document.body.dataset.charts);
}

/** The plotly.js object. @returns {Promise<any>} */
export function loadPlotly() {
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
      reject(new Error("Could not load the chart library. Reload the page to try again."));
    };
    document.head.append(script);
  });
}
