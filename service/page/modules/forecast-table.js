// @ts-check
/** The values of a forecast: as a table, and as the rows of a file. */

import { h } from "./dom.js";
import { kindOf, title } from "./models.js";
import { fixed } from "./numbers.js";
import { table } from "./table.js";
import { written } from "./times.js";

/** @typedef {import("./forecast-chart.js").Answer} Answer */

/**
 * A column for each interval and reference; on a narrow screen intervals stand under their value, and references under the row.
 * @param {string} caption @param {Answer[]} answers @param {string} step
 */
export function forecastTable(caption, answers, step) {
  const references = Object.keys(answers[0].baselines);
  const head = [
    "Valid time (UTC)",
    ...answers.flatMap((one) => [title(kindOf(one.model)), ...one.intervals.map((interval) => column("roomy", `${interval.level} %`))]),
    ...references.map((name) => column("roomy", title(name))),
  ];
  const rows = answers[0].timestamps.flatMap((time, i) => [
    [
      written(time, step),
      ...answers.flatMap((one) => [
        h("td", {}, fixed(one.sst[i], 2), one.intervals.map((interval) => under(`${interval.level} %`, range(interval, i)))),
        ...one.intervals.map((interval) => h("td", { class: "roomy" }, range(interval, i))),
      ]),
      ...references.map((name) => h("td", { class: "roomy" }, fixed(answers[0].baselines[name][i], 2))),
    ],
    h(
      "tr",
      { class: "tight" },
      h("td", { colspan: 1 + answers.length }, references.map((name) => under(title(name), fixed(answers[0].baselines[name][i], 2)))),
    ),
  ]);
  return [
    table(caption, head, rows, { class: "wide" }),
    anyLoose(answers) &&
      h("p", { class: "note" }, looseMark(), " Not calibrated: the series is unlike what the model was trained on, so these intervals may hold the observed value more or less often than their level says."),
  ];
}

/** The same for a file: full figures, a column for each bound. @param {Answer[]} answers */
export function forecastCsv(answers) {
  const references = Object.keys(answers[0].baselines);
  const levels = answers[0].intervals.map((interval) => interval.level);
  const head = ["time", "model", "sst", ...levels.flatMap((level) => [`lower_${level}`, `upper_${level}`]), "calibrated", ...references];
  const rows = answers.flatMap((one) =>
    one.timestamps.map((time, i) => [
      time,
      one.model,
      one.sst[i],
      ...one.intervals.flatMap((interval) => [interval.lower[i], interval.upper[i]]),
      one.intervals.every((interval) => interval.calibrated),
      ...references.map((name) => one.baselines[name]?.[i]),
    ]),
  );
  return [head, ...rows];
}

/** Whether some interval is not calibrated. @param {Answer[]} answers */
export function anyLoose(answers) {
  return answers.some((one) => one.intervals.some((interval) => !interval.calibrated));
}

/** What stands at an interval that is not calibrated. */
export function looseMark() {
  return h("span", { class: "loose", role: "img", "aria-label": "not calibrated", title: "not calibrated" }, "†");
}

/** @param {Answer["intervals"][number]} interval @param {number} i */
function range(interval, i) {
  return [`${fixed(interval.lower[i], 2)} – ${fixed(interval.upper[i], 2)}`, !interval.calibrated && looseMark()];
}

/** @param {string} shown where there is room, or where there is none @param {string} name */
function column(shown, name) {
  return h("th", { scope: "col", class: shown }, name);
}

/** @param {string} name @param {import("./dom.js").Child | import("./dom.js").Child[]} value */
function under(name, value) {
  return h("span", { class: "under tight" }, h("span", {}, name), " ", h("span", {}, value));
}
