// @ts-check
/** A map of the world to zoom and to drag. Its users put marks on it. */

import { h, uniqueId } from "./dom.js";
import { svg } from "./svg.js";

/**
 * @typedef {object} Position
 * @property {number} latitude degrees north
 * @property {number} longitude degrees east
 *
 * @typedef {object} Options
 * @property {string} label of the map for screen readers, with what the keys do
 * @property {() => void} drawn called when the map has moved: the marks move with it
 * @property {() => Position | null} focus where zooming leads to; null for the centre
 * @property {(event: KeyboardEvent) => void} keydown called for keys that do not zoom, without modifiers but Shift
 */

const LAND_URL = new URL("../land.svg", import.meta.url);

/** Coordinates in the file are twentieths of a degree. */
const UNITS_PER_DEGREE = 20;

/** Widths of the map in degrees, and the spacing of its grid. @type {[number, number][]} */
const SPANS = [[360, 30], [220, 30], [140, 20], [80, 10], [50, 10], [30, 5], [20, 5], [10, 2], [4, 1]];
const WORLD = SPANS[0][0];
const CLOSEST = SPANS[SPANS.length - 1][0];

/** The width around a single position. */
export const SURROUNDINGS = 30;

/** The map around several positions, relative to their extent. */
const MARGIN = 1.35;

/** A pointer that moves less than this many pixels clicks. */
const CLICK_PX = 5;

/** The outlines of land, loaded once. @type {Promise<string> | null} */
let outlines = null;

/** The map is twice as wide as high, like the world in degrees. */
export class WorldMap {
  /** @param {Options} options @param {Record<string, any>} [properties] of the view */
  constructor({ label, drawn, focus, keydown }, properties = {}) {
    this.centre = { latitude: 0, longitude: 0 };
    this.span = WORLD;
    this.drawn = drawn;
    this.focus = focus;
    this.wasDragged = false;
    /** @type {Element[]} */
    this.overlays = [];
    const { picture, grid, land, ready } = landPicture();
    this.picture = picture;
    this.grid = grid;
    const keys = (/** @type {KeyboardEvent} */ event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if ("+-".includes(event.key)) this.zoom(event.key === "+" ? 1 : -1);
      else keydown(event);
    };
    this.view = h("div", { class: "map", role: "group", "aria-label": label, keydown: keys, ...properties }, picture);
    this.view.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.drag(event));
    this.view.addEventListener("dragstart", (/** @type {Event} */ event) => event.preventDefault());
    this.view.addEventListener("click", (/** @type {Event} */ event) => this.wasDragged && stop(event), { capture: true });
    const button = (/** @type {string} */ text, /** @type {string} */ name, /** @type {() => void} */ click) => h("button", { type: "button", "aria-label": name, title: name, click }, text);
    const buttons = [
      button("+", "Zoom in on the map", () => this.zoom(1)),
      button("−", "Zoom out of the map", () => this.zoom(-1)),
      button("World", "Show the whole world", () => this.lookAt(this.centre, WORLD)),
    ];
    this.element = h("div", { class: "locator" }, this.view, h("div", { class: "row zoom", role: "group", "aria-label": "Zoom the map" }, buttons));
    /** Tells whether a position is more than 25 km from the sea. @param {Position} position */
    this.isLand = async ({ latitude, longitude }) => {
      await ready;
      return land.isPointInFill(new DOMPoint(wrap(longitude) * UNITS_PER_DEGREE, -latitude * UNITS_PER_DEGREE));
    };
  }

  /** Whether the map cannot be zoomed in further. */
  get isClosest() {
    return this.span === CLOSEST;
  }

  /** Move the map. @param {Position} centre @param {number} [span] its width in degrees */
  lookAt({ latitude, longitude }, span = this.span) {
    const reach = 90 - span / 4;
    this.span = span;
    this.centre = { latitude: clamp(latitude, -reach, reach), longitude: wrap(longitude) };
    const box = [this.centre.longitude - span / 2, -this.centre.latitude - span / 4, span, span / 2];
    this.picture.setAttribute("viewBox", box.map((degrees) => degrees * UNITS_PER_DEGREE).join(" "));
    this.grid.setAttribute("d", graticule(SPANS[levelOf(span)][1]));
    this.drawn();
  }

  /** Lay a picture in equal degrees over the land. @param {string} href @param {Record<"west" | "south" | "east" | "north", number>} bounds degrees */
  overlay(href, { west, south, east, north }) {
    const box = { y: -north * UNITS_PER_DEGREE, width: (east - west) * UNITS_PER_DEGREE, height: (north - south) * UNITS_PER_DEGREE };
    const copies = [-360, 0, 360].map((shift) => svg("image", { href, x: (wrap(west) + shift) * UNITS_PER_DEGREE, ...box, preserveAspectRatio: "none" }));
    this.overlays.forEach((copy) => copy.remove());
    this.overlays = copies;
    this.picture.append(...copies);
  }

  /** Show all of these positions as closely as possible. @param {Position[]} positions at least one */
  fit(positions) {
    const east = eastExtent(positions.map(({ longitude }) => wrap(longitude)));
    const north = positions.map(({ latitude }) => latitude);
    const [south, most] = [Math.min(...north), Math.max(...north)];
    const needed = MARGIN * Math.max(east.width, 2 * (most - south), positions.length > 1 ? 0 : SURROUNDINGS / MARGIN);
    const [span] = SPANS.findLast(([width]) => width >= needed) ?? SPANS[0];
    this.lookAt({ latitude: (south + most) / 2, longitude: east.centre }, span);
  }

  /** @param {number} change of the zoom level */
  zoom(change) {
    const level = clamp(levelOf(this.span) + change, 0, SPANS.length - 1);
    this.lookAt(this.focus() ?? this.centre, SPANS[level][0]);
  }

  /** How far a position is from the left and the top edge, relative to the size of the map. @param {Position} at */
  offsetOf({ latitude, longitude }) {
    return { left: 0.5 + wrap(longitude - this.centre.longitude) / this.span, top: 0.5 - (latitude - this.centre.latitude) / (this.span / 2) };
  }

  /** Move a mark to a position. @param {HTMLElement} mark @param {Position} at */
  place(mark, at) {
    const { left, top } = this.offsetOf(at);
    mark.style.left = `${left * 100}%`;
    mark.style.top = `${top * 100}%`;
  }

  /** Whether a position is on the map, and not at its very edge. @param {Position} at */
  holds(at) {
    const { left, top } = this.offsetOf(at);
    return Math.max(Math.abs(left - 0.5), Math.abs(top - 0.5)) <= 0.46;
  }

  /** The position under the pointer. @param {MouseEvent} event @returns {Position} */
  positionAt({ clientX, clientY }) {
    const { left, top, width, height } = this.view.getBoundingClientRect();
    const [east, south] = [(clientX - left) / width - 0.5, (clientY - top) / height - 0.5];
    return { latitude: this.centre.latitude - south * (this.span / 2), longitude: this.centre.longitude + east * this.span };
  }

  /** Follow a pointer until it is released. @param {PointerEvent} press */
  drag(press) {
    if (press.button) return;
    const { latitude, longitude } = this.centre;
    const released = new AbortController();
    const { signal } = released;
    const move = (/** @type {PointerEvent} */ { clientX, clientY }) => {
      const [x, y] = [clientX - press.clientX, clientY - press.clientY];
      this.wasDragged ||= Math.hypot(x, y) >= CLICK_PX;
      const scale = this.span / this.view.clientWidth;
      if (this.wasDragged) this.lookAt({ latitude: latitude + y * scale, longitude: longitude - x * scale });
    };
    const release = () => {
      released.abort();
      // The click that ends a drag comes first.
      setTimeout(() => (this.wasDragged = false));
    };
    addEventListener("pointermove", move, { signal });
    addEventListener("pointerup", release, { signal });
    addEventListener("pointercancel", release, { signal });
  }
}

