// @ts-check
/** Runs slow work for a part of the page, with progress, a way to stop it, and errors shown in place. */

import { ApiError } from "./api.js";
import { announce, fill, h } from "./dom.js";
import { sentence } from "./sentence.js";

const BUSY_DELAY_MS = 250;

/** Work that takes longer shows how long it has been running. */
const ELAPSED_FROM_SECONDS = 2;

/**
 * Signals for repeated work of which only the latest run matters: each new signal aborts the previous one.
 * @param {AbortSignal} signal aborts all of them
 */
export function latestOnly(signal) {
  let controller = new AbortController();
  return () => {
    controller.abort();
    controller = new AbortController();
    return AbortSignal.any([signal, controller.signal]);
  };
}

/**
 * Wait for work that goes on when the wait is aborted.
 * @template T
 * @param {Promise<T>} work @param {AbortSignal} signal aborts the wait @returns {Promise<T>}
 */
export function waitFor(work, signal) {
  const aborted = new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  return Promise.race([work, /** @type {Promise<never>} */ (aborted)]);
}

/**
 * Run work for a part of the page. While it runs, the part shows progress and a Stop button.
 * @template T
 * @param {HTMLElement} part
 * @param {string} label what the work does
 * @param {AbortSignal} signal aborts the work when the user leaves the view
 * @param {(signal: AbortSignal) => Promise<T>} work
 * @param {(result: T) => void} show puts the result into the part
 */
export async function runTask(part, label, signal, work, show) {
  const stopController = new AbortController();
  const retry = () => runTask(part, label, signal, work, show);
  const timer = setTimeout(() => fill(part, busy(label, () => stopController.abort())), BUSY_DELAY_MS);
  part.setAttribute("aria-busy", "true");
  try {
    const result = await work(AbortSignal.any([signal, stopController.signal]));
    clearTimeout(timer);
    if (!signal.aborted) show(result);
  } catch (error) {
    clearTimeout(timer);
    if (signal.aborted) return;
    if (stopController.signal.aborted) fill(part, stopped(retry));
    else fill(part, errorNotice(error, retry));
  } finally {
    // The part of an aborted run may belong to the next one by now.
    if (!signal.aborted) part.removeAttribute("aria-busy");
  }
}

/**
 * A notice that says what went wrong.
 * @param {unknown} error
 * @param {(() => void) | null} retry
 */
export function errorNotice(error, retry) {
  if (!(error instanceof ApiError)) console.error(error);
  const message = sentence(error instanceof Error ? error.message : String(error));
  return h(
    "div",
    { class: "notice error", role: "alert" },
    h("strong", {}, heading(error)),
    h("p", {}, message),
    fieldErrors(error),
    retry && isRetryable(error) && h("div", { class: "row" }, h("button", { type: "button", click: retry }, "Try again")),
  );
}

/** Whether the same request could succeed later. @param {unknown} error */
function isRetryable(error) {
  return !(error instanceof ApiError) || ![400, 404, 413, 415, 422].includes(error.status);
}

/** The title of an error notice. @param {unknown} error */
function heading(error) {
  if (error instanceof ApiError && error.heading) return error.heading;
  const status = error instanceof ApiError ? error.status : -1;
  if (status === 0) return "No response";
  if (status === 401 || status === 403) return "API key required";
  if (status === 404) return "Not found";
  if (status === 429 || status === 503) return "Temporarily unavailable";
  return status >= 400 && status < 500 ? "Request rejected" : "Something went wrong";
}

/** The list of field errors, if there are several. @param {unknown} error */
function fieldErrors(error) {
  if (!(error instanceof ApiError) || error.details.length < 2) return null;
  return h("ul", {}, error.details.slice(0, 10).map(({ location, message }) => h("li", {}, h("code", {}, location), ` ${message}`)));
}

/** @param {string} label @param {() => void} stop */
function busy(label, stop) {
  announce(label);
  const elapsed = h("span", { class: "elapsed" });
  const element = h(
    "div",
    { class: "busy" },
    h("progress", { "aria-label": label }),
    h("span", {}, label, elapsed),
    h("button", { type: "button", class: "plain", click: stop }, "Stop"),
  );
  showElapsed(element, elapsed);
  return element;
}

/** Count the seconds as long as an element is on the page. @param {HTMLElement} element @param {HTMLElement} elapsed */
function showElapsed(element, elapsed) {
  const begin = Date.now() - BUSY_DELAY_MS;
  const timer = setInterval(() => {
    const seconds = Math.floor((Date.now() - begin) / 1000);
    if (!element.isConnected) clearInterval(timer);
    else if (seconds >= ELAPSED_FROM_SECONDS) elapsed.textContent = `, ${seconds} s`;
  }, 1000);
}

/** @param {() => void} restart */
function stopped(restart) {
  announce("Stopped.");
  return h("div", { class: "busy" }, "Stopped.", h("button", { type: "button", class: "plain", click: restart }, "Start again"));
}
