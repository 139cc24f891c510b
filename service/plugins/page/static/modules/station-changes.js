// @ts-check
/** What people change about a station: how it is made, who may, how settings are saved, and errors beside the fields of forms. */

import { ApiError, enterKey, getJson, withQuery } from "./api.js";
import { temperature, toCelsius, typedDegrees, unit } from "./degrees.js";
import { announce, fill, h, uniqueId } from "./dom.js";
import { sentence } from "./sentence.js";

/**
 * @typedef {import("./station-words.js").Station & {writable?: boolean, baseline?: any, source?: any, weather?: any, webhooks?: any[], notify?: string[], alert_within?: string, silent_after?: string | null, visibility?: string, owner?: string | null}} Station
 *
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {any} control
 * @property {(problem: string) => void} say shows what is wrong; empty if nothing is
 */

const CHANGED = "station-changed";
const JSON_HEADERS = { "Content-Type": "application/json" };

/** Temperatures that readings and limits may have, °C; as in the service. */
const SEA_RANGE = [-2.5, 38];

/** @param {string} id @returns {Promise<Station>} */
function loadStation(id) {
  return getJson(`/stations/${encodeURIComponent(id)}`);
}

/** Call a listener with a station after each change of it, except those of a part that calls it itself. @param {string} id @param {AbortSignal} signal @param {(station: Station) => void} listen @param {Element} [part] */
export function onChange(id, signal, listen, part) {
  const heard = (/** @type {any} */ { detail }) => detail.station.id === id && detail.part !== part && listen(detail.station);
  document.addEventListener(CHANGED, heard, { signal });
}

/** Load a station that has changed, and tell the other parts of the page. @param {string} id @param {Element} part that changed it @returns {Promise<Station>} */
export async function tellChange(id, part) {
  const station = await loadStation(id);
  document.dispatchEvent(new CustomEvent(CHANGED, { detail: { station, part } }));
  return station;
}

