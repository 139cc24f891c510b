"""Events to evaluate by the forecasts: what the user asks for, and the values of their columns."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from forecasting.errors import ForecastError
from forecasting.events.baseline import POSITION, Period, Position
from forecasting.events.columns import Column, Values, columns_of
from forecasting.events.definitions import EventDefinition, HeatStress, ThresholdEvent, percentile_of
from forecasting.events.evaluate import each_or_error, evaluate
from forecasting.events.outcomes import EventOutcome
from forecasting.events.outlook import Outlook
from forecasting.forecasts.forecasts import Forecasts
from forecasting.series.times import DAY
from forecasting.series.timestep import TimeStep, in_words
from scoring.errors import ScoringError, in_one_line, kind_of

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
        return [column for columns in self.by_event for column in columns.values()]

    @property
    def by_event(self) -> list[dict[str, Column]]:
        """Columns of each event, by what they are."""
        return [columns_of(definition, name) for definition, name in zip(self.definitions, self.names, strict=True)]

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
        if percentile_of(definition) is not None:
            return DAYS_WITH_BASELINE if self.baseline_file or self.of_position else None
        assert isinstance(definition, ThresholdEvent)
        return definition.duration

    def check_step(self, step: TimeStep) -> None:
        """Refuse events that need daily values where all series have another step."""
        for definition in self.definitions:
            if step != TimeStep(DAY) and (percentile_of(definition) or isinstance(definition, HeatStress)):
                raise ScoringError(
                    f"event {definition.name!r} needs daily values, but the step is {in_words(str(step))}; leave it out"
                )


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


def evaluate_events(
    events: EventRequest, forecasts: Forecasts, positions: Sequence[Position], paths: int
) -> EvaluatedEvents:
    """Evaluate all events of each forecast, at its position, by so many sample ``paths``."""
    evaluated = EvaluatedEvents.none(events, len(forecasts), forecasts.horizon)
    judge: Callable[[EventDefinition, Outlook], EventOutcome] = evaluate
    for i, position in enumerate(positions if events else ()):
        outlook = partial(forecasts.outlook, i, events.baseline_at(position), paths)
        for e, outcome in enumerate(each_or_error(events.definitions, outlook, judge)):
            if isinstance(outcome, ForecastError):
                evaluated.errors[e][i] = in_one_line(outcome)
                continue
            evaluated.calibrated[e][i] = outcome.calibrated
            evaluated.warnings[i].update(warning.code for warning in outcome.warnings)
            for short, column in events.by_event[e].items():
                evaluated.values[column.name][i] = outcome.columns[short]
    return evaluated
