"""The record of a station's threshold events: the probabilities that were issued, and whether they came true."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from forecasting.events.outcomes import AlertLevel
from forecasting.scores.events import EventScore
from forecasting.scores.observed import Observed
from forecasting.scores.threshold_events import PERSISTENCE, SIGNS, verify_threshold
from forecasting.series.times import SECONDS, Floats, seconds_of
from forecasting.series.timestep import TimeStep
from service.stations.station_events import EventKind
from service.store.issued_forecasts import IssuedForecast


class EventLead(NamedTuple):
    """How good the probabilities were that an event is on at one lead: for a threshold, that SST is beyond it.

    ``level`` is that of heat stress, which is on at this level and above.
    """

    event: str
    kind: EventKind
    lead: int
    score: EventScore
    level: AlertLevel | None = None


class _Case(NamedTuple):
    """A forecast of an event; lists have one value for each lead that it considers.

    Attributes:
        first_time: valid time of the first lead, Unix seconds.
        observed_until: time of the last observation.
        sign: 1 if the event is above its threshold, −1 if below.
        probability: of being beyond the threshold.
        threshold: °C.
        persistence: the reference, °C.
    """

    first_time: int
    observed_until: int
    sign: float
    probability: list[float]
    threshold: list[float]
    persistence: list[float]


class EventRecord:
    """The forecasts of a station's threshold events, which are added one by one, in order of their issue."""

    def __init__(self, step: TimeStep, lead: int | None = None) -> None:
        """Keep the events of a station with this ``step``; only those at ``lead``, if it is given."""
        self._step = step
        self._lead = lead
        self._cases: dict[str, list[_Case]] = {}

    def add(self, forecast: IssuedForecast) -> None:
        """Add the events of a forecast. Those of other kinds and those with an error are left out."""
        content = forecast.content
        persistence = content["baselines"].get(PERSISTENCE)
        for event in content.get("events", ()):
            if "side" in event and "by_lead" in event and persistence is not None:
                self._cases.setdefault(event["name"], []).append(
                    _Case(
                        seconds_of(content["timestamps"][0]),
                        forecast.observed_until,
                        SIGNS[event["side"]],
                        event["by_lead"],
                        event["threshold"],
                        persistence,
                    )
                )

    def scores(self, observed: Observed) -> Iterator[EventLead]:
        """Yield the scores of each event at each lead with an observation."""
        for event, cases in self._cases.items():
            most = max(len(case.probability) for case in cases)
            for lead in range(1, most + 1) if self._lead is None else [self._lead]:
                score = self._score([case for case in cases if len(case.probability) >= lead], lead, observed)
                if score is not None:
                    yield EventLead(event, "threshold", lead, score)

    def _score(self, cases: list[_Case], lead: int, observed: Observed) -> EventScore | None:
        def column(lists: list[list[float]]) -> Floats:
            return np.array([each[lead - 1] for each in lists], dtype=np.float64)

        first_times = np.array([case.first_time for case in cases], dtype=np.int64).view(SECONDS)
        return verify_threshold(
            lead,
            observed.at(self._step.shift(first_times, lead - 1)),
            column([case.probability for case in cases]),
            column([case.threshold for case in cases]),
            np.array([case.sign for case in cases]),
            column([case.persistence for case in cases]),
            np.array([case.observed_until for case in cases], dtype=np.int64).view(SECONDS),
        )


def with_sides(events: list[dict[str, Any]], watched: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Return forecasts of events with the ``side`` of their threshold, so that they can be verified later.

    Args:
        events: as they were forecast.
        watched: the events of the station, as they are stored.
    """
    sides = {
        event["name"]: "above" if "above" in event else "below"
        for event in watched or ()
        if event["kind"] == "threshold"
    }
    return [event | {"side": sides[event["name"]]} if event["name"] in sides else event for event in events]
