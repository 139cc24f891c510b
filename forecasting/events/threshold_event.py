"""Forecasts of SST beyond a threshold for some consecutive steps, from joint paths."""

import numpy as np

from forecasting.errors import RequestError
from forecasting.events.baseline import Indices, days_from
from forecasting.events.definitions import Percentile, ThresholdEvent
from forecasting.events.detection import States, run_lengths, threshold_states
from forecasting.events.outcomes import MEDIAN_AND_BOUNDS, RunState, Spread, ThresholdOutcome, TimeSpread
from forecasting.events.outlook import Arrays, EventPast, Futures, Outlook
from forecasting.forecast_warning import ForecastWarning
from forecasting.series.times import Bools, Floats, Times
from forecasting.wording import counted


def threshold_events(event: ThresholdEvent, futures: Futures, limit: Floats, above: Floats) -> Arrays:
    """Return the columns of a run of steps beyond ``limit``, °C ``(n, all steps)``, that is long enough, and spreads.

    A run may have begun in the past, or at a step before the first lead that was not observed: its steps there count. A
    missing value of the past ends it. ``above`` is the probability that SST exceeds the limit, ``(n, horizon)``.
    ``peak_spread`` and ``onset_spread`` are medians with bounds; the latter in steps from the first lead.
    """
    leads, (n, days) = _considered(event, futures.horizon), futures.past.shape
    states = threshold_states(_beyond(event, futures.past, limit[:, :days]), event.duration)
    before, ahead = states.steps[:, -1], limit[:, days:]
    by_lead = above if event.side == "above" else 1 - above
    unobserved, until = futures.unobserved, futures.unobserved + leads
    share, longest = np.zeros((2, n))
    peaks, onset = np.full((2, n, len(MEDIAN_AND_BOUNDS)), np.nan)
    for rows in futures.parts(np.ones(n, dtype=np.bool_)):
        sampled = futures.by_path(futures.values(rows)[:, :until]).transpose(0, 2, 1)
        beyond = _beyond(event, sampled, ahead[rows, None, :until])
        lengths = run_lengths(beyond, before[rows, None, None])[..., unobserved:]
        considered = sampled[..., unobserved:]
        extremes = considered.max(axis=2) if event.side == "above" else considered.min(axis=2)
        peaks[rows] = np.quantile(extremes, MEDIAN_AND_BOUNDS, axis=1).T
        share[rows] = (lengths >= event.duration).any(axis=2).mean(axis=1)
        longest[rows] = lengths.max(axis=2).mean(axis=1)
        onset[rows] = _onsets(lengths, event.duration)
    considered = by_lead[:, :leads]
    # A share of paths differs a little from the probability that they were sampled from, which sets bounds.
    least = considered.max(axis=1)
    if event.duration > 1:
        least = np.where((unobserved == 0) & (before + 1 >= event.duration), considered[:, 0], 0.0)
    first = futures.step.shift(np.asarray([futures.start]), days + unobserved)
    return {
        "probability": np.clip(share, least, np.minimum(1.0, considered.sum(axis=1))),
        "by_lead": by_lead,
        "threshold": ahead[:, unobserved:],
        "onset": _seconds(futures.step.shift(first, np.nan_to_num(onset[:, 0]).astype(np.int64)), onset[:, 0]),
        "peak": peaks[:, 0],
        "steps": before,
        "active": states.active[:, -1],
        "longest": longest,
        "peak_spread": peaks,
        "onset_spread": onset,
    }


def _onsets(lengths: Indices, duration: int) -> Floats:
    """Return median and bounds of the first step of the first run that is long enough, ``(n, 3)``; NaN without one."""
    enough = lengths >= duration
    has_run, lead = enough.any(axis=2), enough.argmax(axis=2)
    first = lead + 1 - np.take_along_axis(lengths, lead[..., None], axis=2)[..., 0]
    ordered, count = np.sort(np.where(has_run, first, lengths.shape[2]), axis=1), has_run.sum(axis=1)
    # As method "inverted_cdf" of numpy.quantile does.
    place = np.maximum(np.ceil(count[:, None] * MEDIAN_AND_BOUNDS - 1), 0).astype(np.int64)
    found: Floats = np.where(count[:, None] > 0, np.take_along_axis(ordered, place, axis=1), np.nan)
    return found


