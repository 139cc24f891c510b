// @ts-check
/** Code snippets that make the same request with curl and Python. */

import { hasKey, withQuery } from "./api.js";
import { h } from "./dom.js";
import { isPasted } from "./file-input.js";
import { codeBlock, saveFile } from "./download.js";

const KEY_HEADER = "Authorization: Bearer YOUR_KEY";

/** Snippets for a GET request. @param {string} path @param {Record<string, any>} query */
export function querySnippets(path, query) {
  const items = pythonItems(query);
  const curl = ["curl", ...curlKey(), shellQuote(location.origin + withQuery(path, query))].join(" ");
  const python = [
    "import httpx",
    "",
    ...(items.length ? ["params = {", ...items.map((item) => `    ${item},`), "}"] : []),
    `response = httpx.get(${JSON.stringify(location.origin + path)}${items.length ? ", params=params" : ""}${pythonKey()})`,
    "print(response.raise_for_status().json())",
  ];
  return snippets(curl, python.join("\n"));
}

/**
 * Snippets that read a file through the service and forecast from it.
 * @param {import("./file-reader.js").FileContent} file @param {Record<string, any>} params of POST /series
 * @param {{dataset?: string, model: string, horizon: number, levels: number[], events: any[]}} options of POST /forecast
 * @param {import("./position-fields.js").Position | null} position of the series
 */
export function fileSnippets({ name, blob }, params, options, position) {
  const { levels, events, ...rest } = options;
  const body = { ...rest, levels, ...(events.length ? { events } : {}) };
  const series = location.origin + withQuery("/series", params);
  const forecast = location.origin + withQuery("/forecast", { ...rest, level: levels, events: events.length ? JSON.stringify(events) : "" });
  const curl = [
    ["curl -sSf", ...curlKey(), "-H 'Accept: application/x-ndjson' \\"].join(" "),
    `    --data-binary ${shellQuote(`@${name}`)} \\`,
    `    ${shellQuote(series)} |`,
    ...(position ? [`sed 's/}$/, "latitude": ${position.latitude}, "longitude": ${position.longitude}}/' |`] : []),
    ["curl -sS", ...curlKey(), "-H 'Content-Type: application/x-ndjson' \\"].join(" "),
    "    --data-binary @- \\",
    `    ${shellQuote(forecast)}`,
  ];
  const python = [
    "from pathlib import Path",
    "",
    "import httpx",
    "",
    `with httpx.Client(base_url=${JSON.stringify(location.origin)}${pythonKey()}) as client:`,
    "    reading = client.post(",
    '        "/series",',
    ...(Object.keys(params).length ? [`        params={${pythonItems(params).join(", ")}},`] : []),
    `        content=Path(${JSON.stringify(name)}).read_bytes(),`,
    "    )",
    '    series = reading.raise_for_status().json()["series"]',
    ...(position ? [`    series = [item | {${pythonItems(position).join(", ")}} for item in series]`] : []),
    "    body = {",
    ...pythonItems(body).map((item) => `        ${item},`),
    '        "series": series,',
    "    }",
    '    response = client.post("/forecast", json=body, timeout=30)',
    "    print(response.raise_for_status().json())",
  ];
  const saveButton = h("button", { type: "button", class: "plain", click: () => saveFile(name, blob, "text/csv") }, `Save ${name}`);
  return snippets(curl.join("\n"), python.join("\n"), h("p", { class: "note" }, `Run it in the folder that contains ${name}. `, isPasted(name) && saveButton));
}

/** @param {string} curl @param {string} python @param {Element | null} [note] */
function snippets(curl, python, note = null) {
  return [h("h2", {}, "The same from code"), note, h("div", { class: "grid" }, codeBlock("curl", curl), codeBlock("Python, with httpx", python))];
}

/** The option of curl that sends the key, if there is one. */
export function curlKey() {
  return hasKey() ? [`-H '${KEY_HEADER}'`] : [];
}

function pythonKey() {
  const [name, value] = KEY_HEADER.split(": ");
  return hasKey() ? `, headers={"${name}": "${value}"}` : "";
}

/** Text quoted as a single shell word. @param {string} text */
export function shellQuote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The entries of a Python dict literal. @param {Record<string, any>} values @returns {string[]} */
function pythonItems(values) {
  /** @param {any} value @returns {string} */
  const literal = (value) => {
    if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
    return value !== null && typeof value === "object" ? `{${pythonItems(value).join(", ")}}` : JSON.stringify(value);
  };
  return Object.entries(values)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => `${JSON.stringify(name)}: ${literal(value)}`);
}
