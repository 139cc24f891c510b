"""Contexts: the values that forecasts of many series start from, checked and right-aligned in one array."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import annual_terms, evaluate
from forecasting.climatology.global_climatology import Coefficients
from forecasting.climatology.usual import Agreement, agreement_of
from forecasting.errors import RangeError, SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.models.universal.metadata import UniversalMetadata
from forecasting.series.batch import SeriesBatch
from forecasting.series.doubts import flat_end, may_end_flat, step_warnings
from forecasting.series.times import DAY, YEAR, Bools, Floats, Times, short, shorts
from forecasting.series.timestep import TimeStep, in_words, length_of
from forecasting.series.units import ICE_CELSIUS, outside_sea_range, range_error, to_celsius
from forecasting.series.weather import Weather
from forecasting.wording import counted

_SHORT_SECONDS: Final = 2 * DAY


def late_warning(last_time: np.datetime64, missing_after: int, step: TimeStep) -> ForecastWarning:
    """Return the warning that the last observation of a series is ``missing_after`` steps before its end."""
    seconds = missing_after * step.seconds
    if str(step)[0] != "P":
        age = counted(missing_after, length_of(str(step)))
    else:
        age = in_words(str(TimeStep(seconds))) if seconds < _SHORT_SECONDS else f"{seconds / DAY:.1f} days"
    return ForecastWarning(
        "late",
        f"the last observation, from {short(last_time)}, is {age} before the end of the series: the forecast begins "
        f"after the end, so it is less certain",
    )


_VALUES_COMPARED: Final = 100
"""Of longer series, not every value is compared."""


def climatology_of_steps(coefficients: Coefficients, last_time: Times, steps: Floats | range, step: TimeStep) -> Floats:
    """Return the climatology of several places in the middle of ``steps`` after each last time, °C ``(n, steps)``.

    Args:
        coefficients: °C, ``(n, 7)``; NaN where it is not known.
        last_time: UTC, ``(n,)``.
        steps: whole numbers, ``(m,)``; negative before the last time.
        step: of the series.
    """
    offsets, known = np.asarray(steps, dtype=np.int64), coefficients.astype(np.float64)
    if not step.calendar_month:
        return evaluate(_from(last_time, known), ((offsets + 0.5) * step.seconds).astype("datetime64[s]"))
    usual = np.empty((len(known), len(offsets)))
    for time in np.unique(last_time):
        rows = last_time == time
        usual[rows] = evaluate(known[rows], step.middle(step.shift(time, offsets)))
    return usual


def _from(times: Times, coefficients: Floats) -> Floats:
    """Return the coefficients of the same cycles, where time is counted from ``times`` ``(n,)`` instead of 1970."""
    terms = annual_terms(times)
    cosine, sine = terms[:, 1::2], terms[:, 2::2]
    moved = coefficients.copy()
    moved[:, 1::2] = coefficients[:, 1::2] * cosine + coefficients[:, 2::2] * sine
    moved[:, 2::2] = coefficients[:, 2::2] * cosine - coefficients[:, 1::2] * sine
    return moved


def compare_with_climatology(
    values: Floats, last_time: Times, coefficients: Coefficients, step: TimeStep
) -> npt.NDArray[np.int64]:
    """Return the :class:`~forecasting.climatology.usual.Agreement` of each series with its climatology, ``(n,)``.

    Args:
        values: °C, ``(n, steps)``, NaN where missing.
        last_time: of the last value of each, UTC ``(n,)``.
        coefficients: climatology, °C, ``(n, 7)``.
        step: of the series.
    """
    length = values.shape[1]
    every = max(length // _VALUES_COMPARED, 1)
    compared = values[:, (length - 1) % every :: every]
    steps = range(1 - length + (length - 1) % every, 1, every)
    anomalies = compared - climatology_of_steps(coefficients, last_time, steps, step)
    years = (length - np.isfinite(values).argmax(axis=1)) * step.seconds / YEAR
    return agreement_of(compared, anomalies, years)


def other_step_error(step: TimeStep, metadata: UniversalMetadata) -> SeriesError:
    """Return the error that a series has another step than the release."""
    return SeriesError(
        f"the series has a step of {in_words(str(step))}, but {metadata.dataset} forecasts series with a step of "
        f"{in_words(metadata.step)}: choose the release for that step, or resample the series"
    )


def outside_error(values: Floats) -> RangeError:
    """Return the error that one of ``values`` °C ``(n,)`` is not a sea temperature, with the likely remedy."""
    return range_error(values, "celsius", lambda i: f"value {i}", "leave it empty")


def too_late_error(missing_after: int, horizon: int, metadata: UniversalMetadata) -> SeriesError:
    """Return the error that the end of a series is too long after its last value."""
    longest = metadata.horizon - missing_after
    remedy = f"ask for at most {longest}" if longest > 0 else "send newer values"
    return SeriesError(
        f"the series ends in {counted(missing_after, 'missing value')}, so that a horizon of {horizon} reaches "
        f"{missing_after + horizon} steps of {in_words(metadata.step)} beyond the last value; {metadata.dataset} "
        f"forecasts up to {metadata.horizon}: {remedy}"
    )


def too_short_error(count: int, needed: int, used: int, metadata: UniversalMetadata) -> SeriesError:
    """Return the error that a series has too few values."""
    noun = f"{'daily' if metadata.step == 'day' else metadata.step + 'ly'} value"
    where = f" in its last {metadata.maximum} steps" if used == metadata.maximum else ""
    remedy = ""
    if metadata.time_step.calendar_month and needed > metadata.minimum:
        remedy = f", or a position at sea (latitude and longitude), with which {metadata.minimum} are enough"
    return SeriesError(
        f"a forecast needs at least {counted(needed, noun)}, but the series has {count}{where}: send "
        f"{needed - count} more{remedy}"
    )


def constant_error(count: int, value: float) -> SeriesError:
    """Return the error that all values are the same."""
    return SeriesError(
        f"all {count} values are {value:g} °C: a forecast needs values that vary; check whether the sensor is stuck, "
        "or a constant marks missing values"
    )


_MONTHS_WITHOUT_POSITION: Final = 24
"""Monthly values needed where no climatology tells the season."""

_LENGTH_RATIO: Final = 1.2
"""Series of one group differ in length by no more than this factor, so that little is padded."""

_SHOWN_GAPS: Final = 3
_SOME_GAPS: Final = ForecastWarning("gap_filled", "missing values bridged")

Indices = npt.NDArray[np.int64]
Failures = dict[int, SeriesError]


@dataclass(frozen=True, eq=False)
class Contexts:
    """Series of similar length and one step, each of which ends in an observed value.

    Attributes:
        row: index of each in the request, ``(n,)``.
        values: °C, ``(n, steps)``; NaN where missing and before shorter series.
        last_time: of the last value, UTC ``(n,)``.
        missing_after: steps between the last value and the end of the series, ``(n,)``.
        coefficients: climatology, °C, ``(n, 7)``; NaN where it is not known or disagrees with the values.
        warnings: for each series, by index in the request.
        weather: over those series that have any, by index in the request.
    """

    step: TimeStep
    row: Indices
    values: Floats
    last_time: Times
    missing_after: Indices
    coefficients: Coefficients
    warnings: dict[int, tuple[ForecastWarning, ...]] = field(default_factory=dict)
    weather: Mapping[int, Weather] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.row)

    def take(self, indices: "Indices | slice") -> "Contexts":
        """Return the contexts at ``indices``, without steps before all of them."""
        values = self.values[indices]
        return replace(
            self,
            row=self.row[indices],
            values=values[:, int(np.isfinite(values).any(axis=0).argmax()) :],
            last_time=self.last_time[indices],
            missing_after=self.missing_after[indices],
            coefficients=self.coefficients[indices],
        )

    def by_weather(self) -> Iterator["Contexts"]:
        """Yield the contexts without weather, then those with it that were observed at the same steps.

        The past of others then changes nothing in what weather is worth, and series without it take no longer.
        """
        if not self.weather:
            yield self
            return
        weathered = np.isin(self.row, [*self.weather])
        if not weathered.all():
            yield replace(self.take(np.flatnonzero(~weathered)), weather={})
        alike: dict[bytes, list[int]] = {}
        for i in np.flatnonzero(weathered).tolist():
            alike.setdefault(np.isfinite(self.values[i]).tobytes(), []).append(i)
        for indices in alike.values():
            yield self.take(np.asarray(indices))

    def chunks(self, size: int) -> Iterator["Contexts"]:
        """Yield groups of at most ``size`` contexts of similar length."""
        lengths = self.values.shape[1] - np.isfinite(self.values).argmax(axis=1)
        groups = np.ceil(np.log(lengths) / np.log(_LENGTH_RATIO)).astype(np.int64)
        for group in np.unique(groups).tolist():
            indices = np.flatnonzero(groups == group)
            for begin in range(0, len(indices), size):
                yield self.take(indices[begin : begin + size])


def read_contexts(
    batch: SeriesBatch,
    coefficients: Coefficients,
    horizon: int,
    metadata: UniversalMetadata,
    longest: int,
    *,
    concise: bool = False,
) -> tuple[list[Contexts], Failures]:
    """Check the series of a batch that could be read, and combine those of equal length.

    Args:
        batch: to forecast.
        coefficients: climatology of each series, °C, ``(n, 7)``; NaN where it is not known.
        horizon: number of steps after the end of each series.
        metadata: of the networks.
        longest: number of values, at the end of a series, that are used.
        concise: whether to leave out which gaps there are, and warnings of a doubtful step.
    """
    rows = batch.usable
    failures = {i: other_step_error(other, metadata) for i, other in batch.other_steps.items()}
    if failures:
        rows = np.delete(rows, np.searchsorted(rows, [*failures]))
    groups = []
    lengths = batch.lengths[rows]
    _, first = np.unique(lengths, return_index=True)
    for length in lengths[np.sort(first)].tolist():
        row = rows[lengths == length]
        members = batch if len(row) == len(batch) else batch.take(row)
        contexts = _checked(row, members, coefficients[row], horizon, metadata, longest, failures)
        if concise:
            _note_gaps(contexts, metadata.maximum)
        else:
            _warn_of_gaps(contexts, metadata.maximum)
            _warn_of_steps(contexts)
        groups.append(replace(contexts, weather=batch.weather) if batch.weather else contexts)
    return [group for group in groups if len(group)], failures


def _checked(
    row: Indices,
    members: SeriesBatch,
    coefficients: Coefficients,
    horizon: int,
    metadata: UniversalMetadata,
    longest: int,
    failures: Failures,
) -> Contexts:
    """Return the contexts of the series of equal length that can be forecast from; add the errors of the others."""
    length = members.longest
    values = members.tails(length) if length else np.empty((len(row), 0))
    observed = np.isfinite(values)
    last = length - 1 - observed[:, ::-1].argmax(axis=1) if length else row * 0
    missing_after = length - 1 - last
    fit = np.ones(len(row), dtype=np.bool_)

    def refuse(wrong: npt.ArrayLike, error: Callable[[int], SeriesError]) -> None:
        for i in np.flatnonzero(np.asarray(wrong) & fit).tolist():
            failures[int(row[i])] = error(i)
            fit[i] = False

    refuse(~observed.any(axis=1), lambda i: SeriesError("every value of the series is missing"))
    refuse(outside_sea_range(values).any(axis=1), lambda i: outside_error(values[i]))
    too_late = missing_after + horizon > metadata.horizon
    refuse(too_late, lambda i: too_late_error(int(missing_after[i]), horizon, metadata))
    indices, step = np.flatnonzero(fit), members.step
    if fit.all() and (last == length - 1).all():
        aligned = values[:, -longest:]
    else:
        # Their last observed values share a column.
        columns = last[indices, None] + np.arange(1 - min(longest, length), 1)
        aligned = np.take_along_axis(values[indices], np.maximum(columns, 0), axis=1)
        aligned[columns < 0] = np.nan
    last_time = step.shift(members.starts[indices], last[indices])
    contexts = Contexts(step, row[indices], aligned, last_time, missing_after[indices], coefficients[indices])
    contexts = _with_agreeing_climatology(contexts)
    _warn_of_flat_ends(contexts)
    _warn_of_late_ends(contexts)
    return _without_short_or_constant(contexts, metadata, failures)


def _with_agreeing_climatology(contexts: Contexts) -> Contexts:
    known = np.flatnonzero(np.isfinite(contexts.coefficients[:, 0]))
    if not len(known):
        return contexts
    agreement = _agreements(contexts, known, contexts.values[known])
    doubtful = np.flatnonzero(agreement != Agreement.AGREES)
    coefficients = contexts.coefficients
    if len(doubtful):
        coefficients = coefficients.copy()
        in_fahrenheit = _suiting_fahrenheit(contexts, known[doubtful])
    for index in doubtful.tolist():
        i = int(known[index])
        ignored = agreement[index] == Agreement.IGNORED
        if ignored:
            coefficients[i] = np.nan
        _warn(contexts, i, _doubtful_position(ignored, i in in_fahrenheit))
    return replace(contexts, coefficients=coefficients)


def _agreements(contexts: Contexts, rows: Indices, values: Floats) -> Indices:
    """Return how the ``values`` of the contexts at ``rows`` agree with their climatologies."""
    return compare_with_climatology(values, contexts.last_time[rows], contexts.coefficients[rows], contexts.step)


def _suiting_fahrenheit(contexts: Contexts, rows: Indices) -> set[int]:
    """Return which of ``rows`` would agree with their climatologies if their values were in °F."""
    celsius = to_celsius(contexts.values[rows], "fahrenheit")
    possible = ~outside_sea_range(celsius).any(axis=1)
    if not possible.any():
        return set()
    agreement = _agreements(contexts, rows[possible], celsius[possible])
    return set(rows[possible][agreement == Agreement.AGREES].tolist())


def _warn_of_flat_ends(contexts: Contexts) -> None:
    length = contexts.values.shape[1]
    for i in may_end_flat(contexts.values).tolist():
        line = flat_end(contexts.values[i])
        if line is not None:
            _warn(contexts, i, line.warning(contexts.step.shift(contexts.last_time[i], np.arange(1 - length, 1))))


def _warn_of_late_ends(contexts: Contexts) -> None:
    for i in np.flatnonzero(contexts.missing_after).tolist():
        _warn(contexts, i, late_warning(contexts.last_time[i], int(contexts.missing_after[i]), contexts.step))


def _without_short_or_constant(contexts: Contexts, metadata: UniversalMetadata, failures: Failures) -> Contexts:
    if not len(contexts):
        return contexts
    recent = contexts.values[:, -metadata.maximum :]
    count = np.isfinite(recent).sum(axis=1)
    needed = np.full(len(contexts), metadata.minimum)
    if contexts.step.calendar_month:
        needed[np.isnan(contexts.coefficients[:, 0])] = max(metadata.minimum, _MONTHS_WITHOUT_POSITION)
    short_of = count < needed
    warmest = np.nanmax(recent, axis=1)
    constant = ~short_of & (warmest == np.nanmin(recent, axis=1)) & (warmest > ICE_CELSIUS)
    for i in np.flatnonzero(short_of).tolist():
        failures[int(contexts.row[i])] = too_short_error(int(count[i]), int(needed[i]), recent.shape[1], metadata)
    for i in np.flatnonzero(constant).tolist():
        failures[int(contexts.row[i])] = constant_error(int(count[i]), float(recent[i, -1]))
    fit = ~(short_of | constant)
    return contexts if fit.all() else contexts.take(np.flatnonzero(fit)) if fit.any() else contexts.take(slice(0))


def _gaps(contexts: Contexts, maximum: int) -> Bools:
    """Return which of the last ``maximum`` values are missing after an observed one, ``(n, steps)``."""
    missing = np.isnan(contexts.values[:, -maximum:])
    gaps: Bools = missing & np.maximum.accumulate(~missing, axis=1)
    return gaps


def _note_gaps(contexts: Contexts, maximum: int) -> None:
    for i in np.flatnonzero(_gaps(contexts, maximum).any(axis=1)).tolist():
        _warn(contexts, i, _SOME_GAPS)


def _warn_of_gaps(contexts: Contexts, maximum: int) -> None:
    """Warn of missing values between the observed ones of the part that networks see."""
    gaps = _gaps(contexts, maximum)
    for i in np.flatnonzero(gaps.any(axis=1)).tolist():
        indices = np.flatnonzero(gaps[i])
        times = shorts(contexts.step.shift(contexts.last_time[i], indices[:_SHOWN_GAPS] - gaps.shape[1] + 1))
        shown = ", ".join(times) + (", …" if len(indices) > _SHOWN_GAPS else "")
        _warn(contexts, i, ForecastWarning("gap_filled", f"{counted(len(indices), 'missing value')} bridged: {shown}"))


def _warn_of_steps(contexts: Contexts) -> None:
    for i, warning in step_warnings(contexts.values, contexts.step).items():
        _warn(contexts, i, warning)


def _warn(contexts: Contexts, index: int, warning: ForecastWarning) -> None:
    row = int(contexts.row[index])
    contexts.warnings[row] = (*contexts.warnings.get(row, ()), warning)


def _doubtful_position(ignored: bool, in_fahrenheit: bool) -> ForecastWarning:
    sentence = "the values disagree with the usual temperatures of this position"
    if in_fahrenheit:
        sentence += ", but would agree if they were in °F: check the units"
    else:
        sentence += ": check latitude and longitude, and the step"
    if ignored:
        return ForecastWarning("no_climatology", f"{sentence}; the forecast ignores the position")
    return ForecastWarning(
        "doubtful_position", f"{sentence}; the series is too short to be sure, so the forecast uses the position"
    )
