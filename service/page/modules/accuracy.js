// @ts-check
/** How good models are: the table, the bars of skill, and what the columns mean. */

import { fill, h } from "./dom.js";
import { terms } from "./glossary.js";
import { kindOf, named, title } from "./models.js";
import { fixed, signedPercent } from "./numbers.js";
import { choice } from "./controls.js";
import { table } from "./table.js";
import { steps } from "./times.js";

const COLUMNS = ["mae", "rmse", "mape"];
const PLACES = { mae: 4, rmse: 4, mape: 2 };
const REFERENCES = ["persistence", "climatology", "damped", "linear"];
const SCALES = [0.05, 0.1, 0.25, 0.5, 1];
/** @type {[string, string][]} */
const MEASURES = [
  ["MAE", "Mean absolute error, °C: by how much a forecast is off, on average."],
  ["RMSE", "Root of the mean squared error, °C: like MAE, but large misses count for more."],
  ["MAPE", "Mean absolute error in percent of the temperature; it depends on where 0 °C lies, so compare it only within one place."],
];

/**
 * The table Model | MAE | RMSE | MAPE.
 * @param {any} comparison the answer of /compare
 * @param {string} caption
 * @param {{picked?: boolean}} [how] whether the network that was picked in training is marked
 */
export function accuracyTable(comparison, caption, { picked = false } = {}) {
  const best = Object.fromEntries(COLUMNS.map((column) => [column, lowest(comparison.models, column)]));
  const rows = comparison.models.map((/** @type {any} */ model) => [
    picked && model.model === comparison.best
      ? h("span", { class: "named" }, named(kindOf(model.model)), h("span", { class: "tag" }, "picked"))
      : named(kindOf(model.model)),
    ...COLUMNS.map((column) => {
      const text = fixed(model[column], /** @type {any} */ (PLACES)[column]);
      return text === best[column] ? h("td", { class: "best" }, h("strong", {}, text)) : text;
    }),
  ]);
  const made = table(caption, ["Model", unit("MAE", "°C"), unit("RMSE", "°C"), unit("MAPE", "%")], rows);
  const first = comparison.models.findIndex((/** @type {any} */ model) => model.kind === "baseline");
  if (first > 0) made.querySelectorAll("tbody tr")[first].classList.add("first-reference");
  return made;
}

/** Who was picked by the validation part, and who has the lowest RMSE on the test part. @param {any} comparison */
export function pickedAndLowest(comparison) {
  const least = lowest(comparison.models, "rmse");
  const first = comparison.models.filter((/** @type {any} */ model) => fixed(model.rmse, PLACES.rmse) === least);
  const names = inWords(first.map((/** @type {any} */ model) => (model.kind === "baseline" ? title(model.model).toLowerCase() : title(kindOf(model.model)))));
  const said = `${title(kindOf(comparison.best))} was picked because its RMSE one step ahead is the lowest on the validation part`;
  const alone = first.length === 1 && first[0].model === comparison.best;
  const when = `on the test part, ${steps(comparison.horizon, comparison.step)} ahead,`;
  const test = `${when} ${alone ? "it has the lowest too" : `${names} ${first.length > 1 ? "have" : "has"} the lowest`}`;
  return h("p", { class: "note" }, `${said}; ${test}. Bold: the lowest of each column.`);
}

/** Bars of each model's skill against a reference, which is chosen here. @param {any} comparison */
export function skillBars(comparison) {
  const body = h("div", {});
  const known = REFERENCES.filter((name) => name in comparison.models[0].skill);
  const show = (/** @type {string} */ reference) => fill(body, bars(comparison, reference), summary(comparison, reference));
  show(known[0]);
  return h(
    "div",
    { class: "skill" },
    h("div", { class: "controls" }, choice("Against", known.map((value) => ({ value, text: title(value) })), known[0], show)),
    body,
  );
}

/** What the columns mean. */
export function meanings() {
  return h("details", {}, h("summary", {}, "What the columns mean"), terms(MEASURES));
}

/** @param {any} comparison @param {string} reference */
function bars(comparison, reference) {
  const rows = comparison.models.filter((/** @type {any} */ model) => model.model !== reference);
  const values = rows.map((/** @type {any} */ row) => row.skill[reference] ?? 0);
  const least = Math.min(...values);
  const high = scaleFor(Math.max(...values));
  // A reference that is worse by far would flatten the others: its bar ends at the edge, those of networks do not.
  const worst = Math.min(...values.filter((_, i) => rows[i].kind === "recurrent"), -high * 1.5);
  const low = least < 0 ? -Math.min(scaleFor(-least), scaleFor(-worst)) : 0;
  const place = (/** @type {number} */ value) => ((Math.min(Math.max(value, low), high) - low) / (high - low)) * 100;
  return h(
    "ul",
    { class: "bars" },
    h("li", { class: "scale", "aria-hidden": "true" }, h("span", {}), scale(low, high, place), h("span", {})),
    rows.map((/** @type {any} */ row, /** @type {number} */ i) => {
      const fillBar = h("span", { class: `fill ${kindOf(row.model)}` });
      const zero = h("span", { class: "zero" });
      const [from, to] = [place(0), place(values[i])].sort((a, b) => a - b);
      fillBar.style.left = `${from}%`;
      fillBar.style.width = `${to - from}%`;
      zero.style.left = `${place(0)}%`;
      return h(
        "li",
        {},
        h("span", {}, title(kindOf(row.model))),
        h("span", { class: "track", "aria-hidden": "true" }, fillBar, zero),
        h("span", { class: "amount" }, values[i] < low ? `◂ ${signedPercent(values[i])}` : signedPercent(row.skill[reference])),
      );
    }),
  );
}

/** @param {number} amount */
function scaleFor(amount) {
  return SCALES.find((end) => amount <= end) ?? 1;
}

/** What the ends of the bars mean. @param {number} low @param {number} high @param {(value: number) => number} place */
function scale(low, high, place) {
  const ends = [low, 0, high].filter((value, i) => i || value < 0);
  return h(
    "span",
    { class: "ends" },
    ends.map((value) => {
      const tick = h("span", {}, value ? `${fixed(value * 100, Number.isInteger(Math.round(value * 1000) / 10) ? 0 : 1)} %` : "0");
      tick.style.left = `${place(value)}%`;
      return tick;
    }),
  );
}

/** @param {any} comparison @param {string} reference */
function summary(comparison, reference) {
  const best = comparison.models.find((/** @type {any} */ model) => model.model === comparison.best);
  const skill = best?.skill[reference];
  if (skill === null || skill === undefined) return null;
  const words = skill >= 0 ? `${fixed(skill * 100, 1)} % less RMSE` : `${fixed(-skill * 100, 1)} % more RMSE`;
  return h("p", { class: "note" }, `${title(kindOf(best.model))} has ${words} than ${title(reference).toLowerCase()}.`);
}

/** @param {any[]} models @param {string} column the lowest of the networks and references, as it is written */
function lowest(models, column) {
  const values = models.map((model) => model[column]).filter((value) => value !== null);
  return fixed(Math.min(...values), /** @type {any} */ (PLACES)[column]);
}

/** @param {string[]} names */
function inWords(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** @param {string} name @param {string} text */
function unit(name, text) {
  return [name, h("span", { class: "unit" }, ` ${text}`)];
}
