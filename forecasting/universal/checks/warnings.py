"""Warnings about suspect values that a forecast starts from, or leaves out."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import short, unix_seconds
from forecasting.universal.checks.bounds import plausible_range
from forecasting.universal.checks.check import Check, check_series
from forecasting.universal.checks.doubts import doubtful_ends
from forecasting.universal.contexts.contexts import Contexts, Indices
from forecasting.universal.network.forecaster import Coefficients, UniversalForecaster
from forecasting.wording import counted

LAST_VALUES: Final = 3
"""Values at the end of a series that are checked with every forecast."""

_CHECKED: Final = 60
"""Values before the end that are checked too if one of the last is in doubt: a spike would widen the range for it."""


def warn_of_suspect_ends(network: UniversalForecaster, contexts: Contexts) -> None:
    """Add a warning to each of ``contexts`` if one of its last values is suspect."""
    for place in doubtful_ends(contexts.values, LAST_VALUES).tolist():
        steps = contexts.values.shape[1]
        start = contexts.step.shift(contexts.last_time[place : place + 1], 1 - steps)[0]
        series = SstSeries(contexts.values[place], start, contexts.step)
        check = check_series(network, series, contexts.coefficients[place], last=_CHECKED)
        at_end = check.suspects[check.suspects >= steps - LAST_VALUES]
        if len(at_end):
            row = int(contexts.row[place])
            contexts.warnings[row] = (*contexts.warnings.get(row, ()), _started_from(check, len(at_end)))


def implausible_ends(network: UniversalForecaster, contexts: Contexts) -> Indices:
    """Return the places of ``contexts`` one of whose last values is implausible; faster than warnings for many."""
    doubtful = doubtful_ends(contexts.values, LAST_VALUES)
    if not len(doubtful):
        return doubtful
    metadata, rows = network.metadata, []
    for part in contexts.take(doubtful).chunks(network.pass_size(contexts.values.shape[1])):
        values = part.values[:, -metadata.maximum :]
        origins = np.arange(values.shape[1] - LAST_VALUES, values.shape[1]) - 1
        answers = network.backtest(values, unix_seconds(part.last_time), part.coefficients, origins)[:, :, 0, 1:]
        lower, upper = plausible_range(answers, metadata.levels, 0.0)
        last = values[:, -LAST_VALUES:]
        rows.append(part.row[((last < lower) | (last > upper)).any(axis=1)])
    return np.flatnonzero(np.isin(contexts.row, np.concatenate(rows)))


def without_suspects(
    network: UniversalForecaster, series: Sequence[SstSeries], coefficients: Coefficients
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
