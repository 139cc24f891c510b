// @ts-check
/** The light and dark themes: as set in the system, or as chosen on the page. */

/** Apply the saved theme and connect the control that changes it. @param {HTMLSelectElement} select */
export function installTheme(select) {
  const theme = savedTheme();
  select.value = theme;
  document.documentElement.dataset.theme = theme;
  select.addEventListener("change", () => {
    saveTheme(select.value);
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

function savedTheme() {
  try {
    return localStorage.getItem("theme") ?? "";
  } catch {
    return "";
  }
}

/** @param {string} theme */
function saveTheme(theme) {
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Storage is disabled: the choice lasts until the page is closed.
  }
}
