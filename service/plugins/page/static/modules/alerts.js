// @ts-check
/** What a station watches, in words, whom it tells, and the alerts so far. */

import { getJson, withQuery } from "./api.js";
import { selectField } from "./controls.js";
import { temperature, typedDegrees, unit } from "./degrees.js";
import { announce, fill, h } from "./dom.js";
import { codeBlock } from "./download.js";
import { limitText, percent } from "./event-words.js";
import { sentence } from "./sentence.js";
import { dataForm, FieldProblem, formField, numberFrom, onChange, ownEvents, plainProblem, saveSettings, send, tellChange, temperatureFrom, textInput } from "./station-changes.js";
import { eventName, fromCelsius, toCelsius } from "./station-words.js";
import { dataTable } from "./table.js";
import { runTask } from "./task.js";
import { columnTime, formatSteps, formatTime, milliseconds } from "./times.js";

/**
 * @typedef {import("./station-changes.js").Station} Station
 * @typedef {(words: string, secret?: string) => Promise<void>} Done
 * @typedef {import("./station-words.js").StationEvent & {settings: any}} StationEvent
 */

/** Alerts in the table. */
const ALERTS = 50;

/** A limit that texts give as an example, °C. */
const EXAMPLE = 24;

/** As in the service. */
const BASELINE_YEARS = 10;
const YEAR_MS = 365.25 * 86_400_000;

/** @type {Record<string, string>} */
const CHANGES = { began: "began", category_changed: "changed category", ended: "ended", expected: "is expected" };

/** Probabilities from which to tell, in words. @type {[number, string][]} */
const LIKELIHOODS = [[0.3, "possible"], [0.5, "as likely as not"], [0.7, "likely"], [0.9, "very likely"]];

/** What can be watched. @type {{kind: string, text: string, isDaily: boolean, side?: string}[]} */
const KINDS = [
  { kind: "above", text: "The water is warmer than a limit", isDaily: false },
  { kind: "below", text: "The water is colder than a limit", isDaily: false },
  { kind: "marine_heatwave", text: "A marine heatwave", isDaily: true },
  { kind: "marine_cold_spell", text: "A marine cold spell", isDaily: true },
  { kind: "degree_heating_weeks", text: "Heat stress on corals", isDaily: true },
];

const NO_BASELINE = "Ten years of daily readings are needed to know what is usual on each day, and this place does not have them yet.";
const COARSE =
  "Until it has them, the usual temperatures of its position can stand in. They are coarse: near coasts they may be wrong by more than a degree, so take these alerts as a hint.";

/** @param {import("./station-words.js").StationEvent} event */
function stateTag(event) {
  return h("span", { class: event.state === "active" ? "tag bad" : "tag" }, stateInWords(event));
}

/** @param {import("./station-words.js").StationEvent} event */
function stateInWords(event) {
  const { kind, state, since, category, probability, error } = event;
  const name = eventName(event);
  if (state === "unknown") return `${name}: not known ${error ? "yet" : "before the next reading"}`;
  if (kind === "degree_heating_weeks") return `${name}: ${(category ?? "no stress").toLowerCase()}`;
  if (state === "active") return `${name}${category ? `, ${category.toLowerCase()}` : ""}${since ? `, since ${columnTime(since, "day")}` : ""}`;
  const likely = probability === null ? "" : `, ${percent(probability)} likely`;
  return kind === "threshold" ? `${name}: not now${likely}` : `No ${name.toLowerCase()}${likely}`;
}

/** The card of what a station watches. @param {Station} station @param {AbortSignal} signal */
export function alertsCard(station, signal) {
  return new Alerts(station, signal).card;
}

class Alerts {
  /** @param {Station} station @param {AbortSignal} signal */
  constructor(station, signal) {
    /** As it is now. */
    this.station = station;
    this.signal = signal;
    this.card = h("section", { class: "card alerts" });
    /** A place for one form at a time. */
    this.editor = h("div", { class: "editor" });
    // A form that is open stays as it is.
    onChange(station.id, signal, (changed) => this.card.querySelector("form") || this.show(changed), this.card);
    this.show(station);
  }

