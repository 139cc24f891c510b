// @ts-check
/** The choice of a dataset in the archive views: the list, and the answer to a name that does not exist. */

import { urlOf } from "./address.js";
import { selectField } from "./controls.js";
import { h } from "./dom.js";
import { stepAdjective } from "./times.js";

/** @typedef {import("./datasets.js").Dataset} Dataset */

/** A list of the datasets by title. @param {Dataset[]} datasets @param {Dataset} selected @param {(name: string) => void} change */
export function datasetField(datasets, selected, change) {
  const options = datasets.map(({ name, title, best }) => ({ value: name, text: `${title} (${stepAdjective(best.step)})` }));
  return selectField("Dataset", options, selected.name, change);
}

/**
 * A notice that a view has no dataset of this name, with links to those that it has.
 * @param {import("./datasets.js").Releases} releases @param {import("./address.js").State} state with the name
 */
export function unknownDataset({ places, universal }, { view, dataset }) {
  const isUniversal = universal.some(({ name }) => name === dataset);
  const heading = isUniversal ? `${dataset} has no dataset to show` : `No dataset is named ${dataset}`;
  const links = places.map(({ name, title }) => h("li", {}, h("a", { href: urlOf({ view, dataset: name }) }, title), title !== name && [" ", h("code", {}, name)]));
  return h(
    "div",
    { class: "notice error", role: "alert" },
    h("h1", {}, `${heading}. Choose one:`),
    h("ul", {}, links, isUniversal && h("li", {}, h("a", { href: urlOf({ view: "data" }) }, "your own data"))),
  );
}