/** Send JSON about a station. @param {string} method @param {string} path after its address @param {string} id @param {unknown} [body] */
export function send(method, id, path, body) {
  return getJson(`/stations/${encodeURIComponent(id)}${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: JSON_HEADERS }) });
}

/** Change settings of a station, and keep all others as they are stored now. @param {string} id @param {(settings: any) => any} change returns the fields that change */
export async function saveSettings(id, change) {
  const { name, latitude, longitude, step, units, model, horizon, source, weather, baseline, webhooks, notify, alert_within, silent_after, visibility, ...station } = await loadStation(id);
  const events = ownEvents(station).map(({ settings }) => settings);
  const settings = { name, latitude, longitude, step, units, model, horizon, source, weather, baseline, webhooks, notify, alert_within, silent_after, visibility, events };
  return send("PUT", id, "", { ...settings, ...change(settings) });
}

/** The events that a station watches because somebody asked for them. @param {{events?: any[]}} station @returns {any[]} */
export function ownEvents({ events }) {
  return (events ?? []).filter(({ settings }) => settings);
}

/** Why nothing can be changed here, and a way to enter a key if one would help. @param {Station} station @param {Element} part */
export function permissionNote(station, part) {
  const note = h("div", { class: "row permission" });
  const enter = async () => {
    if (!(await enterKey())) return;
    await tellChange(station.id, note);
    announce("Key accepted");
    /** @type {HTMLElement | null} */ (part.querySelector("input"))?.focus();
  };
  const button = (/** @type {string} */ text) => h("button", { type: "button", click: enter }, text);
  const show = (/** @type {{change_stations: boolean, needs_key: boolean, reason: string}} */ access) => {
    if (access.change_stations) fill(note, h("p", { class: "note" }, "This place belongs to another key. You can look at it, but not change it."), button("Use another key"));
    else if (access.needs_key) fill(note, h("p", { class: "note" }, "To change anything here, enter the key that created this place, or an admin key."), button("Enter a key"));
    else fill(note, h("p", { class: "note" }, `Nothing can be changed here. ${sentence(access.reason)}`));
  };
  getJson("/access").then(show, () => part.contains(note) && note.remove());
  return note;
}

/** Offer to enter a key if one could show or allow more. @param {Element} part @param {string} why @param {AbortSignal} signal @param {() => unknown} then */
export async function offerKey(part, why, signal, then) {
  const { needs_key: needed } = await getJson("/access", { signal }).catch(() => ({}));
  const enter = async () => (await enterKey()) && then();
  if (needed && !signal.aborted) part.append(h("p", { class: "note" }, why, " ", h("button", { type: "button", class: "link", click: enter }, "Enter a key")));
}

/** A labelled control with a note, which a problem replaces. @param {string} label @param {any} control @param {string} [note] @returns {Field} */
export function formField(label, control, note = "") {
  const id = uniqueId("field");
  const text = h("span", { class: "note", id: `${id}-note` }, note);
  const say = (/** @type {string} */ problem) => {
    fill(text, problem || note);
    text.classList.toggle("problem", problem !== "");
    control.setAttribute("aria-invalid", String(problem !== ""));
  };
  control.id = id;
  control.setAttribute("aria-describedby", text.id);
  control.addEventListener("input", () => control.getAttribute("aria-invalid") === "true" && say(""));
  return { element: h("div", { class: "field" }, h("label", { for: id }, label), control, text), control, say };
}

/** A text control. @param {Record<string, any>} [properties] */
export function textInput(properties = {}) {
  return h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...properties });
}

/** A problem with what was typed into a field. */
export class FieldProblem extends Error {
  /** @param {string} field @param {string} message */
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

/** A number as people type it; a problem with the field for anything else. @param {string} field @param {string} text @param {string} example */
export function numberFrom(field, text, example) {
  const plain = text.trim().replace(/[−–]/, "-").replace(",", ".");
  if (plain === "" || !Number.isFinite(Number(plain))) throw new FieldProblem(field, `Enter a number, such as ${example}.`);
  return Number(plain);
}

/** A temperature as people type it, in the unit of the page unless another is written, °C. @param {string} field @param {string} text @param {number} example °C */
export function temperatureFrom(field, text, example) {
  const [, number, symbol] = /** @type {RegExpExecArray} */ (/^(.*?)\s*°?\s*([CF]?)$/i.exec(text.trim()));
  const entered = numberFrom(field, number, `${typedDegrees(example)} ${unit()}`);
  const isOther = symbol !== "" && !unit().endsWith(symbol.toUpperCase());
  const celsius = isOther ? (unit() === "°C" ? (entered - 32) / 1.8 : entered) : toCelsius(entered);
  const [least, most] = SEA_RANGE;
  if (celsius < least || celsius > most) throw new FieldProblem(field, `Seas have between ${temperature(least, 1)} and ${temperature(most, 0)}.`);
  return celsius;
}

/**
 * A form that sends once at a time, keeps what was typed if that fails, and shows problems beside the fields they are about.
 * @param {Record<string, Field>} fields by their names in requests @param {() => Promise<unknown>} submit
 * @param {...import("./dom.js").Child | import("./dom.js").Child[]} children
 */
export function dataForm(fields, submit, ...children) {
  const rest = h("div", { class: "form-problem" });
  const run = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    fill(rest);
    Object.values(fields).forEach(({ say }) => say(""));
    try {
      await submit();
    } catch (error) {
      showProblems(error, fields, rest);
    } finally {
      form.removeAttribute("aria-busy");
    }
  };
  const form = h("form", { class: "data-form", novalidate: true, submit: run }, ...children, rest);
  return form;
}

/** Show an error beside the fields that it is about, or else in a part of the form. @param {unknown} error @param {Record<string, Field>} fields @param {Element} rest */
function showProblems(error, fields, rest) {
  if (!(error instanceof ApiError) && !(error instanceof FieldProblem)) console.error(error);
  const places = error instanceof FieldProblem ? [{ location: error.field, message: error.message }] : error instanceof ApiError ? error.details : [];
  const found = places.flatMap(({ location, message }) => {
    // Of an entry of a list, such as events[0].above, there is one form at a time.
    const name = location.replace(/^(body|query)\./, "").replace(/^\w+\[\d+\]\./, "");
    const field = Object.keys(fields).find((key) => name === key || name.startsWith(`${key}.`) || name.startsWith(`${key}[`));
    return field ? [{ field: fields[field], message }] : [];
  });
  found.forEach(({ field, message }) => field.say(plainProblem(message)));
  if (found.length) found[0].field.control.focus();
  else fill(rest, h("p", { class: "problem", role: "alert" }, plainProblem(error instanceof Error ? error.message : String(error))));
}

/** A message of the service for people: without names of fields, and without calls to make. @param {string} message */
export function plainProblem(message) {
  const named = message.replace(/^[a-z_]+(?:\[\d+\]|\.[a-z_]+)*: (?=\S)/, (found) => (found === "the file: " ? found : "")).replace(/^[a-z_]+\[\d+\]\.[a-z_]+ (?=is )/, "this ");
  return sentence(named.replace(/; the values look like .*$/, "").replace(/[:;,] (?:see|create it with) (?:GET|PUT|POST|DELETE) .*$/, ""));
}

/** The error, with what it means for the page if the stations cannot be read. @param {unknown} error */
export function explained(error) {
  if (!(error instanceof ApiError) || error.status !== 503) return error;
  error.heading = "The stations cannot be read";
  error.message = `${sentence(error.message)} Only stations need this database: all other views work without it.`;
  return error;
}

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Stations in one answer of the service. */
const PAGE = 1000;

/** Letters that are no plain letter with a mark. @type {Record<string, string>} */
const PLAIN = { ø: "o", æ: "ae", ß: "ss", ł: "l", đ: "d" };

/**
 * @param {string} id @param {Record<string, any> & {name: string}} settings
 * @throws {FieldProblem} about `name` or `id`
 */
export async function createStation(id, settings) {
  if (!settings.name) throw new FieldProblem("name", "Give the place a name.");
  if (!ID.test(id)) throw new FieldProblem("id", "Use up to 64 letters, digits, dots, hyphens and underscores, beginning with a letter or a digit.");
  const { stations } = await getJson(withQuery("/stations", { search: id, limit: PAGE }));
  // Making it again would replace the settings of that station.
  if (stations.some((/** @type {any} */ station) => station.id === id)) throw new FieldProblem("id", `There is a place ${id} already. Choose another short name.`);
  await send("PUT", id, "", settings);
}

/** A short name for a place. @param {string} name */
export function idFrom(name) {
  const plain = name.toLowerCase().replace(/[øæßłđ]/g, (letter) => PLAIN[letter]).normalize("NFKD").replace(/[^a-z0-9._ -]/g, "");
  return plain.trim().replace(/\s+/g, "-").replace(/^[._-]+/, "").slice(0, 64);
}
