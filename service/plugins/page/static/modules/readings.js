// @ts-check
/** The readings of a station: add one or a file, correct and delete them, and decide about those in doubt. */

import { getJson, withQuery } from "./api.js";
import { difference, inUnit, temperature, typedDegrees, unit } from "./degrees.js";
import { fill, h } from "./dom.js";
import { fixed } from "./numbers.js";
import { fileForm } from "./readings-file.js";
import { stepLength } from "./series-times.js";
import { dataForm, FieldProblem, formField, onChange, permissionNote, plainProblem, send, tellChange, temperatureFrom, textInput } from "./station-changes.js";
import { fromCelsius, SUSPECT, toCelsius } from "./station-words.js";
import { dataTable } from "./table.js";
import { runTask } from "./task.js";
import { columnTime, formatTime, hasClock, milliseconds } from "./times.js";

/**
 * @typedef {import("./station-changes.js").Station} Station
 *
 * @typedef {object} Reading
 * @property {string} time
 * @property {number} value °C
 * @property {number} flag
 * @property {string[]} tests that it fails
 * @property {number | null} before the last value before it that is not in doubt, °C
 */

/** Steps that are looked at, and rows at first. */
const STEPS = 90;
const ROWS = 7;

/** Readings in doubt that are asked about; the table marks all. */
const MAX_DOUBTS = 3;

const GOOD = 1;

/** A reading that problems with a field give as an example, °C. */
const EXAMPLE = 12.4;

/** Decimals in the table. */
const MAX_PLACES = 2;

/** Below this, °C, someone may have to type a minus, which number pads lack. */
const NEVER_NEGATIVE = 4;

/** Why a reading is in doubt, the clearest reason first. @type {[string, (reading: Reading) => string][]} */
const REASONS = [
  ["rate_of_change", ({ value, before }) => (before === null ? "it is far from the one before" : `it is ${difference(Math.abs(value - before), 1)} ${value > before ? "above" : "below"} the one before`)],
  ["gross_range", () => "hardly any sea has this temperature"],
  ["climatology", () => "it is far from what is usual here at this time of year"],
  ["forecast", () => "it is outside the range of the forecast before it"],
  ["flat_line", () => "the same value has come for so long that the sensor may be stuck"],
  ["spike", () => "the readings after it contradict it"],
  ["person", () => "someone has marked it"],
];

/** The card of a station's readings. @param {Station} station @param {AbortSignal} signal */
export function readingsCard(station, signal) {
  return new Readings(station, signal).card;
}

class Readings {
  /** @param {Station} station @param {AbortSignal} signal */
  constructor(station, signal) {
    this.station = station;
    this.signal = signal;
    /** The newest first. @type {Reading[]} */
    this.readings = [];
    this.rows = ROWS;
    this.reloaded = Promise.resolve();
    this.card = h("section", { class: "card readings" });
    this.doubts = h("div", { class: "stack doubts" });
    this.status = h("div", { class: "row status", role: "status" });
    this.table = h("div", { class: "newest" });
    this.compose();
    onChange(station.id, signal, (changed) => this.refresh(changed), this.card);
    runTask(this.table, "Loading readings", signal, () => this.load(), () => this.show());
  }

  compose() {
    const { station, card } = this;
    const done = () => this.reload();
    const forms = station.writable ? [this.addForm(), this.status, fileForm(station, this.signal, done)] : [permissionNote(station, card)];
    fill(card, h("header", {}, h("h2", {}, "Readings")), this.doubts, ...forms, this.table, station.writable && h("p", { class: "note" }, "A logger or a program can send readings too: see ", h("a", { href: "/manual/guides/stations" }, "the guide"), "."));
  }

  /** @param {Station} station as it is now */
  async refresh(station) {
    const before = this.station;
    this.station = station;
    // Another key may be refused for another reason.
    if (!before.writable || !station.writable) this.compose();
    await this.load();
    this.show();
  }

