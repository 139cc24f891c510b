// @ts-check
/** The lines of a file around an error. */

import { h } from "./dom.js";
import { scrollable } from "./scroll.js";

const CONTEXT_LINES = 2;
const MAX_LINE_LENGTH = 200;

/** The lines around the line that an error message names; null if it names none. @param {string} message @param {string} text of the file */
export function excerpt(message, text) {
  const [, lineNumber] = /\bline (\d+)/.exec(message) ?? [];
  if (!lineNumber) return null;
  const lines = text.split(/\r?\n/);
  const target = Number(lineNumber) - 1;
  if (target >= lines.length) return null;
  const first = Math.max(0, target - CONTEXT_LINES);
  return scrollable(
    "pre",
    `The file around line ${lineNumber}`,
    { class: "excerpt" },
    lines.slice(first, target + CONTEXT_LINES + 1).map((content, i) => {
      const line = `${String(first + i + 1).padStart(5)}  ${content.slice(0, MAX_LINE_LENGTH)}\n`;
      return first + i === target ? h("mark", {}, line) : line;
    }),
  );
}
