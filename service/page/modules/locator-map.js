// @ts-check
/** A map on which the user places a pin. The fields beside it hold the same position. */

import { announce, h } from "./dom.js";
import { clamp, positionInWords, SURROUNDINGS, WorldMap, wrap } from "./world-map.js";

/**
 * @typedef {import("./world-map.js").Position} Position
 *
 * @typedef {object} LocatorMap
 * @property {Element} element
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
 * @param {(position: Position) => void} move called when the user has moved the pin
 * @returns {LocatorMap}
 */
export function locatorMap(position, move) {
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
  return { element: map.element, show, isLand: map.isLand };

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
    if (map.span > ROUGHEST) map.lookAt(/** @type {Position} */ (pin), SURROUNDINGS);
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