  /** @param {Station} station as it is now */
  show(station) {
    this.station = station;
    const { card, editor, signal } = this;
    const { id, writable } = station;
    /** @type {StationEvent[]} */
    const events = ownEvents(station);
    card.hidden = !writable && !events.length;
    const past = h("div", {});
    const load = (/** @type {AbortSignal} */ stop) => getJson(withQuery(`/stations/${id}/alerts`, { limit: ALERTS }), { signal: stop });
    if (station.newest) runTask(past, "Loading alerts", signal, load, ({ alerts }) => fill(past, alerts.length ? alertTable(alerts, station) : h("p", { class: "note" }, "No alerts so far.")));
    const add = h("button", { type: "button", click: () => this.open((done) => eventForm(station, null, done), add) }, "Add an alert");
    const addHook = h("button", { type: "button", click: () => this.open((done) => hookForm(station, null, done), addHook) }, "Send alerts to an address");
    fill(editor);
    fill(
      card,
      h("header", {}, h("h2", {}, "Alerts")),
      events.length ? h("ul", { class: "watched" }, events.map((event) => this.eventItem(event))) : h("p", { class: "note" }, `Nothing is watched yet. For example: “Tell me when the water is likely to be above ${temperature(EXAMPLE, 0)} for 5 days in a row.”`),
      writable && this.hookList(),
      writable && h("div", { class: "row adders" }, add, events.length > 0 && addHook),
      editor,
      past,
    );
  }

  /** Open a form, which the focus enters, and returns from to what opened it. @param {(done: Done) => HTMLFormElement} make @param {HTMLElement} opener */
  open(make, opener) {
    const close = () => (fill(this.editor), opener.isConnected && opener.focus());
    const form = make((words, secret) => this.done(words, secret));
    form.append(h("div", { class: "row" }, h("button", { class: "main" }, "Save"), h("button", { type: "button", click: close }, "Cancel")));
    form.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && close());
    fill(this.editor, form);
    /** @type {HTMLElement | null} */ (form.querySelector("select, input"))?.focus();
  }

  /** Show the station as it is now, and say what has changed; a secret that was made, once. @type {Done} */
  async done(words, secret) {
    this.show(await tellChange(this.station.id, this.card));
    announce(words);
    const heading = h("p", { class: "note said", tabindex: -1 }, words);
    this.card.querySelector("header")?.append(heading);
    if (secret) fill(this.editor, codeBlock("Secret", secret), h("p", { class: "note" }, "Copy this secret to the receiver now, which checks with it that alerts are genuine. It is not shown again."));
    heading.focus();
  }

  /** Buttons that change and remove something. @param {string} what @param {((done: Done) => HTMLFormElement) | null} form @param {() => Promise<unknown>} remove @param {string} removed @param {HTMLElement[]} others */
  changers(what, form, remove, removed, ...others) {
    const problem = h("span", { class: "problem", role: "alert" });
    const changing = form && h("button", { type: "button", class: "plain", "aria-label": `Change: ${what}`, click: () => this.open(form, changing) }, "Change");
    const removing = async () => {
      try {
        await remove();
        await this.done(removed);
      } catch (error) {
        problem.textContent = plainProblem(error instanceof Error ? error.message : String(error));
      }
    };
    return h("div", { class: "row" }, ...others, changing, h("button", { type: "button", class: "plain", "aria-label": `Remove: ${what}`, click: removing }, "Remove"), problem);
  }

  /** @param {StationEvent} event */
  eventItem(event) {
    const { station } = this;
    const words = eventInWords(event.settings, station);
    const remove = () => saveSettings(station.id, ({ events, webhooks }) => ({ events: events.filter((/** @type {any} */ { name }) => name !== event.name), webhooks: renamed(webhooks, event.name, null) }));
    const changers = station.writable && this.changers(words, (done) => eventForm(station, event.settings, done), remove, "The alert is removed.");
    return h("li", {}, h("p", {}, words, " ", stateTag(event)), event.error && this.unknownNote(event), changers);
  }

  /** Why the state of an event is not known, and what would help. @param {StationEvent} event */
  unknownNote(event) {
    const { id, baseline, newest, writable, latitude } = this.station;
    const isMarine = event.kind === "marine_heatwave" || event.kind === "marine_cold_spell";
    // What programs may send, people cannot.
    if (!isMarine || baseline || !newest) return h("p", { class: "note" }, sentence(String(event.error).replace(/(: |, or )send .*/s, "")));
    const use = async () => {
      await saveSettings(id, () => ({ baseline: "position" }));
      await this.done("Usual is now that of the position. The state is known from the next reading on.");
    };
    const canUse = writable && latitude !== null;
    return [h("p", { class: "note" }, NO_BASELINE), canUse && h("p", { class: "note" }, COARSE), canUse && h("button", { type: "button", click: use }, "Use the usual temperatures of the position")];
  }

  /** Where alerts are sent. */
  hookList() {
    const { events, webhooks, notify } = this.station;
    const hooks = webhooks ?? [];
    const addresses = notify ?? [];
    if (!hooks.length && !addresses.length) return events?.length ? h("p", { class: "note" }, "Alerts are listed here. They can be sent to an address too: that of a program of yours, or one of a push service or a mail server.") : null;
    return h("div", {}, h("h3", {}, "Sent to"), h("ul", { class: "watched" }, hooks.map((/** @type {any} */ hook) => this.hookItem(hook)), addresses.map((address) => this.addressItem(address))));
  }

  /** An address that alerts are sent to as a sentence. @param {string} address */
  addressItem(address) {
    const shown = address.replace(/\/?\.\.\.#.*/, "");
    const remove = () => saveSettings(this.station.id, ({ notify }) => ({ notify: notify.filter((/** @type {string} */ each) => each !== address) }));
    const { button, result } = this.tester(address, shown);
    return h("li", {}, h("p", {}, h("strong", {}, shown), ": all alerts, as a sentence"), this.changers(shown, null, remove, "Alerts are no longer sent there.", button), result);
  }

  /** A button that sends a test, and what came back. @param {string} url @param {string} shown */
  tester(url, shown) {
    const result = h("p", { class: "note", role: "status" });
    const test = async () => {
      fill(result, "Sending a test…");
      try {
        const { deliveries } = await send("POST", this.station.id, "/webhooks/test", { url });
        fill(result, testInWords(deliveries[0]));
      } catch (error) {
        fill(result, plainProblem(error instanceof Error ? error.message : String(error)));
      }
    };
    return { result, button: h("button", { type: "button", class: "plain", "aria-label": `Send a test to ${shown}`, click: test }, "Send a test") };
  }

  /** @param {any} hook */
  hookItem(hook) {
    const { station } = this;
    const host = hostOf(hook.url);
    const remove = () => saveSettings(station.id, ({ webhooks }) => ({ webhooks: webhooks.filter((/** @type {any} */ { url }) => url !== hook.url) }));
    const which = hook.events === null ? "all alerts" : hook.events.length ? hook.events.join(", ") : "no alerts";
    const { button, result } = this.tester(hook.url, host);
    const changers = this.changers(host, (done) => hookForm(station, hook, done), remove, "Alerts are no longer sent there.", button);
    return h("li", {}, h("p", {}, h("strong", {}, host), `: ${which}${hook.health ? "" : ", but none about silence and stuck sensors"}`), changers, result);
  }
}

