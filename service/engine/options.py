"""The options of a request: levels, thresholds, units, events and sample paths."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from forecasting.errors import RequestError, SeriesError
from forecasting.events.definitions import EventDefinition
from forecasting.events.event_schema import InputEvent, definitions_of
from forecasting.networks.uncertainty.intervals import ErrorDistribution
from forecasting.series.times import seconds_of
from forecasting.series.units import Units
from service.engine.reading.baseline_schema import InputBaseline

DEFAULT_LEVELS: Final = (80, 95)
"""Interval levels, percent, of a request that names none."""

MAX_EVENT_HORIZON: Final = 300
"""Steps ahead of events and paths. How the leads depend on each other takes the cube of their number to compute."""

_LEADS: Final = 16
"""Leads of a short forecast; further ones take longer to sample."""


@dataclass(frozen=True, eq=False)
class EventOptions:
    """What each forecast contains in addition.

    Attributes:
        definitions: the events, °C.
        paths: number of sample paths to return.
        baseline: for series without their own, in the request's units.
    """

    definitions: tuple[EventDefinition, ...]
    paths: int = 0
    baseline: InputBaseline | None = None

    def piece(self, size: int, horizon: int) -> int:
        """Return how many of ``size`` forecasts of ``horizon`` leads to make at once, so that events take no longer."""
        cost = (1 + len(self.definitions) + bool(self.paths)) * max(1, horizon // _LEADS)
        return max(1, size // cost)


class ForecastOptions(NamedTuple):
    """What a forecast contains.

    Attributes:
        horizon: number of leads.
        levels: interval levels, percent; None for those of :data:`DEFAULT_LEVELS` that are calibrated.
        thresholds: temperatures, in ``units``, whose probabilities of exceedance are forecast.
        units: units of all temperatures.
        events: events and sample paths; None without any.
        check: whether to leave out values that are implausible given the forecasts made before them.
        as_of: the time that counts as now, Unix seconds; None for the clock.
    """

    horizon: int
    levels: tuple[int, ...] | None = None
    thresholds: tuple[float, ...] = ()
    units: Units = "celsius"
    events: EventOptions | None = None
    check: bool = False
    as_of: int | None = None

    def levels_of(self, errors: ErrorDistribution) -> tuple[int, ...]:
        """Return the interval levels for a network with these ``errors``."""
        if self.levels is not None:
            return self.levels
        return tuple([level for level in DEFAULT_LEVELS if level in errors.half_width])


def read_as_of(text: str | None) -> int | None:
    """Return the time that counts as now, Unix seconds; None if the clock tells it.

    Raises:
        RequestError: if it is not a time.
    """
    try:
        return None if text is None else seconds_of(text)
    except SeriesError as error:
        raise RequestError(str(error), field="as_of") from None


def event_options(
    events: Sequence[InputEvent], paths: int, baseline: InputBaseline | None, horizon: int, units: Units
) -> EventOptions | None:
    """Return what events and paths a request asks for; None for neither.

    Args:
        events: temperatures in ``units``.
        paths: number of sample paths to return.
        baseline: for series without their own.
        horizon: number of leads.
        units: of the request.

    Raises:
        RequestError: if an event looks further ahead than ``horizon``, or has a temperature that no sea has; or if the
            horizon is too long for sample paths.
    """
    if not events and not paths:
        return None
    if horizon > MAX_EVENT_HORIZON:
        raise RequestError(
            f"horizon {horizon} is too large for events and paths: they reach at most {MAX_EVENT_HORIZON} steps ahead",
            field="horizon",
        )
    return EventOptions(definitions_of(events, horizon, units), paths, baseline)
