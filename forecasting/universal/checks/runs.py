"""Runs of suspect values: outliers to leave out, or the first values at a new level."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Floats

_REACH: Final = 24
"""Steps after a suspect run within which forecasts are made again before they count."""

_LEAST_DISTINCT: Final = 0.5
"""Values at a new level differ by less than this share of their distance from what was expected."""

Steps = npt.NDArray[np.int64]


class Run(NamedTuple):
    """Successive values that are implausible.

    Attributes:
        suspects: steps of the suspect values.
        left_out: those of them that later forecasts do not see.
    """

    suspects: Steps
    left_out: Steps


class Runs:
    """Follows runs of implausible values through a series."""

    def __init__(self, values: Floats, level: int) -> None:
        """Follow runs in ``values`` °C ``(n,)``, where ``level`` values in a row may be a new level."""
        self._values = values
        self._level = level

    def among(self, fresh: Steps, origins: Steps, lower: Floats, median: Floats, upper: Floats) -> Iterator[Run]:
        """Yield the runs that begin at ``fresh``, except those that an earlier one may have caused.

        Args:
            fresh: steps of implausible values, increasing ``(n,)``.
            origins: the step that each was forecast from, ``(n,)``.
            lower: lowest plausible values at the leads from each origin, °C ``(n, horizon)``.
            median: of the forecasts, of the same shape.
            upper: highest plausible values, of the same shape.
        """
        last = -_REACH - 1
        for place, step in enumerate(fresh.tolist()):
            if step - last > _REACH:
                run = self._follow(step, int(origins[place]), lower[place], median[place], upper[place])
                last = int(run.suspects[-1])
                yield run

    def _follow(self, step: int, origin: int, lower: Floats, median: Floats, upper: Floats) -> Run:
        run: list[int] = []
        for lead in range(step - origin, min(len(lower), len(self._values) - 1 - origin) + 1):
            value = self._values[origin + lead]
            if np.isnan(value):
                continue
            if lower[lead - 1] <= value <= upper[lead - 1]:
                break
            run.append(origin + lead)
            latest = np.asarray(run[-self._level :])
            if len(latest) == self._level and self._is_level(latest, median[latest - origin - 1]):
                steps = np.asarray(run[: -self._level + 1])
                return Run(steps, steps[:-1])
        steps = np.asarray(run)
        return Run(steps, steps)

    def _is_level(self, steps: Steps, expected: Floats) -> bool:
        """Return whether values agree with each other, and not with what was expected; a stuck sensor does not."""
        values = self._values[steps]
        distances = values - expected
        spread = float(np.ptp(values))
        return 0 < spread < _LEAST_DISTINCT * float(np.abs(distances).min()) and len(np.unique(np.sign(distances))) == 1
