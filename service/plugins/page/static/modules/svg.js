// @ts-check
/** SVG elements. Colours go into styles, where custom properties follow the theme. */

const NAMESPACE = "http://www.w3.org/2000/svg";

/**
 * Create an SVG element.
 * @param {string} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {Record<string, string | number | undefined>} [style] CSS properties; those undefined are skipped
 * @param {(Element | string)[]} [children]
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, style = {}, children = []) {
  const element = /** @type {SVGElement} */ (document.createElementNS(NAMESPACE, tag));
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  for (const [name, value] of Object.entries(style)) if (value !== undefined) element.style.setProperty(name, String(value));
  element.append(...children);
  return element;
}

/** A dash pattern such as "2px,7px" as SVG has it; "none" for a solid line. @param {string | undefined} dash */
export function dashArray(dash) {
  return !dash || dash === "solid" ? "none" : dash.replaceAll("px", "");
}
