// @ts-check
/** DOM elements built without HTML strings, so that text from files and responses is never parsed as markup. */

/** @typedef {Node | string | number | null | undefined | false | any[]} Child what is nested is flattened */

/**
 * Create an element.
 * @param {string} tag
 * @param {Record<string, any>} [properties] functions become listeners for the event of that name, other values become
 *   attributes; false and null are skipped
 * @param {...Child} children
 * @returns {any}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "value" || name === "checked") /** @type {any} */ (element)[name] = value;
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...toNodes(children));
  return element;
}

/**
 * Replace the children of an element.
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...toNodes(children));
}

/** Announce a message to screen readers. @param {string} text */
export function announce(text) {
  const region = document.getElementById("announcement");
  if (region) region.textContent = text;
}

let lastId = 0;

/** An element id that is not in use. @param {string} prefix */
export function uniqueId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}

/** Flatten nested children and drop empty ones. @param {any[]} children @returns {(Node | string)[]} */
function toNodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}
