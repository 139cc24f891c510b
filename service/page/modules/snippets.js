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

/** A mapping as Python writes it. @param {Record<string, any>} value */
function inline(value) {
  const items = Object.entries(value).map(([name, one]) => `${quote(name)}: ${JSON.stringify(one)}`);
  return `{${items.join(", ")}}`;
}

/**
 * For a file: first read by the service, then forecast.
 * @param {string} file @param {Record<string, any>} reading what the service is told about it @param {Record<string, any>} body of the forecast
 */
export function fileSnippets(file, reading, body) {
  const told = Object.fromEntries(Object.entries(reading).filter(([, value]) => value));
  const query = new URLSearchParams(told).toString();
  const series = `${location.origin}/series${query ? `?${query}` : ""}`;
  const jq = Object.entries(body).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  const key = curlKey();
  const curl = [
    [`curl -s -H 'Content-Type: text/csv'`, ...key, `--data-binary '@${file.replaceAll("'", "'\\''")}' '${series}' |`].join(" "),
    `  jq '{${[...jq, "series"].join(", ")}}' |`,
    `  ${["curl -s -H 'Content-Type: application/json'", ...key, `--data-binary @- '${location.origin}/forecast'`].join(" ")}`,
  ];
  const python = [
    "from pathlib import Path",
    "",
    "import httpx",
    "",
    `with httpx.Client(base_url=${quote(location.origin)}${pythonKey()}) as client:`,
    `${INDENT}file = Path(${quote(file)}).read_bytes()`,
    `${INDENT}found = client.post("/series", params=${inline(told)}, content=file).raise_for_status().json()`,
    `${INDENT}body = ${inline(body)} | {"series": found["series"]}`,
    `${INDENT}print(client.post("/forecast", json=body).raise_for_status().json())`,
  ];
  return snippets(curl.join("\n"), python.join("\n"));
}
