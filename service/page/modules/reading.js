// @ts-check
/** A file is read by the service: what it is told about the file, and what it answers or refuses. */

import { read } from "./address.js";
import { getJson, Refusal, withQuery } from "./api.js";
import { excerpt } from "./excerpt.js";
import { label, NAMES } from "./reading-options.js";
import { megabytes, sentence } from "./words.js";

/**
 * @typedef {object} Content
 * @property {string} name
 * @property {Blob} blob
 */

/** What the address says of the file, as POST /series takes it. @returns {Record<string, string>} */
export function told() {
  const state = read();
  return Object.fromEntries(NAMES.filter((name) => state[name]).map((name) => [name, state[name]]));
}

/**
 * The service's reading of a file.
 * @param {Content} content @param {Record<string, string | undefined>} options @param {AbortSignal} signal
 * @throws {Refusal}
 */
export async function readFile({ name, blob }, options, signal) {
  refuseLarge(name, blob);
  try {
    return await getJson(withQuery("/series", options), { signal, method: "POST", body: blob, headers: { "Content-Type": "application/octet-stream" } });
  } catch (error) {
    if (!(error instanceof Refusal) || ![413, 415, 422].includes(error.status)) throw error;
    const better = new Refusal(forPage(error.message), error.status, error.places);
    better.heading = `${name} cannot be read`;
    better.shown = excerpt(error.message, await blob.slice(0, largest()).text());
    throw better;
  }
}

/** A sentence that names parameters of a request, with what they are called here. @param {string} text */
export function forPage(text) {
  return sentence(text.replaceAll(/\b([a-z_]+)=(\S*)/g, (all, name, value) => (NAMES.includes(name) ? `“${label(name)}”${value ? `: ${value}` : ""}` : all)));
}

/** Before it is sent: it would be refused after all of it. @param {string} name @param {Blob} blob */
function refuseLarge(name, blob) {
  if (blob.size <= largest()) return;
  const refusal = new Refusal(
    `It holds ${megabytes(blob.size)}, and this service reads at most ${megabytes(largest())}. Keep one station or a shorter time, or average it to a longer step`,
    413,
  );
  refusal.heading = `${name} is too large`;
  throw refusal;
}

function largest() {
  return Number(document.body.dataset.largest) || Infinity;
}
