// @ts-check
/** How to train networks at the place of a series: the command, and a button for the release once it is served. */

import { getJson } from "./api.js";
import { textField } from "./controls.js";
import { announce, fill, h } from "./dom.js";
import { isPasted } from "./file-input.js";
import { codeBlock, saveFile } from "./download.js";
import { isMatched } from "./place-accuracy.js";
import { shellQuote } from "./snippets.js";

const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 60_000;
const BACK_OFF = 1.5;

const YEAR_MS = 365 * 86_400_000;

/**
 * @typedef {object} Place
 * @property {import("./file-reader.js").FileContent} file
 * @property {Record<string, string>} params of the request that read the file
 * @property {import("./position-fields.js").Position | null} position that the file does not have
 * @property {string} step of the series
 * @property {string[]} known datasets of places that were loaded when the file was read
 */

/**
 * @param {Place} place @param {string} reason why training may help, in a sentence
 * @param {(dataset: string) => void} use called when the user chooses a new release
 * @param {AbortSignal} signal ends the wait
 */
export function placeTrainingCard(place, reason, use, signal) {
  const command = h("div", {});
  const showCommand = (/** @type {string} */ name) => fill(command, codeBlock("Command", commandOf(place, slug(name))));
  const name = freeName(slug(place.file.name), place.known);
  const status = h("p", { class: "note" }, "This page looks for the release, and offers it here once the service has loaded it.");
  const offer = (/** @type {string} */ dataset) => {
    fill(status, h("button", { type: "button", class: "main", click: () => use(dataset) }, `Forecast with ${dataset}`));
    announce(`The release ${dataset} is ready`);
  };
  showCommand(name);
  waitForRelease(place, offer, signal);
  return h(
    "section",
    { class: "card training" },
    h("header", {}, h("h2", {}, "Train networks on your series")),
    h("p", {}, reason, " Run this on the server, in the folder that contains artifacts/:"),
    h("div", { class: "controls" }, textField("Name of the release", name, "", showCommand)),
    command,
    isPasted(place.file.name) && h("p", { class: "note" }, "Save the data first: ", h("button", { type: "button", class: "plain", click: () => saveFile(place.file.name, place.file.blob, "text/csv") }, `Save ${place.file.name}`)),
    status,
  );
}

/** Why networks of the place may be better, in a sentence; null if there is no reason. @param {import("./forecast-chart.js").History} history @param {import("./place-accuracy.js").Accuracy} accuracy */
export function reasonToTrain({ timestamps }, accuracy) {
  const last = /** @type {string} */ (timestamps.at(-1));
  const years = Math.floor((Date.parse(last) - Date.parse(timestamps[0])) / YEAR_MS);
  if (years >= 1) return `You have ${years === 1 ? "a year" : `${years} years`} of data, from which networks can learn what is special about the place.`;
  return isMatched(accuracy) ? "A simple forecast does as well on your series. Networks that are trained on it may do better." : null;
}

/** The command of `python -m training` with the options that read the file. @param {Place} place @param {string} name */
function commandOf({ file, params, position }, name) {
  const options = Object.entries(params).filter(([, value]) => value !== undefined && value !== "");
  return [
    "python -m training",
    `--data ${word(file.name)}`,
    `--name ${name}`,
    ...options.map(([option, value]) => `--${option.replaceAll("_", "-")}=${word(value)}`),
    ...(position ? [`--latitude=${position.latitude}`, `--longitude=${position.longitude}`] : []),
  ].join(" ");
}

/** A shell word, quoted only if it has to be. @param {string} text */
function word(text) {
  return /^[\w.,:/+-]+$/.test(text) ? text : shellQuote(text);
}

/** A text as a name that releases may have. @param {string} text */
function slug(text) {
  const name = text.replace(/\.(csv|txt|nc|gz|dat|tsv)\b/gi, "").normalize("NFKD").toLowerCase().replace(/[^a-z0-9._-]+/g, "-");
  return name.replace(/^[._-]+|[._-]+$/g, "").slice(0, 60) || "my-place";
}

/** The name, or one with a number that no release has. @param {string} name @param {string[]} taken */
function freeName(name, taken) {
  for (let i = 1; ; i += 1) {
    const candidate = i === 1 ? name : `${name}-${i}`;
    if (!taken.includes(candidate)) return candidate;
  }
}

/**
 * Look for a new release with the step of the series, while the page is visible and less and less often.
 * @param {Place} place @param {(dataset: string) => void} found @param {AbortSignal} signal
 */
function waitForRelease({ step, known }, found, signal) {
  let pause = FIRST_PAUSE_MS;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const look = async () => {
    clearTimeout(timer);
    if (signal.aborted || document.hidden) return;
    const dataset = await newDataset(step, known, signal);
    if (signal.aborted) return;
    if (dataset) return finish(dataset);
    timer = setTimeout(look, pause);
    pause = Math.min(pause * BACK_OFF, LONGEST_PAUSE_MS);
  };
  const resume = () => {
    pause = FIRST_PAUSE_MS;
    look();
  };
  const finish = (/** @type {string} */ dataset) => {
    document.removeEventListener("visibilitychange", resume);
    found(dataset);
  };
  document.addEventListener("visibilitychange", resume, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  timer = setTimeout(look, pause);
}

/** The dataset of a place that was not loaded before; null if there is none, or no answer. @param {string} step @param {string[]} known @param {AbortSignal} signal @returns {Promise<string | null>} */
async function newDataset(step, known, signal) {
  try {
    const { models } = await getJson("/models", { signal });
    const fresh = models.find((/** @type {any} */ model) => model.kind === "place" && model.step === step && !known.includes(model.dataset));
    return fresh?.dataset ?? null;
  } catch {
    return null;
  }
}
