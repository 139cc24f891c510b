// @ts-check
/** How good past forecasts were: one of them, and all up to a day. */

/**
 * @typedef {object} Score
 * @property {number} n number of observations
 * @property {number} model mean absolute error, °C
 * @property {number} persistence mean absolute error, °C
 * @property {number} closer how often the model was closer than persistence
 */

/**
 * The score of one forecast over the observations that followed; null if there are none.
 * @param {import("./past-forecasts.js").PastForecast} forecast
 * @returns {(Score & {inside: {level: number, n: number}[]}) | null}
 */
export function scoreOf({ sst, baselines, intervals, observed }) {
  const known = observed.flatMap((value, i) => (value === null ? [] : [{ value, i }]));
  if (!known.length) return null;
  const errors = known.map(({ value, i }) => [Math.abs(sst[i] - value), Math.abs(baselines.persistence[i] - value)]);
  const inside = intervals.map(({ level, lower, upper }) => ({ level, n: known.filter(({ value, i }) => value >= lower[i] && value <= upper[i]).length }));
  return { ...summarized(errors), inside };
}

/**
 * The score of all forecasts one step ahead until each time of the test period.
 * @param {import("./comparison-chart.js").Predictions} results @param {string} model
 * @returns {(time: string) => Score | null} of the valid time of the last one
 */
export function runningScore({ timestamps, observed, predictions }, model) {
  const position = new Map(timestamps.map((time, i) => [time, i]));
  const totals = [{ n: 0, model: 0, persistence: 0, closer: 0 }];
  timestamps.forEach((_, i) => {
    const last = totals[totals.length - 1];
    const [value, said, persisted] = [observed[i], predictions[model][i], predictions.persistence[i]];
    if (value === null || said === null || persisted === null) return totals.push(last);
    const [error, reference] = [Math.abs(said - value), Math.abs(persisted - value)];
    return totals.push({ n: last.n + 1, model: last.model + error, persistence: last.persistence + reference, closer: last.closer + Number(error < reference) });
  });
  return (time) => {
    const place = position.get(time);
    const total = place === undefined ? null : totals[place + 1];
    return total?.n ? { n: total.n, model: total.model / total.n, persistence: total.persistence / total.n, closer: total.closer } : null;
  };
}

/** @param {number[][]} errors of model and persistence @returns {Score} */
function summarized(errors) {
  const mean = (/** @type {number} */ column) => errors.reduce((sum, row) => sum + row[column], 0) / errors.length;
  return { n: errors.length, model: mean(0), persistence: mean(1), closer: errors.filter(([model, persistence]) => model < persistence).length };
}
