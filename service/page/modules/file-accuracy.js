// @ts-check
/** How right forecasts of a series would have been on its own past. */

import { postJson } from "./api.js";
import { formatCount } from "./numbers.js";
import { toldLead } from "./place-sentence.js";
import { sentence } from "./sentence.js";
import { formatPeriod, formatTime } from "./times.js";

/**
 * @typedef {import("./forecast-chart.js").History} History
 * @typedef {Omit<import("./place-accuracy.js").Accuracy, "model">} Backtest
 */

/** A comparison over more values takes long. */
const MAX_COMPARED_VALUES = 3_000;

/** Parts of the horizon whose errors are told apart. */
const PARTS = [0, 0.25, 0.5, 1];

/**
 * The backtest by which universal networks and references are chosen. The service gives the errors over all leads up to a
 * horizon; the differences between several horizons are those by lead.
 * @param {(horizon: number) => Promise<any[]>} ask for the chosen forecast up to a horizon @param {import("./place.js").Choice} choice @param {History} history
 * @returns {Promise<Backtest>}
 */
export async function fileBacktest(ask, { horizon }, history) {
  const horizons = [...new Set(PARTS.map((part) => Math.max(1, Math.ceil(part * horizon))))];
  const answers = await Promise.all(horizons.map(ask));
  const chosen = answers.map(([forecast]) => forecast.chosen);
  const { origins, since, by } = chosen[0];
  const { step } = history;
  const told = toldLead({ history, isArchive: true }, answers[answers.length - 1][0].timestamps, new Date());
  const rows = origins ? horizons.map((to, i) => ({ from: i ? horizons[i - 1] + 1 : 1, to, n: chosen[i].origins, rmse: errorsBetween(chosen[i - 1]?.rmse ?? {}, horizons[i - 1] ?? 0, chosen[i].rmse, to) })) : [];
  const learned = by === "own_past" ? ", but the weights of the mixture were learned from all of them" : "";
  const window = `Typical errors (RMSE) of ${formatCount(origins)} forecasts of the past of this series${since ? `, since ${formatTime(since, step)}` : ""}. Each used earlier values only${learned}.`;
  return { step, told: Math.max(rows.findIndex(({ to }) => to >= told), 0), rows, window: origins ? window : "The series is too short to check this forecast against its past.", held: null, more: [] };
}

/** The errors over the leads after the first horizon up to the second. @param {Record<string, number>} first @param {number} n steps of the first @param {Record<string, number>} second @param {number} m */
function errorsBetween(first, n, second, m) {
  const names = Object.keys(second).filter((name) => n === 0 || name in first);
  return Object.fromEntries(names.map((name) => [name, Math.sqrt(Math.max(m * second[name] ** 2 - n * (first[name] ?? 0) ** 2, 0) / (m - n))]));
}

/**
 * The errors of the networks of one place on a series, one step ahead.
 * @param {any} series as it is sent @param {History} history @param {import("./datasets.js").Dataset} network @param {AbortSignal} stop
 * @returns {Promise<Backtest>}
 */
export async function placeBacktest(series, { step, timestamps, values }, network, stop) {
  const end = values.length <= MAX_COMPARED_VALUES ? series : { ...series, start: timestamps[values.length - MAX_COMPARED_VALUES], values: values.slice(-MAX_COMPARED_VALUES) };
  const { series: [compared] } = await postJson("/compare", { dataset: network.name, series: [end] }, stop);
  const common = { step, told: 0, held: null, more: [] };
  if (compared.error) return { ...common, rows: [], window: sentence(compared.error) };
  const { test, models } = compared;
  const rmse = Object.fromEntries(models.map((/** @type {any} */ model) => [model.model, model.rmse]));
  return { ...common, rows: [{ from: 1, to: 1, n: test.n, rmse }], window: `Typical errors (RMSE) of ${formatCount(test.n)} forecasts of this series, ${formatPeriod(test.start, test.end, step)}.` };
}
