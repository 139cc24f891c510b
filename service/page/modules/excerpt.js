// @ts-check
/** The place in a file that a sentence is about. */

import { h } from "./dom.js";
import { scroll } from "./scroll.js";

const AROUND = 2;
const WIDEST = 200;

/** The lines around the one that a sentence names, to see what it is about. @param {string} sentence @param {string} text */
export function excerpt(sentence, text) {
  const [, found] = /\bline (\d+)/.exec(sentence) ?? [];
  if (!found) return null;
  const lines = text.split(/\r?\n/);
  const at = Number(found) - 1;
  if (at >= lines.length) return null;
  const first = Math.max(0, at - AROUND);
  return scroll(
    "pre",
    `The file around line ${found}`,
    { class: "excerpt" },
    lines.slice(first, at + AROUND + 1).map((content, i) => {
      const shown = `${String(first + i + 1).padStart(5)}  ${content.slice(0, WIDEST)}\n`;
      return first + i === at ? h("mark", {}, shown) : shown;
    }),
  );
}
