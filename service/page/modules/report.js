// @ts-check
/** The comparison of the networks at a sea. */

export { heading, show } from "./compare.js";
