// @ts-check
/** What the words mean that views use: one sentence each. */

import { h } from "./dom.js";

/** @type {[string, string][]} */
const WORDS = [
  ["Lead", "How many steps after the last observation a forecast value is for."],
  ["Horizon", "The longest lead: how many steps ahead a forecast goes."],
  ["Window", "The last observed values, from which a model makes its forecast."],
  ["Reference", "A simple forecast that a model has to beat to be worth having."],
  ["Persistence", "The last observed value, for every lead; hard to beat at short leads, since the sea changes slowly."],
  ["Climatology", "The temperature that is usual at that place and time of year."],
  ["Anomaly", "How far a temperature is from climatology."],
  ["Damped persistence", "Climatology plus the last observed anomaly, which fades as the lead grows."],
  ["Linear autoregression", "Climatology plus a weighted sum of the anomalies in the window."],
  ["Skill", "The share of a reference's RMSE that a model saves: 0 % is no better than the reference, and below 0 % is worse."],
  ["Calibrated", "Said of an interval that holds the observed value as often as its level says, 80 times in 100 at 80 %; that cannot be expected where the series is unlike what the model was trained on."],
  ["Training, validation and test part", "The series cut in three, in order of time: networks learn from the first, the second picks the best and helps to calibrate the intervals before it is learnt from too, and the third only shows how good they are."],
];

/** All of them, to open. */
export function glossary() {
  return h("details", { class: "glossary" }, h("summary", {}, "What the words mean"), terms(WORDS));
}

/** @param {[string, string][]} words with their meanings */
export function terms(words) {
  return h("dl", { class: "terms" }, words.map(([word, meaning]) => h("div", {}, h("dt", {}, word), h("dd", {}, meaning))));
}
