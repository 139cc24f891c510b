"""The events of a run, and the baseline that percentiles and marine heatwaves are relative to."""

import hashlib
from dataclasses import dataclass
from typing import Final

from forecasting.events.baseline import Period
from forecasting.events.definitions import EventDefinition, HeatStress, ThresholdEvent, needs_baseline
from forecasting.series.times import DAY
from forecasting.series.timestep import TimeStep, in_words
from scoring.errors import ScoringError
from scoring.events.columns import Column, columns_of

_HEAT_STRESS_DAYS: Final = 84 + 14
"""Days that degree heating weeks are summed over, and some more in which the last values may be missing."""

_DAYS_WITH_BASELINE: Final = 1_096
"""Past days that are read if the baseline is given: an ongoing event is counted from there at the earliest."""


@dataclass(frozen=True)
class EventRequest:
    """The events of a run; none by default.

    Attributes:
        definitions: what is asked, °C.
        names: of the events in columns and variables: lower case letters, digits and underscores.
        paths: joint sample paths of each place; None for the default.
        period: of the baseline; None for the whole input.
        baseline_file: NetCDF or Zarr with climatology and threshold of each cell; None if they come from the input.
        baseline_sha256: digest of that file.
    """

    definitions: tuple[EventDefinition, ...] = ()
    names: tuple[str, ...] = ()
    paths: int | None = None
    period: Period | None = None
    baseline_file: str | None = None
    baseline_sha256: str | None = None

    def __bool__(self) -> bool:
        return bool(self.definitions)

    @property
    def columns(self) -> list[Column]:
        """Columns of all events."""
        pairs = zip(self.definitions, self.names, strict=True)
        return [column for definition, name in pairs for column in columns_of(definition, name)]

    @property
    def sha256(self) -> str | None:
        """Digest of the definitions; None if there are none."""
        identity = (self.definitions, self.names, self.paths)
        return hashlib.sha256(repr(identity).encode()).hexdigest() if self else None

    def steps_needed(self) -> int | None:
        """Return how many past steps the events depend on; None for all."""
        needed = [self._steps_of(definition) for definition in self.definitions]
        known = [steps for steps in needed if steps is not None]
        return None if len(known) < len(needed) else max(known, default=0)

    def _steps_of(self, definition: EventDefinition) -> int | None:
        if isinstance(definition, HeatStress):
            return None if definition.maximum_monthly_mean is None else _HEAT_STRESS_DAYS
        if needs_baseline(definition):
            return None if self.baseline_file is None else _DAYS_WITH_BASELINE
        assert isinstance(definition, ThresholdEvent)
        return definition.duration

    def check_step(self, step: TimeStep) -> None:
        """Refuse events that need daily values where all series have another step.

        Raises:
            ScoringError: naming the first of them.
        """
        for definition in self.definitions:
            if step != TimeStep(DAY) and (needs_baseline(definition) or isinstance(definition, HeatStress)):
                raise ScoringError(
                    f"event {definition.name!r} needs daily values, but the step is {in_words(str(step))}; leave it out"
                )