/** @param {Event} event */
function stop(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}

/** @param {number} span */
function levelOf(span) {
  return SPANS.findIndex(([width]) => width === span);
}

/** The arc of longitudes that leaves out the widest gap. @param {number[]} longitudes */
function eastExtent(longitudes) {
  const sorted = [...longitudes].sort((a, b) => a - b);
  const gaps = sorted.map((degrees, i) => ({ after: degrees, size: (i + 1 < sorted.length ? sorted[i + 1] : sorted[0] + 360) - degrees }));
  const widest = gaps.reduce((best, gap) => (gap.size > best.size ? gap : best));
  const width = 360 - widest.size;
  return { width, centre: widest.after + widest.size + width / 2 };
}

/** A position in words. @param {Position} position */
export function positionInWords({ latitude, longitude }) {
  const east = wrap(longitude);
  return `${Math.abs(latitude)}° ${latitude < 0 ? "S" : "N"}, ${Math.abs(Number(east.toFixed(4)))}° ${east < 0 ? "W" : "E"}`;
}

/** The land with copies to the east and the west, so that the map has no edge. */
function landPicture() {
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
function graticule(spacing) {
  const at = (/** @type {number} */ degrees) => degrees * UNITS_PER_DEGREE;
  const lines = (/** @type {number} */ limit) => Array.from({ length: Math.floor((2 * limit) / spacing) + 1 }, (_, i) => at(i * spacing - limit));
  return [...lines(360).map((x) => `M${x} ${at(-90)}V${at(90)}`), ...lines(90).map((y) => `M${at(-360)} ${y}H${at(360)}`)].join("");
}

async function loadOutlines() {
  const response = await fetch(LAND_URL);
  if (!response.ok) throw new Error(`The map could not be loaded: ${response.status}`);
  const file = new DOMParser().parseFromString(await response.text(), "image/svg+xml");
  return file.querySelector("path")?.getAttribute("d") ?? "";
}

/** A longitude from −180 to less than 180. @param {number} degrees */
export function wrap(degrees) {
  return ((((degrees + 180) % 360) + 360) % 360) - 180;
}

/** @param {number} value @param {number} least @param {number} most */
export function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}
