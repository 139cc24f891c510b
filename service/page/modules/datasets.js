// @ts-check
/** What is loaded: the datasets there are, and their models. */

import { getJson } from "./api.js";

/**
 * @typedef {object} Dataset
 * @property {string} name
 * @property {any[]} models entries of /models
 * @property {any} best
 */

/**
 * Every dataset, the default one first.
 * @param {AbortSignal} signal
 * @returns {Promise<Dataset[]>}
 */
export async function loadDatasets(signal) {
  const { default_dataset: standard, models } = await getJson("/models", { signal });
  const names = [...new Set(models.map((/** @type {any} */ model) => model.dataset))];
  names.sort((a, b) => Number(b === standard) - Number(a === standard) || String(a).localeCompare(String(b)));
  return names.map((name) => {
    const own = models.filter((/** @type {any} */ model) => model.dataset === name);
    return { name: String(name), models: own, best: own.find((/** @type {any} */ model) => model.best) ?? own[0] };
  });
}

/** The one that the address names, else the first. @param {Dataset[]} datasets @param {string | undefined} name */
export function pick(datasets, name) {
  return datasets.find((one) => one.name === name) ?? datasets[0];
}
