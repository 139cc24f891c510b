// @ts-check
/** The light and dark themes: as set in the system, or as chosen on the page. */

/** Apply the saved theme and connect the control that changes it. @param {HTMLSelectElement} select */
export function installTheme(select) {
  const theme = savedChoice("theme");
  select.value = theme;
  document.documentElement.dataset.theme = theme;
  select.addEventListener("change", () => {
    saveChoice("theme", select.value);
    document.documentElement.dataset.theme = select.value;
  });
}

/** A colour custom property, which follows the theme. @param {string} name without the leading dashes */
export function colour(name) {
  return `var(--${name})`;
}

/** A colour with opacity. @param {string} name @param {number} opacity */
export function tint(name, opacity) {
  return `color-mix(in srgb, var(--${name}) ${Math.round(opacity * 100)}%, transparent)`;
}

/** What was chosen in this browser; empty for nothing. @param {string} name */
export function savedChoice(name) {
  try {
    return localStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

/** Keep a choice in this browser. @param {string} name @param {string} value */
export function saveChoice(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Storage is disabled: the choice lasts until the page is closed.
  }
}
