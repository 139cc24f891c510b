// @ts-check
/** A position on a map and in two fields. It gives the models the climatology there. */

import { readState, updateState } from "./address.js";
import { announce, h, uniqueId } from "./dom.js";
import { FieldProblem } from "./station-changes.js";
import { clamp, positionInWords, SURROUNDINGS, WorldMap, wrap } from "./world-map.js";

/**
 * @typedef {import("./world-map.js").Position} Position
 * @typedef {import("./station-changes.js").Field & {map: WorldMap, read: () => Position | null}} Picker read: what is entered; null if both fields are empty
 */

/** @type {{name: "latitude" | "longitude", label: string, least: number, most: number}[]} */
const FIELDS = [
  { name: "latitude", label: "Latitude, °N", least: -90, most: 90 },
  { name: "longitude", label: "Longitude, °E", least: -180, most: 360 },
];

const PURPOSE =
  "With a position, forecasts and references know the usual temperatures there through the year. It helps most if your series is shorter than a year. Click the map or enter degrees; south and west are negative.";

/** No position, as the URL and the service have it. */
export const NOWHERE = { latitude: null, longitude: null };

const NOT_DEGREES = "Enter degrees as numbers: latitude from −90 to 90, longitude from −180 to 360.";

/** The position in the URL, or else in the file; null if there is neither. @param {any} series from POST /series @returns {Position | null} */
export function positionOf(series) {
  const state = readState();
  const [latitude, longitude] = FIELDS.map((field) => parse(field, state[field.name] ?? ""));
  if (latitude !== null && longitude !== null) return { latitude, longitude };
  return typeof series.latitude === "number" ? { latitude: series.latitude, longitude: series.longitude } : null;
}

/** Forget a position that was entered for another series. */
export function clearPosition() {
  updateState(NOWHERE);
}

/**
 * The map and the fields for a series, which keep the position in the URL.
 * @param {any} series from POST /series @param {() => void} change called after the position changes
 * @returns {Picker}
 */
export function positionFields(series, change) {
  const inherited = typeof series.latitude === "number" ? { latitude: series.latitude, longitude: series.longitude } : null;
  const purpose = inherited ? `The file says ${positionInWords(series)}. ${PURPOSE}` : PURPOSE;
  const { latitude = "", longitude = "" } = readState();
  return positionPicker({ purpose, entered: [latitude, longitude], inherited }, (position) => {
    updateState(position ?? NOWHERE);
    change();
  });
}

/**
 * A map and two fields for a position.
 * @param {{purpose: string, entered?: string[], inherited?: Position | null, legend?: string, isOverview?: boolean}} about purpose: why to give one; inherited: the position if the fields are empty; isOverview: a click leaves the map as it is, also on land
 * @param {(position: Position | null) => void} [change] called with what is entered
 * @returns {Picker}
 */
export function positionPicker({ purpose, entered = ["", ""], inherited = null, legend = "Position (optional)", isOverview = false }, change = () => {}) {
  const id = uniqueId("position");
  const note = h("p", { class: "note", id: `${id}-note` });
  const inputs = FIELDS.map(({ name, label }, i) =>
    h("input", {
      id: `${id}-${name}`,
      type: "text",
      inputmode: "text",
      value: entered[i],
      placeholder: inherited ? String(inherited[name]) : "",
      spellcheck: "false",
      autocomplete: "off",
      "aria-label": label,
      "aria-describedby": `${id}-note`,
      change: () => enter(),
    }),
  );
  const current = () => {
    const [latitude, longitude] = FIELDS.map((field, i) => parse(field, inputs[i].value));
    return latitude !== null && longitude !== null ? { latitude, longitude } : inherited;
  };
  const map = locatorMap(current(), isOverview, ({ latitude, longitude }) => {
    inputs.forEach((input, i) => (input.value = String([latitude, longitude][i])));
    apply();
  });
  const say = (/** @type {string} */ problem, wrong = [problem !== "", problem !== ""]) => {
    note.textContent = problem || purpose;
    note.classList.toggle("problem", problem !== "");
    inputs.forEach((input, i) => input.setAttribute("aria-invalid", String(wrong[i])));
  };
  const enter = () => {
    splitPair(inputs);
    const wrong = inputs.map(({ value }, i) => value.trim() !== "" && parse(FIELDS[i], value) === null);
    say(wrong.includes(true) ? NOT_DEGREES : "", wrong);
    if (!wrong.includes(true) && !isHalf()) apply();
  };
  const isHalf = () => inputs.filter(({ value }) => value.trim() !== "").length === 1;
  const apply = () => {
    const position = current();
    say("");
    map.show(position);
    if (position && !isOverview) warnOfLand(position);
    change(read());
  };
  const read = () => {
    splitPair(inputs);
    const isEmpty = inputs.every(({ value }) => value.trim() === "");
    if (!isEmpty && (isHalf() || inputs.some(({ value }, i) => parse(FIELDS[i], value) === null))) throw new FieldProblem("latitude", NOT_DEGREES);
    return isEmpty ? null : current();
  };
  // The outlines on the map know it before the service answers.
  const warnOfLand = async (/** @type {Position} */ position) => {
    const isLand = await map.isLand(position);
    const now = current();
    if (!isLand || now?.latitude !== position.latitude || now.longitude !== position.longitude) return;
    const problem = `${positionInWords(position)} is on land, so the forecast does not use it. Move the pin to the sea.`;
    say(problem);
    announce(problem);
  };
  say("");
  const fields = FIELDS.map(({ label }, i) => h("label", { class: "degrees" }, h("span", { "aria-hidden": "true" }, label), inputs[i]));
  const text = h("div", { class: "degrees-fields" }, h("div", { class: "row" }, fields), note);
  return { element: h("fieldset", { class: "field position" }, h("legend", {}, legend), h("div", { class: "place" }, map.element, text)), control: inputs[0], map: map.map, say, read };
}