  async load() {
    const { station } = this;
    const from = station.newest && new Date(milliseconds(station.newest.time) - STEPS * stepLength(station.step)).toISOString();
    const { timestamps, values, flag, tests } = from ? await getJson(withQuery(`/stations/${station.id}/observations`, { from }), { signal: this.signal }) : { timestamps: [], values: [], flag: [], tests: [] };
    const celsius = toCelsius(station.units);
    let before = /** @type {number | null} */ (null);
    this.readings = timestamps.map((/** @type {string} */ time, /** @type {number} */ i) => {
      const reading = { time, value: celsius(values[i]), flag: flag[i], tests: tests[i], before };
      if (reading.flag < SUSPECT) before = reading.value;
      return reading;
    }).reverse();
  }

  /** Show readings that have changed, and what the rest of the page makes of them. */
  async reload() {
    await this.refresh(await tellChange(this.station.id, this.card));
  }

  show() {
    const { station, readings } = this;
    // A form that is open stays as it is.
    const isOpen = (/** @type {Element} */ part) => part.querySelector("form") !== null;
    const doubted = station.writable ? readings.filter(({ flag }) => flag === SUSPECT) : [];
    if (!isOpen(this.doubts)) fill(this.doubts, doubted.slice(0, MAX_DOUBTS).map((reading) => this.doubt(reading)), doubted.length > MAX_DOUBTS && h("p", { class: "note" }, `${doubted.length - MAX_DOUBTS} more readings in doubt are marked in the table.`));
    if (isOpen(this.table)) return;
    if (!readings.length) return fill(this.table, h("p", { class: "note" }, station.writable ? "No readings yet. Add the first one here, or a file with those of the past: the more there are, the better the forecast." : "No readings yet."));
    const head = [hasClock(station.step) ? "When, UTC" : "When", `Temperature, ${unit()}`, ...(station.writable ? [h("th", { scope: "col" }, h("span", { class: "hidden" }, "Change"))] : [])];
    const rows = readings.slice(0, this.rows);
    const places = Math.min(Math.max(...rows.map(({ value }) => (typedDegrees(value).split(".")[1] ?? "").length)), MAX_PLACES);
    const csv = () => [["time", "sst", "unit", "flag"], ...readings.map(({ time, value, flag }) => [time, Number(inUnit(value).toFixed(4)), unit(), flag])];
    const more = () => {
      this.rows = readings.length;
      this.show();
      /** @type {HTMLElement | null} */ (this.table.querySelector("tbody button"))?.focus();
    };
    fill(
      this.table,
      dataTable(`Newest readings of ${station.name ?? station.id}`, head, rows.map((reading) => this.row(reading, places)), { csv }),
      readings.length > this.rows && h("button", { type: "button", class: "plain", click: more }, `Show ${readings.length - this.rows} earlier ones`),
    );
  }

  /** @param {Reading} reading @param {number} places decimals */
  row(reading, places) {
    const { station } = this;
    const when = formatTime(reading.time, station.step);
    const heading = h("th", { scope: "row" }, columnTime(reading.time, station.step).split(", ").map((part, i) => [i > 0 && ", ", h("span", {}, part)]));
    const button = (/** @type {string} */ text, /** @type {() => void} */ click) => h("button", { type: "button", class: "plain", "aria-label": `${text} the reading of ${when}`, "data-key": `${text} ${reading.time}`, click }, text);
    const row = h("tr", { class: reading.flag >= SUSPECT && "doubted" }, heading, h("td", {}, fixed(inUnit(reading.value), places), h("span", { class: "note" }, markOf(reading))));
    const edit = () => {
      const form = this.correction(reading, () => this.show());
      fill(row, heading, h("td", { colspan: 2, class: "edit" }, form));
      form.querySelector("input").select();
    };
    if (station.writable) row.append(h("td", {}, h("div", { class: "row end actions" }, button("Edit", edit), button("Delete", () => this.remove(reading)))));
    return row;
  }

  /** A reading in doubt, and what a person may decide about it. @param {Reading} reading */
  doubt(reading) {
    const { station } = this;
    const when = formatTime(reading.time, station.step);
    const reasons = REASONS.filter(([test]) => reading.tests.includes(test)).slice(0, 2).map(([, words]) => words(reading));
    const part = h("div", {});
    const right = () => this.decide(part, () => this.patch(reading, { flag: GOOD }), `You have confirmed ${temperature(reading.value, 1)} on ${when}.`);
    const ask = () =>
      fill(
        part,
        h("div", { class: "row" }, h("button", { type: "button", click: right }, "It is right"), h("button", { type: "button", click: correct }, "Correct it"), h("button", { type: "button", click: () => this.remove(reading, part) }, "Delete it")),
      );
    const correct = () => {
      const form = this.correction(reading, () => (ask(), part.querySelector("button")?.focus()));
      fill(part, form);
      form.querySelector("input").select();
    };
    ask();
    return h("div", { class: "notice warning" }, h("p", {}, h("strong", {}, `The reading of ${when}, ${temperature(reading.value, 1)}, is in doubt`), `: ${reasons.join(", and ") || "it failed a test"}. Until you decide, or the next readings confirm it, no forecast and no alert rests on it.`), part);
  }

