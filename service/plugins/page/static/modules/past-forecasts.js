// @ts-check
/** The forecasts that a network would have given during the test part, loaded in blocks and kept. */

import { getJson, withQuery } from "./api.js";
import { timestampsOf } from "./series-times.js";
import { milliseconds } from "./times.js";

/** Origins in each request. */
const BLOCK = 24;

/**
 * @typedef {object} PastForecast
 * @property {string} origin
 * @property {string[]} timestamps
 * @property {number[]} sst
 * @property {{level: number, lower: number[], upper: number[], calibrated: boolean}[]} intervals
 * @property {Record<string, number[]>} baselines
 * @property {(number | null)[]} observed
 *
 * @typedef {object} Block
 * @property {PastForecast[]} forecasts
 * @property {import("./forecast-chart.js").History} around the observations around all of them
 */

export class PastForecasts {
  /** @param {string} dataset @param {any} response of /compare/hindcast */
  constructor(dataset, { model, step, horizon, origins, forecasts, observations }) {
    this.dataset = dataset;
    this.model = model;
    this.step = step;
    this.horizon = horizon;
    /** All times that a forecast can start from. @type {string[]} */
    this.origins = origins.flatMap((/** @type {any} */ run) => timestampsOf(run.start, step, run.n));
    /** The index of the latest origin whose every lead was observed. */
    this.latest = this.origins.indexOf(forecasts[0].origin);
    /** Its forecast, until its block is loaded. @type {{forecast: PastForecast, around: Block["around"]}} */
    this.first = { forecast: forecasts[0], around: this.#around(observations) };
    /** @type {Map<number, Promise<Block>>} */
    this.blocks = new Map();
  }

  /** @param {string} dataset @param {string} cell @param {AbortSignal} signal */
  static async load(dataset, cell, signal) {
    return new PastForecasts(dataset, await getJson(withQuery("/compare/hindcast", { dataset, model: cell }), { signal }));
  }

  /** The index of the last origin until a time; the first, for an earlier time. @param {string} time */
  nearest(time) {
    return Math.max(this.origins.findLastIndex((origin) => milliseconds(origin) <= milliseconds(time)), 0);
  }

  /** Whether the forecast from an origin is loaded, or about to be. @param {number} index */
  has(index) {
    return index === this.latest || this.blocks.has(Math.floor(index / BLOCK));
  }

  /** The forecast from an origin, and the observations around it. @param {number} index @param {AbortSignal} signal @returns {Promise<{forecast: PastForecast, around: Block["around"]}>} */
  async at(index, signal) {
    const block = Math.floor(index / BLOCK);
    if (index === this.latest && !this.blocks.has(block)) return this.first;
    const { forecasts, around } = await this.#block(block, signal);
    return { forecast: forecasts[index % BLOCK], around };
  }

  /** Load what the next moves from an origin may need. @param {number} index @param {AbortSignal} signal */
  loadNeighbours(index, signal) {
    // A failure shows when the forecast itself is asked for.
    for (const near of [index, index - BLOCK, index + BLOCK]) if (near in this.origins) this.#block(Math.floor(near / BLOCK), signal).catch(() => {});
  }

  /** A block, which is loaded once. @param {number} block @param {AbortSignal} signal */
  #block(block, signal) {
    const loading = this.blocks.get(block) ?? this.#load(block, signal);
    this.blocks.set(block, loading);
    return loading;
  }

  /** @param {{start: string, values: (number | null)[]}} observations @returns {Block["around"]} */
  #around({ start, values }) {
    return { step: this.step, timestamps: timestampsOf(start, this.step, values.length), values };
  }

  /** @param {number} block @param {AbortSignal} signal @returns {Promise<Block>} */
  async #load(block, signal) {
    try {
      const query = { dataset: this.dataset, model: this.model, origin: this.origins[block * BLOCK], origins: BLOCK };
      const { forecasts, observations } = await getJson(withQuery("/compare/hindcast", query), { signal });
      return { forecasts, around: this.#around(observations) };
    } catch (error) {
      this.blocks.delete(block);
      throw error;
    }
  }
}
