// @ts-check
/** Data tables. */

import { fill, h } from "./dom.js";
import { formatCount } from "./numbers.js";
import { scrollable } from "./scroll.js";

const MAX_ROWS = 400;

/**
 * @param {string} caption
 * @param {any[]} head column headings, or finished cells
 * @param {any[]} rows lists of cells, the first of which is the row heading, or finished rows
 * @param {{class?: string}} [options]
 */
export function dataTable(caption, head, rows, options = {}) {
  return scrollable(
    "div",
    caption,
    {},
    h(
      "table",
      { class: options.class },
      h("caption", { class: options.class === "values" ? null : "hidden" }, caption),
      h("thead", {}, h("tr", {}, head.map((cell) => (cell instanceof HTMLTableCellElement ? cell : h("th", { scope: "col" }, cell))))),
      h("tbody", {}, rows.map(row)),
    ),
  );
}

/** @param {any} cells */
function row(cells) {
  if (cells instanceof HTMLTableRowElement) return cells;
  return h(
    "tr",
    {},
    cells.map((/** @type {any} */ cell, /** @type {number} */ i) => {
      if (cell instanceof HTMLTableCellElement) return cell;
      return i === 0 ? h("th", { scope: "row" }, cell) : h("td", {}, cell);
    }),
  );
}

/**
 * A disclosure with the values of a chart as a table, built when it is opened.
 * @param {string} caption
 * @param {() => {head: string[], rows: string[][]}} read
 * @param {string} [summary]
 */
export function tableDisclosure(caption, read, summary = "View as table") {
  const body = h("div", {});
  return h(
    "details",
    { toggle: (/** @type {any} */ event) => event.target.open && fillTable(body, caption, read()) },
    h("summary", {}, summary),
    body,
  );
}

/** @param {Element} body @param {string} caption @param {{head: string[], rows: string[][]}} content */
function fillTable(body, caption, { head, rows }) {
  const truncated = rows.length > MAX_ROWS;
  fill(
    body,
    dataTable(caption, head, rows.slice(0, MAX_ROWS), { class: "values" }),
    truncated && h("p", { class: "note" }, `Showing the first ${MAX_ROWS} of ${formatCount(rows.length)} rows. Zoom in to see the others.`),
  );
}
