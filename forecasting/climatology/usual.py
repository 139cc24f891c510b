"""What is usual at a place: what it rests on, how far from it values are, and whether they agree with it."""

from dataclasses import dataclass
from enum import IntEnum
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

    def anomaly(self, sst: float) -> float:
        """How far a value is from it, in the units of both."""
        return round(sst - self.sst, 6)


_ROUNDS_TO_NOTHING: Final = 0.05


def side_of(anomaly: float) -> Literal["warmer", "colder"] | None:
    """Return on which side of usual a value is; None if it differs by less than a tenth of a degree is shown."""
    return None if abs(anomaly) < _ROUNDS_TO_NOTHING else "warmer" if anomaly > 0 else "colder"


_SOURCES: Final[dict[str, Source]] = {"position": "position", "file": "baseline"}


@dataclass(frozen=True)
class UsualOfGrid:
    """What the anomalies and events of an outlook are relative to, as the outlook describes it."""

    baseline: str
    kind: Literal["grid", "period", "position", "file"]
    years: tuple[int, int] | None
    text: str
    warning: str | None = None

    def at(self, sst: float = np.nan) -> Usual:
        """Return what is usual at a cell and a time."""
        return Usual(self.years, _SOURCES.get(self.kind, "series"), sst)


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


_GREATEST_OFFSET_CELSIUS: Final = 4.0

_ERROR_CELSIUS: Final = 1.0
"""Standard deviation of anomalies that the climatology's own error and unusual years explain at right positions.

Without it, 23 % of half years at moorings in the tropics were rejected, where values hardly vary; with it, 1 %.
"""

_LEAST_YEARS: Final = 0.5
"""Shorter series do not show enough of the annual cycle to reject a climatology."""


class Agreement(IntEnum):
    """How a climatology agrees with values: it does, it may not, or it does not and has to be ignored."""

    AGREES = 0
    DOUBTFUL = 1
    IGNORED = 2


def agreement_of(values: Floats, anomalies: Floats, years: Floats) -> npt.NDArray[np.int64]:
    """Return the :class:`Agreement` of each series with a climatology, ``(n,)``.

    A climatology disagrees if anomalies vary more than values and its own error do, or are off by more than 4 °C on
    average. It is ignored from half a year of values on. Below that, anomalies vary more at many right positions too,
    and it is doubtful if it is off by as much.

    Args:
        values: °C, ``(n, steps)``, NaN where missing.
        anomalies: their differences from the climatology, °C, ``(n, steps)``.
        years: from the first value of each series to its last, ``(n,)``.
    """
    both = np.stack([anomalies, values])
    known = np.isfinite(both)
    count = np.maximum(known.sum(axis=2), 1)
    mean = np.where(known, both, 0.0).sum(axis=2) / count
    spread, spread_of_values = np.sqrt((np.where(known, both - mean[..., None], 0.0) ** 2).sum(axis=2) / count)
    offset = np.abs(mean[0]) > _GREATEST_OFFSET_CELSIUS
    agreement = np.zeros(len(values), dtype=np.int64)
    agreement[offset] = Agreement.DOUBTFUL
    varying = spread > np.hypot(spread_of_values, _ERROR_CELSIUS)
    agreement[(years >= _LEAST_YEARS) & (offset | varying)] = Agreement.IGNORED
    return agreement
