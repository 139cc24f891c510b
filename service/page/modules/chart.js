// @ts-check
/** A chart in the page's colours that can be zoomed with buttons or the mouse and read with the arrow keys. */

import { announce, fill, h } from "./dom.js";
import { hasCharts, loadPlotly, nextTurn } from "./chart-library.js";
import { errorNotice } from "./task.js";
import { onThemeChange } from "./theme.js";
import { chartLayout } from "./layout.js";

/**
 * @typedef {import("./visible-range.js").Range} Range
 * @typedef {object} Figure
 * @property {any[]} data plotly.js traces
 * @property {any} [layout] overrides of the page's chart layout
 * @property {[number, number]} extent of the indices that the arrow keys visit: the first, and one past the last
 * @property {(index: number) => string} describe the values at an index, in words
 * @property {(index: number) => {curveNumber: number, pointNumber: number}[]} pointsAt the plotly.js points at an index
 * @property {boolean} [thinned] whether only the extremes of each interval are drawn
 */

const HELP = "Use the left and right arrow keys to read values, with Shift to move ten at a time; Home and End jump to the ends.";
const NO_LIBRARY =
  "Charts need plotly.js, which is not installed with this service. To install it, run: pip install 'sst-forecasting[page]'. The tables show the same values.";
const THINNED = "There are more values than fit on the screen, so the chart shows only the extremes of each interval. Zoom in to see every value.";

export class Chart {
  /**
   * @param {string} label what the chart shows
   * @param {AbortSignal} signal removes the chart
   * @param {{height?: string, range?: Range, onZoom?: (range: Range) => void}} [options] range: shown initially
   */
  constructor(label, signal, options = {}) {
    this.onZoom = options.onZoom ?? (() => {});
    /** The visible range; null for the whole period. @type {Range} */
    this.range = options.range ?? null;
    this.index = -1;
    /** @type {((range: Range) => Figure) | null} */
    this.buildFigure = null;
    /** @type {Figure | null} */
    this.figure = null;
    this.plot = h("div", { class: "plot" }, h("p", { class: "loading" }, "Drawing…"));
    if (options.height) this.plot.style.setProperty("--height", options.height);
    this.note = h("p", { class: "note", hidden: true }, THINNED);
    this.element = h(
      "div",
      {
        class: "chart",
        role: "group",
        tabindex: "0",
        "aria-roledescription": "chart",
        "aria-label": `${label}. ${HELP}`,
        keydown: (/** @type {KeyboardEvent} */ event) => this.#handleKey(event),
      },
      this.plot,
      this.note,
      h("span", { class: "keys", "aria-hidden": "true" }, "← → read values"),
    );
    onThemeChange(() => this.redraw(), signal);
    const observer = new ResizeObserver(() => this.#resize());
    observer.observe(this.plot);
    signal.addEventListener("abort", () => this.#remove(observer));
    this.signal = signal;
  }

  /** Draw a figure now, and again whenever the colours or the visible range change. @param {(range: Range) => Figure} buildFigure */
  async draw(buildFigure) {
    this.buildFigure = buildFigure;
    await this.redraw();
  }

  async redraw() {
    if (!this.buildFigure) return;
    if (!hasCharts()) {
      fill(this.plot, h("p", { class: "notice" }, NO_LIBRARY));
      this.plot.style.height = "auto";
      return;
    }
    try {
      const library = await loadPlotly();
      if (!this.library) await nextTurn();
      if (this.signal.aborted) return;
      await this.#render(library, this.buildFigure(this.range));
    } catch (error) {
      fill(this.plot, errorNotice(error, null));
    }
  }

  /** @param {any} library @param {Figure} figure */
  async #render(library, figure) {
    this.figure = figure;
    this.note.hidden = !figure.thinned;
    const isFirst = !this.library;
    if (isFirst) fill(this.plot);
    const layout = chartLayout(figure.layout ?? {});
    if (this.range) Object.assign(layout.xaxis, { range: this.range, autorange: false });
    const config = { displayModeBar: false, scrollZoom: false, doubleClick: false, showTips: false };
    await library.react(this.plot, figure.data, layout, config);
    this.library = library;
    if (!isFirst) return;
    this.plot.on("plotly_relayout", (/** @type {any} */ change) => this.#zoomToSelection(change));
    this.plot.on("plotly_doubleclick", () => this.zoom(null));
  }

  /** Show a range; null for the whole period. @param {Range} range */
  zoom(range) {
    this.range = range;
    this.onZoom(range);
    return this.redraw();
  }

  /** Buttons that zoom and pan without a mouse. */
  zoomButtons() {
    const button = (/** @type {string} */ text, /** @type {string} */ label, /** @type {() => void} */ click) =>
      h("button", { type: "button", "aria-label": label, title: label, click }, text);
    return h(
      "div",
      { class: "zoom", role: "group", "aria-label": "Zoom" },
      button("+", "Zoom in", () => this.#move(0.5, 0)),
      button("−", "Zoom out", () => this.#move(2, 0)),
      button("‹", "Earlier", () => this.#move(1, -0.5)),
      button("›", "Later", () => this.#move(1, 0.5)),
      button("All", "Whole period", () => this.zoom(null)),
    );
  }

  /** Zoom to the range that was dragged over. @param {any} change */
  #zoomToSelection(change) {
    const [begin, end] = change["xaxis.range"] ?? [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (begin !== undefined && end !== undefined) this.zoom([begin, end]);
  }

  /** @param {number} factor of the visible width @param {number} shift as a fraction of the visible width */
  #move(factor, shift) {
    const axis = this.plot.layout?.xaxis;
    if (!axis?.range) return;
    const [begin, end] = axis.range.map(milliseconds);
    const centre = (begin + end) / 2 + shift * (end - begin);
    const half = ((end - begin) / 2) * factor;
    this.zoom([new Date(centre - half).toISOString(), new Date(centre + half).toISOString()]);
  }

  /** @param {KeyboardEvent} event */
  #handleKey(event) {
    if (!this.figure || event.target !== this.element) return;
    const [first, end] = this.figure.extent;
    const stride = event.shiftKey ? 10 : 1;
    const inside = this.index >= first && this.index < end;
    /** @type {Record<string, number>} */
    const targets = {
      ArrowLeft: inside ? this.index - stride : end - 1,
      ArrowRight: inside ? this.index + stride : first,
      Home: first,
      End: end - 1,
    };
    if (!(event.key in targets) || first >= end) return;
    event.preventDefault();
    this.index = Math.min(Math.max(targets[event.key], first), end - 1);
    this.library?.Fx.hover(this.plot, this.figure.pointsAt(this.index), this.plot._fullLayout?._plots ? "xy" : undefined);
    announce(this.figure.describe(this.index));
  }

  #resize() {
    if (this.library && this.plot.offsetWidth) this.library.Plots.resize(this.plot);
  }

  /** @param {ResizeObserver} observer */
  #remove(observer) {
    observer.disconnect();
    this.library?.purge(this.plot);
  }
}

/** @param {string | number} time from plotly.js, which writes UTC times without a zone */
function milliseconds(time) {
  if (typeof time === "number") return time;
  const text = time.replace(" ", "T");
  return Date.parse(/[zZ]|[+-]\d\d:\d\d$/.test(text) || text.length <= 10 ? text : `${text}Z`);
}
