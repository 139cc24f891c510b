// @ts-check
/** The state of the page, kept in the URL so that a link opens the same view. */

/** @typedef {Record<string, string>} State */

export const VIEWS = ["forecast", "data", "stations", "compare", "operate"];

/** The state in the current URL. @returns {State} */
export function readState() {
  const state = Object.fromEntries(new URLSearchParams(location.search));
  return { ...state, view: VIEWS.includes(state.view) ? state.view : VIEWS[0] };
}

/**
 * The URL for a state. Empty values are left out.
 * @param {Record<string, string | number | null | undefined>} state
 */
export function urlOf(state) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, String(value));
  }
  // Commas and colons need no escaping in a query, and stay readable.
  return `/?${query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":")}`;
}

/**
 * Change part of the state and update the URL.
 * @param {Record<string, string | number | null | undefined>} changes
 * @param {{step?: boolean}} [options] step: add a history entry, so that Back returns to the previous state
 */
export function updateState(changes, { step = false } = {}) {
  const url = urlOf({ ...readState(), ...changes });
  if (url === location.pathname + location.search) return;
  if (step) history.pushState(null, "", url);
  else history.replaceState(null, "", url);
}

/** The items of a comma-separated value. @param {string | undefined} text @param {string[]} fallback for a missing value */
export function parseList(text, fallback) {
  return text === undefined ? fallback : text.split(",").filter((item) => item !== "" && item !== "none");
}
