// @ts-check
/**
 * Draws a figure as SVG. A figure has traces and a layout, of which these parts are drawn:
 *
 * - traces: `name`, `x`, `y` (null is a gap), `yaxis`, `line` (`color`, `width`, `dash` in pixels such as "4px,2px"),
 *   `fill` ("tonexty" over the same x, "toself") with `fillcolor`, `opacity`, `legendrank`; `read`, a function from an index
 *   to what its point says, in lines: empty for a point that is only drawn; and `dots`, whether points that say something
 *   have one;
 * - `xaxis`, `yaxis`, `yaxis2` and so on: `range` (two times, or two numbers), `nticks`; of the vertical axes `domain` and
 *   `unit` ("temperature" or "difference" of values in °C, which are drawn in the unit chosen); of the horizontal axis,
 *   which all panels share, `title`, and `hoverformat`, a function from a value to text;
 * - `verticals`: where there are lines through all panels;
 * - `annotations`: texts, each with an optional `shortText` for a lack of room on the left; with `xanchor` "auto" on the
 *   side with room.
 *
 * Colours may be any in CSS, with custom properties.
 */

import { marksOf, OVERHANG, round } from "./marks.js";
import { scaleOf } from "./scales.js";
import { svg } from "./svg.js";
import { ticksOf } from "./ticks.js";

/**
 * @typedef {import("./scales.js").Scale} Scale
 * @typedef {import("./marks.js").Points} Points
 * @typedef {{left: number, right: number, top: number, bottom: number}} Box in pixels
 *
 * @typedef {object} Panel
 * @property {string} name of its vertical axis, such as y2
 * @property {Scale} scale
 * @property {import("./ticks.js").Tick[]} ticks
 *
 * @typedef {object} Plot
 * @property {SVGElement} element
 * @property {Box} box of all panels
 * @property {Scale} x
 * @property {(Points & {xs: Float64Array})[]} points of each trace, with x as numbers
 */

/** Pixels around the panels, without wider labels. */
const MARGIN = { left: 44, right: 12, top: 24, bottom: 44 };
/** Pixels for each label. */
const LABEL = { width: 74, height: 26, character: 7 };
const FONT = 12;
/** The title of a panel takes this much of the width on the left, in pixels. */
const TITLE_WIDTH = 16;

let lastClip = 0;

/** @param {any[]} data @param {any} layout @param {number} width @param {number} height @returns {Plot} */
export function drawPlot(data, layout, width, height) {
  const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
  const panels = panelsOf(layout, [top, bottom]);
  const widest = Math.max(0, ...panels.flatMap(({ ticks }) => ticks.map(({ text }) => text.length)));
  const box = { left: Math.max(MARGIN.left, widest * LABEL.character + 10), right: width - MARGIN.right, top, bottom };
  const x = scaleOf(layout.xaxis, [box.left, box.right]);
  const points = pointsOf(data, x, panels);
  const clip = `clip-${(lastClip += 1)}`;
  const size = { x: box.left, width: Math.max(box.right - box.left, 0) };
  const element = svg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true", "font-size": FONT }, {}, [
    svg("defs", {}, {}, [svg("clipPath", { id: clip }, {}, [svg("rect", { ...size, y: top - OVERHANG, height: Math.max(bottom - top + 2 * OVERHANG, 0) })])]),
    ...panels.flatMap((panel) => verticalAxis(panel, box)),
    ...horizontalAxis(layout.xaxis, x, box),
    svg("g", { class: "marks" }, {}, [
      ...(layout.verticals ?? []).map((/** @type {any} */ value) => vertical(x.pixel(x.number(value)), top, bottom, "vertical")),
      ...points.flatMap((each, i) => marksOf(each, points[i - 1], { clip, box })),
    ]),
    ...annotations(layout.annotations ?? [], x, panels, box),
    svg("rect", { ...size, y: top, height: Math.max(bottom - top, 0), class: "surface" }),
  ]);
  return { element, box, x, points };
}

