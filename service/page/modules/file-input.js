// @ts-check
/** Input for a file: drop, choose or paste. */

import { fill, h } from "./dom.js";
import { formatCount, formatMegabytes } from "./numbers.js";

const EXAMPLE_VALUES = [
  24.81, 26.19, 26.86, 25.91, 24.47, 23.3, 21.94, 20.76, 20.21, 20.59, 21.55, 22.72, 24.62, 25.92, null, 25.79, 24.36,
  22.56, 20.87, 19.73, 19.38, 19.65, 20.49, 21.84,
];
const PASTED_NAME = "pasted.csv";

/** Four years of monthly values as CSV: two years, repeated, with a missing month. */
function exampleCsv() {
  const rows = [...EXAMPLE_VALUES, ...EXAMPLE_VALUES].map((value, i) => `${2006 + Math.floor(i / 12)}-${String((i % 12) + 1).padStart(2, "0")}-01,${value ?? ""}`);
  return `time,sst\n${rows.join("\n")}\n`;
}

/**
 * A drop target with a file chooser, beside a text area to paste into.
 * @param {(file: import("./file-reader.js").FileContent) => void} open called with each file
 * @param {import("./file-reader.js").FileContent | null} current the file opened last
 * @param {string} text the text pasted last
 */
export function fileInput(open, current, text) {
  const area = h("textarea", {
    id: "pasted",
    value: text,
    spellcheck: "false",
    placeholder: "time,sst\n2006-01-01,24.81\n2006-02-01,26.19\n…",
    "aria-describedby": "pasted-note",
  });
  const chooser = h("input", { type: "file", id: "file", class: "hidden", change: () => chooser.files[0] && openFile(chooser.files[0]) });
  const status = h("p", { class: "file-status" });
  const showStatus = (/** @type {import("./file-reader.js").FileContent} */ file) => fill(status, h("strong", {}, file.name), ` ${formatSize(file.blob.size)}`);
  const openContent = (/** @type {import("./file-reader.js").FileContent} */ file) => {
    showStatus(file);
    open(file);
  };
  const openFile = (/** @type {File} */ file) => {
    openContent({ name: file.name, blob: file });
    // Lets the user choose the same file again after correcting it.
    chooser.value = "";
  };
  const openPasted = () => openContent({ name: PASTED_NAME, blob: new Blob([area.value], { type: "text/csv" }) });
  if (current) showStatus(current);
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
        if (file) openFile(file);
      },
    },
    h("p", {}, h("strong", {}, "Drop a file here"), ", or ", h("label", { for: "file", class: "link" }, "choose one", chooser)),
    h("p", { class: "note" }, "CSV (long or wide), ERDDAP CSV or NDBC text, optionally gzipped; or NetCDF with a single location or a grid."),
    status,
  );
  const useExample = () => {
    area.value = exampleCsv();
    openPasted();
  };
  return h(
    "div",
    { class: "grid" },
    drop,
    h(
      "div",
      { class: "field" },
      h("label", { for: "pasted" }, "Or paste data"),
      area,
      h("p", { class: "note", id: "pasted-note" }, "Start with a header row, then one time and one temperature per line. Leave missing values empty."),
      h("div", { class: "row" }, h("button", { type: "button", class: "main", click: openPasted }, "Read data"), h("button", { type: "button", click: useExample }, "Try an example")),
    ),
  );
}

/** @param {number} bytes */
function formatSize(bytes) {
  return bytes < 1e5 ? `${formatCount(bytes)} bytes` : formatMegabytes(bytes);
}
