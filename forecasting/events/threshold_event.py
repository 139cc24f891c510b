"""Forecasts of SST beyond a threshold for some consecutive steps, from joint paths."""

import numpy as np

from forecasting.errors import RequestError
from forecasting.events.baseline import Indices, days_from
from forecasting.events.definitions import Percentile, ThresholdEvent
from forecasting.events.detection import States, run_lengths, threshold_states
from forecasting.events.outcomes import MEDIAN_AND_BOUNDS, RunState, Spread, ThresholdOutcome, TimeSpread
from forecasting.events.outlook import EventPast, Outlook
from forecasting.forecast_warning import ForecastWarning
from forecasting.series.times import Bools, Floats
from forecasting.wording import counted


def evaluate_threshold(event: ThresholdEvent, outlook: Outlook) -> ThresholdOutcome:
    """Return the probability of a run of steps beyond the threshold that is long enough by the last lead considered.

    A run may have begun in the past, or at a step before the first lead that was not observed: its steps there count. A
    missing value of the past ends it.
    """
    leads = _considered(event, len(outlook.times))
    ahead, doubts = _thresholds_ahead(event, outlook)
    unobserved = outlook.unobserved
    threshold = ahead[unobserved:]
    above = outlook.exceedance(threshold if isinstance(event.threshold, Percentile) else event.threshold)
    by_lead = above if event.side == "above" else 1 - above
    steps = slice(0, unobserved + leads)
    state = states_of_threshold(event, outlook)
    before = int(state.steps[-1])
    lengths = run_lengths(_beyond(event, outlook.ahead[:, steps], ahead[steps]), before)[:, unobserved:]
    considered = outlook.ahead[:, unobserved : unobserved + leads]
    peaks = considered.max(axis=1) if event.side == "above" else considered.min(axis=1)
    return ThresholdOutcome(
        name=event.name,
        state=RunState(bool(state.active[-1]), outlook.past.times[-before] if before else None, before),
        probability=_probability(
            event, lengths, by_lead[:leads], continued=not unobserved and before + 1 >= event.duration
        ),
        by_lead=by_lead,
        threshold=threshold,
        onset=_onset(event, outlook, lengths),
        longest_mean=float(lengths.max(axis=1).mean()),
        peak=Spread(*np.quantile(peaks, MEDIAN_AND_BOUNDS).tolist()),
        calibrated=outlook.calibrated,
        warnings=(*doubts, *_too_few_leads(event, leads, before + unobserved)),
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


def _thresholds_ahead(event: ThresholdEvent, outlook: Outlook) -> tuple[Floats, tuple[ForecastWarning, ...]]:
    """Return the threshold at each step after the past to the last lead, and warnings about it."""
    past, steps = outlook.past, outlook.unobserved + len(outlook.times)
    if not isinstance(event.threshold, Percentile):
        return np.full(steps, event.threshold), ()
    baseline = outlook.baseline_of(event.threshold.percent)
    _, ahead = baseline.at(past.step.shift(past.times[-1], np.arange(1, steps + 1)))
    return ahead, baseline.warnings


def _beyond(event: ThresholdEvent, sst: Floats, threshold: float | Floats) -> Bools:
    """Return whether SST is beyond the threshold; missing values are not."""
    beyond: Bools = sst > threshold if event.side == "above" else sst < threshold
    return beyond


def _probability(event: ThresholdEvent, lengths: Indices, by_lead: Floats, *, continued: bool) -> float:
    """Return the share of paths with a run that is long enough, within the bounds that ``by_lead`` sets.

    A share of paths differs a little from the probability that they were sampled from.

    Args:
        event: the event.
        lengths: of the runs up to each lead, ``(paths, leads)``.
        by_lead: probability of being beyond the threshold.
        continued: whether the first lead is enough to complete a run.
    """
    share = float((lengths >= event.duration).any(axis=1).mean())
    enough = by_lead if event.duration == 1 else by_lead[:1] if continued else np.zeros(1)
    return float(np.clip(share, enough.max(), min(1.0, by_lead.sum())))


def _onset(event: ThresholdEvent, outlook: Outlook, lengths: Indices) -> TimeSpread | None:
    enough = lengths >= event.duration
    has_run = enough.any(axis=1)
    if not has_run.any():
        return None
    lead = enough[has_run].argmax(axis=1)
    first = lead + 1 - lengths[has_run, lead]
    steps = np.quantile(first, MEDIAN_AND_BOUNDS, method="inverted_cdf")
    return TimeSpread(*outlook.past.step.shift(outlook.times[0], steps))


def _too_few_leads(event: ThresholdEvent, leads: int, before: int) -> tuple[ForecastWarning, ...]:
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
