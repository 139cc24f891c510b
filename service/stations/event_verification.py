"""How good the probabilities of a station's events were."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from forecasting.evaluation.event_states import (
    MARGIN_DAYS,
    SCORED_LEVELS,
    heat_stress_levels,
    marine_states,
)
from forecasting.events.baseline import PERCENTILES
from forecasting.events.detection import sign_of
from forecasting.events.kinds.heat_stress import LEVELS
from forecasting.events.outcomes import AlertLevel
from forecasting.scores.events import PERSISTENCE, SIGNS, EventScore, verify_states, verify_threshold
from forecasting.scores.verification import Observed
from forecasting.series.times import SECONDS, Floats, Times, seconds_of
from forecasting.series.timestep import TimeStep
from service.stations.events import EventKind
from service.stations.store.forecasts import IssuedForecast
from service.stations.store.observations import Integers


class EventLead(NamedTuple):
    """How good the probabilities were that an event is on at one lead: for a threshold, that SST is beyond it.

    ``level`` is that of heat stress, which is on at this level and above.
    """

    event: str
    kind: EventKind
    lead: int
    score: EventScore
    level: AlertLevel | None = None


class _ThresholdCase(NamedTuple):
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


class ThresholdVerification:
    """The forecasts of a station's threshold events, which are added one by one, in order of their issue."""

    def __init__(self, step: TimeStep, lead: int | None = None) -> None:
        """Keep the events of a station with this ``step``; only those at ``lead``, if it is given."""
        self._step = step
        self._lead = lead
        self._cases: dict[str, list[_ThresholdCase]] = {}

    def add(self, forecast: IssuedForecast) -> None:
        """Add the events of a forecast. Those of other kinds and those with an error are left out."""
        content = forecast.content
        persistence = content["baselines"].get(PERSISTENCE)
        for event in content.get("events", ()):
            if "side" in event and "by_lead" in event and persistence is not None:
                self._cases.setdefault(event["name"], []).append(
                    _ThresholdCase(
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

    def _score(self, cases: list[_ThresholdCase], lead: int, observed: Observed) -> EventScore | None:
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


_HEAT_STRESS: Final = "degree_heating_weeks"
_SIGNS: Final[dict[EventKind, float]] = {kind: sign_of(kind) for kind in PERCENTILES}


class _Kind(NamedTuple):
    """What is scored together: an event of one name and kind, and for heat stress one alert level."""

    name: str
    kind: EventKind
    level: AlertLevel | None = None


class _StateCase(NamedTuple):
    """One forecast of an event; lists have one value for each lead.

    Attributes:
        first_time: valid time of the first lead, Unix seconds.
        observed_until: time of the last observation.
        active: whether the event was on then.
        probability: that it is on.
        limit: the threshold of a heatwave or cold spell, or the maximum monthly mean of heat stress, °C.
    """

    first_time: int
    observed_until: int
    active: bool
    probability: list[float]
    limit: list[float]


class StateVerification:
    """The forecasts of the events of a station that have a state, which are added one by one."""

    def __init__(self, step: TimeStep, lead: int | None = None) -> None:
        """Keep the events of a station with this ``step``; only those at ``lead`` are scored, if it is given."""
        self._step = step
        self._lead = lead
        self._cases: dict[_Kind, list[_StateCase]] = {}

    def add(self, forecast: IssuedForecast) -> None:
        """Add the events of a forecast. Those of other kinds and those with an error are left out."""
        first_time = seconds_of(forecast.content["timestamps"][0])
        for event in forecast.content.get("events", ()):
            for kind, values in _states(event):
                self._cases.setdefault(kind, []).append(_StateCase(first_time, forecast.observed_until, *values))

    @property
    def period(self) -> tuple[int, int] | None:
        """The times between which observations may decide on a state, Unix seconds; None without events."""
        cases = [case for group in self._cases.values() for case in group]
        if not cases:
            return None
        first = min(case.first_time for case in cases)
        last = max(case.first_time + len(case.probability) * self._step.seconds for case in cases)
        before, after = MARGIN_DAYS
        begin, end = self._step.shift(np.array([first, last]).view(SECONDS), [-before, after]).astype(np.int64).tolist()
        return begin, end

    def scores(self, observed: Observed) -> Iterator[EventLead]:
        """Yield the scores of each event at each lead of which some state is known."""
        for (name, kind, level), cases in self._cases.items():
            rows = _Rows.of(cases, self._step)
            if level is not None:
                levels = heat_stress_levels(rows.valid, rows.limit, observed)
                happened = np.where(np.isfinite(levels), levels >= LEVELS.index(level), np.nan)
            else:
                happened = marine_states(rows.valid, rows.leads, rows.limit, _SIGNS[kind], observed)
            for lead in np.unique(rows.leads).tolist() if self._lead is None else [self._lead]:
                at = rows.leads == lead
                score = verify_states(lead, happened[at], rows.probability[at], rows.active[at], rows.until[at])
                if score is not None:
                    yield EventLead(name, kind, lead, score, level)


class _Rows(NamedTuple):
    """Forecasts, with a row for each lead of each one; arrays are ``(n,)``."""

    valid: Times
    leads: Integers
    until: Times
    active: Floats
    probability: Floats
    limit: Floats

    @classmethod
    def of(cls, cases: list[_StateCase], step: TimeStep) -> "_Rows":
        sizes = [len(case.probability) for case in cases]

        def repeated(values: list[int]) -> Times:
            return np.repeat(np.array(values, dtype=np.int64), sizes).view(SECONDS)

        leads = np.concatenate([np.arange(1, size + 1) for size in sizes])
        return cls(
            valid=step.shift(repeated([case.first_time for case in cases]), leads - 1),
            leads=leads,
            until=repeated([case.observed_until for case in cases]),
            active=np.repeat(np.array([case.active for case in cases], dtype=np.float64), sizes),
            probability=np.concatenate([case.probability for case in cases]),
            limit=np.concatenate([case.limit for case in cases]),
        )


_State = tuple[bool, list[float], list[float]]
"""Whether an event is on, its probability at each lead, and its limit there, °C."""


def _states(event: dict[str, Any]) -> Iterator[tuple[_Kind, _State]]:
    """Yield the states of an event, each with the kind that it is scored under."""
    kind = event.get("kind")
    if kind in PERCENTILES:
        yield _Kind(event["name"], kind), (event["state"]["active"], event["probability"], event["threshold"])
    if kind == _HEAT_STRESS:
        for level in SCORED_LEVELS:
            yield _Kind(event["name"], _HEAT_STRESS, level), _heat_stress(event, LEVELS.index(level))


def _heat_stress(event: dict[str, Any], level: int) -> _State:
    by_level, leads = event["alert_probability"], len(event["median"])
    lists = [by_level[name] for name in LEVELS[level:] if name in by_level]
    probability = np.minimum(np.sum([np.zeros(leads), *lists], axis=0), 1.0).tolist()
    return LEVELS.index(event["alert"]) >= level, probability, [event["mmm"]] * leads
