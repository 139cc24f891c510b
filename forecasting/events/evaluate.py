"""Evaluate events by a forecast: how probable they are, when they begin and end, and how far they go."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar, overload

import numpy as np

from forecasting.errors import RequestError, SeriesError
from forecasting.events.definitions import EventDefinition, HeatStress, MarineEvent, ThresholdEvent, percentile_of
from forecasting.events.detection import CATEGORIES, Category, States
from forecasting.events.heat_stress import FIRST_ACTIVE_LEVEL, LEVELS, evaluate_heat_stress, levels_of_heat
from forecasting.events.marine_event import evaluate_marine, states_of_marine
from forecasting.events.outcomes import AlertLevel, EventOutcome, HeatStressOutcome, MarineOutcome, ThresholdOutcome
from forecasting.events.outlook import EventPast, Outlook
from forecasting.events.threshold_event import evaluate_threshold, states_of_threshold


@overload
def evaluate(definition: ThresholdEvent, outlook: Outlook) -> ThresholdOutcome: ...


@overload
def evaluate(definition: MarineEvent, outlook: Outlook) -> MarineOutcome: ...


@overload
def evaluate(definition: HeatStress, outlook: Outlook) -> HeatStressOutcome: ...


@overload
def evaluate(definition: EventDefinition, outlook: Outlook) -> EventOutcome: ...


def evaluate(definition: EventDefinition, outlook: Outlook) -> EventOutcome:
    """Return the forecast of an event."""
    match definition:
        case ThresholdEvent():
            return evaluate_threshold(definition, outlook)
        case MarineEvent():
            return evaluate_marine(definition, outlook)
        case HeatStress():
            return evaluate_heat_stress(definition, outlook)


Past = TypeVar("Past", bound=EventPast)
Said = TypeVar("Said")
AnyError = SeriesError | RequestError
"""Why an event cannot be evaluated."""


def each_or_error(
    definitions: Sequence[EventDefinition],
    past: Callable[[], Past],
    judge: Callable[[EventDefinition, Past], Said],
    refused: SeriesError | None = None,
) -> list[Said | AnyError]:
    """Return what ``judge`` says of each event, or why it cannot.

    Nothing can be said of any event if ``past`` fails, nor of those that need a baseline if that is ``refused``.
    """
    known: Past | AnyError
    try:
        known = past()
    except (SeriesError, RequestError) as error:
        known = error

    def one(definition: EventDefinition) -> Said | AnyError:
        if refused is not None and percentile_of(definition) is not None:
            return refused
        if not isinstance(known, EventPast):
            return known
        try:
            return judge(definition, known)
        except (SeriesError, RequestError) as error:
            return error

    return [one(definition) for definition in definitions]


class PastState(NamedTuple):
    """The state of an event at a step of the past, as it was known then.

    Attributes:
        time: of the step, UTC.
        active: whether the step belongs to the event; for heat stress, whether it adds to degree heating weeks.
        since: first step of the active event; None if it is not active, and for heat stress.
        category: of the active marine event at its peak so far, or the alert level of heat stress.
        sst: °C.
    """

    time: np.datetime64
    active: bool
    since: np.datetime64 | None
    category: Category | AlertLevel | None
    sst: float


def past_states(definition: EventDefinition, past: EventPast, last: int) -> list[PastState]:
    """Return the state of an event at those of the ``last`` steps of the past that have a value.

    The last of them is the state that :func:`evaluate` begins with.
    """
    series = past.past
    last = min(last, len(series))
    times, values = series.times[-last:], series.values[-last:].tolist()
    observed = np.flatnonzero(np.isfinite(values)).tolist()
    if isinstance(definition, HeatStress):
        levels = levels_of_heat(definition, past, last).tolist()
        return [
            PastState(times[i], levels[i] >= FIRST_ACTIVE_LEVEL, None, LEVELS[levels[i]], values[i]) for i in observed
        ]
    states: States = (
        states_of_threshold(definition, past, last)
        if isinstance(definition, ThresholdEvent)
        else states_of_marine(definition, past, last)
    )
    found = []
    for i in observed:
        active, category = bool(states.active[i]), int(states.category[i])
        since = series.times[len(series) - last + i + 1 - states.steps[i]] if active else None
        name = CATEGORIES[category] if category >= 0 else None
        found.append(PastState(times[i], active, since, name, values[i]))
    return found
