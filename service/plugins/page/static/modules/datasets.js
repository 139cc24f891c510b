// @ts-check
/** The loaded releases: datasets of places, and universal releases that forecast series from any sea. */

import { getJson } from "./api.js";
import { stepLength } from "./series-times.js";

const DAY_MS = 86_400_000;
const MIN_CLIMATOLOGY_MS = 2 * 365 * DAY_MS;

/** Where the shipped seas are: the middle of Niño 1+2, and the buoy. @type {Record<string, import("./world-map.js").Position>} */
const POSITIONS = { nino12: { latitude: -5, longitude: -85 }, "neracoos-b01": { latitude: 43.18, longitude: -70.43 } };

/**
 * @typedef {object} Dataset
 * @property {string} name
 * @property {string} title its name for people; the same as its name if the release has none
 * @property {any[]} models entries of the /models response
 * @property {any} best the model that was selected in training
 * @property {import("./world-map.js").Position | null} position of a shipped sea; null for others
 *
 * @typedef {object} Releases
 * @property {Dataset[]} places the default first
 * @property {Dataset[]} universal the shortest step first
 */

/** Load the releases. @param {AbortSignal} signal @returns {Promise<Releases>} */
export async function loadReleases(signal) {
  const { default_dataset: defaultName, models } = await getJson("/models", { signal });
  const places = grouped(models.filter((/** @type {any} */ model) => model.kind === "place"));
  places.sort((a, b) => Number(b.name === defaultName) - Number(a.name === defaultName) || a.name.localeCompare(b.name));
  const universal = grouped(models.filter((/** @type {any} */ model) => model.kind === "universal"));
  return { places, universal: universal.sort((a, b) => stepLength(a.best.step) - stepLength(b.best.step)) };
}

/** The dataset with this name, or without a name the first; null if there is none of this name. @param {Dataset[]} datasets @param {string | undefined} name */
export function findDataset(datasets, name) {
  return (name ? datasets.find((dataset) => dataset.name === name) : datasets[0]) ?? null;
}

/** Whether the climatology of a dataset says what is usual: it rests on at least two years. @param {Dataset} dataset */
export function knowsUsual({ best }) {
  const { start, end } = best.training_period;
  return new Date(end).getTime() - new Date(start).getTime() >= MIN_CLIMATOLOGY_MS;
}

/**
 * The universal release that forecasts series at a step, as the service chooses it for the next value: of this step, or
 * else of the nearest, but one that resolves the daily cycle if the series does.
 * @param {Dataset[]} universal @param {string} step
 * @returns {Dataset | null}
 */
export function universalFor(universal, step) {
  const same = universal.find(({ best }) => best.step === step);
  if (same || step === "month") return same ?? null;
  const resolvesCycle = stepLength(step) < DAY_MS / 2;
  const distance = (/** @type {Dataset} */ { best }) => {
    const losesCycle = resolvesCycle && stepLength(best.step) >= DAY_MS;
    return (losesCycle ? 1000 : 0) + Math.abs(Math.log(stepLength(best.step) / stepLength(step)));
  };
  return universal.filter(({ best }) => best.step !== "month").sort((a, b) => distance(a) - distance(b))[0] ?? null;
}

/** The longest horizon of a release, in steps of a series. @param {Dataset} release @param {string} step of the series */
export function horizonAt({ best }, step) {
  if (best.step === step) return best.horizon;
  const ratio = stepLength(best.step) / stepLength(step);
  // Means over several steps of the series are forecast to half a mean beyond the middle of the last.
  return Math.max(1, Math.floor(ratio > 1 ? (best.horizon - 0.5) * ratio + 0.5 : best.horizon * ratio));
}

/** @param {any[]} models @returns {Dataset[]} */
function grouped(models) {
  const names = [...new Set(models.map((model) => String(model.dataset)))];
  return names.map((name) => {
    const own = models.filter((model) => model.dataset === name);
    const best = own.find((model) => model.best) ?? own[0];
    return { name, title: best.title ?? name, models: own, best, position: POSITIONS[name] ?? null };
  });
}
