// @ts-check
/** What scrolls by itself where it is too wide: the keyboard can reach it there, and only there. */

import { h } from "./dom.js";

const observer = new ResizeObserver((entries) => {
  for (const { target } of entries) mark(target.closest(".scroll") ?? target);
});

/**
 * An element that scrolls.
 * @param {string} tag
 * @param {string} label what is in it
 * @param {Record<string, any>} properties
 * @param {...any} children
 */
export function scroll(tag, label, properties, ...children) {
  const element = h(tag, { ...properties, class: `scroll ${properties.class ?? ""}`.trim(), role: "group", "aria-label": label }, ...children);
  observer.observe(element);
  // What is in it may grow while it does not.
  for (const child of element.children) observer.observe(child);
  return element;
}

/** @param {Element} element */
function mark(element) {
  const scrolls = element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight;
  if (scrolls) element.setAttribute("tabindex", "0");
  // Taken away from what has the focus, it would be lost.
  else if (element !== document.activeElement) element.removeAttribute("tabindex");
}
