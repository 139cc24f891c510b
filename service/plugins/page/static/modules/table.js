// @ts-check
/** Data tables. */

import { fill, h } from "./dom.js";
import { fileName, saveFile, toCsv } from "./download.js";
import { formatCount } from "./numbers.js";
import { scrollable } from "./scroll.js";
import { isoTime } from "./times.js";

const MAX_ROWS = 400;

/**
 * A table, and a button that saves it as CSV.
 * @param {string} caption
 * @param {any[]} head column headings, or finished cells
 * @param {any[]} rows lists of cells, the first of which is the row heading, or finished rows
 * @param {{class?: string, csv?: () => unknown[][]}} [options] csv: what to save, by default what is shown
 */
export function dataTable(caption, head, rows, options = {}) {
  const table = h(
    "table",
    { class: options.class },
    h("caption", { class: options.class === "values" ? null : "hidden" }, caption),
    h("thead", {}, h("tr", {}, head.map((cell) => (cell instanceof HTMLTableCellElement ? cell : h("th", { scope: "col" }, cell))))),
    h("tbody", {}, rows.map(row)),
  );
  const save = () => saveFile(fileName(caption, "csv"), toCsv(options.csv?.() ?? plainRows(caption, shownRows(table))), "text/csv");
  const button = h("button", { type: "button", class: "plain csv", "aria-label": `Save as CSV: ${caption}`, click: save }, "Save as CSV");
  return h("div", { class: "table" }, scrollable("div", caption, {}, table), button);
}

/** The texts of the cells. @param {HTMLTableElement} table */
function shownRows(table) {
  return [...table.rows].map(({ cells }) => [...cells].map((cell) => cell.innerText.replace(/\s+/g, " ").trim()));
}

/** Rows for other programs: plain numbers, times in ISO 8601, and the unit of the caption in the heads of columns with numbers. @param {string} caption @param {string[][]} rows */
function plainRows(caption, [head, ...rows]) {
  const [, unit] = /, (°[CF]|%)$/.exec(caption) ?? [];
  const plain = rows.map((cells) => cells.map(plainCell));
  const hasNumbers = (/** @type {number} */ i) => plain.some((cells) => cells[i] !== "" && Number.isFinite(Number(cells[i])));
  return [head.map((text, i) => (unit && i > 0 && !text.includes(unit) && hasNumbers(i) ? `${text}, ${unit}` : text)), ...plain];
}

/** @param {string} text */
function plainCell(text) {
  if (text === "–") return "";
  const isNumber = /^[−+]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?$/.test(text);
  return isNumber ? text.replace("−", "-").replaceAll(",", "") : isoTime(text) ?? text;
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
    dataTable(caption, head, rows.slice(0, MAX_ROWS), { class: "values", csv: () => plainRows(caption, [head, ...rows]) }),
    truncated && h("p", { class: "note" }, `Showing the first ${MAX_ROWS} of ${formatCount(rows.length)} rows. Zoom in to see the others.`),
  );
}
