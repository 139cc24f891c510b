// @ts-check
/** The running score beside a past forecast: its errors, and those of all forecasts so far, against persistence. */

import { h } from "./dom.js";
import { kindOf, modelLabel, modelTitle } from "./models.js";
import { fixed, formatCount } from "./numbers.js";
import { dataTable } from "./table.js";
import { formatSteps } from "./times.js";

/** Errors get another decimal if the smallest is below. */
const SMALL_CELSIUS = 0.1;

/**
 * @param {NonNullable<ReturnType<typeof import("./running-score.js").scoreOf>>} score of the forecast
 * @param {import("./running-score.js").Score | null} soFar of all forecasts one step ahead
 * @param {{model: string, step: string}} source
 */
export function scorePanel(score, soFar, { model, step }) {
  const cell = modelTitle(kindOf(model));
  const errors = [score, soFar].flatMap((one) => (one ? [one.model, one.persistence] : []));
  const places = Math.min(...errors) < SMALL_CELSIUS ? 3 : 2;
  const error = (/** @type {number | undefined} */ value) => (value === undefined ? "–" : `${fixed(value, places)} °C`);
  const head = (/** @type {string} */ name, /** @type {string} */ unit) => [name, h("span", { class: "unit" }, ` ${unit}`)];
  return [
    h("h3", {}, "Running score"),
    h("p", { class: "note" }, "Mean absolute error"),
    dataTable(
      "Mean absolute error",
      ["Model", head("This forecast", formatSteps(score.n, step)), head("So far", `${formatSteps(1, step)} ahead`)],
      [
        [modelLabel(kindOf(model)), error(score.model), error(soFar?.model)],
        [modelLabel("persistence"), error(score.persistence), error(soFar?.persistence)],
      ],
    ),
    h("p", { class: "note" }, `In this forecast, ${cell} was closer than persistence at ${score.closer} of ${score.n} steps. ${insideInWords(score)}`),
    soFar && h("p", { class: "note" }, `So far: ${formatCount(soFar.n)} ${soFar.n === 1 ? "forecast" : "forecasts"} since the test period began; ${cell} was closer than persistence in ${formatCount(soFar.closer)}.`),
  ];
}

/** How many observations lay within each interval. @param {{n: number, inside: {level: number, n: number}[]}} score */
function insideInWords({ n, inside }) {
  if (!inside.length) return "";
  const counts = [...inside].sort((a, b) => a.level - b.level).map((band) => `${band.n} within the ${band.level}% interval`);
  return `Of ${n} ${n === 1 ? "observation" : "observations"}, ${counts.join(" and ")}.`;
}
