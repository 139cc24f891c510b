// @ts-check
/** The choice of a file of readings, which then has the page of a place. */

import { FILE, openAddress } from "./address.js";
import { h, fill } from "./dom.js";
import { fileInput, isPasted } from "./file-input.js";
import { keepFile, keptFile } from "./kept-file.js";

/** The name of the file that was opened last, since the page was loaded. */
let lastName = "";

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const kept = await keptFile();
  const pasted = kept && isPasted(kept.name) ? await kept.blob.text() : "";
  if (signal.aborted) return;
  const open = async (/** @type {import("./file-reader.js").FileContent} */ file) => {
    // A file that was corrected is read as before. Pasted texts share a name but need not be alike.
    const options = kept && lastName === file.name && !isPasted(file.name) ? kept.options : location.search;
    lastName = file.name;
    root.setAttribute("aria-busy", "true");
    await keepFile(file, options);
    openAddress(FILE + options);
  };
  fill(
    root,
    h(
      "div",
      { class: "intro" },
      h("h1", {}, "Add a place"),
      h("p", {}, "Forecast a series from any sea, and see how right such forecasts would have been on its past. Your file is sent only to this service, and is not stored there unless you choose to keep it."),
    ),
    h("section", { class: "card" }, h("h2", { class: "hidden" }, "Your file"), kept && h("p", {}, "This browser keeps ", h("a", { href: FILE }, kept.name), ", which you opened before."), fileInput(open, pasted)),
  );
}
