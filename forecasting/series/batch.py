"""Many regular series of one step, side by side, for work that is done on all of them at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import SECONDS, Floats, Times, TimeStep


@dataclass(frozen=True, eq=False)
class SeriesBatch:
    """The series' values lie one after the other: however much their lengths differ, that takes no more room.

    Attributes:
        step: of all series.
        values: °C, float64 ``(total,)``; NaN where missing.
        ends: of each series within them, ``(n,)``.
        lengths: of each, ``(n,)``.
        starts: time of the first value of each, UTC ``(n,)``.
        notes: what was changed on the way in, by series; see :class:`~forecasting.series.sst_series.SstSeries`.
        other_steps: of series at another step, by series; they hold no values here.
        shortest: the least of the lengths; 0 where there are none.
        longest: the greatest.
    """

    step: TimeStep
    values: Floats
    ends: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    starts: Times
    notes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    other_steps: Mapping[int, TimeStep] = field(default_factory=dict)
    shortest: int = field(init=False)
    longest: int = field(init=False)

    def __post_init__(self) -> None:
        lengths = self.lengths.tolist()
        object.__setattr__(self, "shortest", min(lengths, default=0))
        object.__setattr__(self, "longest", max(lengths, default=0))

    @classmethod
    def of(cls, series: Sequence[SstSeries], step: TimeStep) -> "SeriesBatch":
        """Of any number of ``series``; those at another ``step`` bring no values."""
        other_steps = {i: one.step for i, one in enumerate(series) if one.step != step}
        values = [one.values[:0] if i in other_steps else one.values for i, one in enumerate(series)]
        lengths = [len(one) for one in values]
        return cls(
            step=step,
            values=np.concatenate([np.empty(0), *values]),
            ends=np.asarray([*accumulate(lengths)], dtype=np.int64),
            lengths=np.asarray(lengths, dtype=np.int64),
            starts=np.asarray([one.start for one in series], dtype=SECONDS),
            notes={i: one.notes for i, one in enumerate(series) if one.notes},
            other_steps=other_steps,
        )

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, place: int) -> SstSeries:
        """The series at a ``place`` of the batch."""
        begin, end = self.ends[place] - self.lengths[place], self.ends[place]
        return SstSeries(self.values[begin:end], self.starts[place], self.step, self.notes.get(place, ()))

    def take(self, places: npt.NDArray[np.intp]) -> "SeriesBatch":
        """Some of the series, or one several times; those at another step no longer say which."""
        notes = {}
        if self.notes:
            notes = {k: self.notes[i] for k, i in enumerate(places.tolist()) if i in self.notes}
        return SeriesBatch(self.step, self.values, self.ends[places], self.lengths[places], self.starts[places], notes)

    def tails(self, count: int) -> Floats:
        """The last ``count`` values of each series, which is to hold one at least, °C ``(n, count)``.

        NaN before those that are shorter.
        """
        table = self.values.take(self.ends[:, None] + np.arange(-count, 0), mode="clip")
        if self.shortest < count:
            table[np.arange(count) < (count - self.lengths)[:, None]] = np.nan
        return table
