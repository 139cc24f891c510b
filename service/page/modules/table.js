// @ts-check
/** Tables of figures. */

import { fill, h } from "./dom.js";
import { scroll } from "./scroll.js";

const MOST = 400;

/**
 * @param {string} caption
 * @param {any[]} head an element of its own stays as it is, here and in rows
 * @param {any[]} rows cells, the first being the row's name
 * @param {{class?: string}} [how]
 */
export function table(caption, head, rows, how = {}) {
  return scroll(
    "div",
    caption,
    {},
    h(
      "table",
      { class: how.class },
      h("caption", { class: how.class === "values" ? null : "hidden" }, caption),
      h("thead", {}, h("tr", {}, head.map((one) => (one instanceof HTMLTableCellElement ? one : h("th", { scope: "col" }, one))))),
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
 * What a chart shows, as a table that is made when it is opened.
 * @param {string} caption
 * @param {() => {head: string[], rows: string[][], of?: string}} read
 */
export function asTable(caption, read) {
  const body = h("div", {});
  return h(
    "details",
    { toggle: (/** @type {any} */ event) => event.target.open && show(body, caption, read()) },
    h("summary", {}, "As a table"),
    body,
  );
}

/** @param {Element} body @param {string} caption @param {{head: string[], rows: string[][]}} content */
function show(body, caption, { head, rows }) {
  const cut = rows.length > MOST;
  fill(
    body,
    table(caption, head, rows.slice(0, MOST), { class: "values" }),
    cut && h("p", { class: "note" }, `The first ${MOST} of ${rows.length} rows; zoom in to see others.`),
  );
}
