// @ts-check
/** A map of the stations in the list. It helps those who see it; the cards of each page hold the same links. */

import { urlOf } from "./address.js";
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
  const pins = placed.map((station, i) => pinOf(station, all.length > 1 ? i + 1 : null, extent));
  return h("div", { class: "locator stations-map" }, h("div", { class: "map", role: "img", "aria-label": `Map of ${names} in this list` }, picture, others.map((station) => pinOf(station, null, extent)), pins));
}

/** @param {Placed} station @param {number | null} number of its card @param {Extent} extent */
function pinOf(station, number, { latitude, longitude, span }) {
  const pin = h("span", { class: "station-pin", title: titleOf(station), click: () => open(station.id) }, number);
  pin.style.left = `${50 + (wrap(station.longitude - longitude) / span) * 100}%`;
  pin.style.top = `${50 - ((station.latitude - latitude) / (span / 2)) * 100}%`;
  return pin;
}

/** Open a station, by the link on its card if it is on this page. @param {string} id */
function open(id) {
  const link = document.getElementById(`station-${id}`)?.querySelector("a");
  if (link) link.click();
  else location.assign(urlOf({ view: "stations", station: id }));
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
