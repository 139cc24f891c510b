// @ts-check
/** Places on a map, coloured by how far they are from usual. Places that are too close together to tell apart form a group. */

import { inUnit, unit } from "./degrees.js";
import { h } from "./dom.js";
import { fixed } from "./numbers.js";
import { clamp, WorldMap, wrap } from "./world-map.js";

/**
 * @typedef {import("./attention.js").Listed} Listed
 * @typedef {Listed & {position: import("./world-map.js").Position}} Placed
 * @typedef {{places: Placed[], at: import("./world-map.js").Position, element: HTMLElement}} Pin of a place or a group, the most pressing place first
 */

/** Pins that are closer than this form a group, in pixels. */
const APART = { x: 50, y: 32 };

/** Pins of a group that no zoom can take apart stand in a circle, this many pixels from each other. */
const ON_CIRCLE = 54;

/** The width of the map before it is on the page, in pixels. */
const USUAL_WIDTH = 760;

/** Colours on each side of usual. */
const COLOURS = 3;

/** Which pin an arrow key leads to: the next one along a side of the map, in which direction. @type {Record<string, ["left" | "top", 1 | -1]>} */
const STEPS = { ArrowLeft: ["left", -1], ArrowRight: ["left", 1], ArrowUp: ["top", -1], ArrowDown: ["top", 1] };

/**
 * A map whose show() puts places on it, the most pressing first.
 * @returns {{element: Element, show: (places: Listed[]) => void}}
 */
export function placesMap() {
  /** @type {Placed[]} */
  let places = [];
  /** @type {Pin[]} */
  let pins = [];
  /** For which width, in degrees and in pixels, the pins are grouped. */
  let grouping = "";
  const map = new WorldMap({ label: "Map", drawn, focus: () => focusedPin()?.at ?? null, keydown });
  map.element.classList.add("wide");
  map.element.append(mapLegend());
  new ResizeObserver(drawn).observe(map.view);
  map.lookAt(map.centre);
  return { element: map.element, show };

  /** @param {Listed[]} listed */
  function show(listed) {
    places = /** @type {Placed[]} */ (listed.filter(({ position }) => position));
    grouping = "";
    map.view.setAttribute("aria-label", `Map of ${places.length === 1 ? "one place" : `${places.length} places`}. The arrow keys move from place to place, plus and minus zoom.`);
    if (places.length) map.fit(places.map(({ position }) => position));
    else drawn();
  }

  function drawn() {
    const now = `${map.span} ${map.view.clientWidth} ${places.length}`;
    if (now !== grouping) regroup();
    grouping = now;
    for (const { at, element } of pins) {
      map.place(element, at);
      element.dataset.side = parseFloat(element.style.left) > 50 ? "left" : "right";
    }
  }

  /** Make new pins, and keep the focus on the place that has it. */
  function regroup() {
    const focused = focusedPin()?.places[0];
    for (const { element } of pins) element.remove();
    const width = map.view.clientWidth || USUAL_WIDTH;
    const groups = grouped(places, (APART.x / width) * map.span, (APART.y / width) * map.span);
    pins = groups.flatMap((group) => (group.length === 1 ? [pinOf(group[0])] : map.isClosest ? circle(group) : [groupPin(group, () => open(group))]));
    map.view.append(...pins.map(({ element }) => element));
    // All pins are one stop of the Tab key, however many there are.
    const kept = focused && pins.find((pin) => pin.places.includes(focused));
    setStop(kept ?? pins[0]);
    kept?.element.focus({ preventScroll: true });
  }

  function focusedPin() {
    return pins.find(({ element }) => element === document.activeElement);
  }

  /** Zoom to a group. @param {Placed[]} group */
  function open(group) {
    const { span } = map;
    map.fit(group.map(({ position }) => position));
    if (map.span >= span) map.zoom(1);
  }

  /** @param {Pin | undefined} stop */
  function setStop(stop) {
    for (const pin of pins) pin.element.tabIndex = pin === stop ? 0 : -1;
  }

  /** @param {KeyboardEvent} event */
  function keydown(event) {
    if (event.shiftKey) return;
    const next = pinAfter(pins, event.target, event.key);
    if (!next) return;
    event.preventDefault();
    setStop(next);
    if (!map.holds(next.at)) map.lookAt(next.at);
    next.element.focus({ preventScroll: true });
  }
}

