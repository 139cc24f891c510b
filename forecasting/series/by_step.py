"""The series of a request, by step: those of one step are forecast together."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep


class SeriesByStep(NamedTuple):
    """Series that were read, in batches of one step.

    Attributes:
        batches: the i-th series of a batch is the one at ``rows[i]`` of the request.
        errors: why other series could not be read, by their place in the request.
    """

    batches: Sequence[tuple[npt.NDArray[np.intp], SeriesBatch]]
    errors: Mapping[int, SeriesError]

    @classmethod
    def of(cls, series: Sequence[SstSeries | SeriesError], positions: Floats | None = None) -> "SeriesByStep":
        """Group series, or the errors of some, by their step.

        Args:
            series: in °C.
            positions: degrees north and east of each, ``(n, 2)``, NaN where they are not known; None without any.
        """
        errors = {i: member for i, member in enumerate(series) if isinstance(member, SeriesError)}
        members: dict[TimeStep, list[tuple[int, SstSeries]]] = {}
        for i, member in enumerate(series):
            if isinstance(member, SstSeries):
                members.setdefault(member.step, []).append((i, member))
        batches = []
        for step, group in members.items():
            rows = np.asarray([i for i, _ in group], dtype=np.intp)
            of_batch = None if positions is None else positions[rows]
            batches.append((rows, SeriesBatch.of([member for _, member in group], step, of_batch)))
        return cls(batches, errors)
