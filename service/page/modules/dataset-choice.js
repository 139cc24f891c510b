// @ts-check
/** The choice of a dataset in the archive views: the list, and the answer to a name that does not exist. */

import { ADD, updateState } from "./address.js";
import { selectField, takeFocus } from "./controls.js";
import { loadReleases } from "./datasets.js";
import { h } from "./dom.js";
import { latestOnly, runTask } from "./task.js";
import { stepAdjective } from "./times.js";

/** @typedef {import("./datasets.js").Dataset} Dataset */

/**
 * @typedef {{changeDataset: (name: string) => void, built: (field: Element) => void}} Actions built: called with the field of the dataset
 *
 * Show an archive view, and show it again when another dataset is chosen, which then has the focus.
 * @param {HTMLElement} root @param {AbortSignal} signal
 * @param {(root: HTMLElement, releases: import("./datasets.js").Releases, actions: Actions, signal: AbortSignal) => void} compose
 * @param {Record<string, null>} cleared options that belong to the dataset before
 * @param {(name: string) => string} pathOf the address of the view for a dataset
 */
export async function showDataset(root, signal, compose, cleared, pathOf) {
  const nextSignal = latestOnly(signal);
  const changeDataset = (/** @type {string} */ name) => {
    updateState(cleared, { step: true, path: pathOf(name) });
    load(takeFocus);
  };
  const load = (/** @type {(field: Element) => void} */ built = () => {}) => {
    const stop = nextSignal();
    return runTask(root, "Loading models", stop, loadReleases, (releases) => compose(root, releases, { changeDataset, built }, stop));
  };
  await load();
}

/** A list of the datasets by title. @param {Dataset[]} datasets @param {Dataset} selected @param {(name: string) => void} change */
export function datasetField(datasets, selected, change) {
  const options = datasets.map(({ name, title, best }) => ({ value: name, text: `${title} (${stepAdjective(best.step)})` }));
  return selectField("Dataset", options, selected.name, change);
}

/**
 * A notice that a view has no dataset of this name, with links to those that it has.
 * @param {import("./datasets.js").Releases} releases @param {string} dataset @param {(name: string) => string} pathOf the address of the view for a dataset
 */
export function unknownDataset({ places, universal }, dataset, pathOf) {
  const isUniversal = universal.some(({ name }) => name === dataset);
  const heading = isUniversal ? `${dataset} has no dataset to show` : `No dataset is named ${dataset}`;
  const links = places.map(({ name, title }) => h("li", {}, h("a", { href: pathOf(name) }, title), title !== name && [" ", h("code", {}, name)]));
  return h(
    "div",
    { class: "notice error", role: "alert" },
    h("h1", {}, `${heading}. Choose one:`),
    h("ul", {}, links, isUniversal && h("li", {}, h("a", { href: ADD }, "your own data"))),
  );
}
