// @ts-check
/** The service's answers, and its refusals as they are meant for people. */

import { askForKey } from "./key.js";

/** What the service, or the way to it, says instead of an answer. */
export class Refusal extends Error {
  /**
   * @param {string} detail
   * @param {number} status 0 where there was no answer
   * @param {{location: string, message: string}[]} places
   */
  constructor(detail, status, places = []) {
    super(detail);
    this.status = status;
    this.places = places;
    /** What could not be done, where that is known better than by the status. @type {string | null} */
    this.heading = null;
    /** What it is about, to look at. @type {Element | null} */
    this.shown = null;
  }
}

/** In memory alone: gone when the page is closed or loaded again. */
let key = "";

/**
 * Ask the service; the caller is asked for a key where one is needed.
 * @param {string} path
 * @param {{signal?: AbortSignal, method?: string, body?: BodyInit, headers?: Record<string, string>}} [options]
 * @returns {Promise<Response>}
 * @throws {Refusal}
 */
export async function call(path, options = {}) {
  for (let wrong = false; ; wrong = true) {
    const answer = await send(path, options);
    if (answer.ok) return answer;
    const refusal = await refused(answer);
    if (answer.status !== 401) throw refusal;
    const given = await askForKey(wrong || key !== "");
    if (!given) throw new Refusal("The service does not answer without one. Try again to enter it", 401);
    key = given;
  }
}

/** An answer in JSON. @param {string} path @param {Parameters<typeof call>[1]} [options] */
export async function getJson(path, options) {
  return (await call(path, options)).json();
}

/** The answer to some JSON. @param {string} path @param {unknown} content @param {AbortSignal} [signal] */
export async function postJson(path, content, signal) {
  return getJson(path, {
    signal,
    method: "POST",
    body: JSON.stringify(content),
    headers: { "Content-Type": "application/json" },
  });
}

/** Path and query. @param {string} path @param {Record<string, string | number | (string | number)[] | undefined>} query */
export function withQuery(path, query) {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== "") pairs.append(name, String(one));
    }
  }
  const text = pairs.toString();
  return text ? `${path}?${text}` : path;
}

/** Whether a key was given. */
export function hasKey() {
  return key !== "";
}

/** @param {string} path @param {any} options */
async function send(path, options) {
  const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  try {
    return await fetch(path, { ...options, headers });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Refusal("The service does not answer. Is it running, and are you online?", 0);
  }
}

/** @param {Response} answer */
async function refused(answer) {
  try {
    const problem = await answer.json();
    return new Refusal(problem.detail ?? problem.error ?? answer.statusText, answer.status, problem.errors ?? []);
  } catch {
    return new Refusal(`The service answered ${answer.status} ${answer.statusText}`, answer.status);
  }
}
