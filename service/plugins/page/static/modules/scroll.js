// @ts-check
/** Elements that scroll when their content does not fit, and take keyboard focus only then. */

import { h } from "./dom.js";

const observer = new ResizeObserver((entries) => {
  for (const { target } of entries) updateTabStop(target.closest(".scroll") ?? target);
});

/**
 * Create an element that can scroll.
 * @param {string} tag
 * @param {string} label what it contains
 * @param {Record<string, any>} properties
 * @param {...any} children
 */
export function scrollable(tag, label, properties, ...children) {
  const element = h(tag, { ...properties, class: `scroll ${properties.class ?? ""}`.trim(), role: "group", "aria-label": label }, ...children);
  observer.observe(element);
  // The content can grow without the element itself changing size.
  for (const child of element.children) observer.observe(child);
  return element;
}

/** @param {Element} element */
function updateTabStop(element) {
  const scrolls = element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight;
  if (scrolls) element.setAttribute("tabindex", "0");
  // Removing it from the focused element would drop the focus.
  else if (element !== document.activeElement) element.removeAttribute("tabindex");
}
