// @ts-check
/** Elements, made without markup in strings: no text of a file or an answer can become an element. */

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 */

/**
 * An element.
 * @param {string} tag
 * @param {Record<string, any>} [properties] functions listen to the event of their name, the rest are attributes; false
 *   and null leave one out
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "value" || name === "checked") /** @type {any} */ (element)[name] = value;
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...kept(children));
  return element;
}

/**
 * Put these in place of what an element holds.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...kept(children));
}

/** Say something to those who listen to the page. @param {string} text */
export function say(text) {
  const said = document.getElementById("said");
  if (said) said.textContent = text;
}

let last = 0;

/** An id that no other element has. @param {string} stem */
export function id(stem) {
  last += 1;
  return `${stem}-${last}`;
}

/** @param {any[]} children @returns {(Node | string)[]} */
function kept(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}
