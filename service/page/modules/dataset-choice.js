// @ts-check
/** The choice of a dataset in the archive views: the list, and the answer to a name that does not exist. */

import { urlOf } from "./address.js";
import { selectField } from "./controls.js";
import { announce, h } from "./dom.js";
import { stepAdjective } from "./times.js";

/** @typedef {import("./datasets.js").Dataset} Dataset */

/** A list of the datasets by title. @param {Dataset[]} datasets @param {Dataset} selected @param {(name: string) => void} change */
export function datasetField(datasets, selected, change) {
  const options = datasets.map(({ name, title, best }) => ({ value: name, text: `${title} (${stepAdjective(best.step)})` }));
  return selectField("Dataset", options, selected.name, change);
}

/**
 * A notice that a dataset does not exist, with links to those that do.
 * @param {Dataset[]} datasets @param {import("./address.js").State} state with the name that does not exist
 */
export function unknownDataset(datasets, { view, dataset }) {
  announce(`No dataset ${dataset}.`);
  const links = datasets.map(({ name, title }) => h("li", {}, h("a", { href: urlOf({ view, dataset: name }) }, title), title !== name && [" ", h("code", {}, name)]));
  return h(
    "div",
    { class: "notice error", role: "alert" },
    h("h1", {}, `No dataset ${dataset}; available:`),
    h("ul", {}, links),
  );
}
