// @ts-check
/** The loaded models. */

export { show } from "./operate.js";

export const heading = "Models";
