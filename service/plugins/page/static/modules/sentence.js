// @ts-check
/** Messages of the service as sentences. */

import { formatTime } from "./times.js";

/** Times. Those in quotation marks and examples, which say what to write, stay as they are. */
const TIMES = /"[^"]*"|'[^']*'|such as \S+(?: or \S+)?|\b(\d{4}-\d\d-\d\d)(T\d\d:\d\d)?(?::\d\d(?:\.\d+)?)?(Z|\+00:00)?(?![\w-])/g;

/** A message with a capital letter at the start and a full stop at the end, and times as elsewhere on the page. @param {string} message */
export function sentence(message) {
  // Messages start with the name of the file, which is "the file" for an upload. Before a line or column it adds nothing.
  const text = withTimes(message.replace(/^the file: (?=line |column |there )/, "").replace(/^the file: /, "the file ").replace(/: send (\d+) more$/, ": $1 more are needed"));
  return `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}${/[.!?…]$/.test(text) ? "" : "."}`;
}

/** A text with a capital letter at the start. @param {string} text */
export function capitalised(text) {
  return text[0].toUpperCase() + text.slice(1);
}

/** A text with its times as elsewhere on the page; those at midnight are days. @param {string} text */
function withTimes(text) {
  return text.replace(TIMES, (found, date, clock) => (date ? formatTime(`${date}${clock ?? ""}`, clock && clock !== "T00:00" ? "hour" : "day") : found));
}
