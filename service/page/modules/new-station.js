// @ts-check
/** Makes a station, under a short name that is not taken. */

import { getJson, withQuery } from "./api.js";
import { FieldProblem, send } from "./station-changes.js";

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Stations in one answer of the service. */
const PAGE = 1000;

/** Letters that are no plain letter with a mark. @type {Record<string, string>} */
const PLAIN = { ø: "o", æ: "ae", ß: "ss", ł: "l", đ: "d" };

/**
 * @param {string} id @param {Record<string, any> & {name: string}} settings
 * @throws {FieldProblem} about `name` or `id`
 */
export async function createStation(id, settings) {
  if (!settings.name) throw new FieldProblem("name", "Give the place a name.");
  if (!ID.test(id)) throw new FieldProblem("id", "Use up to 64 letters, digits, dots, hyphens and underscores, beginning with a letter or a digit.");
  const { stations } = await getJson(withQuery("/stations", { search: id, limit: PAGE })).catch(away);
  // Making it again would replace the settings of that station.
  if (stations.some((/** @type {any} */ station) => station.id === id)) throw new FieldProblem("id", `There is a place ${id} already. Choose another short name.`);
  await send("PUT", id, "", settings).catch(away);
}

/** Say in other words that the database is away. @param {any} error */
function away(error) {
  if (error.status === 503) error.message = "Places cannot be saved at the moment. Try again later, or open a file of readings: that works without saving.";
  throw error;
}

/** A short name for a place. @param {string} name */
export function idFrom(name) {
  const plain = name.toLowerCase().replace(/[øæßłđ]/g, (letter) => PLAIN[letter]).normalize("NFKD").replace(/[^a-z0-9._ -]/g, "");
  return plain.trim().replace(/\s+/g, "-").replace(/^[._-]+/, "").slice(0, 64);
}