/** What an event is about, as a sentence. @param {any} event as it was sent @param {Station} station */
function eventInWords(event, station) {
  const likely = `${likelihood(event.alert_at)} (${percent(event.alert_at)})`;
  if (event.kind === "degree_heating_weeks") return `Tell me when more heat stress on corals is ${likely}.`;
  if (event.kind !== "threshold") return `Tell me when a ${eventName(event).toLowerCase()} is ${likely}.`;
  const side = event.above === undefined ? "below" : "above";
  const limit = event[side];
  const degrees = typeof limit === "number" ? limitText(toCelsius(station.units)(limit)) : `the ${limit.percentile}th percentile of the day`;
  const run = event.for > 1 ? ` for ${formatSteps(event.for, station.step)} in a row` : "";
  return `Tell me when the water is ${likely} to be ${side} ${degrees}${run}${event.within ? `, within ${formatSteps(event.within, station.step)}` : ""}.`;
}

/** @param {number} probability */
function likelihood(probability) {
  return (LIKELIHOODS.findLast(([least]) => probability >= least) ?? LIKELIHOODS[0])[1];
}

/** @param {Station} station @param {any} before the event as it was sent; null for a new one @param {(words: string) => Promise<void>} done */
function eventForm(station, before, done) {
  const isDaily = station.step === "day";
  const side = before?.below !== undefined ? "below" : "above";
  const limited = typeof (before?.[side] ?? 0) === "number";
  let kind = before === null ? "above" : before.kind === "threshold" ? side : before.kind;
  const kinds = KINDS.filter((each) => (isDaily || !each.isDaily) && (!before || (before.kind === "threshold") === !each.isDaily) && (limited || each.kind === kind));
  const limit = formField(`Limit, ${unit()}`, textInput({ size: 7, value: before?.[side] === undefined ? "" : typedDegrees(toCelsius(station.units)(before[side])), inputmode: "text" }));
  const run = formField(`For how many ${formatSteps(2, station.step).replace(/^2 /, "")} in a row`, textInput({ size: 4, value: before?.for ?? 1, inputmode: "numeric" }));
  const at = before?.alert_at ?? 0.5;
  const options = [...LIKELIHOODS, ...(LIKELIHOODS.some(([least]) => least === at) ? [] : [[at, likelihood(at)]])].map(([least, words]) => ({ value: String(least), text: `${words} (${percent(Number(least))})` }));
  let alertAt = at;
  const name = formField("Name", textInput({ value: before?.name ?? "", maxlength: 100 }), `As alerts call it. Leave it empty for one like “Above ${temperature(EXAMPLE, 0)}”.`);
  const place = h("div", { class: "stack" });
  let usesPosition = false;
  const showKind = () => fill(place, ["above", "below"].includes(kind) ? limited && h("div", { class: "controls" }, limit.element, run.element) : kind !== "degree_heating_weeks" && baselineChoice(station, (uses) => (usesPosition = uses)));
  const submit = async () => {
    // Heat stress has fields that heatwaves have not.
    const event = { ...(before?.kind === "threshold" || before?.kind === kind ? before : {}), alert_at: alertAt, name: name.control.value.trim() };
    if (["above", "below"].includes(kind)) {
      if (limited) Object.assign(event, { above: undefined, below: undefined, [kind]: fromCelsius(station.units)(temperatureFrom(kind, limit.control.value, EXAMPLE)), for: wholeFrom(run.control.value) });
    } else event.kind = kind;
    event.name ||= before?.name ?? defaultName(event, kind, station);
    await saveSettings(station.id, ({ events, webhooks, baseline }) => {
      const others = events.filter((/** @type {any} */ each) => each.name !== before?.name);
      if (others.some((/** @type {any} */ each) => each.name === event.name)) throw new FieldProblem("name", `There is an alert “${event.name}” already. Choose another name.`);
      const kept = events.map((/** @type {any} */ each) => (each.name === before?.name ? event : each));
      return { events: before ? kept : [...events, event], webhooks: before ? renamed(webhooks, before.name, event.name) : webhooks, baseline: usesPosition ? "position" : baseline };
    });
    await done(before ? "The alert is changed." : "The alert is added.");
  };
  showKind();
  return dataForm(
    { above: limit, below: limit, for: run, name },
    submit,
    h("h3", {}, before ? "Change the alert" : "New alert"),
    h(
      "div",
      { class: "controls" },
      selectField("What", kinds.map((each) => ({ value: each.kind, text: each.text })), kind, (value) => ((kind = value), showKind())),
      selectField("Tell me when that is", options, String(at), (value) => (alertAt = Number(value))),
    ),
    place,
    !isDaily && h("p", { class: "note" }, "Heatwaves, cold spells and heat stress are defined for daily readings."),
    name.element,
    h("p", { class: "note" }, "You are also told when it begins, changes and ends."),
  );
}

