// @ts-check
/** Adds a place. */

export { show } from "./data.js";

export const heading = "Add a place";
