// @ts-check
/** The comparison of the models on the user's series, which forecasts with other horizons and models share. */

import { loadComparison } from "./own-series-requests.js";
import { latestOnly, waitFor } from "./task.js";

/** A comparison over more values takes long, so the user has to ask for it. */
export const MAX_COMPARED_VALUES = 3_000;

/**
 * @typedef {import("./file-forecast.js").Source} Source
 * @typedef {import("./file-forecast.js").Choice} Choice
 *
 * @typedef {object} Compare loads a comparison, once for a place and a position: it depends on nothing else that is chosen
 * @property {(choice: Choice, stop: AbortSignal) => Promise<any>} get stop ends the wait, not the work
 * @property {() => void} forget stops it, and loads it again when it is asked for
 * @property {() => void} useAll loads it again, over the whole series
 * @property {() => boolean} isPart whether it is over the end of the series only
 *
 * @param {Source} source @param {AbortSignal} signal @returns {Compare}
 */
export function compareOnce(source, signal) {
  const nextSignal = latestOnly(signal);
  /** @type {Promise<any> | null} */
  let comparison = null;
  let most = MAX_COMPARED_VALUES;
  const start = (/** @type {Choice} */ choice) => {
    const started = loadComparison(source, choice, most, nextSignal());
    // Only what failed is asked for again.
    started.catch(() => (comparison = comparison === started ? null : comparison));
    return started;
  };
  const forget = () => {
    nextSignal();
    comparison = null;
  };
  return {
    get: (choice, stop) => waitFor((comparison ??= start(choice)), stop),
    forget,
    useAll: () => {
      most = Infinity;
      forget();
    },
    isPart: () => source.history.values.length > most,
  };
}
