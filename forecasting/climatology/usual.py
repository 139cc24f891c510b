"""What is usual at a place: its climatology at one time, and the years and the source that it rests on."""

from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.climatology.global_climatology import YEARS
from forecasting.series.times import Floats

Source = Literal["position", "series", "baseline"]


class Usual(NamedTuple):
    """What a climatology rests on.

    Attributes:
        years: the first and the last year of the observations; None if they are not known.
        source: the climatology of the position, the past of the series, or a baseline that the caller gave.
        sst: the climatology at the last observation, °C; NaN if it is not stated.
    """

    years: tuple[int, int] | None
    source: Source
    sst: float = np.nan

    @property
    def basis(self) -> dict[str, Any]:
        """The years and the source, as every response and file has them."""
        return {"years": None if self.years is None else [*self.years], "source": self.source}

    @property
    def years_text(self) -> str | None:
        """The years as a column of a table has them: ``1991-2020``."""
        return None if self.years is None else "{}-{}".format(*self.years)


class UsualOfSeries(NamedTuple):
    """What the climatologies of many series rest on, each on the past of its own series.

    Attributes:
        years: the first and the last year of the observations, ``(n, 2)``.
        sst: the climatology at the last observation, °C ``(n,)``; NaN where a series has none.
    """

    years: npt.NDArray[np.int64]
    sst: Floats

    @classmethod
    def none(cls, n: int) -> "UsualOfSeries":
        """Return that ``n`` series have no climatology."""
        return cls(np.zeros((n, 2), dtype=np.int64), np.full(n, np.nan))

    def listed(self) -> list[Usual | None]:
        """Return that of each series; None where it has no climatology."""
        if np.isnan(self.sst).all():
            return [None] * len(self.sst)
        rows = zip(self.years.tolist(), self.sst.tolist(), strict=True)
        return [None if sst != sst else Usual((first, last), "series", sst) for (first, last), sst in rows]


OF_POSITION: Final = Usual(YEARS, "position")
OF_BASELINE: Final = Usual(None, "baseline")


def of_series(first: np.datetime64, last: np.datetime64) -> Usual:
    """Return what a climatology of observations between two times rests on."""
    return Usual((year_of(first), year_of(last)), "series")


def year_of(time: np.datetime64) -> int:
    """Return the calendar year of a time."""
    return int(time.astype("datetime64[Y]").astype(np.int64)) + 1970