  /** A form for another value. @param {Reading} reading @param {() => void} cancel */
  correction(reading, cancel) {
    const { station } = this;
    const value = formField(`Right temperature, ${unit()}`, textInput({ value: typedDegrees(reading.value), inputmode: padFor(station), size: 7 }));
    const submit = async () => {
      const sst = temperatureFrom("value", value.control.value, EXAMPLE);
      await this.patch({ ...reading, value: sst });
      form.remove();
      await this.done(`Corrected ${formatTime(reading.time, station.step)}: ${temperature(sst, 1)} instead of ${temperature(reading.value, 1)}.`, () => this.restore(reading));
      this.focus(`Edit ${reading.time}`);
    };
    const close = () => (form.remove(), cancel());
    const form = dataForm({ value }, submit, value.element, h("div", { class: "row" }, h("button", { class: "main" }, "Save"), h("button", { type: "button", click: close }, "Cancel")));
    form.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && close());
    return form;
  }

  /** Store a value, and perhaps a flag. @param {Reading} reading @param {{flag?: number}} [change] */
  patch({ time, value }, change = {}) {
    return send("PATCH", this.station.id, `/observations/${time}`, { value: this.stored(value), ...change });
  }

  /** Undo what was done to a reading. @param {Reading} reading */
  restore(reading) {
    return this.patch(reading, { flag: reading.flag >= SUSPECT ? reading.flag : GOOD });
  }

  /** A temperature in the units of the station. @param {number} celsius */
  stored(celsius) {
    return fromCelsius(this.station.units)(celsius);
  }

  /** @param {Reading} reading @param {Element} [part] that shows what goes wrong */
  remove(reading, part = this.status) {
    return this.decide(part, () => send("DELETE", this.station.id, `/observations/${reading.time}`), `Deleted the reading of ${formatTime(reading.time, this.station.step)}, ${temperature(reading.value, 1)}.`, () => this.restore(reading));
  }

  /** Do something about a reading, and say so. @param {Element} part that shows what goes wrong @param {() => Promise<unknown>} work @param {string} words @param {() => Promise<unknown>} [undo] */
  async decide(part, work, words, undo) {
    try {
      await work();
      await this.done(words, undo);
      /** @type {HTMLElement | null} */ (this.status.querySelector("button") ?? this.status.querySelector("p"))?.focus();
    } catch (error) {
      part.append(h("p", { class: "problem", role: "alert" }, plainProblem(error instanceof Error ? error.message : String(error))));
    }
  }

  /** Say what was done, and show what it changes. @param {string} words @param {() => Promise<unknown>} [undo] */
  async done(words, undo) {
    const back = () => this.decide(this.status, /** @type {() => Promise<unknown>} */ (undo), "Undone.");
    fill(this.status, h("p", { tabindex: -1 }, words), undo && h("button", { type: "button", class: "plain", click: back }, "Undo"));
    // One after the other, so that an answer that comes late does not hide a later change.
    this.reloaded = this.reloaded.catch(() => {}).then(() => this.reload());
    await this.reloaded;
  }

  /** @param {string} key of a button */
  focus(key) {
    /** @type {HTMLElement | null} */ (this.table.querySelector(`[data-key="${CSS.escape(key)}"]`))?.focus();
  }

  /** The form for one reading. */
  addForm() {
    const { step, newest, units } = this.station;
    const [type, label] = step === "month" ? ["month", "Month"] : hasClock(step) ? ["datetime-local", "When, UTC"] : ["date", "Date"];
    const time = formField(label, h("input", { type, value: typed(nowAtStep(this.station), step) }));
    const value = formField(`Temperature, ${unit()}`, textInput({ inputmode: padFor(this.station), size: 7, placeholder: newest && newest.flag < SUSPECT ? typedDegrees(toCelsius(units)(newest.sst)) : "" }));
    const note = () => {
      const [at, { step }] = [timeFrom(time.control.value, this.station), this.station];
      const known = this.readings.find((reading) => milliseconds(reading.time) === milliseconds(at));
      fill(replaces, known ? `There is a reading of ${temperature(known.value, 1)} for ${formatTime(known.time, step)}. A new one replaces it.` : "");
    };
    const replaces = h("p", { class: "note" });
    time.control.addEventListener("input", note);
    value.control.addEventListener("input", note);
    const submit = async () => {
      const at = timeFrom(time.control.value, this.station);
      if (!at) throw new FieldProblem("timestamps", "Choose when it was measured.");
      const sst = temperatureFrom("values", value.control.value, EXAMPLE);
      const answer = await send("POST", this.station.id, "/observations", { timestamps: [at], values: [this.stored(sst)] });
      for (const { message } of answer.refused) throw new FieldProblem(/^the time /.test(message) ? "timestamps" : "values", plainProblem(message.split("; ")[0]));
      value.control.value = "";
      time.control.value = typed(nextTime(at, this.station), step);
      fill(replaces);
      value.control.focus();
      // The next one can be entered at once. What was shown before stays if the service does not answer.
      this.done(addedInWords(answer, `${temperature(sst, 1)} on ${formatTime(at, step)}`)).then(() => value.control.value && note(), () => {});
    };
    const fields = { timestamps: time, values: value };
    return dataForm(fields, submit, h("div", { class: "controls" }, time.element, value.element, h("button", { class: "main" }, "Add reading")), replaces);
  }
}

