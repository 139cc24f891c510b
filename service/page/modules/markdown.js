// @ts-check
/** Renders the Markdown of model cards: headings, lists, tables, paragraphs, bold and code. Anything else is text, with times as elsewhere on the page. */

import { h } from "./dom.js";
import { scrollable } from "./scroll.js";
import { withTimes } from "./sentence.js";

/** @param {string} text @returns {Element[]} */
export function markdown(text) {
  return text
    .trim()
    .split(/\n\s*\n/)
    .map((block) => block.split("\n"))
    .flatMap((lines) => (lines.length > 1 && lines[0].startsWith("#") ? [lines.slice(0, 1), lines.slice(1)] : [lines]))
    .map(renderBlock);
}

/** @param {string[]} lines */
function renderBlock(lines) {
  const [, marks, heading] = /^(#+) (.*)/.exec(lines[0]) ?? [];
  // The page shows the card under a second-level heading.
  if (marks) return h(marks.length === 1 ? "h3" : "h4", {}, renderInline(heading));
  if (lines[0].startsWith("|")) return renderTable(lines);
  if (lines[0].startsWith("- ")) return h("ul", {}, listItems(lines).map((item) => h("li", {}, renderInline(item))));
  return h("p", {}, renderInline(lines.join(" ")));
}

/** List items, each of which may span several lines. @param {string[]} lines */
function listItems(lines) {
  return lines
    .join("\n")
    .slice(2)
    .split("\n- ")
    .map((item) => item.replaceAll(/\s*\n\s*/g, " "));
}

/** @param {string[]} lines */
function renderTable(lines) {
  const [head, , ...rows] = lines.map((line) => line.replaceAll(/^\||\|\s*$/g, "").split("|").map((cell) => cell.trim()));
  const body = rows.map((cells) => h("tr", {}, cells.map((cell, i) => (i === 0 ? h("th", { scope: "row" }, renderInline(cell)) : h("td", {}, renderInline(cell))))));
  return scrollable(
    "div",
    head.join(", "),
    {},
    h("table", { class: "values" }, h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, renderInline(cell))))), h("tbody", {}, body)),
  );
}

/** @param {string} text */
function renderInline(text) {
  return text.split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((part) => {
    if (part.startsWith("**") && part.length > 4) return h("strong", {}, part.slice(2, -2));
    if (part.startsWith("`") && part.length > 2) return h("code", {}, part.slice(1, -1));
    return withTimes(part);
  });
}
