"""Series with their climatology, and the past steps that forecasts are tried from."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Bools, Floats, Times
from forecasting.series.timestep import TimeStep
from forecasting.universal.contexts.contexts import Contexts
from forecasting.universal.contexts.position_check import climatology_of_steps

REFIT_GROWTH: Final = 1.1
"""References are fitted again whenever the past has grown by this factor."""

Steps = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Past:
    """Several series, and the steps to forecast from, including the end.

    Attributes:
        step: of the series.
        values: °C, ``(n, steps)``; NaN where missing.
        last_time: of the last value, UTC ``(n,)``.
        usual: climatology of the position from the first step to the last lead, °C ``(n, steps + leads)``; NaN where
            there is none.
        origins: steps to forecast from, increasing, ``(origins,)``.
        leads: number of leads.
    """

    step: TimeStep
    values: Floats
    last_time: Times
    usual: Floats
    origins: Steps
    leads: int

    @classmethod
    def of(cls, contexts: Contexts, origins: Steps, leads: int) -> "Past":
        """Return the past of ``contexts``."""
        length = contexts.values.shape[1]
        usual = np.full((len(contexts), length + leads), np.nan)
        known = np.isfinite(contexts.coefficients[:, 0])
        if known.any():
            steps = range(1 - length, leads + 1)
            usual[known] = climatology_of_steps(
                contexts.coefficients[known], contexts.last_time[known], steps, contexts.step
            )
        return cls(contexts.step, contexts.values, contexts.last_time, usual, origins, leads)

    @cached_property
    def observed(self) -> Bools:
        """Where values are not missing, ``(n, steps)``."""
        observed: Bools = np.isfinite(self.values)
        return observed

    @cached_property
    def filled(self) -> Floats:
        """Values, each missing one replaced by the last before it, or by the first of the series, ``(n, steps)``."""
        if self.observed.all():
            return self.values
        source = np.maximum.accumulate(np.where(self.observed, np.arange(self.values.shape[1]), 0), axis=1)
        source = np.maximum(source, self.observed.argmax(axis=1)[:, None])
        return np.take_along_axis(self.values, source, axis=1)

    @cached_property
    def ahead(self) -> Steps:
        """The step of each lead of each origin, ``(origins, leads)``."""
        return self.origins[:, None] + np.arange(1, self.leads + 1)

    def until_origins(self, terms: Floats) -> Floats:
        """Return the sum of ``terms`` ``(…, steps)`` up to and with each origin: ``(…, origins)``."""
        if len(self.origins) == 1 and self.origins[0] == terms.shape[-1] - 1:
            total: Floats = terms.sum(axis=-1, keepdims=True)
            return total
        sums: Floats = np.cumsum(terms, axis=-1)[..., self.origins]
        return sums

    def refits(self, first: int) -> Iterator[tuple[int, slice]]:
        """Yield the step up to which a reference is fitted, and the origins that use this fit.

        The fit of the last origin is its own. Origins before ``first`` are left out.
        """
        place = int(np.searchsorted(self.origins, first))
        while place < len(self.origins):
            begin = int(self.origins[place])
            until = int(np.searchsorted(self.origins, max(begin * REFIT_GROWTH, begin + 1)))
            until = max(until, place + 1)
            if until == len(self.origins) > place + 1:
                until -= 1
            yield begin, slice(place, until)
            place = until