/** A number of steps. @param {string} text */
function wholeFrom(text) {
  const steps = numberFrom("for", text, "5");
  if (!Number.isInteger(steps) || steps < 1) throw new FieldProblem("for", "Enter a whole number from 1.");
  return steps;
}

/** @param {any} event @param {string} kind @param {Station} station */
function defaultName(event, kind, station) {
  if (!["above", "below"].includes(kind)) return eventName({ ...event, kind });
  return `${kind === "above" ? "Above" : "Below"} ${limitText(toCelsius(station.units)(event[kind])).replace("\u00a0", " ")}${event.for > 1 ? ` for ${formatSteps(event.for, station.step)}` : ""}`;
}

/** The usual temperatures of the position, for a place without ten years of readings. @param {Station} station @param {(uses: boolean) => void} choose */
function baselineChoice(station, choose) {
  const part = h("div", { class: "stack" });
  choose(false);
  if (station.baseline) return station.baseline === "position" ? h("p", { class: "note" }, `${NO_BASELINE} ${COARSE.replace("can stand in", "stand in")}`) : part;
  if (station.latitude === null) {
    fill(part, h("p", { class: "note" }, `${NO_BASELINE} With a position, which you can enter under Settings, its usual temperatures can stand in.`));
    return part;
  }
  hasTenYears(station).then((has) => {
    if (has) return;
    choose(true);
    fill(part, h("p", { class: "note" }, NO_BASELINE, " ", COARSE), h("label", { class: "check" }, h("input", { type: "checkbox", checked: true, change: (/** @type {any} */ event) => choose(event.target.checked) }), " Use the usual temperatures of the position"));
  });
  return part;
}

