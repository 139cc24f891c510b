// @ts-check
/** A small map of the world on which the user places a pin. The fields beside it hold the same position. */

import { announce, h, uniqueId } from "./dom.js";
import { svg } from "./svg.js";

/**
 * @typedef {import("./position-fields.js").Position} Position
 *
 * @typedef {object} LocatorMap
 * @property {Element} element
 * @property {(position: Position | null) => void} show moves the pin, and the map if the pin is off it
 * @property {(position: Position) => Promise<boolean>} isLand tells whether a position is more than 25 km from the sea
 */

const LAND_URL = new URL("../land.svg", import.meta.url);

/** Coordinates in the file are twentieths of a degree. */
export const UNITS_PER_DEGREE = 20;

/** Widths of the map, degrees of longitude. */
const SPANS = [360, 100, 30, 10];

/** Degrees between the lines of the grid, for each width. */
const GRID_SPACINGS = [30, 10, 5, 2];

/** Keys in a row move the pin once. */
const KEY_PAUSE_MS = 500;

/** @type {Record<string, [number, number]>} */
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

const HELP = "The arrow keys move the pin, with Shift five times as far. Without a pin they move a cross-hair, and Enter places the pin there. Plus and minus zoom.";

/** The outlines of land, loaded once. @type {Promise<string> | null} */
let outlines = null;

/**
 * @param {Position | null} position of the pin
 * @param {(position: Position) => void} move called when the user has moved the pin
 * @returns {LocatorMap}
 */
export function locatorMap(position, move) {
  let pin = position;
  /** Where Enter places the first pin; null until an arrow key is pressed. @type {Position | null} */
  let target = null;
  let span = pin ? SPANS[2] : SPANS[0];
  let centre = pin ?? { latitude: 0, longitude: 0 };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const { picture, grid, land, ready } = landPicture();
  const marker = h("span", { class: "pin", "aria-hidden": "true" });
  const crossHair = h("span", { class: "cross-hair", "aria-hidden": "true" });
  const view = h(
    "div",
    { class: "map", role: "group", tabindex: "0", "aria-roledescription": "map", "aria-label": `Map of the position. ${HELP}`, click, keydown },
    picture,
    marker,
    crossHair,
  );

  function draw() {
    const height = span / 2;
    centre = { latitude: clamp(centre.latitude, -90 + height / 2, 90 - height / 2), longitude: span === SPANS[0] ? 0 : wrap(centre.longitude) };
    const box = [centre.longitude - span / 2, -centre.latitude - height / 2, span, height];
    picture.setAttribute("viewBox", box.map((degrees) => degrees * UNITS_PER_DEGREE).join(" "));
    grid.setAttribute("d", graticule(GRID_SPACINGS[SPANS.indexOf(span)]));
    place(marker, pin);
    place(crossHair, target);
  }

  /** @param {HTMLElement} mark @param {Position | null} at */
  function place(mark, at) {
    mark.hidden = at === null;
    if (!at) return;
    mark.style.left = `${50 + (wrap(at.longitude - centre.longitude) / span) * 100}%`;
    mark.style.top = `${50 - ((at.latitude - centre.latitude) / (span / 2)) * 100}%`;
  }

  /** @param {Position | null} next */
  function show(next) {
    pin = next;
    target = null;
    keepInView(pin);
    draw();
  }

  /** Move the map if a position is off it. @param {Position | null} at */
  function keepInView(at) {
    const isOff = at && (Math.abs(wrap(at.longitude - centre.longitude)) > span * 0.46 || Math.abs(at.latitude - centre.latitude) > span * 0.22);
    if (at && isOff) centre = at;
  }

  /** @param {number} change of the zoom level */
  function zoom(change) {
    span = SPANS[clamp(SPANS.indexOf(span) + change, 0, SPANS.length - 1)];
    centre = pin ?? target ?? centre;
    draw();
  }

  /** @param {MouseEvent} event */
  function click(event) {
    const { left, top, width, height } = view.getBoundingClientRect();
    const east = ((event.clientX - left) / width - 0.5) * span;
    const north = (0.5 - (event.clientY - top) / height) * (span / 2);
    show(rounded({ latitude: centre.latitude + north, longitude: centre.longitude + east }, span));
    // A click on the whole world is rough, so show the surroundings for a second one.
    if (span === SPANS[0]) zoom(1);
    move(/** @type {Position} */ (pin));
  }

  /** @param {KeyboardEvent} event */
  function keydown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if ("+-".includes(event.key)) return zoom(event.key === "+" ? 1 : -1);
    if (event.key === "Enter" && target) return placePin(target);
    const direction = DIRECTIONS[event.key];
    if (!direction) return;
    event.preventDefault();
    const stride = (span / 100) * (event.shiftKey ? 5 : 1);
    const from = pin ?? target;
    const next = rounded(from ? { latitude: clamp(from.latitude + direction[1] * stride, -90, 90), longitude: from.longitude + direction[0] * stride } : centre, span);
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
    draw();
    announce(`${positionInWords(next)}. Press Enter to place the pin.`);
  }

  /** @param {Position} at */
  function placePin(at) {
    show(at);
    announce(`Pin at ${positionInWords(at)}`);
    move(at);
  }

  /** @param {Position} place */
  async function isLand({ latitude, longitude }) {
    await ready;
    const point = new DOMPoint(wrap(longitude) * UNITS_PER_DEGREE, -latitude * UNITS_PER_DEGREE);
    return land.isPointInFill(point);
  }

  const button = (/** @type {string} */ text, /** @type {string} */ label, /** @type {number} */ change) =>
    h("button", { type: "button", "aria-label": label, title: label, click: () => zoom(change) }, text);
  draw();
  const buttons = h("div", { class: "zoom", role: "group", "aria-label": "Zoom the map" }, button("+", "Zoom in on the map", 1), button("−", "Zoom out of the map", -1));
  return { element: h("div", { class: "locator" }, view, buttons), show, isLand };
}

