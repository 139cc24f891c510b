// @ts-check
/** The shipped seas as home lists them: archives, told as of their end. */

import { seaPath } from "./address.js";
import { getJson, withQuery } from "./api.js";
import { differenceInWords, nextInWords } from "./attention.js";
import { knowsUsual, loadReleases } from "./datasets.js";
import { temperature } from "./degrees.js";
import { ageInWords, longDate, validPhrase } from "./spoken-times.js";

const LEVEL = 80;

/** @param {AbortSignal} signal @returns {Promise<import("./attention.js").Listed[]>} */
export async function loadExamples(signal) {
  const { places } = await loadReleases(signal);
  return Promise.all(places.map((sea) => listedSea(sea, signal)));
}

/** @param {import("./datasets.js").Dataset} sea @param {AbortSignal} signal @returns {Promise<import("./attention.js").Listed>} */
async function listedSea(sea, signal) {
  const { name: dataset, title, position } = sea;
  const now = new Date();
  const [series, { forecasts: [forecast] }] = await Promise.all([
    getJson(withQuery("/series", { dataset }), { signal }),
    getJson(withQuery("/forecast", { dataset, horizon: 1, level: LEVEL }), { signal }),
  ]);
  const { step, timestamps, values, climatology } = series;
  const last = values.findLastIndex((/** @type {number | null} */ value) => value !== null);
  const anomaly = climatology && knowsUsual(sea) ? values[last] - climatology[last] : null;
  const end = longDate(timestamps[last], step);
  const [interval] = forecast.intervals;
  return {
    id: dataset,
    href: seaPath(dataset),
    title: `${title}, archive to ${end}`,
    position,
    anomaly,
    reasons: [],
    value: temperature(values[last], 1),
    when: `${ageInWords(timestamps[last], now)} ago`,
    difference: anomaly === null ? "" : differenceInWords(anomaly),
    next: nextInWords(forecast.sst[0], interval.lower[0], interval.upper[0], validPhrase(forecast.timestamps[0], step, now)),
  };
}