/** Whether the readings began ten years before the newest. @param {Station} station */
async function hasTenYears({ id, newest }) {
  if (!newest) return false;
  const ago = (/** @type {number} */ years) => new Date(milliseconds(newest.time) - years * YEAR_MS).toISOString();
  const { timestamps } = await getJson(withQuery(`/stations/${id}/observations`, { from: ago(BASELINE_YEARS + 1), to: ago(BASELINE_YEARS - 0.01) }));
  return timestamps.length > 0;
}

/** Webhooks after an event got another name, or was removed. @param {any[]} webhooks @param {string} before @param {string | null} after */
function renamed(webhooks, before, after) {
  return webhooks.map((hook) => ({ ...hook, events: hook.events?.flatMap((/** @type {string} */ name) => (name === before ? (after === null ? [] : [after]) : [name])) ?? null }));
}

/** @param {{delivered: boolean, status: number | null, milliseconds: number, error: string | null}} delivery */
function testInWords({ delivered, status, milliseconds: took, error }) {
  return delivered ? `The test arrived: the receiver ${status === null ? "took it" : `answered ${status}`} after ${took} ms.` : `The test did not arrive: ${sentence(String(error)).replace(/^The /, "the ")}`;
}

/** @param {Station} station @param {any} before null for a new one @param {Done} done */
function hookForm(station, before, done) {
  const url = formField("Address", textInput({ type: "url", inputmode: "url", placeholder: "https://…", size: 40, value: "" }), before ? `Leave it empty to keep ${hostOf(before.url)}.` : "A program gets alerts as JSON at https://…. People get a sentence at an address such as ntfys://… or mailtos://….");
  const names = ownEvents(station).map((event) => event.name);
  const box = (/** @type {boolean} */ checked, value = "") => h("input", { type: "checkbox", value, checked });
  const boxes = names.map((name) => box(!before?.events || before.events.includes(name), name));
  const health = box(before?.health ?? true);
  const renewal = box(false);
  const submit = async () => {
    const address = url.control.value.trim();
    if (!(before && !address) && !(before ? /^https?:\/\/[^/]/i : /^[a-z][a-z0-9]*:\/\/[^/]/i).test(address)) throw new FieldProblem("url", "Enter an address that begins with https://.");
    const chosen = boxes.filter(({ checked }) => checked).map(({ value }) => value);
    const hook = { url: address || before.url, ...(renewal.checked ? { secret: "new" } : {}), events: chosen.length === names.length ? null : chosen, health: health.checked };
    const isHook = /^https?:/i.test(hook.url);
    const saved = await saveSettings(station.id, ({ webhooks, notify }) => (isHook ? { webhooks: [...webhooks.filter((/** @type {any} */ each) => each.url !== before?.url), hook] } : { notify: [...notify, address] }));
    const made = saved.webhooks.find((/** @type {any} */ each) => each.secret)?.secret;
    await done(before ? "The address is changed. Send a test to see whether it works." : "Alerts are sent there from now on. Send a test to see whether it works.", made);
  };
  const check = (/** @type {any} */ control, /** @type {string} */ text) => h("label", { class: "check" }, control, ` ${text}`);
  const which = h("fieldset", { class: "field" }, h("legend", {}, "Which alerts"), boxes.map((each, i) => check(each, names[i])), check(health, "no readings arrive, or the sensor is stuck"), h("p", { class: "note" }, "A sentence is sent of all alerts."));
  return dataForm({ url, notify: url }, submit, h("h3", {}, before ? `Change ${hostOf(before.url)}` : "Send alerts to an address"), url.element, before && check(renewal, "Make a new secret; the one before is valid for another day"), which);
}

/** The newest alert first. @param {any[]} alerts @param {Station} station */
function alertTable(alerts, { step }) {
  const rows = [...alerts].sort((a, b) => b.raised.localeCompare(a.raised)).map((alert) => [
    formatTime(alert.observed_until, step),
    `${eventName({ ...alert, name: alert.event })} ${CHANGES[alert.alert] ?? alert.alert}${alert.late ? ", told late" : ""}`,
    alert.category ?? "–",
    alert.status === "raised" ? deliveriesInWords(alert.deliveries ?? []) : `${alert.status === "held" ? "held" : "dropped"}: ${sentence(alert.reason)}`,
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
  return URL.canParse(url) ? new URL(url).host : url;
}
