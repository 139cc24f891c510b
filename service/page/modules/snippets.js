// @ts-check
/** The same request as a program makes it, to copy. */

import { hasKey, withQuery } from "./api.js";
import { h } from "./dom.js";
import { code, save } from "./download.js";

const KEY = "Authorization: Bearer YOUR_KEY";

/** For a request without a body. @param {string} path @param {Record<string, any>} query */
export function getSnippets(path, query) {
  const curl = ["curl", ...curlKey(), quoted(location.origin + withQuery(path, query))].join(" ");
  const python = [
    "import httpx",
    "",
    "asked = {",
    ...items(query).map((item) => `    ${item},`),
    "}",
    `answer = httpx.get(${JSON.stringify(location.origin + path)}, params=asked${pythonKey()})`,
    "print(answer.raise_for_status().json())",
  ];
  return snippets(curl, python.join("\n"));
}

/**
 * For a file: first read by the service, then forecast.
 * @param {import("./reading.js").Content} content @param {Record<string, any>} reading what the service is told about it
 * @param {{dataset: string, model: string, horizon: number, levels: number[]}} asked of the forecast
 */
export function fileSnippets({ name, blob }, reading, asked) {
  const { levels, ...rest } = asked;
  const series = location.origin + withQuery("/series", reading);
  const forecast = location.origin + withQuery("/forecast", { ...rest, level: levels });
  const curl = [
    ["curl -sSf", ...curlKey(), "-H 'Accept: application/x-ndjson' \\"].join(" "),
    `    --data-binary ${quoted(`@${name}`)} \\`,
    `    ${quoted(series)} |`,
    ["curl -sS", ...curlKey(), "-H 'Content-Type: application/x-ndjson' \\"].join(" "),
    "    --data-binary @- \\",
    `    ${quoted(forecast)}`,
  ];
  const python = [
    "from pathlib import Path",
    "",
    "import httpx",
    "",
    `with httpx.Client(base_url=${JSON.stringify(location.origin)}${pythonKey()}) as client:`,
    "    found = client.post(",
    '        "/series",',
    ...(Object.keys(reading).length ? [`        params={${items(reading).join(", ")}},`] : []),
    `        content=Path(${JSON.stringify(name)}).read_bytes(),`,
    "    )",
    "    asked = {",
    ...items(asked).map((item) => `        ${item},`),
    '        "series": found.raise_for_status().json()["series"],',
    "    }",
    '    answer = client.post("/forecast", json=asked, timeout=30)',
    "    print(answer.raise_for_status().json())",
  ];
  const get = h("button", { type: "button", class: "plain", click: () => save(name, blob, "text/csv") }, `Save ${name}`);
  return snippets(curl.join("\n"), python.join("\n"), h("p", { class: "note" }, `Run it in the folder that holds ${name}. `, name === "pasted.csv" && get));
}

/** @param {string} curl @param {string} python @param {Element | null} [note] */
function snippets(curl, python, note = null) {
  return h(
    "section",
    { class: "card" },
    h("header", {}, h("h2", {}, "The same from a program"), note),
    h("div", { class: "grid" }, code("curl", curl), code("Python, with httpx", python)),
  );
}

function curlKey() {
  return hasKey() ? [`-H '${KEY}'`] : [];
}

function pythonKey() {
  const [name, value] = KEY.split(": ");
  return hasKey() ? `, headers={"${name}": "${value}"}` : "";
}

/** As a shell takes it for one word. @param {string} text */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The items of a mapping as Python writes them. @param {Record<string, any>} values */
function items(values) {
  const written = (/** @type {any} */ value) => (Array.isArray(value) ? `[${value.map((one) => JSON.stringify(one)).join(", ")}]` : JSON.stringify(value));
  return Object.entries(values)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => `${JSON.stringify(name)}: ${written(value)}`);
}
