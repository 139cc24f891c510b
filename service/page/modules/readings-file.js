// @ts-check
/** Adds the readings in a file, or pasted ones, to a station. */

import { ApiError, postFile, withQuery } from "./api.js";
import { announce, fill, h, uniqueId } from "./dom.js";
import { fileDrop } from "./file-input.js";
import { choiceButtons, questionOf, reasonOf } from "./file-refusal.js";
import { formatCount } from "./numbers.js";
import { sentence } from "./sentence.js";
import { UNITS } from "./station-words.js";
import { runTask } from "./task.js";

/** @typedef {import("./station-changes.js").Station} Station */

/** Problems that are listed. */
const MOST = 10;

/** @param {Station} station @param {AbortSignal} signal @param {() => Promise<unknown>} done called after readings are stored */
export function fileForm(station, signal, done) {
  const result = h("div", { class: "file-result", tabindex: -1 });
  const read = (/** @type {string} */ name, /** @type {Blob} */ blob, params = {}) =>
    runTask(result, `Reading ${name}`, signal, (stop) => store(station, blob, params, stop), (answer) => {
      fill(result, answer instanceof ApiError ? refusal(name, answer, (/** @type {Record<string, string>} */ chosen) => read(name, blob, { ...params, ...chosen })) : outcome(name, answer));
      result.focus();
      if (!(answer instanceof ApiError)) done();
    });
  const drop = fileDrop(uniqueId("file"), (file) => read(file.name, file), h("p", { class: "note" }, "A table as text (CSV), with a time and a temperature on each line; or the file of a logger, NDBC, ERDDAP or NetCDF."), h("p", { class: "note" }, `Where it does not say which unit they are in, temperatures are taken to be in ${UNITS[station.units]}.`));
  const area = h("textarea", { id: uniqueId("pasted"), spellcheck: "false", placeholder: "time,sst\n2026-04-01,16.1\n2026-04-02,16.2\n…" });
  const pasted = () => (area.value.trim() ? read("the pasted readings", new Blob([area.value])) : area.focus());
  const paste = h("div", { class: "field" }, h("label", { for: area.id }, "Or paste lines"), area, h("div", { class: "row" }, h("button", { type: "button", click: pasted }, "Add these")));
  return h("details", { open: !station.newest }, h("summary", {}, "Add many at once, from a file"), h("div", { class: "stack" }, h("div", { class: "grid" }, drop, paste), result));
}

/** Send a file: what was stored, or the refusal. @param {Station} station @param {Blob} blob @param {Record<string, string>} params @param {AbortSignal} signal */
async function store({ id }, blob, params, signal) {
  try {
    return await postFile(withQuery(`/stations/${id}/observations`, params), blob, signal);
  } catch (error) {
    if (error instanceof ApiError && [413, 415, 422].includes(error.status)) return error;
    throw error;
  }
}

/** What is wrong with a file, or the question that it leaves open. @param {string} name @param {ApiError} error @param {(chosen: Record<string, string>) => void} read */
function refusal(name, { message, choices }, read) {
  const title = choices.length ? questionOf(choices) : `Cannot read ${name}`;
  return h("div", { class: `notice ${choices.length ? "question" : "error"}`, role: "alert" }, h("strong", {}, title), h("p", {}, choices.length ? reasonOf(message) : sentence(message)), choices.length > 0 && choiceButtons(choices, ({ option, value }) => read({ [option]: value })));
}

/** @param {string} name @param {any} answer */
function outcome(name, { new: added, revised, unchanged, refused, warnings, forecast, units, units_from: from }) {
  const counts = [[added, "added"], [revised, "replaced"], [unchanged, "here already"]].filter(([count]) => count).map(([count, what]) => `${formatCount(Number(count))} ${what}`);
  const words = `${counts.join(", ") || "No readings"} from ${name}.`;
  const about = [...warnings.map(sentence), forecast?.error && `There is no forecast yet. ${sentence(forecast.error)}`].filter(Boolean);
  announce(words);
  return h(
    "div",
    { class: `notice ${refused.length ? "warning" : ""}`.trim() },
    h("p", {}, h("strong", {}, words), from.includes("station") ? "" : ` They were read in ${UNITS[units] ?? units}, ${from}.`),
    refused.length > 0 && [h("p", {}, `${formatCount(refused.length)} ${refused.length === 1 ? "was" : "were"} not stored:`), h("ul", {}, refused.slice(0, MOST).map((/** @type {any} */ { message }) => h("li", {}, sentence(message))), refused.length > MOST && h("li", {}, `and ${formatCount(refused.length - MOST)} more`))],
    about.map((text) => h("p", {}, text)),
  );
}
