"""The JSON of past events and of forecasts of events, in the units of a request."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.events.baseline import Period
from forecasting.events.columns import DIFFERENCES, TEMPERATURES
from forecasting.events.detection import Event
from forecasting.events.outcomes import EventOutcome, HeatStressOutcome, MarineOutcome, ThresholdOutcome
from forecasting.series.times import iso
from forecasting.series.units import Units, from_celsius

_DECIMALS: Final = 4

_INTENSITIES: Final = ("intensity_mean", "intensity_max", "intensity_cumulative", "rate_onset", "rate_decline")

Json = dict[str, Any]


def outcome_json(outcome: EventOutcome, units: Units) -> Json:
    """Return the JSON of the forecast of an event.

    Differences of temperatures, such as intensities, are scaled to ``units`` without their offset.
    """
    match outcome:
        case ThresholdOutcome():
            fields = _threshold(outcome)
        case MarineOutcome():
            fields = _marine(outcome)
        case HeatStressOutcome():
            fields = _heat_stress(outcome)
    warnings = [{"code": warning.code, "message": warning.message} for warning in outcome.warnings]
    return event_in_units({"name": outcome.name, **fields}, units) | {
        "calibrated": outcome.calibrated,
        "warnings": warnings,
    }


def past_event_json(event: Event, units: Units) -> Json:
    """Return the JSON of a past event: its days, and its intensities in the degrees of ``units``."""
    days = {name: _day(getattr(event, name)) for name in ("start", "end", "peak")}
    degrees = event_in_units({name: getattr(event, name) for name in _INTENSITIES}, units)
    return {**days, "days": event.days, **degrees, "category": event.category}


def event_in_units(event: Json, units: Units) -> Json:
    """Return the JSON of an event whose numbers are in °C, such as that of :func:`outcome_json`, in other units."""
    return event if "error" in event else {name: _in_units(value, name, units) for name, value in event.items()}


def _in_units(value: Any, name: str, units: Units) -> Any:
    """Return a field with rounded numbers; one that holds no numbers is unchanged."""
    if isinstance(value, Mapping):
        is_quantity = name in TEMPERATURES | DIFFERENCES
        return {str(key): _in_units(item, name if is_quantity else str(key), units) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_units(item, name, units) for item in value]
    if not isinstance(value, float | np.ndarray):
        return value
    numbers = np.asarray(value)
    if name in TEMPERATURES:
        numbers = from_celsius(numbers, units)
    elif name in DIFFERENCES or name in _INTENSITIES:
        numbers = numbers * float(from_celsius(1.0, units) - from_celsius(0.0, units))
    if not np.isfinite(numbers).all():
        raise SeriesError(
            "the baseline has no value for some of the days: send a more complete series, or a baseline with a "
            "climatology and a threshold for each of 366 days"
        )
    return np.round(numbers, _DECIMALS).tolist()


def _threshold(outcome: ThresholdOutcome) -> Json:
    state, onset = outcome.state, outcome.onset
    return {
        "kind": "threshold",
        "state": {
            "active": state.active,
            "since": None if state.since is None else iso(state.since),
            "steps": state.steps,
        },
        "probability": outcome.probability,
        "by_lead": outcome.by_lead,
        "threshold": outcome.threshold,
        "onset": None if onset is None else {name: iso(time) for name, time in asdict(onset).items()},
        "longest": {"mean": outcome.longest_mean},
        "peak": asdict(outcome.peak),
    }


def _marine(outcome: MarineOutcome) -> Json:
    since = outcome.state.since
    return {
        "kind": outcome.kind,
        "state": asdict(outcome.state) | {"since": None if since is None else _day(since)},
        "probability": outcome.probability,
        "category_probability": outcome.category_probability,
        "onset_within": outcome.onset_within,
        "ends_within": outcome.ends_within,
        "climatology": outcome.climatology,
        "threshold": outcome.threshold,
        "baseline": _period(outcome.baseline),
        "usual": outcome.usual.basis,
    }


def _heat_stress(outcome: HeatStressOutcome) -> Json:
    return {
        "kind": "degree_heating_weeks",
        "mmm": outcome.maximum_monthly_mean,
        "mmm_source": outcome.source,
        "mmm_period": _period(outcome.period),
        "usual": outcome.usual.basis,
        "now": outcome.now,
        "alert": outcome.level,
        "median": outcome.median,
        "lower": outcome.lower,
        "upper": outcome.upper,
        "alert_probability": outcome.level_probability,
    }


def _day(time: np.datetime64) -> str:
    return str(time.astype("datetime64[D]"))


def _period(period: Period | None) -> Json | None:
    return None if period is None else {"start": _day(period.start), "end": _day(period.end)}
