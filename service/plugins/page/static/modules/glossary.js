// @ts-check
/** A glossary of the terms that the views use, one sentence each. */

import { h } from "./dom.js";

/** @type {[string, string][]} */
const TERMS = [
  ["Usual", "The temperature at a place and time of year in a typical year, also called climatology."],
  ["Climatology", "Another name for the usual temperature at each time of year, from many years of readings."],
  ["Anomaly", "The difference between a temperature and what is usual."],
  ["Typical error", "How far off forecasts are: the root of their mean square error (RMSE), in which large errors count for more."],
  ["MAE", "Mean absolute error: how far off forecasts are on average."],
  ["MAPE", "Mean absolute percentage error: the error as a percentage of the temperature in degrees Celsius, so compare it only between models at one place."],
  ["80% range", "Two temperatures between which the water will be in 80 of 100 cases, if the range is calibrated; it is also called an interval."],
  ["Calibrated", "A range is calibrated if it holds the observed value as often as it says, which cannot be expected of a series unlike the training data."],
  ["Lead", "How many steps after the last reading a forecast value applies to."],
  ["Horizon", "The longest lead: how many steps ahead a forecast extends."],
  ["Window", "The latest readings, which a network takes as input."],
  ["RNN", "A recurrent neural network, which reads a series value by value and keeps a short memory of what came before."],
  ["LSTM", "Long short-term memory: a recurrent network whose gates decide what to keep for long, what to forget and what to show."],
  ["GRU", "Gated recurrent unit: a recurrent network like an LSTM with fewer gates, and so with fewer weights to learn."],
  ["Universal network", "A network trained on simulated and real seas, which forecasts series from places that it has never seen."],
  ["Mixture", "Networks and simple forecasts together: each counts the more, the smaller its errors were on the past of the series."],
  ["Reference", "A simple forecast that a network must beat to be worth using."],
  ["Persistence", "The last reading, repeated for every lead; hard to beat at short leads because the sea changes slowly."],
  ["Damped persistence", "What is usual plus the last anomaly, which fades as the lead grows."],
  ["Linear autoregression", "What is usual plus a weighted sum of the anomalies in the window."],
  ["Usual change", "The last value plus the usual change at the position up to that time, with a slow return to the usual level."],
  ["Skill", "1 − typical error / typical error of the reference: 100% is a perfect forecast, 0% is no better than the reference, and below 0% is worse."],
  ["Training, validation and test periods", "The series split in three, in time order: networks learn from the first, the second chooses the network and helps to set the ranges, and the third only measures how far off the forecasts are."],
];

/** The glossary, collapsed. */
export function glossary() {
  const entries = TERMS.map(([term, definition]) => h("div", {}, h("dt", {}, term), h("dd", {}, definition)));
  return h("details", { class: "glossary" }, h("summary", {}, "Glossary"), h("dl", { class: "terms" }, entries));
}
