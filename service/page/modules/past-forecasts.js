// @ts-check
/** The forecasts that a network would have given during the test part, loaded in blocks and kept. */

import { getJson, withQuery } from "./api.js";
import { timestampsOf } from "./series-times.js";

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
 * @property {{timestamps: string[], values: (number | null)[]}} history the observations around them
 */

export class PastForecasts {
  /** @param {string} dataset @param {any} answer of /compare/hindcast */
  constructor(dataset, { model, step, horizon, origins, forecasts }) {
    this.dataset = dataset;
    this.model = model;
    this.step = step;
    this.horizon = horizon;
    /** All times that a forecast can start from. @type {string[]} */
    this.origins = origins.flatMap((/** @type {any} */ run) => timestampsOf(run.start, step, run.n));
    /** The index of the origin that is shown first: the latest whose every lead was observed. */
    this.initial = this.origins.indexOf(forecasts[0].origin);
    /** @type {Map<number, Block>} */
    this.blocks = new Map();
    /** @type {Map<number, Promise<void>>} */
    this.pending = new Map();
  }

  /**
   * Load the list of origins, and the first forecast.
   * @param {string} dataset @param {string} cell @param {string | undefined} time shown first; the default if there is none
   * @param {AbortSignal} signal
   */
  static async load(dataset, cell, time, signal) {
    const source = new PastForecasts(dataset, await getJson(withQuery("/compare/hindcast", { dataset, model: cell }), { signal }));
    if (time) source.initial = source.nearest(time);
    await source.load(source.initial, signal);
    return source;
  }

  /** The index of the last origin until a time; the first, for an earlier time or none. @param {string} time */
  nearest(time) {
    const moment = Date.parse(time.length > 10 && !time.endsWith("Z") ? `${time}Z` : time);
    return Math.max(this.origins.findLastIndex((origin) => Date.parse(origin) <= moment), 0);
  }

  /** The forecast from an origin and the observations around it; null until it is loaded. @param {number} index */
  at(index) {
    const block = this.blocks.get(blockOf(index));
    return block ? { forecast: block.forecasts[index % BLOCK], history: block.history } : null;
  }

  /** Load the forecast from an origin, and those beside it. @param {number} index @param {AbortSignal} signal */
  load(index, signal) {
    const block = blockOf(index);
    if (this.blocks.has(block)) return Promise.resolve();
    const running = this.pending.get(block);
    if (running) return running;
    const request = this.#fetch(block, signal).finally(() => this.pending.delete(block));
    this.pending.set(block, request);
    return request;
  }

  /** Load the blocks before and after an origin, for the next moves of the slider. @param {number} index @param {AbortSignal} signal */
  loadNeighbours(index, signal) {
    for (const neighbour of [index - BLOCK, index + BLOCK]) {
      // A failure shows when the forecast itself is asked for.
      if (neighbour >= 0 && blockOf(neighbour) * BLOCK < this.origins.length) this.load(Math.min(neighbour, this.origins.length - 1), signal).catch(() => {});
    }
  }

  /** @param {number} block @param {AbortSignal} signal */
  async #fetch(block, signal) {
    const query = { dataset: this.dataset, model: this.model, origin: this.origins[block * BLOCK], origins: BLOCK };
    const { forecasts, observations } = await getJson(withQuery("/compare/hindcast", query), { signal });
    const timestamps = timestampsOf(observations.start, this.step, observations.values.length);
    this.blocks.set(block, { forecasts, history: { timestamps, values: observations.values } });
  }
}

/** @param {number} index */
function blockOf(index) {
  return Math.floor(index / BLOCK);
}