/** @param {any} layout @param {[number, number]} vertical pixels of the top and the bottom @returns {Panel[]} */
function panelsOf(layout, [top, bottom]) {
  return Object.keys(layout).filter((key) => key.startsWith("yaxis")).map((key) => {
    const axis = layout[key];
    const [low, high] = (axis.domain ?? [0, 1]).map((/** @type {number} */ fraction) => bottom - fraction * (bottom - top));
    const scale = scaleOf(axis, [low, high]);
    const room = Math.max(2, Math.floor((low - high) / LABEL.height));
    return { name: key.replace("axis", ""), scale, ticks: ticksOf(scale, Math.min(axis.nticks ?? 6, room)) };
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
    const { scale } = panels.find(({ name }) => name === trace.yaxis) ?? panels[0];
    const py = Float64Array.from(trace.y, (/** @type {any} */ value) => scale.pixel(scale.number(value)));
    return { trace, ...known.get(trace.x), py };
  });
}

/** Grid lines and labels. @param {Panel} panel @param {Box} box */
function verticalAxis({ scale, ticks }, { left, right }) {
  return ticks.flatMap(({ at, text }) => {
    const y = round(scale.pixel(at));
    const line = svg("line", { x1: left, x2: right, y1: y, y2: y, class: at === 0 ? "zero" : "grid" });
    return [line, label(text, { x: left - 6, y, "text-anchor": "end", "dominant-baseline": "central" })];
  });
}

/** Labels below the lowest panel. @param {any} axis @param {Scale} x @param {Box} box */
function horizontalAxis({ nticks = 12, title }, x, { left, right, bottom }) {
  const count = Math.max(2, Math.min(nticks, Math.floor((right - left) / LABEL.width)));
  const marks = ticksOf(x, count).flatMap(({ at, text, under }) => {
    const pixel = round(x.pixel(at));
    // The last label ends within the margin.
    const half = 3.7 * Math.max(text.length, under?.length ?? 0);
    const inside = Math.min(Math.max(pixel, left - 10), right + Math.min(0, MARGIN.right - half));
    const texts = [text, ...(under ? [under] : [])].map((line, i) => label(line, { x: inside, y: bottom + 17 + 15 * i, "text-anchor": "middle" }));
    return [vertical(pixel, bottom, bottom + 4, "grid"), ...texts];
  });
  const line = svg("line", { x1: left, x2: right, y1: bottom, y2: bottom, class: "grid" });
  return [line, ...marks, ...(title ? [label(title, { x: (left + right) / 2, y: bottom + 36, "text-anchor": "middle" })] : [])];
}

/** @param {any[]} list @param {Scale} x @param {Panel[]} panels @param {Box} box */
function annotations(list, x, panels, box) {
  const anchors = /** @type {Record<string, string>} */ ({ auto: "start", left: "start", center: "middle", right: "end" });
  return list.map((note) => {
    const length = note.text.length * LABEL.character;
    const point = note.xref === "paper" ? box.left + note.x * (box.right - box.left) : x.pixel(x.number(note.x));
    const [{ scale }] = panels;
    const height = note.yref === "paper" ? box.bottom - note.y * (box.bottom - box.top) : scale.pixel(scale.number(note.y));
    // A label around its point does not reach over the axis.
    const at = note.xanchor ? point : Math.max(point, box.left + length / 2);
    const endsRight = note.xanchor === "auto" && at + length > box.right;
    const place = {
      x: round(at + (endsRight ? -1 : 1) * (note.xshift ?? 0)),
      y: round(height - (note.yshift ?? 0)),
      "text-anchor": anchors[endsRight ? "right" : note.xanchor ?? "center"],
      "dominant-baseline": note.yanchor === "top" ? "hanging" : "auto",
    };
    const isCut = place["text-anchor"] === "end" && place.x - length < box.left + TITLE_WIDTH;
    return label(isCut ? (note.shortText ?? note.text) : note.text, place, note.color);
  });
}

/** @param {string} text @param {Record<string, string | number>} place @param {string} [fill] */
function label(text, place, fill) {
  return svg("text", place, { fill }, [text]);
}

/** @param {number} x @param {number} y1 @param {number} y2 @param {string} name of its class */
function vertical(x, y1, y2, name) {
  return svg("line", { x1: round(x), x2: round(x), y1, y2, class: name });
}