/** @param {Placed[]} places the most pressing first @param {number} east degrees within which they form a group @param {number} north */
function grouped(places, east, north) {
  /** @type {Placed[][]} */
  const groups = [];
  for (const place of places) {
    const { latitude, longitude } = place.position;
    const near = groups.find(([{ position }]) => Math.abs(position.latitude - latitude) < north && Math.abs(wrap(position.longitude - longitude)) < east);
    if (near) near.push(place);
    else groups.push([place]);
  }
  return groups;
}

/** @param {Placed} place @returns {Pin} */
function pinOf(place) {
  const name = [place.title, place.value, place.difference, ...place.reasons.map(({ words }) => words)].filter(Boolean).join(", ");
  return { places: [place], at: place.position, element: h("a", { ...attributes(place), href: place.href, "aria-label": name, "data-name": place.title }, anomalyText(place)) };
}

/** @param {Placed[]} group @param {() => void} open @returns {Pin} */
function groupPin(group, open) {
  const [{ title, reasons, position }] = group;
  const pressing = reasons.length ? ` Most pressing: ${title}, ${reasons[0].words}.` : "";
  const name = `${group.length} places.${pressing}`;
  return { places: group, at: position, element: h("button", { type: "button", class: "chip group", "data-mark": reasons[0]?.mark, "aria-label": `${name} Zoom in.`, "data-name": name, click: open }, group.length) };
}

/** Pins around the position that they share. @param {Placed[]} group */
function circle(group) {
  const radius = (ON_CIRCLE * group.length) / (2 * Math.PI);
  return group.map((place, i) => {
    const pin = { ...pinOf(place), at: group[0].position };
    const angle = (2 * Math.PI * i) / group.length;
    pin.element.style.translate = `${Math.round(radius * Math.cos(angle))}px ${Math.round(radius * Math.sin(angle))}px`;
    return pin;
  });
}

/** How a place looks on the map and in the list. @param {Listed} place */
export function attributes({ anomaly, reasons }) {
  return { class: "chip", "data-anomaly": anomaly === null ? null : clamp(Math.round(anomaly), -COLOURS, COLOURS), "data-mark": reasons[0]?.mark };
}

/** The difference from usual with its sign. @param {Listed} place */
export function anomalyText({ anomaly }) {
  return anomaly === null ? "–" : signed(anomaly, 1);
}

/** A difference with its sign. @param {number} celsius @param {number} places */
export function signed(celsius, places) {
  const text = fixed(inUnit(celsius, "difference"), places);
  return Number(text.replace("−", "-")) === 0 ? text.replace("−", "") : `${celsius > 0 ? "+" : ""}${text}`;
}

/** What the colours and the rings mean. */
function mapLegend() {
  const steps = Array.from({ length: 2 * COLOURS + 1 }, (_, i) => i - COLOURS);
  const colour = (/** @type {number} */ step) => h("li", { class: "chip", "data-anomaly": step }, signed(step, 0));
  const item = (/** @type {string} */ mark, /** @type {string} */ text) => h("li", { class: "label" }, h("span", { class: "chip", "data-mark": mark, "aria-hidden": "true" }, "–"), text);
  return h(
    "div",
    { class: "map-legend" },
    h("p", {}, `Difference from usual, ${unit()}`),
    h("ul", { class: "scale", "aria-label": "Colours, from colder to warmer than usual" }, steps.map(colour)),
    h("ul", { class: "row" }, item("", "not known"), item("heat-2", "marine heatwave"), item("cold-2", "cold spell"), item("alert", "needs attention")),
  );
}

/** The pin that a key leads to from another; undefined if there is none in this direction. @param {Pin[]} pins @param {EventTarget | null} from @param {string} key */
function pinAfter(pins, from, key) {
  if (key === "Home") return pins[0];
  if (key === "End") return pins[pins.length - 1];
  if (!(key in STEPS)) return undefined;
  const [side, direction] = STEPS[key];
  // In order along the side, so that the keys reach every pin.
  const ordered = [...pins].sort((a, b) => parseFloat(a.element.style[side]) - parseFloat(b.element.style[side]));
  return ordered[ordered.findIndex(({ element }) => element === from) + direction];
}
