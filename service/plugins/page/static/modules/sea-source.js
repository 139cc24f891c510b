// @ts-check
/** A shipped sea as a place: the forecast that follows the last value of its archive, and the comparison over its test period. */

import { reportPath, seaPath } from "./address.js";
import { ApiError, getJson, withQuery } from "./api.js";
import { findDataset, knowsUsual, loadReleases } from "./datasets.js";
import { h } from "./dom.js";
import { forecastsOf } from "./forecast-chart.js";
import { modelTitle } from "./models.js";
import { formatCount } from "./numbers.js";
import { rowsByLead } from "./place-accuracy.js";
import { isArchive, noPlace, stepsOfDay, toldLead } from "./place-sentence.js";
import { shareCard } from "./share.js";
import { runTask } from "./task.js";
import { formatPeriod } from "./times.js";

/** @typedef {import("./datasets.js").Dataset} Dataset */

const LEVEL = 80;

/** Steps ahead at first, unless a day has more. */
const USUAL_HORIZON = 12;

/** @param {HTMLElement} box @param {string} id @param {AbortSignal} signal @param {(box: HTMLElement, place: import("./place.js").Place, signal: AbortSignal) => void} show */
export function open(box, id, signal, show) {
  const load = async (/** @type {AbortSignal} */ stop) => {
    const recent = getJson(withQuery("/series", { dataset: id }), { signal: stop }).catch(unknown);
    const { places } = await loadReleases(stop);
    return { places, recent: await recent };
  };
  return runTask(box, "Loading the sea", signal, load, ({ places, recent }) => {
    const dataset = findDataset(places, id);
    if (!dataset || !recent) return noPlace(box, `There is no sea named ${id}.`, places.map(({ name, title }) => ({ href: seaPath(name), text: title })));
    show(box, seaPlace(dataset, recent, signal), signal);
  });
}

/** Null for a series that does not exist. @param {unknown} error */
function unknown(error) {
  if (error instanceof ApiError && [404, 422].includes(error.status)) return null;
  throw error;
}

/** @param {Dataset} dataset @param {any} recent the response of GET /series @param {AbortSignal} signal @returns {import("./place.js").Place} */
function seaPlace(dataset, recent, signal) {
  const { name, title, best, models } = dataset;
  const usual = knowsUsual(dataset);
  const { step, timestamps, values, climatology } = recent;
  const last = values.findLastIndex((/** @type {number | null} */ value) => value !== null);
  const all = models.length > 1 ? [{ value: "all", text: models.length === 3 ? "All three" : "All" }] : [];
  const place = {
    kind: /** @type {const} */ ("sea"),
    id: name,
    title,
    position: null,
    history: { step, timestamps, values, climatology: usual ? climatology : undefined },
    newest: { time: timestamps[last], value: values[last], usual: usual ? climatology[last] : null, years: recent.usual?.years ?? null, isSuspect: false },
    knowsUsual: usual,
    isArchive: isArchive(timestamps[last], new Date()),
    series: { id: name, step, start: timestamps[0], values },
    release: name,
    baseline: null,
    models: [{ value: "best", text: `Chosen (${modelTitle(best.cell)})` }, ...models.map(({ cell }) => ({ value: cell, text: modelTitle(cell) })), ...all],
    levels: best.levels,
    maxHorizon: best.horizon,
    usualHorizon: Math.min(best.horizon, Math.max(USUAL_HORIZON, stepsOfDay(step))),
    options: () => [],
    more: [shareCard(title, null, signal)],
    forecast: (/** @type {import("./place.js").Choice} */ choice, /** @type {AbortSignal} */ stop) => forecastSea(place, dataset, choice, stop),
  };
  return place;
}

/** @param {import("./place.js").Place} place @param {Dataset} dataset @param {import("./place.js").Choice} choice @param {AbortSignal} stop @returns {Promise<import("./place.js").Forecasted>} */
async function forecastSea(place, { name: dataset, best }, { model, horizon, levels }, stop) {
  const query = { dataset, model, horizon, level: levels };
  const paths = [withQuery("/forecast", query), withQuery("/compare/leads", { dataset }), withQuery("/compare", { dataset })];
  const [response, leads, { test }] = await Promise.all(paths.map((path) => getJson(path, { signal: stop })));
  // Without levels, the service gives its default ones.
  const forecasts = forecastsOf(response, 0).map((/** @type {any} */ forecast) => (levels.length ? forecast : { ...forecast, intervals: [] }));
  const shown = forecasts.find((/** @type {any} */ forecast) => forecast.model === best.model) ?? forecasts[0];
  const entry = leads.models.find((/** @type {any} */ other) => other.model === shown.model);
  const rows = rowsByLead(leads.models[0].n, Object.fromEntries(leads.models.map((/** @type {any} */ other) => [other.model, other.rmse])));
  const lead = toldLead(place, shown.timestamps, new Date());
  const seen = entry?.caveat ? "which the network may have seen in training" : "which was not used for training";
  return {
    forecasts,
    shown,
    accuracy: {
      model: shown.model,
      step: place.history.step,
      told: lead - 1,
      rows,
      window: `Typical errors (RMSE) of ${formatCount(test.n)} forecasts of the test period, ${formatPeriod(test.start, test.end, place.history.step)}, ${seen}.`,
      held: entry?.coverage?.[LEVEL]?.share?.[lead - 1] ?? null,
      more: [h("p", { class: "more" }, h("a", { href: withQuery(reportPath(dataset), { horizon: lead > 1 ? lead : undefined }) }, "The report: all networks and simple forecasts"))],
    },
    without: null,
    notices: [],
  };
}
