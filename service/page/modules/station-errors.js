// @ts-check
/** What to do about a database of stations that is away. */

import { ApiError } from "./api.js";
import { sentence } from "./sentence.js";

/** The error, with what it means for the page if the stations cannot be read. @param {unknown} error */
export function explained(error) {
  if (!(error instanceof ApiError) || error.status !== 503) return error;
  error.heading = "The stations cannot be read";
  error.message = `${sentence(error.message)} Only stations need this database: all other views work without it.`;
  return error;
}
