"""The events and sample paths that a request asks for."""

from dataclasses import dataclass

from forecasting.events.definitions import EventDefinition
from service.engine.baseline_schema import InputBaseline


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

    def piece(self, size: int) -> int:
        """Return how many of ``size`` forecasts to make at once, so that those with events take no longer."""
        return max(1, size // (1 + len(self.definitions) + bool(self.paths)))
