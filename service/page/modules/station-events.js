// @ts-check
/** The events that stations watch, and their alerts. */

import { getJson, withQuery } from "./api.js";
import { fill, h } from "./dom.js";
import { percent } from "./event-words.js";
import { sentence } from "./sentence.js";
import { eventName } from "./station-words.js";
import { dataTable } from "./table.js";
import { runTask } from "./task.js";
import { columnTime, formatTime } from "./times.js";

/**
 * @typedef {import("./station-words.js").Station} Station
 * @typedef {import("./station-words.js").StationEvent} StationEvent
 */

/** Alerts in the table. */
const ALERTS = 50;

/** @type {Record<string, string>} */
const CHANGES = { began: "began", category_changed: "changed category", ended: "ended", expected: "is expected" };

/** The events of a station as tags; null if it watches none. @param {Station} station */
export function eventTags({ events }) {
  if (!events?.length) return null;
  return h("ul", { class: "tags", "aria-label": "Events" }, events.map((event) => h("li", {}, h("span", { class: event.state === "active" ? "tag bad" : "tag" }, stateInWords(event)))));
}

/** @param {StationEvent} event */
function stateInWords(event) {
  const { kind, state, since, category, probability } = event;
  const name = eventName(event);
  if (state === "unknown") return `${name}: not known yet`;
  if (kind === "degree_heating_weeks") return `${name}: ${(category ?? "no stress").toLowerCase()}`;
  if (state === "active") return `${name}${category ? `, ${category.toLowerCase()}` : ""}${since ? `, since ${columnTime(since, "day")}` : ""}`;
  const likely = probability === null ? "" : `, ${percent(probability)} likely`;
  return kind === "threshold" ? `${name}: not now${likely}` : `No ${name.toLowerCase()}${likely}`;
}

/** Show the alerts of a station in a card, which stays hidden without events and alerts. @param {HTMLElement} card @param {Station} station @param {AbortSignal} signal */
export function showAlerts(card, station, signal) {
  card.hidden = !station.events?.length;
  if (card.hidden) return Promise.resolve();
  const body = h("div", {});
  fill(card, h("header", {}, h("h2", {}, "Events")), eventTags(station), errorsOf(station), body);
  const load = (/** @type {AbortSignal} */ stop) => getJson(withQuery(`/stations/${station.id}/alerts`, { limit: ALERTS }), { signal: stop });
  return runTask(body, "Loading alerts", signal, load, ({ alerts }) => fill(body, alerts.length ? alertTable(alerts, station) : h("p", { class: "note" }, "No alerts so far.")));
}

/** @param {Station} station */
function errorsOf({ events }) {
  return (events ?? []).filter(({ error }) => error).map((event) => h("p", { class: "note" }, `${event.name}: ${sentence(String(event.error))}`));
}

/** The newest alert first. @param {any[]} alerts @param {Station} station */
function alertTable(alerts, { step }) {
  const rows = [...alerts].sort((a, b) => b.raised.localeCompare(a.raised)).map((alert) => [
    formatTime(alert.observed_until, step),
    `${eventName({ ...alert, name: alert.event })} ${CHANGES[alert.alert] ?? alert.alert}`,
    alert.category ?? "–",
    alert.status === "raised" ? deliveriesInWords(alert.deliveries ?? []) : `${alert.status}: ${alert.reason}`,
  ]);
  return dataTable("Alerts of this station", ["Readings until", "What happened", "Category", "Sent"], rows, { class: "event-table" });
}

/** @param {any[]} deliveries */
function deliveriesInWords(deliveries) {
  if (!deliveries.length) return "not sent";
  return deliveries.map(({ url, state, attempts }) => (state === "delivered" ? `to ${hostOf(url)}` : `${state === "waiting" ? "not yet" : "failed"}: ${hostOf(url)}, ${attempts} ${attempts === 1 ? "attempt" : "attempts"}`)).join("; ");
}

/** @param {string} url */
function hostOf(url) {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}
