// @ts-check
/** The newest outlook of a grid: its layers on a map, day by day, and the forecast of the cell that the reader chooses. */

import { ADD, readState, updateState } from "./address.js";
import { ApiError, getJson, request, withQuery } from "./api.js";
import { selectField } from "./controls.js";
import { difference, inUnit, unit } from "./degrees.js";
import { announce, fill, h, uniqueId } from "./dom.js";
import { forecastChart } from "./forecast-card.js";
import { fixed } from "./numbers.js";
import { isArchive, placeSentence } from "./place-sentence.js";
import { signed } from "./places-map.js";
import { NOWHERE, positionOf, positionPicker } from "./position-fields.js";
import { capitalised, sentence } from "./sentence.js";
import { ageInWords, longDate, soonPhrase } from "./spoken-times.js";
import { dataTable } from "./table.js";
import { errorNotice, latestOnly, runTask } from "./task.js";
import { columnTime } from "./times.js";
import { positionInWords } from "./world-map.js";

/**
 * @typedef {{lead: number, day: string, text: string, href: string}} Raster
 * @typedef {{unit: string, edges: number[], colours: number[][], labels: string[], of_categories: boolean}} Scale
 * @typedef {{name: string, title: string, scale: Scale, rasters: Raster[]}} Layer
 * @typedef {Record<"west" | "south" | "east" | "north", number>} Bounds
 * @typedef {{issued: string, caption: string[], days: string[], layers: Layer[], bounds: Bounds, point: string, warnings: {code: string}[]}} Outlook from GET /outlooks/latest
 */

export const heading = "Outlook";

const PURPOSE = "Click the map, or enter degrees, for the forecast there; south and west are negative.";

/** Bounds that are at least as wide, in degrees, are shown as the whole world. */
const WIDE = 150;

const DAY_MS = 86_400_000;
const DAYS_BEFORE = 3;

/** The age of older observations is told. */
const RECENT_MS = 2 * DAY_MS;

/** @type {Record<string, string>} */
const WARNINGS = {
  coarse_baseline: "What is usual is coarse: near coasts, differences from it may be wrong by more than a degree.",
  damaged_outlook: "A newer outlook is damaged, so this is the one before it.",
};

/** Probabilities below this are not worth a column of the table. */
const UNLIKELY = 0.005;

/** @type {Record<string, string>} */
const EVENT_NAMES = { marine_heatwave: "marine heatwave", marine_cold_spell: "cold spell" };

/** @param {HTMLElement} root @param {AbortSignal} signal */
export async function show(root, signal) {
  const body = h("div", { class: "stack ocean-slot" });
  fill(root, h("div", { class: "stack ocean" }, h("h1", {}, heading), body));
  await runTask(body, "Loading the outlook", signal, (stop) => found("/outlooks/latest", stop), (outlook) => {
    body.classList.remove("ocean-slot");
    if (outlook instanceof ApiError) fill(body, h("p", { class: "notice" }, sentence(outlook.message)));
    else compose(body, outlook, signal);
  });
}

