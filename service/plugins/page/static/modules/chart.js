// @ts-check
/** A chart that can be zoomed with buttons or the mouse, and read with the pointer, a finger or the arrow keys. */

import { chartSvg, pngOf } from "./chart-file.js";
import { menu } from "./controls.js";
import { announce, fill, h } from "./dom.js";
import { fileName, saveFile } from "./download.js";
import { drawPlot } from "./plot.js";
import { Pointer } from "./pointer.js";
import { onPrint, paperWidth } from "./printing.js";
import { nearestIndex, numbersToRead, Readout } from "./readout.js";
import { errorNotice } from "./task.js";

/**
 * @typedef {import("./visible-range.js").Range} Range
 * @typedef {object} Figure
 * @property {any[]} data traces, as in plot.js
 * @property {any} layout as in plot.js
 * @property {boolean} [thinned] whether only the extremes of each interval are drawn
 */

const HELP = "Use the left and right arrow keys to read values, with Shift to move ten at a time; Home and End jump to the ends.";
const THINNED = "There are more values than fit on the screen, so the chart shows only the extremes of each interval. Zoom in to see every value.";

export class Chart {
  /**
   * @param {string} label what the chart shows
   * @param {AbortSignal} signal removes the chart
   * @param {{height?: string, range?: Range, onZoom?: (range: Range) => void}} [options] range: shown initially
   */
  constructor(label, signal, options = {}) {
    this.label = label;
    this.onZoom = options.onZoom ?? (() => {});
    /** The visible range; null for the whole period. @type {Range} */
    this.range = options.range ?? null;
    /** What is read with the arrow keys: a number of the horizontal axis. */
    this.number = NaN;
    /** The numbers that can be read, in order. */
    this.numbers = new Float64Array();
    /** @type {((range: Range) => Figure) | null} */
    this.buildFigure = null;
    /** What is drawn. @type {import("./plot.js").Plot | null} */
    this.drawn = null;
    this.width = 0;
    this.readout = new Readout();
    this.plot = h("div", { class: "plot" });
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
        blur: () => this.readout.hide(),
      },
      this.plot,
      h("div", { class: "under-plot" }, this.note, this.#saveMenu()),
      h("span", { class: "keys", "aria-hidden": "true" }, "← → read values"),
    );
    new Pointer(this.plot, {
      box: () => this.drawn?.box ?? null,
      read: (x) => this.#read(x),
      leave: () => this.readout.hide(),
      select: (begin, end) => this.#zoomToPixels(begin, end),
      reset: () => this.zoom(null),
    });
    const observer = new ResizeObserver(() => this.plot.clientWidth !== this.width && this.redraw());
    observer.observe(this.plot);
    signal.addEventListener("abort", () => observer.disconnect());
    onPrint(() => this.redraw(), signal);
  }

  /** Draw a figure once the chart is on the page, and again whenever its width or the visible range changes. @param {(range: Range) => Figure} buildFigure */
  draw(buildFigure) {
    this.buildFigure = buildFigure;
    // By then the caller has put the chart on the page. If not, it is drawn when it gets a width.
    queueMicrotask(() => this.redraw());
  }

  redraw() {
    this.width = this.plot.clientWidth;
    if (!this.buildFigure || !this.width) return;
    try {
      this.#render(this.buildFigure(this.range));
    } catch (error) {
      fill(this.plot, errorNotice(error, null));
    }
  }

  /** @param {Figure} figure */
  #render(figure) {
    this.note.hidden = !figure.thinned;
    const { xaxis } = figure.layout;
    /** The range of the whole period, which zooming does not leave. @type {[string, string]} */
    this.whole = xaxis.range;
    const layout = { ...figure.layout, xaxis: { ...xaxis, range: this.range ?? xaxis.range } };
    this.drawn = drawPlot(figure.data, layout, paperWidth() ?? this.width, this.plot.clientHeight);
    this.numbers = numbersToRead(this.drawn);
    this.readout.hide();
    fill(this.plot, this.drawn.element, this.readout.element);
    Object.assign(this.plot, { data: figure.data, layout });
  }

  /** Show a range; null for the whole period. @param {Range} range */
  zoom(range) {
    this.range = range;
    this.onZoom(range);
    this.redraw();
  }

  #saveMenu() {
    const { label, plot } = this;
    return menu("Save", `Save the chart: ${label}`, {
      SVG: () => saveFile(fileName(label, "svg"), chartSvg(label, plot), "image/svg+xml"),
      PNG: async () => saveFile(fileName(label, "png"), await pngOf(chartSvg(label, plot)), "image/png"),
    });
  }

  /** Buttons that zoom and pan without a mouse. */
  zoomButtons() {
    const button = (/** @type {string} */ text, /** @type {string | null} */ label, /** @type {() => void} */ click) =>
      h("button", { type: "button", "aria-label": label, title: label, click }, text);
    return h(
      "div",
      { class: "zoom", role: "group", "aria-label": "Zoom" },
      button("+", "Zoom in", () => this.#move(0.5, 0)),
      button("−", "Zoom out", () => this.#move(2, 0)),
      button("‹", "Earlier", () => this.#move(1, -0.5)),
      button("›", "Later", () => this.#move(1, 0.5)),
      button("Whole period", null, () => this.zoom(null)),
    );
  }

  /** Zoom to what was dragged over. @param {number} begin in pixels @param {number} end */
  #zoomToPixels(begin, end) {
    const { drawn } = this;
    if (drawn) this.zoom(/** @type {any} */ ([begin, end].map((pixel) => drawn.x.value(drawn.x.invert(pixel)))));
  }

  /** @param {number} factor of the visible width @param {number} shift as a fraction of the visible width */
  #move(factor, shift) {
    if (!this.drawn) return;
    const { x } = this.drawn;
    const [begin, end] = x.domain;
    const centre = (begin + end) / 2 + shift * (end - begin);
    const width = (end - begin) * factor;
    const [first, last] = (this.whole ?? x.domain).map(x.number);
    if (width >= last - first) return this.zoom(null);
    const from = Math.min(Math.max(centre - width / 2, first), last - width);
    this.zoom(/** @type {any} */ ([from, from + width].map((number) => x.value(number))));
  }

  /** Show the values at a position. @param {number} x in pixels */
  #read(x) {
    if (this.drawn && this.numbers.length) this.#readNumber(this.numbers[nearestIndex(this.numbers, this.drawn.x.invert(x))]);
  }

  /** @param {KeyboardEvent} event */
  #handleKey(event) {
    if (event.key === "Escape") this.readout.hide();
    const { numbers, number } = this;
    const last = numbers.length - 1;
    const stride = event.shiftKey ? 10 : 1;
    const inside = number >= numbers[0] && number <= numbers[last];
    const position = nearestIndex(numbers, number);
    /** @type {Record<string, number>} */
    const targets = {
      ArrowLeft: inside ? position - stride : last,
      ArrowRight: inside ? position + stride : 0,
      Home: 0,
      End: last,
    };
    if (!(event.key in targets) || last < 0 || event.target !== this.element) return;
    event.preventDefault();
    this.number = numbers[Math.min(Math.max(targets[event.key], 0), last)];
    announce(this.#readNumber(this.number));
  }

  /** Show the values at a number of the horizontal axis, and return them in words. @param {number} number */
  #readNumber(number) {
    return this.drawn ? this.readout.show(this.drawn, this.plot.layout.xaxis, number) : "";
  }
}
