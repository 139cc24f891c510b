"""The JSON of past events and of forecasts of events, in the units of a request."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.events.baseline import Period
from forecasting.events.detection import Category, Event
from forecasting.events.outcomes import (
    AlertLevel,
    EventOutcome,
    EventState,
    HeatStressOutcome,
    MarineOutcome,
    RunState,
    Spread,
    ThresholdOutcome,
    TimeSpread,
)
from forecasting.series.times import Floats, iso
from forecasting.series.units import Units, from_celsius

_DECIMALS: Final = 4

_TEMPERATURES: Final = frozenset({"threshold", "climatology", "peak", "mmm"})
_DIFFERENCES: Final = frozenset({"now", "median", "lower", "upper"})
"""Fields in °C, and in degrees above something."""

Json = dict[str, Any]


def outcome_json(outcome: EventOutcome, units: Units) -> Json:
    """Return the JSON of the forecast of an event.

    Differences of temperatures, such as intensities, are scaled to ``units`` without their offset.

    Raises:
        SeriesError: if a number is missing, since days of the year without any value have no climatology.
    """
    writer = _Writer(units)
    if isinstance(outcome, ThresholdOutcome):
        fields = writer.threshold(outcome)
    elif isinstance(outcome, MarineOutcome):
        fields = writer.marine(outcome)
    else:
        fields = writer.heat_stress(outcome)
    warnings = [{"code": warning.code, "message": warning.message} for warning in outcome.warnings]
    return fields | {"calibrated": outcome.calibrated, "warnings": warnings}


def past_event_json(event: Event, units: Units) -> Json:
    """Return the JSON of a past event: its days, and its intensities in the degrees of ``units``."""
    scale = _scale(units)
    days = {name: _day(getattr(event, name)) for name in ("start", "end", "peak")}
    intensities = (
        "intensity_mean", "intensity_max", "intensity_cumulative", "rate_onset", "rate_decline",
    )  # fmt: skip
    degrees = {name: round(getattr(event, name) * scale, _DECIMALS) for name in intensities}
    return {**days, "days": event.days, **degrees, "category": event.category}


def event_in_units(event: Json, units: Units) -> Json:
    """Return the JSON of an event's forecast, as :func:`outcome_json` writes it in °C, in other units."""
    if units == "celsius" or "error" in event:
        return event
    scale = _scale(units)
    converted = dict(event)
    for name in _TEMPERATURES & event.keys():
        converted[name] = _mapped(event[name], lambda celsius: from_celsius(celsius, units))
    for name in _DIFFERENCES & event.keys():
        converted[name] = _mapped(event[name], lambda celsius: celsius * scale)
    if "intensity" in event.get("state", ()):
        converted["state"] = event["state"] | {"intensity": _number(event["state"]["intensity"] * scale)}
    return converted


def _mapped(written: Any, convert: Callable[[Floats], Floats]) -> Any:
    """Return a number, a list or an object of numbers, converted."""
    if isinstance(written, dict):
        return {name: _mapped(number, convert) for name, number in written.items()}
    numbers = _numbers(convert(np.atleast_1d(written)))
    return numbers if isinstance(written, list) else numbers[0]


class _Writer:
    """Writes numbers in the units of a request."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._scale = _scale(units)

    def threshold(self, outcome: ThresholdOutcome) -> Json:
        return {
            "name": outcome.name,
            "kind": "threshold",
            "state": _run(outcome.state),
            "probability": _number(outcome.probability),
            "by_lead": _numbers(outcome.by_lead),
            "threshold": self._temperatures(outcome.threshold),
            "onset": None if outcome.onset is None else _times(outcome.onset),
            "longest": {"mean": _number(outcome.longest_mean)},
            "peak": self._spread(outcome.peak),
        }

    def marine(self, outcome: MarineOutcome) -> Json:
        return {
            "name": outcome.name,
            "kind": outcome.kind,
            "state": self._state(outcome.state),
            "probability": _numbers(outcome.probability),
            "category_probability": _by_name(outcome.category_probability),
            "onset_within": _numbers(outcome.onset_within),
            "ends_within": None if outcome.ends_within is None else _numbers(outcome.ends_within),
            "climatology": self._temperatures(outcome.climatology),
            "threshold": self._temperatures(outcome.threshold),
            "baseline": None if outcome.baseline is None else _period(outcome.baseline),
            "usual": outcome.usual.basis,
        }

    def heat_stress(self, outcome: HeatStressOutcome) -> Json:
        return {
            "name": outcome.name,
            "kind": "degree_heating_weeks",
            "mmm": self._temperatures(np.array([outcome.maximum_monthly_mean]))[0],
            "mmm_source": outcome.source,
            "mmm_period": None if outcome.period is None else _period(outcome.period),
            "usual": outcome.usual.basis,
            "now": _number(outcome.now * self._scale),
            "alert": outcome.level,
            "median": _numbers(outcome.median * self._scale),
            "lower": _numbers(outcome.lower * self._scale),
            "upper": _numbers(outcome.upper * self._scale),
            "alert_probability": _by_name(outcome.level_probability),
        }

    def _temperatures(self, celsius: Floats) -> list[float]:
        return _numbers(from_celsius(celsius, self._units))

    def _spread(self, spread: Spread) -> Json:
        names = ("median", "lower", "upper")
        degrees = self._temperatures(np.array([getattr(spread, name) for name in names]))
        return dict(zip(names, degrees, strict=True))

    def _state(self, state: EventState) -> Json:
        return {
            "active": state.active,
            "since": None if state.since is None else _day(state.since),
            "days": state.days,
            "category": state.category,
            "intensity": _number(state.intensity * self._scale),
        }


def _scale(units: Units) -> float:
    """Return how many degrees of ``units`` one °C is."""
    return float(from_celsius(1.0, units) - from_celsius(0.0, units))


def _numbers(values: Floats) -> list[float]:
    if not np.isfinite(values).all():
        raise SeriesError(
            "the baseline has no value for some of the days: send a more complete series, or a baseline with a "
            "climatology and a threshold for each of 366 days"
        )
    numbers: list[float] = np.round(values, _DECIMALS).tolist()
    return numbers


def _number(value: float) -> float:
    return _numbers(np.array([value]))[0]


def _by_name(lists: Mapping[Category, Floats] | Mapping[AlertLevel, Floats]) -> dict[str, list[float]]:
    return {str(name): _numbers(values) for name, values in lists.items()}


def _run(state: RunState) -> Json:
    return {
        "active": state.active,
        "since": None if state.since is None else iso(state.since),
        "steps": state.steps,
    }


def _times(spread: TimeSpread) -> Json:
    return {"median": iso(spread.median), "lower": iso(spread.lower), "upper": iso(spread.upper)}


def _day(time: np.datetime64) -> str:
    return str(time.astype("datetime64[D]"))


def _period(period: Period) -> Json:
    return {"start": _day(period.start), "end": _day(period.end)}
