// @ts-check
/** A chart as a file that looks the same anywhere: its drawing in light colours, with title, legend, period and source. */

import { h } from "./dom.js";
import { drawPlot } from "./plot.js";
import { sample } from "./readout.js";
import { svg } from "./svg.js";
import { colour } from "./theme.js";

const WIDTH = 960;
const MARGIN = 24;
const LINE = 22;

/** Pixels of a PNG for each of the drawing. */
const DENSITY = 2;

/** Pixels for a character of the legend, and for the sample before its entry and the gap after it. */
const ENTRY = { character: 7.5, sample: 26, gap: 18 };

/** What of the page's styles a drawing depends on. */
const PROPERTIES = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity", "paint-order", "font-family", "font-size", "font-weight", "font-variant-numeric"];

/**
 * The text of an SVG file with a chart as it is shown, in light colours.
 * @param {string} title @param {HTMLElement & {data: any[], layout: any}} plot what shows the chart
 */
export function chartSvg(title, plot) {
  const drawn = drawPlot(plot.data, plot.layout, WIDTH - 2 * MARGIN, plot.clientHeight);
  drawn.element.querySelector(".surface")?.remove();
  const entries = legend(plot.data);
  const top = 2 * LINE + MARGIN + entries.rows * LINE;
  const height = top + plot.clientHeight + LINE + MARGIN;
  const parts = [
    svg("rect", { width: WIDTH, height }, { fill: colour("card") }),
    svg("text", { x: MARGIN, y: MARGIN + 14 }, { fill: colour("ink"), "font-size": "17px", "font-weight": 620 }, [title]),
    svg("g", { transform: `translate(${MARGIN} ${MARGIN + LINE})` }, {}, entries.elements),
    svg("g", { transform: `translate(${MARGIN} ${top})`, "font-size": 12 }, {}, [...drawn.element.children]),
    svg("text", { x: MARGIN, y: height - MARGIN }, { "font-size": "12px" }, [sourceLine(drawn.x, plot.layout)]),
  ];
  const root = svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height }, {}, parts);
  // The styles of the page apply inside the plot, and follow the colour scheme of what surrounds the drawing.
  const frame = h("div", { class: "plot", hidden: true }, root);
  frame.style.colorScheme = "light";
  plot.after(frame);
  resolveStyles(root);
  frame.remove();
  return new XMLSerializer().serializeToString(root);
}

/** A drawing as a PNG. @param {string} text of the SVG @returns {Promise<Blob>} */
export async function pngOf(text) {
  const url = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = h("canvas", { width: image.width * DENSITY, height: image.height * DENSITY });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** The traces with a name, in rows. @param {any[]} data */
function legend(data) {
  const named = [...new Map(data.filter(({ name }) => name).map((trace) => [trace.name, trace])).values()].sort((a, b) => (a.legendrank ?? 1000) - (b.legendrank ?? 1000));
  let [x, row] = [0, 1];
  const elements = named.flatMap((trace) => {
    const width = ENTRY.sample + ENTRY.character * trace.name.length;
    if (x + width > WIDTH - 2 * MARGIN) [x, row] = [0, row + 1];
    const key = sample(trace);
    key.setAttribute("x", String(x));
    key.setAttribute("y", String(row * LINE - 9));
    const name = svg("text", { x: x + ENTRY.sample, y: row * LINE }, { "font-size": "13px" }, [trace.name]);
    x += width + ENTRY.gap;
    return [key, name];
  });
  return { elements, rows: named.length ? row : 0 };
}

/** The visible period, and where the chart comes from. @param {import("./scales.js").Scale} x @param {any} layout */
function sourceLine(x, { xaxis: { hoverformat } }) {
  const period = x.isTime ? `${x.domain.map((number) => hoverformat(x.value(number))).join(" – ")} · ` : "";
  return `${period}${document.title} · ${location.origin}${location.pathname}`;
}

/** Write the styles of all elements into attributes, and drop what refers to the page. @param {SVGElement} root */
function resolveStyles(root) {
  const elements = [root, ...root.querySelectorAll("*")].filter((element) => !element.closest("defs"));
  const resolved = elements.map((element) => {
    const style = getComputedStyle(element);
    const outer = element === root ? null : getComputedStyle(/** @type {Element} */ (element.parentElement));
    const isNew = (/** @type {string} */ name) => name === "opacity" ? style.opacity !== "1" : style.getPropertyValue(name) !== outer?.getPropertyValue(name);
    return PROPERTIES.filter(isNew).flatMap((name) => attributesOf(name, style.getPropertyValue(name)));
  });
  elements.forEach((element, i) => {
    element.removeAttribute("style");
    element.removeAttribute("class");
    for (const [name, value] of resolved[i]) element.setAttribute(name, value);
  });
}

/** A style as attributes of SVG 1.1, which has no colours with opacity. @param {string} name @param {string} value @returns {[string, string][]} */
function attributesOf(name, value) {
  const [, space, channels] = /^(rgba?|color)\((.*)\)$/.exec(value) ?? [];
  if (!space) return [[name, value]];
  const [red, green, blue, alpha = 1] = (channels.match(/-?[\d.]+(e-?\d+)?/g) ?? []).map(Number);
  const plain = [red, green, blue].map((channel) => Math.round(space === "color" ? channel * 255 : channel));
  return [[name, `rgb(${plain.join(",")})`], ...(alpha < 1 ? [/** @type {[string, string]} */ ([`${name}-opacity`, String(alpha)])] : [])];
}
