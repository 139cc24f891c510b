// @ts-check
/** Bars of each model's skill relative to a reference, with the confidence interval of each network. */

import { selectField } from "./controls.js";
import { fill, h } from "./dom.js";
import { classOf, kindOf, modelPhrase, modelTitle } from "./models.js";
import { fixed, signedPercent } from "./numbers.js";

const REFERENCES = ["persistence", "climatology", "damped", "linear", "usual_change"];
/** Candidate ends of the axis, as fractions. */
const SCALE_ENDS = [0.05, 0.1, 0.25, 0.5, 1];

/** @typedef {{kind: string, title: string, skill: number | null, interval: [number, number] | null, network: boolean}} Bar */

/** The bars, with a control to choose the reference. @param {any} comparison the response of /compare */
export function skillBars(comparison) {
  const body = h("div", {});
  const references = REFERENCES.filter((name) => name in comparison.models[0].skill);
  const show = (/** @type {string} */ reference) => fill(body, bars(barsOf(comparison, reference)), summary(comparison, reference));
  show(references[0]);
  return h(
    "div",
    { class: "skill" },
    h("div", { class: "controls" }, selectField("Reference", references.map((value) => ({ value, text: modelTitle(value) })), references[0], show)),
    body,
  );
}

/** @param {any} comparison @param {string} reference @returns {Bar[]} */
function barsOf(comparison, reference) {
  return comparison.models
    .filter((/** @type {any} */ model) => model.model !== reference)
    .map((/** @type {any} */ model) => ({
      kind: kindOf(model.model),
      title: modelTitle(kindOf(model.model)),
      skill: model.skill[reference],
      interval: model.skill_interval?.[reference] ?? null,
      network: model.kind !== "baseline",
    }));
}

/** Whether a skill may be due to chance: its interval holds zero. @param {[number, number] | null} interval */
function mayBeChance(interval) {
  return interval !== null && interval[0] <= 0 && interval[1] >= 0;
}

/** @param {Bar[]} list */
function bars(list) {
  const { low, high } = axisOf(list);
  const position = (/** @type {number} */ value) => ((Math.min(Math.max(value, low), high) - low) / (high - low)) * 100;
  const placed = (/** @type {string} */ name, /** @type {number} */ from, /** @type {number} */ to) => {
    const element = h("span", { class: name });
    const [left, right] = [position(from), position(to)].sort((a, b) => a - b);
    element.style.left = `${left}%`;
    element.style.width = `${right - left}%`;
    return element;
  };
  return h(
    "ul",
    { class: "bars" },
    h("li", { class: "scale", "aria-hidden": "true" }, h("span", {}), scale(low, high, position), h("span", {})),
    list.map(({ kind, title, skill, interval }) => {
      const zero = h("span", { class: "zero" });
      zero.style.left = `${position(0)}%`;
      return h(
        "li",
        {},
        h("span", {}, title),
        h("span", { class: "track", "aria-hidden": "true" }, placed(`fill ${classOf(kind)}`, 0, skill ?? 0), interval && placed("whisker", ...interval), zero),
        h("span", { class: "amount" }, (skill ?? 0) < low ? `◂ ${signedPercent(skill)}` : signedPercent(skill), interval && intervalInWords(interval)),
      );
    }),
  );
}

/** @param {[number, number]} interval */
function intervalInWords(interval) {
  const ends = interval.map((end) => signedPercent(end).replace("%", "")).join(" to ");
  return h("span", { class: "sure" }, h("span", { class: "hidden" }, " 95% interval "), `${ends}%`, mayBeChance(interval) && [", ", h("span", { class: "chance" }, "may be chance")]);
}

/** The ends of the axis. @param {Bar[]} list */
function axisOf(list) {
  const skills = list.map(({ skill }) => skill ?? 0);
  const lowest = Math.min(...skills, ...list.map(({ interval }) => interval?.[0] ?? 0));
  const high = scaleEnd(Math.max(...skills, ...list.map(({ interval }) => interval?.[1] ?? 0)));
  // A reference that is far worse would flatten the other bars, so its bar is cut off at the edge; those of networks never are.
  const lowestShown = Math.min(...list.filter(({ network }) => network).map(({ skill, interval }) => Math.min(skill ?? 0, interval?.[0] ?? 0)), -high * 1.5);
  return { low: lowest < 0 ? -Math.min(scaleEnd(-lowest), scaleEnd(-lowestShown)) : 0, high };
}

/** The smallest axis end that holds a value. @param {number} amount */
function scaleEnd(amount) {
  return SCALE_ENDS.find((end) => amount <= end) ?? 1;
}

/** The axis above the bars. @param {number} low @param {number} high @param {(value: number) => number} position in percent */
function scale(low, high, position) {
  const ticks = [low, 0, high].filter((value, i) => i || value < 0);
  return h(
    "span",
    { class: "ends" },
    ticks.map((value) => {
      const tick = h("span", {}, value ? `${fixed(value * 100, Number.isInteger(Math.round(value * 1000) / 10) ? 0 : 1)}%` : "0");
      tick.style.left = `${position(value)}%`;
      return tick;
    }),
  );
}

/** @param {any} comparison @param {string} reference */
function summary(comparison, reference) {
  const chosen = comparison.models.find((/** @type {any} */ model) => model.model === comparison.best);
  const skill = chosen?.skill[reference];
  if (skill === null || skill === undefined) return null;
  const interval = chosen.skill_interval?.[reference] ?? null;
  const difference = `${fixed(Math.abs(skill) * 100, 1)}% ${skill >= 0 ? "smaller" : "larger"}`;
  const text = `The typical error of ${modelTitle(kindOf(chosen.model))} is ${difference} than that of ${modelPhrase(reference)}`;
  const doubt = mayBeChance(interval) ? ", a difference that may be chance: its 95% interval includes zero" : "";
  return [
    h("p", { class: "note" }, `${text}${doubt}.`),
    interval && h("p", { class: "note" }, "Thin lines are 95% intervals, from resampling the period in blocks, because errors of neighbouring steps are alike."),
  ];
}
