"""How good the probabilities of a station's events were."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from forecasting.evaluation.event_states import SCORED_LEVELS, heat_stress_levels, marine_states
from forecasting.events.baseline import PERCENTILES
from forecasting.events.detection import sign_of
from forecasting.events.heat_stress import LEVELS
from forecasting.events.outcomes import AlertLevel
from forecasting.scores.events import PERSISTENCE, SIGNS, verify_states, verify_threshold
from forecasting.scores.verification import Observed
from forecasting.series.times import SECONDS, Floats, Times, seconds_of
from forecasting.series.timestep import TimeStep
from service.stations.events import EventKind
from service.stations.schemas import VerifiedEvent
from service.stations.store.forecasts import IssuedForecast
from service.stations.store.observations import Integers

_THRESHOLD: Final = "threshold"
_HEAT_STRESS: Final = "degree_heating_weeks"


class _Scored(NamedTuple):
    """What is scored together: an event of one name and kind, and for heat stress one alert level."""

    name: str
    kind: EventKind
    level: AlertLevel | None = None


class _Case(NamedTuple):
    """One forecast of an event; lists have one value for each lead that it considers.

    Attributes:
        probability: probability that it is on.
        limit: the threshold, or the maximum monthly mean of heat stress, °C.
        before: persistence of a threshold event, °C; of the others, whether the event was on at the last observation.
        sign: 1 if the event is above its threshold, −1 if below.
        first_time: valid time of the first lead, Unix seconds.
        observed_until: time of the last observation.
    """

    probability: list[float]
    limit: list[float]
    before: list[float]
    sign: float = 1.0
    first_time: int = 0
    observed_until: int = 0


class EventCases:
    """The forecasts of a station's events, which are added one by one, in the order of their last observations."""

    def __init__(self, step: TimeStep, lead: int | None = None) -> None:
        """Keep the events of a station with this ``step``; only those at ``lead`` are scored, if it is given."""
        self._step = step
        self._lead = lead
        self._cases: dict[_Scored, list[_Case]] = {}

    @property
    def have_states(self) -> bool:
        """Whether readings around the valid days decide on some outcome."""
        return any(scored.kind != _THRESHOLD for scored in self._cases)

    def add(self, forecast: IssuedForecast) -> None:
        """Add the events of a forecast. Those with an error are left out."""
        first_time = seconds_of(forecast.content["timestamps"][0])
        for event in forecast.content.get("events", ()):
            for scored, case in _cases_of(event, forecast.content["baselines"]):
                timed = case._replace(first_time=first_time, observed_until=forecast.observed_until)
                self._cases.setdefault(scored, []).append(timed)

    def scores(self, observed: Observed) -> Iterator[VerifiedEvent]:
        """Yield the scores of each event at each lead of which some outcome is known, threshold events first."""
        for scored, cases in sorted(self._cases.items(), key=lambda item: item[0].kind != _THRESHOLD):
            sizes = [len(case.probability) for case in cases]
            leads = np.concatenate([np.arange(1, size + 1) for size in sizes])
            valid = self._step.shift(_repeated([case.first_time for case in cases], sizes), leads - 1)
            until = _repeated([case.observed_until for case in cases], sizes)
            probability, limit, before = (
                np.concatenate(
                    [getattr(case, name)[:size] for case, size in zip(cases, sizes, strict=True)], dtype=float
                )
                for name in ("probability", "limit", "before")
            )
            sign = np.repeat([case.sign for case in cases], sizes)
            happened = _happened(scored, valid, leads, limit, observed)
            for lead in np.unique(leads).tolist() if self._lead is None else [self._lead]:
                at = leads == lead
                if happened is None:
                    sst = observed.at(valid[at])
                    score = verify_threshold(lead, sst, probability[at], limit[at], sign[at], before[at], until[at])
                else:
                    score = verify_states(lead, happened[at], probability[at], before[at], until[at])
                if score is not None:
                    yield VerifiedEvent.model_validate(scored._asdict() | {"lead": lead} | score.model_dump())


def _happened(scored: _Scored, valid: Times, leads: Integers, limit: Floats, observed: Observed) -> Floats | None:
    """Return whether an event was on at each valid time, NaN where that is not known; None for threshold events."""
    if scored.kind == _THRESHOLD:
        return None
    if scored.kind != _HEAT_STRESS:
        return marine_states(valid, leads, limit, sign_of(scored.kind), observed)
    assert scored.level is not None
    levels = heat_stress_levels(valid, limit, observed)
    return np.where(np.isfinite(levels), levels >= LEVELS.index(scored.level), np.nan)


def _repeated(times: list[int], sizes: list[int]) -> Times:
    return np.repeat(np.array(times, dtype=np.int64), sizes).view(SECONDS)


def _cases_of(event: dict[str, Any], baselines: Mapping[str, list[float]]) -> Iterator[tuple[_Scored, _Case]]:
    """Yield the cases of an event's forecast, each with what it is scored under."""
    kind = event.get("kind")
    persistence = baselines.get(PERSISTENCE)
    if "side" in event and "by_lead" in event and persistence is not None:
        scored = _Scored(event["name"], _THRESHOLD)
        yield scored, _Case(event["by_lead"], event["threshold"], persistence, SIGNS[event["side"]])
    if kind in PERCENTILES:
        active = [event["state"]["active"]] * len(event["probability"])
        yield _Scored(event["name"], kind), _Case(event["probability"], event["threshold"], active)
    if kind == _HEAT_STRESS:
        leads = len(event["median"])
        for name in SCORED_LEVELS:
            level = LEVELS.index(name)
            higher = [event["alert_probability"][each] for each in LEVELS[level:] if each in event["alert_probability"]]
            probability = np.minimum(np.sum([np.zeros(leads), *higher], axis=0), 1.0).tolist()
            active = [LEVELS.index(event["alert"]) >= level] * leads
            yield _Scored(event["name"], _HEAT_STRESS, name), _Case(probability, [event["mmm"]] * leads, active)
