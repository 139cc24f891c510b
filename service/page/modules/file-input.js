// @ts-check
/** A file that is dropped, chosen or pasted. */

import { fill, h } from "./dom.js";
import { count } from "./numbers.js";
import { megabytes } from "./words.js";

const EXAMPLE_VALUES = [
  24.81, 26.19, 26.86, 25.91, 24.47, 23.3, 21.94, 20.76, 20.21, 20.59, 21.55, 22.72, 24.62, 25.92, null, 25.79, 24.36,
  22.56, 20.87, 19.73, 19.38, 19.65, 20.49, 21.84,
];
const PASTED = "pasted.csv";

/** Four years made up of two, one month of them missing. */
function example() {
  const rows = [...EXAMPLE_VALUES, ...EXAMPLE_VALUES].map((value, i) => `${2006 + Math.floor(i / 12)}-${String((i % 12) + 1).padStart(2, "0")}-01,${value ?? ""}`);
  return `time,sst\n${rows.join("\n")}\n`;
}

/**
 * The input, and what to do with what comes by it.
 * @param {(content: import("./reading.js").Content) => void} take
 * @param {import("./reading.js").Content | null} before what came by it last
 * @param {string} text what was pasted before
 */
export function fileInput(take, before, text) {
  const area = h("textarea", {
    id: "pasted",
    value: text,
    spellcheck: "false",
    placeholder: "time,sst\n2006-01-01,24.81\n2006-02-01,26.19\n…",
    "aria-describedby": "pasted-note",
  });
  const file = h("input", { type: "file", id: "file", class: "hidden", change: () => file.files[0] && given(file.files[0]) });
  const held = h("p", { class: "held" });
  const taken = (/** @type {import("./reading.js").Content} */ content) => {
    fill(held, h("strong", {}, content.name), ` ${size(content.blob.size)}`);
    take(content);
  };
  const given = (/** @type {File} */ one) => {
    taken({ name: one.name, blob: one });
    // The same file, mended, can be chosen again.
    file.value = "";
  };
  const pasted = () => taken({ name: PASTED, blob: new Blob([area.value], { type: "text/csv" }) });
  if (before) fill(held, h("strong", {}, before.name), ` ${size(before.blob.size)}`);
  const over = (/** @type {boolean} */ on) => (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    drop.classList.toggle("over", on);
  };
  const drop = h(
    "div",
    {
      class: "drop",
      dragover: over(true),
      dragleave: over(false),
      drop: (/** @type {DragEvent} */ event) => {
        over(false)(event);
        const [one] = event.dataTransfer?.files ?? [];
        if (one) given(one);
      },
    },
    h("p", {}, h("strong", {}, "Drop a file here"), ", or ", h("label", { for: "file", class: "link" }, "choose one", file)),
    h("p", { class: "note" }, "CSV (wide or long), ERDDAP's CSV or NDBC's text files, gzipped or not; NetCDF of one place or a grid."),
    held,
  );
  const use = () => {
    area.value = example();
    pasted();
  };
  return h(
    "div",
    { class: "grid" },
    drop,
    h(
      "div",
      { class: "field" },
      h("label", { for: "pasted" }, "Or paste it"),
      area,
      h("p", { class: "note", id: "pasted-note" }, "A header, then one time and one temperature per line. Leave missing values empty."),
      h("div", { class: "row" }, h("button", { type: "button", class: "main", click: pasted }, "Read it"), h("button", { type: "button", click: use }, "Try an example")),
    ),
  );
}

/** @param {number} bytes */
function size(bytes) {
  return bytes < 1e5 ? `${count(bytes)} bytes` : megabytes(bytes);
}
