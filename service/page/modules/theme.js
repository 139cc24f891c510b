// @ts-check
/** The light and dark themes: as set in the system, or as chosen on the page. */

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const probe = document.createElement("span");
probe.hidden = true;

/** @type {Set<() => void>} */
const listeners = new Set();

/** Apply the saved theme and connect the control that changes it. @param {HTMLSelectElement} select */
export function installTheme(select) {
  document.body.append(probe);
  const theme = savedTheme();
  select.value = theme;
  root.dataset.theme = theme;
  select.addEventListener("change", () => {
    saveTheme(select.value);
    applyTheme(select.value);
  });
  system.addEventListener("change", notifyListeners);
  // Print in light colours.
  addEventListener("beforeprint", () => applyTheme("light"));
  addEventListener("afterprint", () => applyTheme(select.value));
}

/** @param {string} theme */
function applyTheme(theme) {
  root.dataset.theme = theme;
  notifyListeners();
}

function notifyListeners() {
  listeners.forEach((listener) => listener());
}

/** Call a function whenever the colours change, until the signal aborts. @param {() => void} listener @param {AbortSignal} signal */
export function onThemeChange(listener, signal) {
  listeners.add(listener);
  signal.addEventListener("abort", () => listeners.delete(listener));
}

/** The current value of a colour custom property, as rgb(). @param {string} name without the leading dashes */
export function colour(name) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/** A colour with opacity. @param {string} name @param {number} opacity */
export function tint(name, opacity) {
  return colour(name).replace("rgb(", "rgba(").replace(")", `, ${opacity})`);
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