/** Split "43.6, 9.1" in the first field into both. @param {any[]} inputs */
function splitPair([latitude, longitude]) {
  const [, first, second] = /^\s*([-−+]?[\d.]+)\s*[,;\s]\s*([-−+]?[\d.]+)\s*$/.exec(latitude.value) ?? [];
  if (first === undefined || longitude.value.trim()) return;
  latitude.value = first;
  longitude.value = second;
}

/** A number within bounds; null for anything else. @param {typeof FIELDS[number]} field @param {string} text */
function parse({ least, most }, text) {
  const value = Number(text.trim().replace("−", "-"));
  return text.trim() !== "" && value >= least && value <= most ? value : null;
}

/**
 * @typedef {object} LocatorMap
 * @property {Element} element
 * @property {WorldMap} map
 * @property {(position: Position | null) => void} show moves the pin, and the map if the pin is off it
 * @property {(position: Position) => Promise<boolean>} isLand tells whether a position is more than 25 km from the sea
 */

/** Keys in a row move the pin once. */
const KEY_PAUSE_MS = 500;

/** The width of the map from which on it shows a tenth of a degree only. */
const ROUGH = 50;

/** A click on a wider map is so rough that the surroundings are shown for a second one. */
const ROUGHEST = 100;

/** @type {Record<string, [number, number]>} */
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

const HELP = "The arrow keys move the pin, with Shift five times as far. Without a pin they move a cross-hair, and Enter places the pin there. Plus and minus zoom.";

/**
 * @param {Position | null} position of the pin
 * @param {boolean} isOverview whether a click leaves the map as it is
 * @param {(position: Position) => void} move called when the user has moved the pin
 * @returns {LocatorMap}
 */
function locatorMap(position, isOverview, move) {
  let pin = position;
  /** Where Enter places the first pin; null until an arrow key is pressed. @type {Position | null} */
  let target = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const marker = h("span", { class: "pin", "aria-hidden": "true" });
  const crossHair = h("span", { class: "cross-hair", "aria-hidden": "true" });
  const map = new WorldMap({ label: `Map of the position. ${HELP}`, drawn, focus: () => pin ?? target, keydown }, { class: "map pick", tabindex: "0", "aria-roledescription": "map", click });
  map.view.append(marker, crossHair);
  map.lookAt(pin ?? map.centre, pin ? SURROUNDINGS : map.span);
  return { element: map.element, map, show, isLand: map.isLand };

  function drawn() {
    for (const [mark, at] of /** @type {[HTMLElement, Position | null][]} */ ([[marker, pin], [crossHair, target]])) {
      mark.hidden = at === null;
      if (at) map.place(mark, at);
    }
  }

  /** @param {Position | null} next */
  function show(next) {
    pin = next;
    target = null;
    keepInView(pin);
  }

  /** Move the map if a position is off it. @param {Position | null} at */
  function keepInView(at) {
    map.lookAt(at && !map.holds(at) ? at : map.centre);
  }

  /** @param {MouseEvent} event */
  function click(event) {
    show(rounded(map.positionAt(event), map.span));
    if (map.span > ROUGHEST && !isOverview) map.lookAt(/** @type {Position} */ (pin), SURROUNDINGS);
    move(/** @type {Position} */ (pin));
  }

  /** @param {KeyboardEvent} event */
  function keydown(event) {
    if (event.key === "Enter" && target) return placePin(target);
    const direction = DIRECTIONS[event.key];
    if (!direction) return;
    event.preventDefault();
    const stride = (map.span / 100) * (event.shiftKey ? 5 : 1);
    const from = pin ?? target;
    const next = rounded(from ? { latitude: clamp(from.latitude + direction[1] * stride, -90, 90), longitude: from.longitude + direction[0] * stride } : map.centre, map.span);
    if (!pin) return aimAt(next);
    show(next);
    announce(positionInWords(next));
    clearTimeout(timer);
    timer = setTimeout(() => pin && move(pin), KEY_PAUSE_MS);
  }

  /** @param {Position} next */
  function aimAt(next) {
    target = next;
    keepInView(target);
    announce(`${positionInWords(next)}. Press Enter to place the pin.`);
  }

  /** @param {Position} at */
  function placePin(at) {
    show(at);
    announce(`Pin at ${positionInWords(at)}`);
    move(at);
  }
}

/** A position with as many decimal places as the map shows. @param {Position} position @param {number} span @returns {Position} */
function rounded({ latitude, longitude }, span) {
  const places = span > ROUGH ? 1 : 2;
  return { latitude: Number(latitude.toFixed(places)), longitude: Number(wrap(longitude).toFixed(places)) };
}
