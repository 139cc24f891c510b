// @ts-check
/** A chart: drawn in the page's colours, zoomed with buttons as well as with the mouse, read with the arrow keys. */

import { fill, h, say } from "./dom.js";
import { hasCharts, plotly, turn } from "./library.js";
import { failure } from "./task.js";
import { onTheme } from "./theme.js";
import { layout } from "./layout.js";

/**
 * @typedef {import("./visible.js").Range} Range
 * @typedef {object} Figure
 * @property {any[]} data traces, as plotly.js has them
 * @property {any} [layout] what differs from the page's own
 * @property {[number, number]} places to read: the first, and the one after the last
 * @property {(index: number) => string} read what is shown at one of them, in words
 * @property {(index: number) => {curveNumber: number, pointNumber: number}[]} at the points that belong to it
 * @property {boolean} [thinned] whether only the extremes of each stretch are drawn
 */

const HELP = "Left and right arrow keys read out the values, ten at a time with Shift; Home and End go to the ends.";
const MISSING =
  "Charts need plotly.js, which is not installed with this service: pip install 'sst-forecasting[page]'. The tables show the same figures.";
const THINNED = "There are more values than the screen can show, so only the extremes of each stretch are drawn. Zoom in to see every value.";

export class Chart {
  /**
   * @param {string} label what it shows
   * @param {AbortSignal} signal ends it
   * @param {{height?: string, range?: Range, zoomed?: (range: Range) => void}} [how] range: what is shown at first
   */
  constructor(label, signal, how = {}) {
    this.zoomed = how.zoomed ?? (() => {});
    /** The stretch that is shown; null where it is all. @type {Range} */
    this.range = how.range ?? null;
    this.index = -1;
    /** @type {((range: Range) => Figure) | null} */
    this.make = null;
    /** @type {Figure | null} */
    this.figure = null;
    this.plot = h("div", { class: "plot" }, h("p", { class: "loading" }, "Drawing…"));
    if (how.height) this.plot.style.setProperty("--height", how.height);
    this.note = h("p", { class: "note", hidden: true }, THINNED);
    this.element = h(
      "div",
      {
        class: "chart",
        role: "group",
        tabindex: "0",
        "aria-roledescription": "chart",
        "aria-label": `${label}. ${HELP}`,
        keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
      },
      this.plot,
      this.note,
      h("span", { class: "keys", "aria-hidden": "true" }, "← → read values"),
    );
    onTheme(() => this.redraw(), signal);
    const observer = new ResizeObserver(() => this.#resize());
    observer.observe(this.plot);
    signal.addEventListener("abort", () => this.#end(observer));
    this.signal = signal;
  }

  /** Draw what `make` makes, now and whenever colours or the stretch that is shown change. @param {(range: Range) => Figure} make */
  async draw(make) {
    this.make = make;
    await this.redraw();
  }

  async redraw() {
    if (!this.make) return;
    if (!hasCharts()) {
      fill(this.plot, h("p", { class: "notice" }, MISSING));
      this.plot.style.height = "auto";
      return;
    }
    try {
      const library = await plotly();
      if (!this.library) await turn();
      if (this.signal.aborted) return;
      await this.#react(library, this.make(this.range));
    } catch (error) {
      fill(this.plot, failure(error, null));
    }
  }

  /** @param {any} library @param {Figure} figure */
  async #react(library, figure) {
    this.figure = figure;
    this.note.hidden = !figure.thinned;
    const first = !this.library;
    if (first) fill(this.plot);
    const drawn = layout(figure.layout ?? {});
    if (this.range) Object.assign(drawn.xaxis, { range: this.range, autorange: false });
    const config = { displayModeBar: false, scrollZoom: false, doubleClick: false, showTips: false };
    await library.react(this.plot, figure.data, drawn, config);
    this.library = library;
    if (!first) return;
    this.plot.on("plotly_relayout", (/** @type {any} */ change) => this.#follow(change));
    this.plot.on("plotly_doubleclick", () => this.zoom(null));
  }

  /** Show a stretch; null for all. @param {Range} range */
  zoom(range) {
    this.range = range;
    this.zoomed(range);
    return this.redraw();
  }

  /** Buttons that zoom, for hands without a mouse. */
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

  /** What was dragged over. @param {any} change */
  #follow(change) {
    const [begin, end] = change["xaxis.range"] ?? [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (begin !== undefined && end !== undefined) this.zoom([begin, end]);
  }

  /** @param {number} factor of the stretch that is shown @param {number} shift in such stretches */
  #move(factor, shift) {
    const axis = this.plot.layout?.xaxis;
    if (!axis?.range) return;
    const [begin, end] = axis.range.map(milliseconds);
    const centre = (begin + end) / 2 + shift * (end - begin);
    const half = ((end - begin) / 2) * factor;
    this.zoom([new Date(centre - half).toISOString(), new Date(centre + half).toISOString()]);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.figure || event.target !== this.element) return;
    const [first, after] = this.figure.places;
    const stride = event.shiftKey ? 10 : 1;
    const inside = this.index >= first && this.index < after;
    /** @type {Record<string, number>} */
    const goals = {
      ArrowLeft: inside ? this.index - stride : after - 1,
      ArrowRight: inside ? this.index + stride : first,
      Home: first,
      End: after - 1,
    };
    if (!(event.key in goals) || first >= after) return;
    event.preventDefault();
    this.index = Math.min(Math.max(goals[event.key], first), after - 1);
    this.library?.Fx.hover(this.plot, this.figure.at(this.index), this.plot._fullLayout?._plots ? "xy" : undefined);
    say(this.figure.read(this.index));
  }

  #resize() {
    if (this.library && this.plot.offsetWidth) this.library.Plots.resize(this.plot);
  }

  /** @param {ResizeObserver} observer */
  #end(observer) {
    observer.disconnect();
    this.library?.purge(this.plot);
  }
}

/** @param {string | number} time as plotly.js writes times: without a zone, meaning UTC */
function milliseconds(time) {
  if (typeof time === "number") return time;
  const text = time.replace(" ", "T");
  return Date.parse(/[zZ]|[+-]\d\d:\d\d$/.test(text) || text.length <= 10 ? text : `${text}Z`);
}
