"""Events to evaluate by the forecasts: what the user asks for, the columns of the output, and their values."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, Final, Literal, TypeVar, get_args

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from forecasting.errors import RequestError, SeriesError
from forecasting.events.baseline import POSITION, Period, Position
from forecasting.events.definitions import (
    EventDefinition,
    HeatStress,
    MarineEvent,
    Percentile,
    ThresholdEvent,
    needs_baseline,
)
from forecasting.events.detection import CATEGORIES
from forecasting.events.evaluate import evaluate
from forecasting.events.outcomes import (
    AlertLevel,
    EventOutcome,
    EventState,
    HeatStressOutcome,
    MarineOutcome,
    ThresholdOutcome,
)
from forecasting.events.outlook import GivenBaseline, JointForecast
from forecasting.scores.events import EventScore
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY
from forecasting.series.timestep import TimeStep, in_words
from scoring.errors import ScoringError, in_one_line, kind_of

Form = Literal["probability", "celsius", "difference", "celsius_weeks", "days", "time", "flag"]

MISSING: Final = -1
"""Instead of a flag or a number of days that is not known."""

STATES: Final = ("No event", "Building", "Active")
CATEGORY_FLAGS: Final = ("No event", *CATEGORIES)
ALERT_LEVELS: Final[tuple[str, ...]] = get_args(AlertLevel)
LEVEL_PROBABILITIES: Final[dict[AlertLevel, str]] = {
    "Warning": "probability_warning",
    "Alert Level 1": "probability_alert_1",
}
"""Columns of the probability of an alert level or a higher one, by the levels that are verified."""


class EventVerification(BaseModel, frozen=True):
    """How good the probabilities of an event were at one lead."""

    event: str
    level: AlertLevel | None = None
    lead: int
    score: EventScore


Values = npt.NDArray[Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Column:
    """One number, flag or time for each place, or for each of its leads."""

    name: str
    by_lead: bool
    form: Form
    title: str
    value: Callable[[Any], Any] | None = None
    flags: tuple[str, ...] = ()

    @property
    def dtype(self) -> str:
        """Type of its values."""
        return {"flag": "int8", "days": "int16"}.get(self.form, "float64")

    @property
    def missing(self) -> float:
        """Value where nothing is known."""
        return MISSING if self.form in ("flag", "days") else np.nan

    def value_of(self, outcome: EventOutcome) -> Any:
        """Return the value, ``()`` or ``(horizon,)``."""
        assert self.value is not None
        return self.value(outcome)

    def empty(self, n: int, horizon: int) -> Values:
        """Return missing values for ``n`` places, ``(n,)`` or ``(n, horizon)``."""
        return np.full((n, horizon) if self.by_lead else n, self.missing, dtype=self.dtype)


@lru_cache(maxsize=256)
def columns_of(definition: EventDefinition, name: str) -> tuple[Column, ...]:
    """Return the columns of an event whose safe name is ``name``."""
    if isinstance(definition, ThresholdEvent):
        columns = _threshold(definition)
    elif isinstance(definition, MarineEvent):
        columns = _marine(definition)
    else:
        columns = _heat_stress()
    return tuple(
        replace(
            column,
            name=f"event_{name}_{column.name}",
            title=f"{definition.name}: {column.title}",
            value=column.value or attrgetter(column.name),
        )
        for column in columns
    )


def _threshold(event: ThresholdEvent) -> Sequence[Column]:
    threshold = event.threshold
    by_day = isinstance(threshold, Percentile)
    limit = (
        f"percentile {threshold.percent:g}" if isinstance(threshold, Percentile) else f"{threshold:g} degree Celsius"
    )
    beyond = f"sea surface temperature {event.side} {limit}"
    leads = "the forecast" if event.within is None else f"the first {event.within} steps"
    run = f"{event.duration} consecutive steps of " if event.duration > 1 else ""
    extreme = "highest" if event.side == "above" else "lowest"
    columns = [
        Column("probability", False, "probability", f"probability of {run}{beyond} within {leads}"),
        Column("by_lead", True, "probability", f"probability of {beyond}"),
        Column("onset", False, "time", f"median time of the onset of {run}{beyond}", _onset),
        Column(
            "peak", False, "celsius", f"median of the {extreme} temperature within {leads}", attrgetter("peak.median")
        ),
    ]
    return [*columns, Column("threshold", True, "celsius", f"threshold, {limit}")] if by_day else columns


def _onset(outcome: ThresholdOutcome) -> float:
    return np.nan if outcome.onset is None else float(outcome.onset.median.astype("datetime64[s]").astype(np.int64))


def _marine(event: MarineEvent) -> Sequence[Column]:
    name, last = event.kind.replace("_", " "), "the day of the last observation"
    return (
        Column("state", False, "flag", f"state of the {name} on {last}", lambda o: _state(o.state), STATES),
        Column("days", False, "days", f"days of the {name} until {last}", attrgetter("state.days")),
        Column("category", False, "flag", f"category of the {name} so far", _category, CATEGORY_FLAGS),
        Column(
            "intensity", False, "difference", f"temperature minus climatology on {last}", attrgetter("state.intensity")
        ),
        Column("probability", True, "probability", f"probability of a {name}"),
        Column("likely_category", True, "flag", f"most likely category of a {name}", _likely_category, CATEGORY_FLAGS),
        Column("onset_within", True, "probability", f"probability that a new {name} has begun"),
        Column("ends_within", True, "probability", f"probability that the ongoing {name} has ended", _ends_within),
        Column("climatology", True, "celsius", "usual temperature"),
        Column("threshold", True, "celsius", f"threshold of a {name}"),
    )


def _state(state: EventState) -> int:
    """Return 2 in an event, and 1 on days beyond the threshold that are too few for one."""
    return 2 if state.active else int(state.days > 0)


def _category(outcome: MarineOutcome) -> int:
    return CATEGORY_FLAGS.index(outcome.state.category or CATEGORY_FLAGS[0])


def _likely_category(outcome: MarineOutcome) -> Values:
    by_category = np.stack([outcome.category_probability[category] for category in CATEGORIES])
    likely: Values = np.concatenate([[1 - by_category.sum(axis=0)], by_category]).argmax(axis=0)
    return likely


def _ends_within(outcome: MarineOutcome) -> Any:
    return np.nan if outcome.ends_within is None else outcome.ends_within


def _heat_stress() -> Sequence[Column]:
    weeks, last, bound = "degree heating weeks", "on the day of the last observation", "bound of the central 80 % range"
    return (
        Column("mmm", False, "celsius", "maximum monthly mean", attrgetter("maximum_monthly_mean")),
        Column("now", False, "celsius_weeks", f"{weeks} {last}"),
        Column("alert", False, "flag", f"alert level {last}", lambda o: ALERT_LEVELS.index(o.level), ALERT_LEVELS),
        Column("median", True, "celsius_weeks", f"median of {weeks}"),
        Column("lower", True, "celsius_weeks", f"lower {bound} of {weeks}"),
        Column("upper", True, "celsius_weeks", f"upper {bound} of {weeks}"),
        Column("likely_alert", True, "flag", "most likely alert level", _likely_alert, ALERT_LEVELS),
        *(
            Column(name, True, "probability", f"probability of {level} or above", partial(_probability_from, level))
            for level, name in LEVEL_PROBABILITIES.items()
        ),
    )


def _by_level(outcome: HeatStressOutcome) -> Values:
    """Return the probability of each alert level, ``(levels, horizon)``."""
    never = np.zeros(len(outcome.median))
    return np.stack([outcome.level_probability.get(level, never) for level in get_args(AlertLevel)])


def _probability_from(level: AlertLevel, outcome: HeatStressOutcome) -> Values:
    """Return the probability of an alert level or a higher one at each lead."""
    probability: Values = np.minimum(_by_level(outcome)[ALERT_LEVELS.index(level) :].sum(axis=0), 1.0)
    return probability


def _likely_alert(outcome: HeatStressOutcome) -> Values:
    likely: Values = _by_level(outcome).argmax(axis=0)
    return likely


_HEAT_STRESS_DAYS: Final = 84 + 14
"""Days that degree heating weeks are summed over, and some more in which the last values may be missing."""

DAYS_WITH_BASELINE: Final = 1_096
"""Past days that are read if the baseline is given: an ongoing event is counted from there at the earliest."""


@dataclass(frozen=True)
class EventRequest:
    """The events of a run; none by default."""

    definitions: tuple[EventDefinition, ...] = ()
    names: tuple[str, ...] = ()
    paths: int | None = None
    period: Period | None = None
    baseline_file: str | None = None
    baseline_sha256: str | None = None
    of_position: bool = False

    def __bool__(self) -> bool:
        return bool(self.definitions)

    @property
    def columns(self) -> list[Column]:
        """Columns of all events."""
        pairs = zip(self.definitions, self.names, strict=True)
        return [column for definition, name in pairs for column in columns_of(definition, name)]

    @property
    def needs_warmest_month(self) -> bool:
        """Whether the maximum monthly mean comes from the file of baselines."""
        heat = [event for event in self.definitions if isinstance(event, HeatStress)]
        return self.baseline_file is not None and any(event.maximum_monthly_mean is None for event in heat)

    @property
    def sha256(self) -> str | None:
        """Digest of the definitions; None if there are none."""
        identity = (self.definitions, self.names, self.paths)
        return hashlib.sha256(repr(identity).encode()).hexdigest() if self else None

    @property
    def baseline_text(self) -> str | None:
        """The baseline as the user states it; None for the whole input, or a file."""
        if self.of_position:
            return POSITION
        return None if self.period is None else f"{self.period.start}/{self.period.end}"

    def baseline_at(self, position: Position) -> Position | Period | None:
        """Return the baseline at a position; None for the whole input, or a file of baselines."""
        return position if self.of_position else self.period

    def steps_needed(self) -> int | None:
        """Return how many past steps the events depend on; None for all."""
        needed = [self._steps_of(definition) for definition in self.definitions]
        known = [steps for steps in needed if steps is not None]
        return None if len(known) < len(needed) else max(known, default=0)

    def _steps_of(self, definition: EventDefinition) -> int | None:
        if isinstance(definition, HeatStress):
            is_given = definition.maximum_monthly_mean is not None or self.baseline_file is not None
            return _HEAT_STRESS_DAYS if is_given else None
        if needs_baseline(definition):
            return DAYS_WITH_BASELINE if self.baseline_file or self.of_position else None
        assert isinstance(definition, ThresholdEvent)
        return definition.duration

    def check_step(self, step: TimeStep) -> None:
        """Refuse events that need daily values where all series have another step."""
        for definition in self.definitions:
            if step != TimeStep(DAY) and (needs_baseline(definition) or isinstance(definition, HeatStress)):
                raise ScoringError(
                    f"event {definition.name!r} needs daily values, but the step is {in_words(str(step))}; leave it out"
                )


Coefficients = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Place:
    """A place whose events are evaluated."""

    forecast: JointForecast
    past: SstSeries
    baseline: GivenBaseline
    coefficients: Coefficients


@dataclass
class EvaluatedEvents:
    """Forecasts of events at several places."""

    values: dict[str, Values]
    errors: tuple[list[str | None], ...]
    calibrated: tuple[list[bool | None], ...]
    warnings: list[set[str]] = field(default_factory=list)

    @classmethod
    def none(cls, events: EventRequest, n: int, horizon: int) -> "EvaluatedEvents":
        """Return missing values for ``n`` places."""
        return cls(
            {column.name: column.empty(n, horizon) for column in events.columns},
            tuple([None] * n for _ in events.definitions),
            tuple([None] * n for _ in events.definitions),
            [set() for _ in range(n)],
        )

    def unjudged(self, events: EventRequest) -> dict[str, int]:
        """Return the number of places at which an event cannot be evaluated, by its name and the kind of reason."""
        return dict(
            Counter(
                f"{definition.name}: {kind_of(error)}"
                for definition, errors in zip(events.definitions, self.errors, strict=True)
                for error in errors
                if error is not None
            )
        )


def evaluate_events(events: EventRequest, places: Iterable[Place], n: int, horizon: int, paths: int) -> EvaluatedEvents:
    """Evaluate all events at each of ``n`` places, by so many sample ``paths``."""
    evaluated = EvaluatedEvents.none(events, n, horizon)
    for i, place in enumerate(places):
        coefficients = None if np.isnan(place.coefficients[0]) else place.coefficients
        outlook = _or_reason(partial(place.forecast.outlook, place.past, paths, place.baseline, coefficients))
        for e, (definition, name) in enumerate(zip(events.definitions, events.names, strict=True)):
            outcome = outlook if isinstance(outlook, str) else _or_reason(partial(evaluate, definition, outlook))
            if isinstance(outcome, str):
                evaluated.errors[e][i] = outcome
                continue
            evaluated.calibrated[e][i] = outcome.calibrated
            evaluated.warnings[i].update(warning.code for warning in outcome.warnings)
            for column in columns_of(definition, name):
                evaluated.values[column.name][i] = column.value_of(outcome)
    return evaluated


def _or_reason(make: Callable[[], T]) -> T | str:
    """Return what ``make`` returns, or why it cannot."""
    try:
        return make()
    except SeriesError as error:
        return in_one_line(error)
    except RequestError as error:
        return str(error)
