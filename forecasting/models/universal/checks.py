"""Checks each value of a series against the forecast that was made before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.climatology.global_climatology import Coefficients
from forecasting.climatology.usual import Agreement
from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.models.universal.contexts import Contexts, compare_with_climatology
from forecasting.models.universal.distribution import quantiles_at
from forecasting.qartod import GOOD, MISSING, NOT_EVALUATED, SUSPECT
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Bools, Floats, short, unix_seconds
from forecasting.wording import counted

if TYPE_CHECKING:
    from forecasting.models.universal.network import UniversalForecaster

TAIL_SCORE: Final = 5.0
"""Normal score, beyond the outermost quantiles, that one value in a thousand exceeds."""

_COARSEST_ROUNDING: Final = 0.5
"""°C. Differences above are changes of the water."""


def plausible_range(
    quantiles: Floats, levels: tuple[float, ...], margin: float, score: float = TAIL_SCORE
) -> tuple[Floats, Floats]:
    """Return the lowest and the highest plausible value, °C ``(…)`` each.

    Args:
        quantiles: of a forecast, °C ``(…, levels)``, ascending.
        levels: probabilities of ``quantiles``.
        margin: added on both sides, °C, for the rounding of the values.
        score: normal score of the bounds, beyond the outermost quantiles.
    """
    bounds = quantiles_at((NormalDist().cdf(-score), NormalDist().cdf(score)), quantiles, levels)
    return bounds[..., 0] - margin, bounds[..., 1] + margin


def rounding(values: Floats) -> float:
    """Return the smallest difference between successive ``values``, °C, at most 0.5; 0 if all are equal."""
    known = values[np.isfinite(values)]
    differences = np.abs(np.diff(known))
    differences = differences[differences > 0]
    return min(float(differences.min()), _COARSEST_ROUNDING) if len(differences) else 0.0


_LEAST_RATIO: Final = 2.5
"""Changes below this many mean changes are not doubtful."""

_CHANGES: Final = 60
"""Changes before a value that it is compared with."""

Steps = npt.NDArray[np.int64]


def last_kept(kept: Floats) -> tuple[Steps, Steps]:
    """Return the last step that is not NaN before each step, −1 without, and how many there are, ``(n,)`` each."""
    known = np.isfinite(kept)
    last = np.maximum.accumulate(np.where(known, np.arange(len(kept)), -1))
    return np.concatenate([[-1], last[:-1]]), np.concatenate([[0], np.cumsum(known)[:-1]])


def doubtful_steps(values: Floats, kept: Floats, margin: float) -> Bools:
    """Return where ``values`` differ from the last kept one by more than usual, ``(n,)``; False where they are NaN.

    Args:
        values: °C, ``(n,)``; NaN where missing.
        kept: the values that later ones are compared with, °C ``(n,)``; NaN where missing or left out.
        margin: change that is never doubtful, °C.
    """
    origins, counts = last_kept(kept)
    known = kept[np.isfinite(kept)]
    if len(known) < 2:
        return np.zeros(len(values), dtype=np.bool_)
    total = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(known)))])
    until = np.clip(counts - 1, 0, len(total) - 1)
    since = np.maximum(until - _CHANGES, 0)
    usual = (total[until] - total[since]) / np.maximum(until - since, 1)
    change = np.abs(values - kept[origins])
    doubtful: Bools = (origins >= 0) & (change > np.maximum(_LEAST_RATIO * usual, margin))
    return doubtful


def doubtful_ends(values: Floats, last: int) -> Steps:
    """Return the rows in which one of the ``last`` values changes by more than usual.

    Args:
        values: of several series, °C ``(n, steps)``; NaN where missing.
        last: number of values at the end.
    """
    recent = values[:, -(_CHANGES + last + 1) :]
    if recent.shape[1] <= last + 1:
        return np.empty(0, dtype=np.int64)
    known = np.isfinite(recent)
    source = np.maximum.accumulate(np.where(known, np.arange(recent.shape[1]), 0), axis=1)
    changes = np.abs(np.diff(np.take_along_axis(recent, source, axis=1), axis=1))
    changes[~known[:, 1:] | ~np.isfinite(changes)] = 0.0
    before, end = changes[:, :-last], changes[:, -last:]
    usual = before.sum(axis=1) / np.maximum(known[:, 1:-last].sum(axis=1), 1)
    return np.flatnonzero(end.max(axis=1) > _LEAST_RATIO * usual)


_REACH: Final = 24
"""Steps after a suspect run within which forecasts are made again before they count."""

_LEAST_DISTINCT: Final = 0.5
"""Values at a new level differ by less than this share of their distance from what was expected."""


_SEGMENT: Final = 1024
"""Values that one pass of the network checks."""

_PASSES: Final = 12
"""Passes over a segment, at most: each leaves out the suspect values that the one before found."""

_MONTHS_BEFORE: Final = 24
"""Monthly values before the first check, so that the season is known."""

_LEVEL_VALUES: Final = 3
_LEVEL_SECONDS: Final = DAY // 4
"""How many values, and how long, a change of level lasts before it is accepted."""


@dataclass(frozen=True, eq=False)
class Check:
    """The result of checking each value of a series against the forecast made before it.

    Attributes:
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
    network: "UniversalForecaster",
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
        score: see :func:`~forecasting.models.universal.checks.plausible_range`.
    """
    if coefficients is None:
        coefficients = np.full(COEFFICIENTS, np.nan, dtype=np.float32)
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
        self, network: "UniversalForecaster", series: SstSeries, coefficients: Coefficients, score: float
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
        self._level = max(_LEVEL_VALUES, _LEVEL_SECONDS // series.step.seconds)

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
        sources, indices = np.unique(origins[targets], return_inverse=True)
        lower, median, upper = self._forecast(first, first + sources)
        low, high = lower[indices, leads[targets] - 1], upper[indices, leads[targets] - 1]
        self._lower[first + targets], self._upper[first + targets] = low, high
        outside = (values[targets] < low) | (values[targets] > high)
        new = np.flatnonzero(outside & ~self._suspect[first + targets])
        last = -_REACH - 1
        steps, starts = first + targets[new], first + origins[targets[new]]
        for step, origin, at in zip(steps.tolist(), starts.tolist(), indices[new].tolist(), strict=True):
            if step - last > _REACH:  # nearer ones may be caused by the run before
                run, left_out = self._follow(step, origin, lower[at], median[at], upper[at])
                last = int(run[-1])
                self._suspect[run] = True
                self._evaluated[run] = True
                self._kept[left_out] = np.nan
        return len(new) > 0

    def _follow(self, step: int, origin: int, lower: Floats, median: Floats, upper: Floats) -> tuple[Steps, Steps]:
        """Return the implausible values in a row from ``step`` on, and those of them that later forecasts do not see.

        Args:
            step: of the first of them.
            origin: the step that it was forecast from.
            lower: lowest plausible values at the leads from there, °C ``(horizon,)``.
            median: of the forecasts, °C ``(horizon,)``.
            upper: highest plausible values, °C ``(horizon,)``.
        """
        run, sent = list[int](), self._series.values
        for lead in range(step - origin, min(len(lower), len(sent) - 1 - origin) + 1):
            value = sent[origin + lead]
            if np.isnan(value):
                continue
            if lower[lead - 1] <= value <= upper[lead - 1]:
                break
            run.append(origin + lead)
            latest = np.asarray(run[-self._level :])
            if len(latest) == self._level and _is_level(sent[latest], median[latest - origin - 1]):
                steps = np.asarray(run[: -self._level + 1])
                return steps, steps[:-1]
        steps = np.asarray(run)
        return steps, steps

    def _forecast(self, first: int, sources: Steps) -> tuple[Floats, Floats, Floats]:
        """Return the range and the median of forecasts from ``sources``, °C ``(sources, horizon)`` each."""
        metadata, stop = self._network.metadata, int(sources[-1]) + 1
        last_time = self._series.times[stop - 1 : stop]
        values = self._kept[None, first:stop]
        answers = self._network.backtest(values, unix_seconds(last_time), self._coefficients[None], sources - first)
        quantiles = answers[0, :, :, 1:]
        lower, upper = plausible_range(quantiles, metadata.levels, self._margin, self._score)
        return lower, quantiles[..., len(metadata.levels) // 2], upper


def _is_level(values: Floats, expected: Floats) -> bool:
    """Return whether values agree with each other, and not with what was expected; a stuck sensor does not."""
    distances = values - expected
    spread = float(np.ptp(values))
    return 0 < spread < _LEAST_DISTINCT * float(np.abs(distances).min()) and len(np.unique(np.sign(distances))) == 1


LAST_VALUES: Final = 3
"""Values at the end of a series that are checked with every forecast."""

_CHECKED: Final = 60
"""Values before the end that are checked too if one of the last is in doubt: a spike would widen the range for it."""


def warn_of_suspect_ends(network: "UniversalForecaster", contexts: Contexts) -> None:
    """Add a warning to each of ``contexts`` if one of its last values is suspect."""
    for index in doubtful_ends(contexts.values, LAST_VALUES).tolist():
        steps = contexts.values.shape[1]
        start = contexts.step.shift(contexts.last_time[index : index + 1], 1 - steps)[0]
        series = SstSeries(contexts.values[index], start, contexts.step)
        check = check_series(network, series, contexts.coefficients[index], last=_CHECKED)
        at_end = check.suspects[check.suspects >= steps - LAST_VALUES]
        if len(at_end):
            row = int(contexts.row[index])
            contexts.warnings[row] = (*contexts.warnings.get(row, ()), _started_from(check, len(at_end)))


_IMPLAUSIBLE_END: Final = ForecastWarning(
    "suspect_value", "one of the last values is implausible: the forecast is not calibrated", uncalibrated=True
)


def note_implausible_ends(network: "UniversalForecaster", contexts: Contexts) -> None:
    """Add a warning to each of ``contexts`` one of whose last values is implausible: many at once, without details."""
    doubtful = doubtful_ends(contexts.values, LAST_VALUES)
    if not len(doubtful):
        return
    metadata = network.metadata
    for part in contexts.take(doubtful).chunks(network.pass_size(contexts.values.shape[1])):
        values = part.values[:, -metadata.maximum :]
        origins = np.arange(values.shape[1] - LAST_VALUES, values.shape[1]) - 1
        answers = network.backtest(values, unix_seconds(part.last_time), part.coefficients, origins, 1)[:, :, 0, 1:]
        lower, upper = plausible_range(answers, metadata.levels, 0.0)
        last = values[:, -LAST_VALUES:]
        for row in part.row[((last < lower) | (last > upper)).any(axis=1)].tolist():
            contexts.warnings[row] = (*contexts.warnings.get(row, ()), _IMPLAUSIBLE_END)


def without_suspects(
    network: "UniversalForecaster", series: Sequence[SstSeries], coefficients: Coefficients
) -> tuple[list[SstSeries], dict[int, ForecastWarning]]:
    """Return ``series`` without the suspect values that a forecast would see, and a warning for each that had any.

    Args:
        network: checks the series at its step; others stay as they are.
        series: in °C.
        coefficients: climatology of each, °C ``(n, 7)``; NaN where it is not known.
    """
    kept, warnings = [*series], dict[int, ForecastWarning]()
    for i, member in enumerate(series):
        if member.step != network.step:
            continue
        check = check_series(network, member, coefficients[i], last=network.metadata.maximum)
        if len(check.suspects):
            kept[i], warnings[i] = check.without_suspects(), _left_out(check)
    return kept, warnings


def after_check(error: SeriesError, warnings: Sequence[ForecastWarning]) -> SeriesError:
    """Return the error of a series that cannot be forecast from, which says if values were left out."""
    messages = [warning.message for warning in warnings if warning.code == "suspect_value"]
    return SeriesError("; ".join([str(error), *messages])) if messages else error


def _started_from(check: Check, count: int) -> ForecastWarning:
    others = count - 1
    also = f", and so {'is' if others == 1 else 'are'} {counted(others, 'value')} before it" if others else ""
    return ForecastWarning(
        "suspect_value",
        f"the value {_described(check)}{also}: the forecast is not calibrated; correct the value, or ask for a check, "
        "which leaves out suspect values",
        uncalibrated=True,
    )


def _left_out(check: Check) -> ForecastWarning:
    count = len(check.suspects)
    last = "the value" if count == 1 else "the last,"
    return ForecastWarning("suspect_value", f"{counted(count, 'suspect value')} left out: {last} {_described(check)}")


def _described(check: Check) -> str:
    """Return the last suspect value, its time, and what was expected: ``35 °C of 2001-04-10 is implausible …``."""
    last = check.suspects[-1]
    time, value = short(check.series.times[last]), check.series.values[last]
    expected = f"{check.lower[last]:.2f} to {check.upper[last]:.2f} °C"
    return f"{value:g} °C of {time} is implausible ({expected} was expected from the values before it)"
