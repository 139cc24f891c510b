// @ts-check
/** A forecast to look at: chart, table, warnings, and the file to keep. */

import { Chart } from "./chart.js";
import { fill, h } from "./dom.js";
import { csv, save } from "./download.js";
import { endOf, forecastFigure } from "./forecast-chart.js";
import { anyLoose, forecastCsv, forecastTable, looseMark } from "./forecast-table.js";
import { toggles } from "./controls.js";
import { kindOf, named } from "./models.js";
import { sentence } from "./words.js";

/**
 * @param {object} shown
 * @param {string} shown.name of the series
 * @param {import("./forecast-chart.js").Past} shown.past
 * @param {import("./forecast-chart.js").Answer[]} shown.answers
 * @param {string[]} shown.references
 * @param {(references: string[]) => void} shown.refer told when others are chosen
 * @param {AbortSignal} signal
 */
export function forecastCard({ name, past, answers, references, refer }, signal) {
  let shown = references;
  const chart = new Chart(`The end of ${name} and its forecast`, signal, { height: "26rem", range: endOf(past, answers) });
  chart.draw((range) => forecastFigure(past, answers, shown, range));
  const options = Object.keys(answers[0].baselines).map((value) => ({ value, text: named(value) }));
  const chosen = (/** @type {string[]} */ on) => {
    shown = on;
    refer(on);
    chart.redraw();
  };
  return [
    warnings(answers),
    h(
      "section",
      { class: "card" },
      h(
        "div",
        { class: "controls" },
        h("div", { class: "field" }, h("span", {}, "Lines"), h("div", { class: "row legend" }, named("observed"), answers.map((one) => named(kindOf(one.model))), bandKeys(answers))),
        toggles("References", options, shown, chosen),
        chart.zoomButtons(),
      ),
      chart.element,
    ),
    h(
      "section",
      { class: "card" },
      h(
        "header",
        {},
        h("h2", {}, "Values, °C"),
        h("button", { type: "button", class: "plain", click: () => save(`${name}-forecast.csv`, csv(forecastCsv(answers)), "text/csv") }, "CSV"),
      ),
      forecastTable(`Forecast of ${name}, °C`, answers, past.step),
    ),
  ];
}

/** What the reader should know, said once where several models say it. @param {import("./forecast-chart.js").Answer[]} answers */
function warnings(answers) {
  const texts = [...new Set(answers.flatMap((one) => one.warnings.map((warning) => warning.message)))];
  const loose = anyLoose(answers);
  if (!texts.length && !loose) return null;
  const box = h("div", { class: "notice warning" });
  fill(
    box,
    h("h2", {}, "Before you rely on it"),
    h("ul", {}, texts.map((text) => h("li", {}, sentence(text))), loose && h("li", {}, "The intervals, marked † below, are not calibrated for such a series.")),
  );
  return box;
}

/** What the bands are: each level of a single model, the narrowest of several. @param {import("./forecast-chart.js").Answer[]} answers */
function bandKeys(answers) {
  const levels = answers[0].intervals.map((interval) => interval.level).sort((a, b) => a - b);
  const kind = answers.length === 1 ? kindOf(answers[0].model) : "observed";
  const shown = answers.length === 1 ? levels : levels.slice(0, 1);
  return shown.map((level, i) => h("span", { class: "named" }, h("span", { class: `mark band ${kind} ${i ? "outer" : ""}`, "aria-hidden": "true" }), h("span", {}, `${level} %`, anyLoose(answers) && looseMark())));
}
