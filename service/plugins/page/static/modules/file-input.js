// @ts-check
/** Input for a file: drop, choose or paste. */

import { h, uniqueId } from "./dom.js";

const EXAMPLE_START = Date.UTC(2026, 3, 1);
const EXAMPLE_VALUES = [
  16.1, 16.2, 16.2, 15.9, 15.9, 15.7, 15.9, 16.4, 16.1, 16.1, 16.4, 16.3, 16.6, 16.4, 16.6, 16.8, 16.4, 16.3, 15.9, 15.9,
  15.3, 15.5, 15.4, 15.6, 15.9, 15.9, 15.5, 15.5, 15.9, 16.1, 15.7, 15.9, 15.7, null, 16.3, 16.3, 16.3, 16.9, 16.6, 16.7,
  17.1, 17.1, 17.0, 17.4, 17.6, 17.3, 17.7, 17.9, 17.7, 18.4, 18.7, 18.4, 18.3, 18.6, 18.6, 18.7, 18.8, 18.9, 19.5, 19.2,
];
const PASTED_NAME = "pasted.csv";
const EXAMPLE_NAME = "example.csv";

/** Whether a file has this name because it was pasted or is the example, so that the user has no copy of it. @param {string} name */
export function isPasted(name) {
  return [PASTED_NAME, EXAMPLE_NAME].includes(name);
}

/** Sixty days of a Mediterranean coast as CSV, with a missing day and the position. */
function exampleCsv() {
  const rows = EXAMPLE_VALUES.map((value, i) => `${new Date(EXAMPLE_START + i * 86_400_000).toISOString().slice(0, 10)},${value ?? ""},43.6,9.1`);
  return `time,sst,latitude,longitude\n${rows.join("\n")}\n`;
}

/**
 * A drop target with a file chooser, beside a text area to paste into.
 * @param {(file: import("./file-reader.js").FileContent) => void} open called with each file
 * @param {{pastedName?: string, pasted?: string, button: HTMLButtonElement, notes: Element[]}} parts pasted: the text pasted last; button: reads it; notes: below the drop target
 */
export function fileInput(open, { pastedName = PASTED_NAME, pasted = "", button, notes }) {
  const area = h("textarea", { id: uniqueId("pasted"), value: pasted, spellcheck: "false", placeholder: "time,sst\n2026-04-01,16.1\n2026-04-02,16.2\n…" });
  const read = () => (area.value.trim() ? open({ name: pastedName, blob: new Blob([area.value], { type: "text/csv" }) }) : area.focus());
  button.addEventListener("click", read);
  return h(
    "div",
    { class: "grid" },
    fileDrop((file) => open({ name: file.name, blob: file }), h("p", { class: "note" }, "A table as text (CSV), with a time and a temperature on each line; or the file of a logger, NDBC, ERDDAP or NetCDF."), notes),
    h("div", { class: "field" }, h("label", { for: area.id }, "Or paste lines"), area, h("div", { class: "row" }, button)),
  );
}

/** A button that opens an example. @param {(file: import("./file-reader.js").FileContent) => void} open */
export function exampleButton(open) {
  return h("button", { type: "button", class: "link", click: () => open({ name: EXAMPLE_NAME, blob: new Blob([exampleCsv()], { type: "text/csv" }) }) }, "Try an example");
}

/** A target to drop a file on, with a chooser. @param {(file: File) => void} open @param {...import("./dom.js").Child | import("./dom.js").Child[]} notes */
function fileDrop(open, ...notes) {
  const id = uniqueId("file");
  const choose = () => {
    if (chooser.files[0]) open(chooser.files[0]);
    // Lets the user choose the same file again after correcting it.
    chooser.value = "";
  };
  const chooser = h("input", { type: "file", id, class: "hidden", change: choose });
  const setHovered = (/** @type {boolean} */ hovered) => (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    drop.classList.toggle("over", hovered);
  };
  const drop = h(
    "div",
    {
      class: "drop",
      dragover: setHovered(true),
      dragleave: setHovered(false),
      drop: (/** @type {DragEvent} */ event) => {
        setHovered(false)(event);
        const [file] = event.dataTransfer?.files ?? [];
        if (file) open(file);
      },
    },
    h("p", {}, h("strong", {}, "Drop a file here"), ", or ", h("label", { for: id, class: "link" }, "choose one", chooser)),
    notes,
  );
  return drop;
}
