// @ts-check
/** Work that takes a while: shown, stoppable, and its failure said where it happened. */

import { Refusal } from "./api.js";
import { fill, h, say } from "./dom.js";
import { sentence } from "./words.js";

const PATIENCE = 250;

/**
 * Signals for work of which only the last counts: each ends the one before it, and all end with the view.
 * @param {AbortSignal} signal
 */
export function inTurn(signal) {
  let leave = new AbortController();
  return () => {
    leave.abort();
    leave = new AbortController();
    return AbortSignal.any([signal, leave.signal]);
  };
}

/**
 * Do some work for a part of the page. Until it is done the part says so, and offers to stop it.
 * @template T
 * @param {HTMLElement} part
 * @param {string} label what is being done
 * @param {AbortSignal} signal ends the work when the view is left
 * @param {(signal: AbortSignal) => Promise<T>} work
 * @param {(result: T) => void} show puts the result into the part
 */
export async function run(part, label, signal, work, show) {
  const own = new AbortController();
  const again = () => run(part, label, signal, work, show);
  const late = setTimeout(() => fill(part, busy(label, () => own.abort())), PATIENCE);
  part.setAttribute("aria-busy", "true");
  try {
    const result = await work(AbortSignal.any([signal, own.signal]));
    clearTimeout(late);
    if (!signal.aborted) show(result);
  } catch (error) {
    clearTimeout(late);
    if (signal.aborted) return;
    if (own.signal.aborted) fill(part, stopped(again));
    else fill(part, failure(error, again));
  } finally {
    part.removeAttribute("aria-busy");
  }
}

/**
 * What went wrong, in words.
 * @param {unknown} error
 * @param {(() => void) | null} again
 */
export function failure(error, again) {
  if (!(error instanceof Refusal)) console.error(error);
  const text = sentence(error instanceof Error ? error.message : String(error));
  say(text);
  return h(
    "div",
    { class: "notice error", role: "alert" },
    h("strong", {}, heading(error)),
    h("p", {}, text),
    places(error),
    error instanceof Refusal && error.shown,
    again && mayPass(error) && h("div", { class: "row" }, h("button", { type: "button", click: again }, "Try again")),
  );
}

/** Whether the same may go well another time: what cannot be read today cannot be tomorrow. @param {unknown} error */
function mayPass(error) {
  return !(error instanceof Refusal) || ![400, 404, 413, 415, 422].includes(error.status);
}

/** @param {unknown} error */
function heading(error) {
  if (error instanceof Refusal && error.heading) return error.heading;
  const status = error instanceof Refusal ? error.status : -1;
  if (status === 0) return "No answer";
  if (status === 401 || status === 403) return "A key is needed";
  if (status === 404) return "Not found";
  if (status === 429 || status === 503) return "Not available right now";
  return status >= 400 && status < 500 ? "That cannot be done" : "Something went wrong";
}

/** @param {unknown} error */
function places(error) {
  if (!(error instanceof Refusal) || error.places.length < 2) return null;
  return h("ul", {}, error.places.slice(0, 10).map((one) => h("li", {}, h("code", {}, one.location), ` ${one.message}`)));
}

/** @param {string} label @param {() => void} stop */
function busy(label, stop) {
  say(label);
  return h(
    "div",
    { class: "busy" },
    h("progress", { "aria-label": label }),
    h("span", {}, label),
    h("button", { type: "button", class: "plain", click: stop }, "Stop"),
  );
}

/** @param {() => void} again */
function stopped(again) {
  say("Stopped.");
  return h("div", { class: "busy" }, "Stopped.", h("button", { type: "button", class: "plain", click: again }, "Start again"));
}
