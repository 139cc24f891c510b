"""Outlooks that were issued, open for reading."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.readers.grid.fields import Field
from forecasting.readers.options import ReadingOptions
from forecasting.series.times import Times
from scoring.grids.field import open_files
from scoring.outlook.aligned import Axes, OpenFiles, Values
from scoring.source import named

_THRESHOLDS_KEPT: Final = 64
_MOST_OPEN: Final = 64
"""Outlooks that are open at once: those whose thresholds are for the days around the leads of one."""


@dataclass(frozen=True, eq=False)
class IssuedOutlook:
    """The file of one outlook, open for reading."""

    field: Field

    @cached_property
    def axes(self) -> Axes:
        """Its latitudes and longitudes."""
        return Axes.of(self.field)

    @property
    def days(self) -> Times:
        """The valid day of each lead."""
        return self.field.times.astype("datetime64[D]")

    @property
    def reference(self) -> np.datetime64:
        """The day of the last observation."""
        day: np.datetime64 = self.days[0] - 1
        return day

    @property
    def names(self) -> list[str]:
        """The names of the variables."""
        return [str(name) for name in self.field.data.data_vars]

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """The levels of the intervals, in percent."""
        return tuple(sorted(int(name[6:]) for name in self.names if name.startswith("lower_") and name[6:].isdigit()))

    def values(self, name: str, lead: int | None) -> npt.NDArray[Any]:
        """Return a variable at a lead, or one that has none, ``(rows, columns)``."""
        data = self.field.data[name]
        at = data if lead is None else data.isel({self.field.along: lead - 1})
        values: npt.NDArray[Any] = at.transpose(*self.axes.dims).values
        return values


@contextmanager
def _opened(file: Path) -> Iterator[IssuedOutlook]:
    with named(file):
        options = ReadingOptions(value_column="sst", flags="none", units="celsius")
        with open_files((file,), options) as field:
            yield IssuedOutlook(field)


@contextmanager
def issued_outlooks() -> Iterator[OpenFiles[IssuedOutlook]]:
    """Open files of outlooks, each once, and close them in the end."""
    outlooks = OpenFiles(_opened, _MOST_OPEN)
    try:
        yield outlooks
    finally:
        outlooks.close()


class Thresholds:
    """The thresholds that outlooks were issued with; of several for one day, the one issued last counts."""

    def __init__(self, outlooks: OpenFiles[IssuedOutlook], files: Sequence[Path]) -> None:
        self._outlooks = outlooks
        self._at: Mapping[np.datetime64, tuple[Path, int]] = {
            day: (file, lead) for file in files for lead, day in enumerate(outlooks[file].days, 1)
        }
        self._kept = lru_cache(maxsize=_THRESHOLDS_KEPT)(self._read)

    def of(self, event: str, day: np.datetime64, size: tuple[int, int]) -> Values:
        """Return the thresholds of a day, °C ``(rows, columns)``, NaN where there is none."""
        found = self._kept(event, day)
        return np.full(size, np.nan, dtype=np.float32) if found is None else found

    def _read(self, event: str, day: np.datetime64) -> Values | None:
        file, lead = self._at.get(day, (None, 0))
        if file is None:
            return None
        name, issued = f"event_{event}_threshold", self._outlooks[file]
        return issued.values(name, lead).astype(np.float32) if name in issued.names else None
