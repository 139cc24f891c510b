"""Checks each value of a series against the forecast made before it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.qartod import GOOD, MISSING, NOT_EVALUATED, SUSPECT
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Bools, Floats, unix_seconds
from forecasting.universal.checks.bounds import TAIL_SCORE, plausible_range, rounding
from forecasting.universal.checks.doubts import doubtful_steps, last_kept
from forecasting.universal.checks.runs import Runs
from forecasting.universal.contexts.position_check import Agreement, compare_with_climatology
from forecasting.universal.network.checkpoint import CLIMATOLOGY_TERMS
from forecasting.universal.network.forecaster import Coefficients, UniversalForecaster

"""QARTOD flags (U.S. IOOS, Manual for Real-Time Oceanographic Data Quality Control Flags, version 1.2, 2020)."""

_SEGMENT: Final = 1024
"""Values that one pass of the network checks."""

_PASSES: Final = 12
"""Passes over a segment, at most: each leaves out the suspect values that the one before found."""

_MONTHS_BEFORE: Final = 24
"""Monthly values before the first check, so that the season is known."""

_LEVEL_VALUES: Final = 3
_LEVEL_SECONDS: Final = DAY // 4
"""How many values, and how long, a change of level lasts before it is accepted."""

Steps = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Check:
    """The result of checking each value of a series against the forecast made before it.

    Attributes:
        series: that was checked.
        flags: QARTOD flags: 1 good, 2 not evaluated, 3 suspect, 9 missing, ``(n,)``.
        lower: lowest plausible value, °C ``(n,)``; NaN where a value changes too little to ask.
        upper: highest plausible value, °C ``(n,)``; NaN likewise.
    """

    series: SstSeries
    flags: Steps
    lower: Floats
    upper: Floats

    @classmethod
    def nothing(cls, series: SstSeries) -> "Check":
        """Return the result for a series that is not checked."""
        unknown = np.full(len(series), np.nan)
        return cls(series, np.where(np.isfinite(series.values), NOT_EVALUATED, MISSING), unknown, unknown)

    @property
    def suspects(self) -> Steps:
        """Indices of the suspect values, ``(suspects,)``."""
        return np.flatnonzero(self.flags == SUSPECT)

    def without_suspects(self) -> SstSeries:
        """Return the series with its suspect values missing."""
        values = np.where(self.flags == SUSPECT, np.nan, self.series.values)
        return SstSeries(values, self.series.start, self.series.step, self.series.notes)


def check_series(
    network: UniversalForecaster,
    series: SstSeries,
    coefficients: Coefficients | None = None,
    last: int | None = None,
    score: float = TAIL_SCORE,
) -> Check:
    """Check each value of ``series`` against the forecast made before it.

    A value outside the range that the forecast calls plausible is suspect, and later forecasts do not see it. A lasting
    change of level is accepted after a few values: only the first of them is suspect. Values that differ little from
    the last one, compared with the changes before, are good without a forecast.

    Args:
        network: at the step of ``series``.
        series: in °C.
        coefficients: climatology of the position, ``(7,)``; NaN or None without. Ignored if the values disagree with
            it.
        last: number of values at the end to check; all if None.
        score: see :func:`~forecasting.universal.checks.bounds.plausible_range`.
    """
    if coefficients is None:
        coefficients = np.full(CLIMATOLOGY_TERMS, np.nan, dtype=np.float32)
    check = _Checking(network, series, _agreeing(series, coefficients), score)
    begin = 0 if last is None else max(len(series) - last, 0)
    for start in range(begin, len(series), _SEGMENT):
        check.run(start, min(start + _SEGMENT, len(series)))
    return check.result()


def _agreeing(series: SstSeries, coefficients: Coefficients) -> Coefficients:
    if np.isnan(coefficients[0]) or not np.isfinite(series.values).any():
        return coefficients
    agreement = compare_with_climatology(series.values[None], series.times[-1:], coefficients[None], series.step)
    return coefficients if agreement[0] == Agreement.AGREES else np.full_like(coefficients, np.nan)


class _Checking:
    """A check in progress."""

    def __init__(
        self, network: UniversalForecaster, series: SstSeries, coefficients: Coefficients, score: float
    ) -> None:
        n, metadata = len(series), network.metadata
        self._network, self._series, self._coefficients = network, series, coefficients
        self._kept = series.values.copy()  # NaN where missing or left out
        self._observed: Bools = np.isfinite(series.values)
        self._evaluated: Bools = np.zeros(n, dtype=np.bool_)
        self._suspect: Bools = np.zeros(n, dtype=np.bool_)
        self._lower, self._upper = np.full(n, np.nan), np.full(n, np.nan)
        self._score = score
        self._margin = rounding(series.values)
        self._needed = max(metadata.minimum, _MONTHS_BEFORE) if series.step.calendar_month else metadata.minimum
        self._runs = Runs(series.values, max(_LEVEL_VALUES, _LEVEL_SECONDS // series.step.seconds))

    def run(self, begin: int, end: int) -> None:
        """Check the values from ``begin`` to before ``end``, again and again until no new one is suspect."""
        for _ in range(_PASSES):
            if not self._pass(begin, end):
                return

    def result(self) -> Check:
        """Return what was found."""
        flags = np.where(self._observed, NOT_EVALUATED, MISSING)
        flags[self._evaluated] = GOOD
        flags[self._suspect] = SUSPECT
        return Check(self._series, flags, self._lower, self._upper)

    def _pass(self, begin: int, end: int) -> bool:
        """Check values against forecasts from those kept before them; return whether new ones are suspect."""
        metadata = self._network.metadata
        first = max(begin - metadata.maximum, 0)
        kept, values = self._kept[first:end], self._series.values[first:end]
        origins, counts = last_kept(kept)
        leads = np.arange(len(kept)) - origins
        usable = np.isfinite(values) & (counts >= self._needed) & (leads <= metadata.horizon)
        usable[: begin - first] = False
        self._evaluated[begin:end] = usable[begin - first :]
        self._lower[begin:end], self._upper[begin:end] = np.nan, np.nan
        doubtful = usable & (doubtful_steps(values, kept, self._margin) | self._suspect[first:end])
        targets = np.flatnonzero(doubtful)
        if not len(targets):
            return False
        sources, places = np.unique(origins[targets], return_inverse=True)
        lower, median, upper = self._forecast(first, first + sources)
        low, high = lower[places, leads[targets] - 1], upper[places, leads[targets] - 1]
        self._lower[first + targets], self._upper[first + targets] = low, high
        outside = (values[targets] < low) | (values[targets] > high)
        new = np.flatnonzero(outside & ~self._suspect[first + targets])
        outliers, at = first + targets[new], places[new]
        for run in self._runs.among(outliers, first + origins[targets[new]], lower[at], median[at], upper[at]):
            self._suspect[run.suspects] = True
            self._evaluated[run.suspects] = True
            self._kept[run.left_out] = np.nan
        return len(new) > 0

    def _forecast(self, first: int, sources: Steps) -> tuple[Floats, Floats, Floats]:
        """Return the range and the median of forecasts from ``sources``, °C ``(sources, horizon)`` each."""
        metadata, stop = self._network.metadata, int(sources[-1]) + 1
        last_time = self._series.times[stop - 1 : stop]
        values = self._kept[None, first:stop]
        answers = self._network.backtest(values, unix_seconds(last_time), self._coefficients[None], sources - first)
        quantiles = answers[0, :, :, 1:]
        lower, upper = plausible_range(quantiles, metadata.levels, self._margin, self._score)
        return lower, quantiles[..., len(metadata.levels) // 2], upper
