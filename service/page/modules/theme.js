// @ts-check
/** Light and dark: as the system has it, or as chosen here. */

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const probe = document.createElement("span");
probe.hidden = true;

/** @type {Set<() => void>} */
const listeners = new Set();

/** Set the page's colours from what was chosen before, and the control to change them. @param {HTMLSelectElement} select */
export function installTheme(select) {
  document.body.append(probe);
  const chosen = remembered();
  select.value = chosen;
  root.dataset.theme = chosen;
  select.addEventListener("change", () => {
    remember(select.value);
    wear(select.value);
  });
  system.addEventListener("change", tell);
  // Paper is light.
  addEventListener("beforeprint", () => wear("light"));
  addEventListener("afterprint", () => wear(select.value));
}

/** @param {string} theme */
function wear(theme) {
  root.dataset.theme = theme;
  tell();
}

function tell() {
  listeners.forEach((listener) => listener());
}

/** Call a function whenever colours change, until the signal. @param {() => void} listener @param {AbortSignal} signal */
export function onTheme(listener, signal) {
  listeners.add(listener);
  signal.addEventListener("abort", () => listeners.delete(listener));
}

/** The colour that a custom property means now, as rgb(). @param {string} name without its dashes */
export function colour(name) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/** The same, lighter. @param {string} name @param {number} opacity */
export function tint(name, opacity) {
  return colour(name).replace("rgb(", "rgba(").replace(")", `, ${opacity})`);
}

function remembered() {
  try {
    return localStorage.getItem("theme") ?? "";
  } catch {
    return "";
  }
}

/** @param {string} theme */
function remember(theme) {
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Storage is switched off: the choice holds until the page is closed.
  }
}