def _seconds(times: Times, known: Floats) -> Floats:
    seconds: Floats = np.where(np.isnan(known), np.nan, times.astype("datetime64[s]").astype(np.float64))
    return seconds


def evaluate_threshold(event: ThresholdEvent, outlook: Outlook) -> ThresholdOutcome:
    """Return what :func:`threshold_events` does for one series."""
    leads = _considered(event, len(outlook.times))
    past, steps = outlook.past, outlook.unobserved + len(outlook.times)
    doubts: tuple[ForecastWarning, ...] = ()
    limit = np.full(len(past) + steps, event.threshold)
    if isinstance(event.threshold, Percentile):
        baseline = outlook.baseline_of(event.threshold.percent)
        baseline.at(past.step.shift(past.times[-1:], np.arange(1, steps + 1)))  # refuses days of which nothing is known
        limit, doubts = baseline.threshold[days_from(past.start, len(limit))], baseline.warnings
    threshold = limit[len(past) + outlook.unobserved :]
    above = outlook.exceedance(threshold if isinstance(event.threshold, Percentile) else event.threshold)
    found = threshold_events(event, outlook.futures, limit[None], above[None])
    one = {name: values[0] for name, values in found.items()}
    before = int(one["steps"])
    onset = one["onset_spread"]
    return ThresholdOutcome(
        name=event.name,
        state=RunState(bool(one["active"]), past.times[-before] if before else None, before),
        probability=float(one["probability"]),
        by_lead=one["by_lead"],
        threshold=one["threshold"],
        onset=None if np.isnan(onset).any() else TimeSpread(*past.step.shift(outlook.times[0], onset.astype(np.int64))),
        longest_mean=float(one["longest"]),
        peak=Spread(*one["peak_spread"].tolist()),
        calibrated=outlook.calibrated,
        warnings=(*doubts, *too_few_leads(event, leads, before + outlook.unobserved)),
        columns=one,
    )


def _considered(event: ThresholdEvent, horizon: int) -> int:
    if event.within is not None and event.within > horizon:
        raise RequestError(
            f"event {event.name!r} covers {counted(event.within, 'lead')}, but the forecast has {horizon}: ask for a "
            f"horizon of at least {event.within}, or for an event within {horizon}",
            field="events",
        )
    return horizon if event.within is None else event.within


def states_of_threshold(event: ThresholdEvent, past: EventPast, last: int = 1) -> States:
    """Return the state of the event at each of the last steps of the past; missing values are not beyond it."""
    series, threshold = past.past, event.threshold
    limit: float | Floats
    if isinstance(threshold, Percentile):
        limit = past.baseline_of(threshold.percent).threshold[days_from(series.start, len(series))]
    else:
        limit = threshold
    return threshold_states(_beyond(event, series.values, limit), event.duration, last)


def _beyond(event: ThresholdEvent, sst: Floats, threshold: float | Floats) -> Bools:
    """Return whether SST is beyond the threshold; missing values are not."""
    beyond: Bools = sst > threshold if event.side == "above" else sst < threshold
    return beyond


def too_few_leads(event: ThresholdEvent, leads: int, before: int) -> tuple[ForecastWarning, ...]:
    """Return a warning if a run of ``before`` steps cannot become long enough."""
    if before + leads >= event.duration:
        return ()
    begun = f" and {counted(before, 'step')} before" if before else ""
    return (
        ForecastWarning(
            "short_horizon",
            f"The event needs {counted(event.duration, 'consecutive step')}, but only {counted(leads, 'lead')}{begun} "
            "count, so its probability is 0. Ask for more leads, or for fewer consecutive steps.",
        ),
    )
