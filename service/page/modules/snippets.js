// @ts-check
/** The same request as a program makes it, to copy. */

import { hasKey } from "./api.js";
import { h } from "./dom.js";
import { code } from "./download.js";

const INDENT = "    ";

/** For a request without a body. @param {string} path with its query */
export function getSnippets(path) {
  const url = location.origin + path;
  const curl = ["curl", ...curlKey(), `'${url}'`].join(" ");
  const python = ["import httpx", "", `answer = httpx.get(${quote(url)}${pythonKey()})`, "print(answer.raise_for_status().json())"];
  return snippets(curl, python.join("\n"));
}

/**
 * For a request with JSON.
 * @param {string} path @param {Record<string, any>} body
 */
export function postSnippets(path, body) {
  const url = location.origin + path;
  const json = JSON.stringify(body).replaceAll("'", "'\\''");
  const curl = [`curl ${[...curlKey(), "-H 'Content-Type: application/json'"].join(" ")} '${url}' -d '${json}'`];
  const python = [
    "import httpx",
    "",
    `body = ${pythonic(body)}`,
    `answer = httpx.post(${quote(url)}, json=body${pythonKey()})`,
    "print(answer.raise_for_status().json())",
  ];
  return snippets(curl.join("\n"), python.join("\n"));
}

/** @param {string} curl @param {string} python */
export function snippets(curl, python) {
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, "The same from a program")),
    h("div", { class: "grid" }, code("curl", curl), code("Python, with httpx", python)),
  );
}

function curlKey() {
  return hasKey() ? ["-H 'Authorization: Bearer YOUR_KEY'"] : [];
}

function pythonKey() {
  return hasKey() ? `, headers={"Authorization": "Bearer YOUR_KEY"}` : "";
}

/** @param {string} text */
const quote = (text) => JSON.stringify(text);

/** A value as Python writes it. @param {unknown} value @returns {string} */
function pythonic(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(pythonic).join(", ")}]`;
  const items = Object.entries(value).map(([name, one]) => `${INDENT}${quote(name)}: ${pythonic(one)},`);
  return `{\n${items.join("\n")}\n}`;
}