/** What became of one reading. @param {any} answer of the service @param {string} words */
function addedInWords({ unchanged, revised, forecast }, words) {
  const what = unchanged ? `${words} was here already.` : `${revised ? "Replaced: now" : "Added:"} ${words}.`;
  const [, more] = /: send (\d+) more$/.exec(forecast?.error ?? "") ?? [];
  if (more) return `${what} With ${more} more, there will be a forecast.`;
  if (forecast?.error) return `${what} There is no forecast: ${forecast.error}.`;
  return forecast ? `${what} The forecast is new.` : what;
}

/** What is special about a reading. @param {Reading} reading */
function markOf(reading) {
  const { flag, tests } = reading;
  if (flag === SUSPECT) return "in doubt";
  if (flag > SUSPECT) return tests.includes("person") ? "not used: marked wrong" : `not used: ${REASONS.find(([test]) => tests.includes(test))?.[1](reading) ?? "it failed a test"}`;
  return tests.includes("person") ? "checked" : "";
}

/** The keyboard for a temperature. @param {Station} station */
function padFor({ newest, units }) {
  return newest && toCelsius(units)(newest.sst) > NEVER_NEGATIVE ? "decimal" : "text";
}

/** A time as an input has it. @param {string} time @param {string} step */
function typed(time, step) {
  return time.slice(0, step === "month" ? 7 : hasClock(step) ? 16 : 10);
}

/** The time in an input, in ISO 8601; empty if there is none. Days have the hour of those before. @param {string} text @param {Station} station */
function timeFrom(text, { step, newest }) {
  if (!text) return "";
  if (step === "month") return `${text}-01`;
  return hasClock(step) ? `${text}Z` : `${text}${newest?.time.slice(10) ?? ""}`;
}

/** The last step until now. @param {Station} station */
function nowAtStep({ step, newest }) {
  const now = Date.now();
  const length = hasClock(step) || newest ? stepLength(step) : 86_400_000;
  const base = newest ? milliseconds(newest.time) : 0;
  return new Date(step === "month" ? now : base + Math.floor((now - base) / length) * length).toISOString();
}

/** The step after a reading, if it has come. @param {string} time @param {Station} station */
function nextTime(time, station) {
  const now = nowAtStep(station);
  const next = station.step === "month" ? new Date(milliseconds(time)).setUTCMonth(new Date(milliseconds(time)).getUTCMonth() + 1) : milliseconds(time) + stepLength(station.step);
  return next <= milliseconds(now) ? new Date(next).toISOString() : time.length < 10 ? now : time;
}
