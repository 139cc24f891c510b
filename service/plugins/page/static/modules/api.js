// @ts-check
/** Requests to the service, and its errors in a form to show to people. */

import { askForKey } from "./key.js";

/** A request that failed: the service refused it, or did not respond. */
export class ApiError extends Error {
  /**
   * @param {string} detail
   * @param {number} status 0 if there was no response
   * @param {{location: string, message: string}[]} details one for each invalid field
   */
  constructor(detail, status, details = []) {
    super(detail);
    this.status = status;
    this.details = details;
    /** The possible answers to a question that a file leaves open. @type {import("./file-refusal.js").ReadingChoice[]} */
    this.choices = [];
    /** A title more specific than the one for the status. @type {string | null} */
    this.heading = null;
  }
}

/** Held in memory only: gone when the page is closed or reloaded. */
let key = "";

/**
 * Send a request, asking the user for an API key if the service requires one.
 * @param {string} path
 * @param {{signal?: AbortSignal, method?: string, body?: BodyInit, headers?: Record<string, string>}} [options]
 * @returns {Promise<Response>}
 * @throws {ApiError}
 */
export async function request(path, options = {}) {
  for (let rejected = false; ; rejected = true) {
    const response = await send(path, options);
    if (response.ok) return response;
    const error = await errorFrom(response);
    if (response.status !== 401) throw error;
    const entered = await askForKey(rejected || key !== "");
    if (!entered) throw new ApiError("This service requires an API key. Try again to enter one", 401);
    key = entered;
  }
}

/** Send a request and parse the JSON response. @param {string} path @param {Parameters<typeof request>[1]} [options] */
export async function getJson(path, options) {
  return (await request(path, options)).json();
}

/** Post JSON and parse the JSON response. @param {string} path @param {unknown} content @param {AbortSignal} [signal] */
export async function postJson(path, content, signal) {
  return getJson(path, { signal, method: "POST", body: JSON.stringify(content), headers: { "Content-Type": "application/json" } });
}

/** Post a file and parse the JSON response. @param {string} path @param {Blob} blob @param {AbortSignal} [signal] */
export async function postFile(path, blob, signal) {
  return getJson(path, { signal, method: "POST", body: blob, headers: { "Content-Type": "application/octet-stream" } });
}

/** A path with its query string. Empty values are left out. @param {string} path @param {Record<string, string | number | (string | number)[] | null | undefined>} query */
export function withQuery(path, query) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? value : [value ?? ""]) if (item !== "") params.append(name, String(item));
  }
  // Commas and colons need no escaping in a query, and stay readable.
  const text = params.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  return text ? `${path}?${text}` : path;
}

/** Ask the user for a key, or for another one. @returns {Promise<boolean>} whether the service knows it; if not, the last one is kept */
export async function enterKey() {
  const before = key;
  const entered = await askForKey(false);
  if (!entered) return false;
  key = entered;
  try {
    await request("/access");
    return true;
  } catch {
    key = before;
    return false;
  }
}

/** Whether the user has entered a key. */
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
    throw new ApiError("The service is not responding. Check that it is running and that you are online", 0);
  }
}

/** The error that a response describes. @param {Response} response */
async function errorFrom(response) {
  try {
    const problem = await response.json();
    const error = new ApiError(problem.detail ?? problem.error ?? response.statusText, response.status, problem.errors ?? []);
    error.choices = problem.choices ?? [];
    return error;
  } catch {
    return new ApiError(`The service returned ${response.status} ${response.statusText}`, response.status);
  }
}