/** A position in words. @param {Position} position */
export function positionInWords({ latitude, longitude }) {
  const east = wrap(longitude);
  return `${Math.abs(latitude)}° ${latitude < 0 ? "S" : "N"}, ${Math.abs(Number(east.toFixed(4)))}° ${east < 0 ? "W" : "E"}`;
}

/** The land with copies to the east and the west, so that the map has no edge. */
export function landPicture() {
  const id = uniqueId("land");
  const land = /** @type {SVGPathElement} */ (svg("path", { id, class: "land" }));
  const world = 360 * UNITS_PER_DEGREE;
  const copies = [-world, world].map((x) => svg("use", { href: `#${id}`, x }));
  const picture = svg("svg", { "aria-hidden": "true", focusable: "false", preserveAspectRatio: "none" });
  const grid = svg("path", { class: "graticule" });
  picture.append(grid, land, ...copies);
  outlines ??= loadOutlines();
  const ready = outlines.then((path) => land.setAttribute("d", path)).catch(() => (outlines = null));
  return { picture, grid, land, ready };
}

/** Meridians and parallels of the world and its copies. @param {number} spacing degrees between them */
export function graticule(spacing) {
  const at = (/** @type {number} */ degrees) => degrees * UNITS_PER_DEGREE;
  const lines = (/** @type {number} */ limit) => Array.from({ length: (2 * limit) / spacing + 1 }, (_, i) => at(i * spacing - limit));
  return [...lines(360).map((x) => `M${x} ${at(-90)}V${at(90)}`), ...lines(90).map((y) => `M${at(-360)} ${y}H${at(360)}`)].join("");
}

async function loadOutlines() {
  const response = await fetch(LAND_URL);
  if (!response.ok) throw new Error(`The map could not be loaded: ${response.status}`);
  const file = new DOMParser().parseFromString(await response.text(), "image/svg+xml");
  return file.querySelector("path")?.getAttribute("d") ?? "";
}

/** A position with as many decimal places as the map shows. @param {Position} position @param {number} span @returns {Position} */
function rounded({ latitude, longitude }, span) {
  const places = span > 50 ? 1 : 2;
  return { latitude: Number(latitude.toFixed(places)), longitude: Number(wrap(longitude).toFixed(places)) };
}

/** A longitude from −180 to less than 180. @param {number} degrees */
export function wrap(degrees) {
  return ((((degrees + 180) % 360) + 360) % 360) - 180;
}

/** @param {number} value @param {number} least @param {number} most */
export function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}
