// @ts-check
/** The loaded datasets of places and their models. */

import { getJson } from "./api.js";

/**
 * @typedef {object} Dataset
 * @property {string} name
 * @property {any[]} models entries of the /models response
 * @property {any} best the model that was selected in training
 */

/**
 * Load the datasets, the default first.
 * @param {AbortSignal} signal
 * @returns {Promise<Dataset[]>}
 */
export async function loadDatasets(signal) {
  const { default_dataset: defaultName, models } = await getJson("/models", { signal });
  const entries = models.filter((/** @type {any} */ model) => model.kind === "place");
  const names = [...new Set(entries.map((/** @type {any} */ model) => model.dataset))];
  names.sort((a, b) => Number(b === defaultName) - Number(a === defaultName) || String(a).localeCompare(String(b)));
  return names.map((name) => {
    const own = entries.filter((/** @type {any} */ model) => model.dataset === name);
    return { name: String(name), models: own, best: own.find((/** @type {any} */ model) => model.best) ?? own[0] };
  });
}

/** The dataset with this name, or the first. @param {Dataset[]} datasets @param {string | undefined} name */
export function findDataset(datasets, name) {
  return datasets.find((dataset) => dataset.name === name) ?? datasets[0];
}
