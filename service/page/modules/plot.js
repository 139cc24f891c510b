// @ts-check
/**
 * Draws a figure as SVG. A figure has the form of plotly.js, of which these parts are drawn:
 *
 * - traces of the type "scatter": `mode`, `name`, `x`, `y` (null is a gap), `yaxis`, `line` (`color`, `width`,
 *   `dash` in pixels such as "4px,2px"), `marker` (`symbol`, `size`, `color`, `line`), `fill` ("tonexty" over the same x,
 *   "toself") with `fillcolor`, `opacity`, and `read`, a function from an index to what its point says, in lines: empty for
 *   a point that is only drawn;
 * - `xaxis`, `yaxis`, `yaxis2` and so on: `range`, `domain` (vertical axes), `title.text`, `nticks`, `dtick`, `showgrid`,
 *   `zeroline`, `unit` ("temperature" or "difference" of values in °C, which are drawn in the unit chosen), `rangemode` "tozero", and `hoverformat`, a function from a value to text. Axes of times and numbers are told by their values. All panels share one horizontal axis;
 * - `shapes`: lines; `annotations`: texts, each with an optional `shortText` for a lack of room on the left; with
 *   `xanchor` "auto" on the side with room;
 * - `margin`.
 *
 * Colours may be any in CSS, with custom properties.
 */

import { marksOf, OVERHANG, round } from "./marks.js";
import { scaleOf } from "./scales.js";
import { dashArray, svg } from "./svg.js";
import { ticksOf } from "./ticks.js";

/**
 * @typedef {import("./scales.js").Scale} Scale
 * @typedef {import("./marks.js").Points} Points
 * @typedef {{left: number, right: number, top: number, bottom: number}} Box in pixels
 *
 * @typedef {object} Panel
 * @property {string} name of its vertical axis, such as y2
 * @property {any} axis of the layout
 * @property {Scale} scale
 * @property {import("./ticks.js").Tick[]} ticks
 *
 * @typedef {object} Plot
 * @property {SVGElement} element
 * @property {Box} box of all panels
 * @property {Scale} x
 * @property {(Points & {xs: Float64Array})[]} points of each trace, with x as numbers
 */

/** Pixels for each label. */
const LABEL = { width: 74, height: 26, character: 7 };
const FONT = 12;
/** The title of a panel takes this much of the width on the left, in pixels. */
const TITLE_WIDTH = 16;

let lastClip = 0;

/** @param {any[]} data @param {any} layout @param {number} width @param {number} height @returns {Plot} */
export function drawPlot(data, layout, width, height) {
  const { l, r, t, b } = layout.margin;
  const panels = panelsOf(data, layout, [t, height - b]);
  const widest = Math.max(0, ...panels.flatMap(({ ticks }) => ticks.map(({ text }) => text.length)));
  const box = { left: Math.max(l, widest * LABEL.character + 10), right: width - r, top: t, bottom: height - b };
  const hasMarkers = data.some((trace) => trace.mode === "markers");
  const x = scaleOf(data.map((trace) => trace.x), layout.xaxis, [box.left, box.right], hasMarkers);
  const points = pointsOf(data, x, panels);
  const clip = `clip-${(lastClip += 1)}`;
  const element = svg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true", "font-size": FONT }, {}, [
    svg("defs", {}, {}, [svg("clipPath", { id: clip }, {}, [rectangle({ ...box, top: box.top - OVERHANG, bottom: box.bottom + OVERHANG })])]),
    ...panels.flatMap((panel) => verticalAxis(panel, box)),
    ...horizontalAxis(layout.xaxis, x, box),
    svg("g", { class: "marks" }, {}, [
      svg("g", { "clip-path": `url(#${clip})` }, {}, shapes(layout.shapes ?? [], x, panels, box)),
      ...points.flatMap((each, i) => marksOf(each, points[i - 1], { clip, box })),
    ]),
    ...annotations(layout.annotations ?? [], x, panels, box),
    svg("rect", { x: box.left, y: box.top, width: Math.max(box.right - box.left, 0), height: Math.max(box.bottom - box.top, 0), class: "surface" }),
  ]);
  return { element, box, x, points };
}

/** @param {any[]} data @param {any} layout @param {[number, number]} vertical pixels of the top and the bottom @returns {Panel[]} */
function panelsOf(data, layout, [top, bottom]) {
  const names = Object.keys(layout).filter((name) => /^yaxis\d*$/.test(name));
  return names.map((key) => {
    const name = key.replace("axis", "");
    const axis = layout[key];
    const [low, high] = axis.domain ?? [0, 1];
    const pixels = /** @type {[number, number]} */ ([low, high].map((fraction) => bottom - fraction * (bottom - top)));
    const columns = data.filter((trace) => (trace.yaxis ?? "y") === name).map((trace) => trace.y);
    const scale = scaleOf(columns, axis, pixels, true);
    const room = Math.max(2, Math.floor((pixels[0] - pixels[1]) / LABEL.height));
    return { name, axis, scale, ticks: ticksOf(scale, Math.min(axis.nticks ?? 6, room), axis.dtick) };
  });
}

/** The points of each trace in pixels. Traces often share their times, which are converted once. @param {any[]} data @param {Scale} x @param {Panel[]} panels */
function pointsOf(data, x, panels) {
  const known = new Map();
  return data.map((trace) => {
    if (!known.has(trace.x)) {
      const xs = Float64Array.from(trace.x, x.number);
      known.set(trace.x, { xs, px: xs.map(x.pixel) });
    }
    const { scale } = panelNamed(panels, trace.yaxis ?? "y");
    const py = Float64Array.from(trace.y, (/** @type {any} */ value) => scale.pixel(scale.number(value)));
    return { trace, ...known.get(trace.x), py };
  });
}

