// @ts-check
/** A glossary of the terms that the views use, one sentence each. */

import { h } from "./dom.js";

/** @type {[string, string][]} */
const TERMS = [
  ["Lead", "How many steps after the last observation a forecast value applies to."],
  ["Horizon", "The longest lead: how many steps ahead a forecast extends."],
  ["Window", "The most recent observed values, which a model takes as input."],
  ["Reference", "A simple forecast that a model must beat to be worth using."],
  ["Persistence", "The last observed value, repeated for every lead; hard to beat at short leads because the sea changes slowly."],
  ["Climatology", "The usual temperature for the location and time of year."],
  ["Anomaly", "The difference between a temperature and climatology."],
  ["Damped persistence", "Climatology plus the last observed anomaly, which fades as the lead grows."],
  ["Linear autoregression", "Climatology plus a weighted sum of the anomalies in the window."],
  ["Usual change", "The last value plus the usual change at the position up to that time, with a slow return to the usual level; it needs a position."],
  ["Universal network", "A network trained on simulated and real seas, which forecasts series from places that it has never seen."],
  ["Mixture", "Networks and references together: each counts the more, the smaller its errors were on the past of the series."],
  ["Context", "The values before a forecast that a universal network is given; with more of them, it knows the series better."],
  ["Companion", "A regression that adapts to each series and helps the universal network; without it, the network has to remember by itself."],
  ["Held-out seas", "Simulated seas that no network was trained on, used to compare networks."],
  ["RMSE", "The typical size of the errors, in °C: the square root of their mean square, so that large errors count for more than small ones."],
  ["Skill", "1 − RMSE / RMSE of the reference: 100% is a perfect forecast, 0% is no better than the reference, and below 0% is worse."],
  ["Calibrated", "An interval is calibrated if it contains the observed value as often as its level says, such as 80 times in 100 for 80%; this cannot be expected of a series unlike the training data."],
  ["Training, validation and test periods", "The series split in three, in time order: networks learn from the first, the second selects the best network and helps calibrate the intervals before the networks learn from it too, and the third only measures how accurate they are."],
];

/** The glossary, collapsed. */
export function glossary() {
  return h("details", { class: "glossary" }, h("summary", {}, "Glossary"), definitionList(TERMS));
}

/** A list of terms and their definitions. @param {[string, string][]} entries */
export function definitionList(entries) {
  return h("dl", { class: "terms" }, entries.map(([term, definition]) => h("div", {}, h("dt", {}, term), h("dd", {}, definition))));
}
