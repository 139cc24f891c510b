// @ts-check
/** A map of the stations in the list. The cards of each page hold the same links. */

import { stationPath } from "./address.js";
import { h } from "./dom.js";
import { clamp, graticule, landPicture, UNITS_PER_DEGREE, wrap } from "./locator-map.js";
import { titleOf } from "./station-words.js";

/**
 * @typedef {import("./station-words.js").Station} Station
 * @typedef {Station & {latitude: number, longitude: number}} Placed
 * @typedef {{latitude: number, longitude: number, span: number}} Extent the centre of a map and its width in degrees
 */

/** Widths of the map in degrees, and the spacing of its grid. @type {[number, number][]} */
const SPANS = [[20, 5], [40, 10], [80, 10], [140, 20], [220, 30], [360, 30]];

/** Around the stations, relative to their extent. */
const MARGIN = 1.35;

/** Which pin an arrow key leads to: the next one along a side of the map, in which direction. @type {Record<string, ["left" | "top", 1 | -1]>} */
const STEPS = { ArrowLeft: ["left", -1], ArrowRight: ["left", 1], ArrowUp: ["top", -1], ArrowDown: ["top", 1] };

/** The stations with a position, in the order of their pins. @param {Station[]} stations @returns {Placed[]} */
export function placedOf(stations) {
  return /** @type {Placed[]} */ (stations.filter(({ latitude, longitude }) => latitude !== null && longitude !== null));
}

/**
 * A map with a numbered pin for each station of this page, and a dot for each of the others; null if none has a position.
 * @param {Placed[]} placed @param {Placed[]} [others]
 */
export function stationMap(placed, others = []) {
  const all = [...others, ...placed];
  if (!all.length) return null;
  const extent = extentOf(all);
  const { picture, grid } = landPicture();
  const { latitude, longitude, span } = extent;
  const box = [longitude - span / 2, -latitude - span / 4, span, span / 2];
  picture.setAttribute("viewBox", box.map((degrees) => degrees * UNITS_PER_DEGREE).join(" "));
  grid.setAttribute("d", graticule(SPANS.find(([width]) => width === span)?.[1] ?? 30));
  const names = all.length === 1 ? "one station" : `${all.length} stations`;
  const pins = [...others.map((station) => pinOf(station, null, extent)), ...placed.map((station, i) => pinOf(station, all.length > 1 ? i + 1 : null, extent))];
  const help = all.length === 1 ? "" : " The arrow keys move from station to station.";
  const map = h("div", { class: "map", role: "group", "aria-label": `Map of ${names} in this list.${help}`, keydown }, picture, pins);
  // All pins are one stop of the Tab key, however many there are.
  pins[others.length % pins.length].tabIndex = 0;
  return h("div", { class: "locator stations-map" }, map);

  /** @param {KeyboardEvent} event */
  function keydown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const next = pinAfter(pins, /** @type {HTMLElement} */ (event.target), event.key);
    if (!next) return;
    event.preventDefault();
    for (const pin of pins) pin.tabIndex = pin === next ? 0 : -1;
    next.focus();
  }
}

/** @param {Placed} station @param {number | null} number of its card @param {Extent} extent @returns {HTMLElement} */
function pinOf(station, number, { latitude, longitude, span }) {
  const left = 50 + (wrap(station.longitude - longitude) / span) * 100;
  const name = titleOf(station);
  const pin = h("a", { class: "station-pin", href: stationPath(station.id), tabindex: "-1", "aria-label": number === null ? name : `${number}: ${name}`, "data-name": name, "data-side": left > 50 ? "left" : "right" }, number);
  pin.style.left = `${left}%`;
  pin.style.top = `${50 - ((station.latitude - latitude) / (span / 2)) * 100}%`;
  return pin;
}

/**
 * The pin that a key leads to from another; undefined if there is none in this direction.
 * @param {HTMLElement[]} pins @param {HTMLElement} from @param {string} key
 */
function pinAfter(pins, from, key) {
  if (key === "Home") return pins[0];
  if (key === "End") return pins[pins.length - 1];
  if (!(key in STEPS)) return undefined;
  const [side, direction] = STEPS[key];
  // In order along the side, so that the keys reach every pin.
  const ordered = [...pins].sort((a, b) => parseFloat(a.style[side]) - parseFloat(b.style[side]));
  return ordered[ordered.indexOf(from) + direction];
}

/** The smallest map that shows all stations. @param {Placed[]} placed @returns {Extent} */
function extentOf(placed) {
  const east = eastExtent(placed.map(({ longitude }) => wrap(longitude)));
  const north = placed.map(({ latitude }) => latitude);
  const [south, most] = [Math.min(...north), Math.max(...north)];
  const needed = MARGIN * Math.max(east.width, 2 * (most - south));
  const [span] = SPANS.find(([width]) => width >= needed) ?? SPANS[SPANS.length - 1];
  const reach = Math.max(90 - span / 4, 0);
  return { latitude: clamp((south + most) / 2, -reach, reach), longitude: east.centre, span };
}

/** The arc of longitudes that leaves out the widest gap. @param {number[]} longitudes */
function eastExtent(longitudes) {
  const sorted = [...longitudes].sort((a, b) => a - b);
  const gaps = sorted.map((degrees, i) => ({ after: degrees, size: (i + 1 < sorted.length ? sorted[i + 1] : sorted[0] + 360) - degrees }));
  const widest = gaps.reduce((best, gap) => (gap.size > best.size ? gap : best));
  const width = 360 - widest.size;
  return { width, centre: wrap(widest.after + widest.size + width / 2) };
}
