// @ts-check
/** The opening view: the places. */

export { show } from "./stations.js";

export const heading = "Places";
