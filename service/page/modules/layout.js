// @ts-check
/** How charts look: plotly.js's layout in the page's colours. */

import { colour } from "./theme.js";

const FAMILY = getComputedStyle(document.documentElement).fontFamily;

/** The page's layout, with a chart's own in it. @param {any} own */
export function layout(own) {
  const axes = new Set(["xaxis", "yaxis", ...Object.keys(own).filter((name) => /^[xy]axis/.test(name))]);
  const themed = Object.fromEntries([...axes].map((name) => [name, { ...axis(), ...(name.startsWith("x") ? pointer() : {}), ...own[name] }]));
  return {
    paper_bgcolor: colour("card"),
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: FAMILY, size: 12, color: colour("muted") },
    margin: { l: 44, r: 12, t: 22, b: 40 },
    showlegend: false,
    hovermode: "x unified",
    hoverlabel: {
      bgcolor: colour("card"),
      bordercolor: colour("edge"),
      font: { family: FAMILY, size: 12, color: colour("ink") },
      namelength: -1,
    },
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    ...own,
    ...themed,
  };
}

/** What stands above a panel, on its left. @param {string} text @param {number} y of the paper, 0 to 1 */
export function panelTitle(text, y) {
  return {
    text,
    x: 0,
    y,
    xref: "paper",
    yref: "paper",
    xanchor: "left",
    yanchor: "bottom",
    showarrow: false,
    xshift: -40,
    yshift: 4,
    font: { size: 12, color: colour("muted") },
  };
}

/** A vertical line through all panels, at a time. @param {string} x */
export function verticalLine(x) {
  return {
    type: "line",
    x0: x,
    x1: x,
    yref: "paper",
    y0: 0,
    y1: 1,
    line: { color: colour("edge"), width: 1, dash: "2px,3px" },
  };
}

/** A time axis from the first time to the last, without room on either side. @param {string[]} times */
export function ends(times) {
  return [times[0], times.at(-1)];
}

/** An axis with a range of its own, where there is one. @param {[number, number] | null} range */
export function fitted(range) {
  return range ? { range, autorange: false } : {};
}

/** The line that stands where the pointer is. */
function pointer() {
  return { spikecolor: colour("edge"), spikethickness: 1, spikedash: "solid" };
}

function axis() {
  return {
    gridcolor: colour("line"),
    linecolor: colour("line"),
    zerolinecolor: colour("edge"),
    zerolinewidth: 1,
    tickfont: { color: colour("muted") },
    automargin: false,
    fixedrange: false,
    ticks: "",
  };
}
