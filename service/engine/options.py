"""The options of a request beside those of each forecast: events, sample paths, and the time that counts as now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from forecasting.errors import RequestError
from forecasting.events.definitions import EventDefinition
from forecasting.events.event_schema import InputEvent, definitions_of
from forecasting.forecasts.options import DatasetForecastFields, ForecastOptions
from forecasting.series.units import Units
from service.engine.reading import InputBaseline

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


class RequestOptions(NamedTuple):
    """The options of a request.

    Attributes:
        forecast: what each forecast contains.
        events: events and sample paths; None without any.
        as_of: the time that counts as now, Unix seconds; None for the clock.
    """

    forecast: ForecastOptions
    events: EventOptions | None = None
    as_of: int | None = None

    @classmethod
    def of(cls, asked: DatasetForecastFields, baseline: InputBaseline | None = None) -> Self:
        """Return what ``asked`` asks for, with the ``baseline`` of series without their own.

        Raises:
            RequestError: if the forecast does not have what an event asks for, or ``as_of`` is not a time.
        """
        events = event_options(asked.events or (), asked.paths, baseline, asked.horizon, asked.units)
        return cls(asked.forecast_options, events, asked.now)


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
