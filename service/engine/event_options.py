"""The events and sample paths that a request asks for."""

from dataclasses import dataclass
from typing import Final

from forecasting.events.definitions import EventDefinition
from service.engine.baseline_schema import InputBaseline

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
