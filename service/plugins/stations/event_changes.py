"""The states that an event goes through as readings arrive, and which of its changes people are told of.

Readings may be late, arrive many at once, or fill in what is missing. So each time, all steps that are recent enough to
raise an alert are looked at again, and compared with what people were told: a change is told once, whenever the
readings arrive that show it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple, Self

import numpy as np

from forecasting.events.definitions import EventDefinition, ThresholdEvent
from forecasting.events.evaluate import PastState, past_states
from forecasting.events.heat_stress import LEVELS
from forecasting.events.outlook import EventPast
from forecasting.series.times import iso
from service.engine.event_state import EventCategory, EventStatus

Json = dict[str, Any]

AlertKind = Literal["began", "category_changed", "ended", "expected"]

_REARMED_BELOW: Final = 0.5
"""Share of ``alert_at`` that the probability has to fall below before an event is expected again."""

_LONG_AGO: Final = -(2**40)
"""Before any reading, Unix seconds."""


class Step(NamedTuple):
    """A step with a reading, Unix seconds and °C, and the state of an event as it was known then."""

    time: int
    sst: float
    state: EventStatus


class History(NamedTuple):
    """The last steps of a station, and the state at their end, which may be unknown: then there are no steps."""

    steps: Sequence[Step]
    state: EventStatus

    @classmethod
    def of(cls, definition: EventDefinition, past: EventPast, last: int, event: Json | None) -> Self:
        """Return the ``last`` steps of a past; its end has the state that the forecast of the ``event`` begins with."""
        steps = [
            Step(int(each.time.astype(np.int64)), each.sst, _state(definition, each))
            for each in past_states(definition, past, last)
        ]
        state = EventStatus(None) if event is None else EventStatus.of(event)
        if event is None and steps:
            state = steps[-1].state
        if state.active is None or not steps:
            return cls((), state)
        return cls((*steps[:-1], steps[-1]._replace(state=state)), state)


def _state(definition: EventDefinition, known: PastState) -> EventStatus:
    since = None
    if known.since is not None:
        is_threshold = isinstance(definition, ThresholdEvent)
        since = iso(known.since) if is_threshold else str(known.since.astype("datetime64[D]"))
    return EventStatus(known.active, since, known.category)


class Told(NamedTuple):
    """What people were told of an event."""

    active: bool = False
    category: EventCategory | None = None
    expected: bool = False
    until: int | None = None
    episodes: Sequence[tuple[int, int | None]] = ()

    @classmethod
    def read(cls, stored: Json) -> Self:
        """Return what :meth:`_asdict` has written, or an earlier version of the service."""
        told = cls(**stored)
        episodes = [(begin, end) for begin, end in told.episodes]
        if told.active and not any(end is None for _, end in episodes):
            episodes.append((_LONG_AGO, None))
        return told._replace(episodes=episodes)


class Change(NamedTuple):
    """A change of an event at a step, and its category before."""

    kind: AlertKind
    step: Step
    previous: EventCategory | None = None


class _Run(NamedTuple):
    """Steps in a row at which an event is on, and the step at which it is over; None if it is on at the end."""

    steps: Sequence[Step]
    over: Step | None

    @property
    def begin(self) -> int:
        return self.steps[0].time

    @property
    def end(self) -> int | None:
        return None if self.over is None else self.over.time


def changes_of(told: Told, steps: Sequence[Step], begin: int, alert_at: float) -> tuple[list[Change], Told]:
    """Return what to tell now, in the order of the steps, and what people know then.

    An event that goes on is told even if it began before, if people do not know of it. Its end is told whenever it was
    told that it began.
    """
    if not steps or steps[-1].time < begin:
        return [], told
    changes, episodes, open_ones = list[Change](), list[tuple[int, int | None]](), [*told.episodes]
    for run in _runs(steps):
        known = [each for each in open_ones if _overlap(each, run)]
        open_ones = [each for each in open_ones if each not in known]
        first = min([run.begin, *(each[0] for each in known)])
        ends = [end for _, end in known if end is not None]
        if len(ends) < len(known):
            changes += _goes_on(told, run)
        elif not known or run.over is None:
            changes += _begins(run, max(ends, default=None), begin)
        episodes.append((first, run.end))
    newest = steps[-1]
    if not newest.state.active and any(end is None for _, end in open_ones):
        changes.append(Change("ended", newest, told.category))
    episodes += [(first, newest.time if end is None else end) for first, end in open_ones]
    # One that a correction ended at its first step was never on.
    kept = sorted((first, end) for first, end in episodes if end is None or (end >= begin and end > first))
    active, expected = bool(newest.state.active), told.expected and not changes
    category = newest.state.category if active else None
    now = Told(active, category, expected, newest.time, kept)
    if changes and changes[-1].step.time == newest.time:
        return changes, now
    more, expected = _expected(newest, expected, alert_at)
    return [*changes, *more], now._replace(expected=expected)


def _runs(steps: Sequence[Step]) -> Iterator[_Run]:
    """Yield the times that an event is on, in order."""
    first: int | None = None
    for i, step in enumerate(steps):
        if step.state.active and first is None:
            first = i
        elif not step.state.active and first is not None:
            yield _Run(steps[first:i], step)
            first = None
    if first is not None:
        yield _Run(steps[first:], None)


def _overlap(told: tuple[int, int | None], run: _Run) -> bool:
    begin, end = told
    return (run.end is None or begin < run.end) and (end is None or end > run.begin)


def _goes_on(told: Told, run: _Run) -> Iterator[Change]:
    """Yield the changes of an event that people know to be on: of its category since then, and its end."""
    category = told.category
    later = [step for step in run.steps if told.until is None or step.time > told.until]
    if not later and run.over is None:
        # An earlier reading was corrected.
        later = [run.steps[-1]]
    for step in later:
        if step.state.category != category:
            yield Change("category_changed", step, category)
            category = step.state.category
    if run.over is not None:
        yield Change("ended", run.over, category)


def _begins(run: _Run, told_over: int | None, begin: int) -> Iterator[Change]:
    """Yield the changes of an event that people do not know to be on."""
    began: Step | None = None
    if told_over is not None:
        # The reading at which it was over may have been taken back, as the last one.
        began = next((step for step in run.steps if step.time >= max(told_over, begin)), run.steps[-1])
    elif run.begin >= begin:
        began = run.steps[0]
    elif run.over is None:
        began = run.steps[-1]
    category = run.steps[-1].state.category
    if began is not None:
        yield Change("began", began)
        category = began.state.category
        for step in run.steps:
            if step.time > began.time and step.state.category != category:
                yield Change("category_changed", step, category)
                category = step.state.category
    if run.over is not None and run.over.time >= begin:
        yield Change("ended", run.over, category)


def _expected(newest: Step, expected: bool, alert_at: float) -> tuple[list[Change], bool]:
    """Return the alert that an event is expected, if its probability has risen enough, and whether it is known to be.

    It is told once the probability reaches ``alert_at``, and again only after the event was on, or its probability was
    less than half of that. An active event is not expected; only a higher level of heat stress is.
    """
    state = newest.state
    if state.probability is None:
        return [], expected
    may_rise = not state.active or state.category in LEVELS
    if may_rise and not expected and state.probability >= alert_at:
        return [Change("expected", newest, state.category if state.active else None)], True
    return [], expected and state.probability >= alert_at * _REARMED_BELOW
