// @ts-check
/** The state of the page, which lives in the address: whoever gets the address sees the same view. */

/** @typedef {Record<string, string>} State */

export const VIEWS = ["compare", "forecast", "data", "operate"];

/** What the address says. @returns {State} */
export function read() {
  const state = Object.fromEntries(new URLSearchParams(location.search));
  return { ...state, view: VIEWS.includes(state.view) ? state.view : "compare" };
}

/**
 * The address of a state. Empty values are left out.
 * @param {Record<string, string | number | null | undefined>} state
 */
export function address(state) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, String(value));
  }
  // Commas and colons are legible, and mean nothing in a query.
  return `/?${query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":")}`;
}

/**
 * Change some of the state, in the address as well.
 * @param {Record<string, string | number | null | undefined>} changes
 * @param {{step?: boolean}} [options] step: whether going back leads to the state before
 */
export function write(changes, { step = false } = {}) {
  const next = address({ ...read(), ...changes });
  if (next === location.pathname + location.search) return;
  if (step) history.pushState(null, "", next);
  else history.replaceState(null, "", next);
}

/** A list in the state. @param {string | undefined} text @param {string[]} otherwise */
export function list(text, otherwise) {
  return text === undefined ? otherwise : text.split(",").filter((one) => one !== "" && one !== "none");
}
