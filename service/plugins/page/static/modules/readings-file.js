// @ts-check
/** Adds the readings in a file, or pasted ones, to a station. */

import { ApiError, postFile, withQuery } from "./api.js";
import { announce, fill, h } from "./dom.js";
import { fileInput } from "./file-input.js";
import { refusalNotice } from "./file-refusal.js";
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
      const again = (/** @type {import("./file-refusal.js").ReadingChoice} */ { option, value }) => read(name, blob, { ...params, [option]: value });
      fill(result, answer instanceof ApiError ? refusalNotice({ title: `Cannot read ${name}`, problems: [sentence(answer.message)], choices: answer.choices, excerpt: null }, again, null) : outcome(name, answer));
      result.focus();
      if (!(answer instanceof ApiError)) done();
    });
  const input = fileInput(({ name, blob }) => read(name, blob), {
    pastedName: "the pasted readings",
    button: h("button", { type: "button" }, "Add these"),
    notes: [h("p", { class: "note" }, `Temperatures without a unit are taken to be in ${UNITS[station.units]}.`)],
  });
  return h("details", { open: !station.newest }, h("summary", {}, "Add many at once, from a file"), h("div", { class: "stack" }, input, result));
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