/** What the service has there, or why there is nothing. @param {string} path @param {AbortSignal} signal @returns {Promise<any>} */
async function found(path, signal) {
  try {
    return await getJson(path, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return error;
    throw error;
  }
}

/** @param {HTMLElement} body @param {Outlook} outlook @param {AbortSignal} signal */
function compose(body, outlook, signal) {
  const state = readState();
  let layer = outlook.layers.find(({ name }) => name === state.layer) ?? outlook.layers[0];
  let lead = Math.min(Math.max(Math.round(Number(state.day)) || 1, 1), outlook.days.length);
  const load = rasterLoader(signal);
  const point = h("div", { class: "stack" });
  const nextSignal = latestOnly(signal);
  const given = positionOf({});
  const picker = positionPicker({ purpose: PURPOSE, legend: "Position", entered: given ? [String(given.latitude), String(given.longitude)] : undefined, isOverview: true }, (position) => {
    updateState(position ?? NOWHERE);
    showPoint(point, outlook, position, nextSignal());
  });
  const seen = h("p", { class: "seen" });
  const key = h("div", {});
  const draw = async () => {
    const { href, text } = layer.rasters[lead - 1];
    updateState({ layer: layer === outlook.layers[0] ? null : layer.name, day: lead === 1 ? null : lead });
    fill(key, legend(layer));
    seen.textContent = inReadersUnit(text);
    try {
      const picture = await load(href);
      if (href !== layer.rasters[lead - 1].href) return;
      picker.map.overlay(picture, outlook.bounds);
      // The next day, before it is asked for.
      if (layer.rasters[lead]) load(layer.rasters[lead].href).catch(() => {});
    } catch (error) {
      if (!signal.aborted) fill(seen, errorNotice(error, draw));
    }
  };
  const chooseLayer = (/** @type {string} */ name) => {
    layer = outlook.layers.find((other) => other.name === name) ?? layer;
    draw();
  };
  const chooseLead = (/** @type {number} */ day) => {
    lead = day;
    draw();
  };
  const now = new Date();
  const isOld = now.getTime() - Date.parse(outlook.issued) > RECENT_MS;
  fill(
    body,
    h("p", {}, `From observations until ${longDate(outlook.issued, "day")}${isOld ? `, ${ageInWords(outlook.issued, now)} ago` : ""}.`),
    h(
      "section",
      { class: "card" },
      h("h2", { class: "hidden" }, "Map"),
      h("div", { class: "controls" }, selectField("Map", outlook.layers.map(({ name, title }) => ({ value: name, text: title })), layer.name, chooseLayer), daySlider(outlook.days, lead, now, chooseLead)),
      key,
      picker.element,
      seen,
      outlook.caption.map((line) => h("p", { class: "note" }, sentence(line))),
      outlook.warnings.map(({ code }) => h("p", { class: "note" }, WARNINGS[code])),
    ),
    point,
  );
  // The surroundings of a position are on the map already.
  if (!given) look(picker.map, outlook.bounds);
  draw();
  showPoint(point, outlook, given, nextSignal());
}

/** Pictures by their path, each loaded once, with the key of the reader. @param {AbortSignal} signal @returns {(href: string) => Promise<string>} */
function rasterLoader(signal) {
  /** @type {Map<string, Promise<string>>} */
  const known = new Map();
  signal.addEventListener("abort", () => known.forEach((url) => url.then(URL.revokeObjectURL, () => {})), { once: true });
  return (href) => {
    const load = async () => URL.createObjectURL(await (await request(href, { signal })).blob());
    const url = known.get(href) ?? load();
    known.set(href, url);
    url.catch(() => known.delete(href));
    return url;
  };
}

/** Show the grid. @param {import("./world-map.js").WorldMap} map @param {Bounds} bounds */
function look(map, { west, south, east, north }) {
  const middle = (west + east) / 2;
  if (east - west >= WIDE) map.lookAt({ latitude: 0, longitude: middle }, 360);
  else map.fit([west, middle, east].flatMap((longitude) => [south, north].map((latitude) => ({ latitude, longitude }))));
}

/** @param {string[]} days @param {number} lead @param {Date} now @param {(lead: number) => void} change */
function daySlider(days, lead, now, change) {
  const id = uniqueId("day");
  const words = (/** @type {number} */ i) => {
    const [soon, date] = [soonPhrase(days[i - 1], "day", now), longDate(days[i - 1], "day")];
    return `${date.startsWith(soon) ? "" : `${soon}, `}${date}, day ${i} of ${days.length}`;
  };
  const output = h("output", { for: id }, words(lead));
  const slider = h("input", {
    id,
    type: "range",
    min: 1,
    max: days.length,
    step: 1,
    "aria-valuetext": words(lead),
    input: () => {
      output.textContent = words(Number(slider.value));
      slider.setAttribute("aria-valuetext", output.textContent);
      change(Number(slider.value));
    },
  });
  slider.value = String(lead);
  return h("div", { class: "field days" }, h("label", { for: id }, "Day"), slider, output);
}

/** The colours with their numbers or names. @param {Layer} layer */
function legend({ scale: { unit: what, edges, colours, labels, of_categories } }) {
  const isDifference = what.startsWith("°C");
  const text = (/** @type {number} */ i) => (isDifference && labels[i] ? signed(edges[i], 0) : labels[i]);
  const blocks = colours.map((colour, i) => {
    const block = h("span", {}, h("span", {}, text(i)));
    block.style.background = `rgb(${colour.join(" ")})`;
    return block;
  });
  const title = isDifference ? `${unit()}${what.slice(2)}` : what;
  const named = labels.map((_, i) => text(i)).filter(Boolean).join(", ");
  return h("div", { class: "colours", role: "img", "aria-label": `Colours: ${title}, ${named}` }, h("span", {}, capitalised(title)), h("div", { class: of_categories ? "categories" : null }, blocks));
}

/** A sentence about shares, and differences in °C, in the unit that the reader chose. @param {string} text */
function inReadersUnit(text) {
  return text.replaceAll(" %", "%").replace(/([+-]?)(\d+(?:\.\d+)?) °C/g, (_, sign, number) => `${sign.replace("-", "−")}${difference(Number(number), 1)}`);
}

/** @param {HTMLElement} box @param {Outlook} outlook @param {import("./world-map.js").Position | null} position @param {AbortSignal} signal */
function showPoint(box, outlook, position, signal) {
  if (!position) return fill(box);
  return runTask(box, "Loading the forecast", signal, (stop) => found(withQuery(outlook.point, { ...position }), stop), (point) => {
    if (point instanceof ApiError) {
      fill(box, h("p", { class: "notice" }, sentence(point.message)));
      return announce(point.message);
    }
    fill(box, pointCard(point, signal));
    announce(box.querySelector("h2")?.textContent ?? "");
  });
}

/** The forecast of a cell, like that of a place. @param {any} point from GET /outlooks/…/point @param {AbortSignal} signal */
function pointCard(point, signal) {
  const { latitude, longitude, timestamps, sst, anomaly, intervals, issued, usual, events, quality } = point;
  // What is usual on the map and in the table, which the reference need not be.
  const isKnown = anomaly.every((/** @type {number | null} */ value) => value !== null);
  const baselines = isKnown ? { ...point.baselines, climatology: sst.map((/** @type {number} */ value, /** @type {number} */ i) => value - anomaly[i]) } : point.baselines;
  const now = new Date();
  const title = positionInWords({ latitude, longitude });
  // The last observation is all that an outlook has of the past. The days before it leave room for its label.
  const before = [...Array(DAYS_BEFORE).keys()].map((i) => new Date(Date.parse(issued) - (DAYS_BEFORE - i) * DAY_MS).toISOString());
  const history = { step: "day", timestamps: [...before, issued], values: [...before.map(() => null), baselines.persistence?.[0] ?? null] };
  const forecast = { ...point, baselines, intervals: intervals.map((/** @type {any} */ interval) => ({ ...interval, calibrated: true })), usual: { ...usual, sst: baselines.climatology?.[0] } };
  const place = /** @type {any} */ ({ title, history, newest: null, knowsUsual: true, isArchive: isArchive(timestamps.at(-1), now) });
  const references = baselines.climatology ? ["climatology"] : [];
  const { parts, controls } = forecastChart({ name: title, history, forecasts: [forecast], references, onReferences: () => {}, period: null, onZoom: () => {} }, signal);
  const likely = events.filter((/** @type {any} */ { probability }) => probability.some((/** @type {number | null} */ value) => value !== null && value >= UNLIKELY));
  const [range] = intervals;
  const head = ["Day", unit(), range && `${range.level}%`, h("th", { scope: "col", class: "wide-only" }, `From usual, ${unit()}`), ...likely.map((/** @type {any} */ { kind }) => capitalised(EVENT_NAMES[kind]))].filter(Boolean);
  const rows = timestamps.map((/** @type {string} */ time, /** @type {number} */ i) =>
    [
      columnTime(time, "day"),
      fixed(inUnit(sst[i]), 1),
      range && `${fixed(inUnit(range.lower[i]), 1)} – ${fixed(inUnit(range.upper[i]), 1)}`,
      h("td", { class: "wide-only" }, anomaly[i] === null ? "–" : signed(anomaly[i], 1)),
      ...likely.map((/** @type {any} */ event) => chance(event.probability[i], event.likely_category[i])),
    ].filter(Boolean),
  );
  return h(
    "section",
    { class: "card" },
    h(
      "div",
      { class: "outlook" },
      h("h2", {}, placeSentence(place, forecast, now)),
      events.filter((/** @type {any} */ { state }) => state === "building" || state === "active").map((/** @type {any} */ event) => h("p", {}, stateSentence(event))),
      quality === "suspect" && h("p", {}, "Simple references were better on past forecasts here, or the values are unlike those that the network was trained on."),
    ),
    parts,
    controls,
    dataTable(`Forecast for ${title}`, head, rows, { class: "wide" }),
    h("p", {}, h("a", { href: withQuery(ADD, { latitude, longitude }) }, "Make this a place"), ", to keep your own readings there."),
  );
}

/** What an event is like now. @param {any} event */
function stateSentence({ kind, state, days, category, intensity }) {
  const name = state === "active" ? `${category} ${EVENT_NAMES[kind]}` : `possible ${EVENT_NAMES[kind]}`;
  return `${name.startsWith("e") ? "An" : "A"} ${name} has lasted ${days === 1 ? "one day" : `${days} days`}, now ${difference(Math.abs(intensity), 1)} ${intensity > 0 ? "above" : "below"} usual.`;
}

/** The probability of an event, and its category where it is likely. @param {number | null} probability @param {string | null} category */
function chance(probability, category) {
  if (probability === null) return "–";
  return `${Math.round(probability * 100)}%${category === null || category === "no_event" ? "" : `, ${category}`}`;
}