/** @param {Panel[]} panels @param {string} name */
function panelNamed(panels, name) {
  return panels.find((panel) => panel.name === name) ?? panels[0];
}

/** Grid lines and labels. @param {Panel} panel @param {Box} box */
function verticalAxis({ axis, scale, ticks }, { left, right }) {
  return ticks.flatMap(({ at, text }) => {
    const y = round(scale.pixel(at));
    const isZero = at === 0 && axis.zeroline !== false;
    const grid = axis.showgrid === false && !isZero ? [] : [straight({ x1: left, x2: right, y1: y, y2: y }, isZero ? "zero" : "grid")];
    return [...grid, label(text, { x: left - 6, y, "text-anchor": "end", "dominant-baseline": "central" })];
  });
}

/** Labels below the lowest panel. @param {any} axis @param {Scale} x @param {Box} box */
function horizontalAxis(axis, x, { left, right, top, bottom }) {
  const count = Math.max(2, Math.min(axis.nticks ?? 12, Math.floor((right - left) / LABEL.width)));
  const title = axis.title?.text;
  const marks = ticksOf(x, count, axis.dtick).flatMap(({ at, text, under }) => {
    const pixel = round(x.pixel(at));
    const grid = axis.showgrid === false ? [] : [straight({ x1: pixel, x2: pixel, y1: top, y2: bottom }, "grid")];
    const tick = straight({ x1: pixel, x2: pixel, y1: bottom, y2: bottom + 4 }, "grid");
    const inside = Math.min(Math.max(pixel, left - 10), right - Math.min(16, 3.2 * text.length));
    return [...grid, tick, label(text, { x: inside, y: bottom + 17, "text-anchor": "middle" }), ...(under ? [label(under, { x: inside, y: bottom + 32, "text-anchor": "middle" })] : [])];
  });
  return [straight({ x1: left, x2: right, y1: bottom, y2: bottom }, "grid"), ...marks, ...(title ? [label(title, { x: (left + right) / 2, y: bottom + 36, "text-anchor": "middle" })] : [])];
}

/** @param {any[]} list @param {Scale} x @param {Panel[]} panels @param {Box} box */
function shapes(list, x, panels, box) {
  return list.map((shape) => {
    const [x1, x2] = [shape.x0, shape.x1].map((value) => horizontal(value, shape.xref, x, box));
    const [y1, y2] = [shape.y0, shape.y1].map((value) => vertical(value, shape.yref, panels, box));
    return svg("line", { x1, x2, y1, y2 }, { stroke: shape.line.color, "stroke-width": shape.line.width, "stroke-dasharray": dashArray(shape.line.dash) });
  });
}

/** @param {any[]} list @param {Scale} x @param {Panel[]} panels @param {Box} box */
function annotations(list, x, panels, box) {
  const anchors = /** @type {Record<string, string>} */ ({ auto: "start", left: "start", center: "middle", right: "end" });
  return list.map((note) => {
    const length = note.text.length * LABEL.character;
    const point = horizontal(note.x, note.xref, x, box);
    // A label around its point does not reach over the axis.
    const at = note.xanchor ? point : Math.max(point, box.left + length / 2);
    const endsRight = note.xanchor === "auto" && at + length > box.right;
    const place = {
      x: at + (endsRight ? -1 : 1) * (note.xshift ?? 0),
      y: vertical(note.y, note.yref, panels, box) - (note.yshift ?? 0),
      "text-anchor": anchors[endsRight ? "right" : note.xanchor ?? "center"],
      "dominant-baseline": /** @type {any} */ ({ top: "hanging", middle: "central" })[note.yanchor ?? "bottom"] ?? "auto",
    };
    const isCut = place["text-anchor"] === "end" && place.x - length < box.left + TITLE_WIDTH;
    return label(isCut ? (note.shortText ?? note.text) : note.text, place, note.font);
  });
}

/** @param {any} value @param {string | undefined} reference "paper" for a fraction of the width @param {Scale} x @param {Box} box */
function horizontal(value, reference, x, { left, right }) {
  return round(reference === "paper" ? left + value * (right - left) : x.pixel(x.number(value)));
}

/** @param {any} value @param {string | undefined} reference "paper" for a fraction of the height, or a vertical axis @param {Panel[]} panels @param {Box} box */
function vertical(value, reference, panels, { top, bottom }) {
  if (reference === "paper") return round(bottom - value * (bottom - top));
  const { scale } = panelNamed(panels, reference ?? "y");
  return round(scale.pixel(scale.number(value)));
}

/** @param {string} text @param {Record<string, string | number>} place @param {{size?: number, color?: string}} [font] */
function label(text, place, { size, color } = {}) {
  return svg("text", place, { fill: color, "font-size": size ? `${size}px` : undefined }, [text]);
}

/** @param {Record<string, number>} ends @param {string} name */
function straight(ends, name) {
  return svg("line", { ...ends, class: name });
}

/** @param {Box} box */
function rectangle({ left, right, top, bottom }) {
  return svg("rect", { x: left, y: top, width: Math.max(right - left, 0), height: Math.max(bottom - top, 0) });
}
