// @ts-check
/** The end of a series and what is forecast to follow it. */

import { band, line } from "./lines.js";
import { fitted, panelTitle, verticalLine } from "./layout.js";
import { kindOf, title } from "./models.js";
import { fixed } from "./numbers.js";
import { hoverFormat, written } from "./times.js";
import { colour } from "./theme.js";
import { pointOf, reach, within, worthDrawing } from "./visible.js";

/**
 * @typedef {object} Answer of one model for one series
 * @property {string} model
 * @property {string[]} timestamps
 * @property {number[]} sst
 * @property {{level: number, lower: number[], upper: number[], calibrated: boolean}[]} intervals
 * @property {Record<string, number[]>} baselines
 * @property {{code: string, message: string}[]} warnings
 *
 * @typedef {object} Past
 * @property {string} step
 * @property {string[]} timestamps
 * @property {(number | null)[]} values
 */

/** The answers for the series at a place of a request. @param {any} answer of /forecast @param {number} place */
export function answersOf(answer, place) {
  return (answer.models ?? [answer]).map((/** @type {any} */ one) => ({ model: one.model, ...one.forecasts[place] }));
}

/**
 * @param {Past} past
 * @param {Answer[]} answers
 * @param {string[]} references shown
 * @param {import("./visible.js").Range} range
 * @returns {import("./chart.js").Figure}
 */
export function forecastFigure(past, answers, references, range) {
  const last = lastObserved(past);
  const origin = { x: past.timestamps[last], y: past.values[last] };
  const from = (/** @type {Answer} */ one, /** @type {number[]} */ values) => ({ x: [origin.x, ...one.timestamps], y: [origin.y, ...values] });
  const single = answers.length === 1;
  const bands = answers.flatMap((one) =>
    [...one.intervals]
      .sort((a, b) => b.level - a.level)
      // Bands of several models lie over each other: one each is as much as can be told apart.
      .slice(single ? 0 : -1)
      .flatMap((interval) => {
        const { x, y } = from(one, interval.lower);
        return band(kindOf(one.model), x, /** @type {number[]} */ (y), [/** @type {number} */ (origin.y), ...interval.upper], single ? 0.17 : 0.14);
      }),
  );
  const stretch = within(past.timestamps, range);
  const { places, thinned } = worthDrawing([past.values], stretch);
  const observed = line("observed", places.map((i) => past.timestamps[i]), places.map((i) => past.values[i]), { hovertemplate: "<b>%{y:.2f} °C</b>" });
  const lines = [...answers].reverse().map((one) => {
    const { x, y } = from(one, one.sst);
    const kind = kindOf(one.model);
    const drawn = line(kind, x, y, { mode: single && x.length < 40 ? "lines+markers" : "lines", hovertemplate: ["", ...one.sst.map((_, i) => hover(one, i))] });
    return { ...drawn, line: { ...drawn.line, width: 2.25 }, marker: { size: [0, ...one.sst.map(() => 6)], color: colour(kind) }, hoverinfo: ["skip", ...one.sst.map(() => "all")] };
  });
  const others = references.filter((name) => name in answers[0].baselines).map((name) => line(name, answers[0].timestamps, answers[0].baselines[name]));
  return {
    data: [...bands, observed, ...others, ...lines],
    layout: {
      xaxis: { hoverformat: hoverFormat(past.step), showgrid: false, range: [past.timestamps[0], answers[0].timestamps.at(-1)] },
      yaxis: { fixedrange: true, nticks: 7, ...fitted(reachOf(past.values, stretch, [...bands, ...others, ...lines])) },
      shapes: [verticalLine(origin.x)],
      annotations: [
        panelTitle("SST, °C", 1),
        { text: "last observation", x: origin.x, y: 1, yref: "paper", xanchor: "right", yanchor: "bottom", yshift: 4, showarrow: false, font: { size: 12, color: colour("muted") } },
      ],
    },
    thinned,
    ...reading(past, answers, { stretch, places, range }, bands.length, others.length),
  };
}

/**
 * Reading from the observed values through the forecast, as far as they are shown.
 * @param {Past} past @param {Answer[]} answers
 * @param {{stretch: [number, number], places: number[], range: import("./visible.js").Range}} seen
 * @param {number} before @param {number} between
 */
function reading(past, answers, { stretch, places, range }, before, between) {
  const n = past.timestamps.length;
  const leads = within(answers[0].timestamps, range);
  return {
    places: /** @type {[number, number]} */ ([stretch[0] < stretch[1] ? stretch[0] : n + leads[0], leads[0] < leads[1] ? n + leads[1] : stretch[1]]),
    read: (/** @type {number} */ i) => {
      if (i < n) return `${written(past.timestamps[i], past.step)}, observed ${past.values[i] === null ? "missing" : fixed(past.values[i], 2)}`;
      const lead = i - n;
      const said = answers.map((one) => `${title(kindOf(one.model))} ${fixed(one.sst[lead], 2)}${spoken(one, lead)}`);
      return `${written(answers[0].timestamps[lead], past.step)}, forecast, ${said.join(", ")}`;
    },
    at: (/** @type {number} */ i) =>
      i < n ? [{ curveNumber: before, pointNumber: pointOf(places, i) }] : answers.map((_, k) => ({ curveNumber: before + 1 + between + k, pointNumber: i - n + 1 })),
  };
}

/** What is shown at first: the forecast, and three times as much before it. @param {Past} past @param {Answer[]} answers @returns {[string, string]} */
export function endOf(past, answers) {
  const leads = answers[0].timestamps.length;
  const first = Math.max(0, past.timestamps.length - Math.max(3 * leads, 24));
  return [past.timestamps[first], answers[0].timestamps[leads - 1]];
}

/** Of what was observed in the stretch that is shown, and all that is drawn of the forecast. @param {(number | null)[]} values @param {[number, number]} stretch @param {any[]} drawn */
function reachOf(values, [first, after], drawn) {
  const columns = [values.slice(first, after), ...drawn.map((one) => one.y)];
  return reach(columns, [0, Math.max(...columns.map((column) => column.length))]);
}

/** @param {Past} past */
function lastObserved(past) {
  let i = past.values.length - 1;
  while (i > 0 && past.values[i] === null) i -= 1;
  return i;
}

/** @param {Answer} one @param {number} i */
function hover(one, i) {
  const widest = one.intervals.map((interval) => `<br>${interval.level} %${interval.calibrated ? "" : ", not calibrated"}: ${fixed(interval.lower[i], 2)} – ${fixed(interval.upper[i], 2)}`);
  return `<b>%{y:.2f} °C</b>${widest.join("")}`;
}

/** @param {Answer} one @param {number} i */
function spoken(one, i) {
  const [first] = one.intervals;
  return first ? ` (${first.level} percent between ${fixed(first.lower[i], 2)} and ${fixed(first.upper[i], 2)}${first.calibrated ? "" : ", not calibrated"})` : "";
}
