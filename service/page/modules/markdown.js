// @ts-check
/** The Markdown of model cards as elements: headings, lists, tables, paragraphs, bold and code. Anything else is text. */

import { h } from "./dom.js";
import { scroll } from "./scroll.js";

/** @param {string} text @returns {Element[]} */
export function markdown(text) {
  return text
    .trim()
    .split(/\n\s*\n/)
    .map((block) => block.split("\n"))
    .flatMap((lines) => (lines.length > 1 && lines[0].startsWith("#") ? [lines.slice(0, 1), lines.slice(1)] : [lines]))
    .map(blockOf);
}

/** @param {string[]} lines */
function blockOf(lines) {
  const [, marks, heading] = /^(#+) (.*)/.exec(lines[0]) ?? [];
  // The card stands in the page under a heading of the second level.
  if (marks) return h(marks.length === 1 ? "h3" : "h4", {}, inline(heading));
  if (lines[0].startsWith("|")) return tableOf(lines);
  if (lines[0].startsWith("- ")) return h("ul", {}, items(lines).map((item) => h("li", {}, inline(item))));
  return h("p", {}, inline(lines.join(" ")));
}

/** Items, of which each may go on over several lines. @param {string[]} lines */
function items(lines) {
  return lines
    .join("\n")
    .slice(2)
    .split("\n- ")
    .map((item) => item.replaceAll(/\s*\n\s*/g, " "));
}

/** @param {string[]} lines */
function tableOf(lines) {
  const [head, , ...rows] = lines.map((line) => line.replaceAll(/^\||\|\s*$/g, "").split("|").map((cell) => cell.trim()));
  const body = rows.map((cells) => h("tr", {}, cells.map((cell, i) => (i === 0 ? h("th", { scope: "row" }, inline(cell)) : h("td", {}, inline(cell))))));
  return scroll(
    "div",
    head.join(", "),
    {},
    h("table", { class: "values" }, h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, inline(cell))))), h("tbody", {}, body)),
  );
}

/** @param {string} text */
function inline(text) {
  return text.split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((part) => {
    if (part.startsWith("**") && part.length > 4) return h("strong", {}, part.slice(2, -2));
    if (part.startsWith("`") && part.length > 2) return h("code", {}, part.slice(1, -1));
    return part;
  });
}
