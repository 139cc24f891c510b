"""The references that callers' series afford from their own past."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.baselines import Baselines, damping, linear_windows
from forecasting.climatology import Harmonics, design, phases
from forecasting.forecast import ForecastWarning
from forecasting.series import SstSeries
from forecasting.timestep import YEAR, Floats, Times, TimeStep

CLIMATOLOGY_YEARS: Final = 1.8
"""Years of values, of every month, that a caller's series must hold before its climatology is taken from it.

Two years, of which a tenth may be missing.
"""

_SINGULAR: Final = 1e-10
"""Relative size below which a term counts as not told apart by what was observed."""

Bools = npt.NDArray[np.bool_]

References = dict[str, Floats]
"""Forecasts of the references, °C ``(n, horizon)``, by name as in :data:`~forecasting.baselines.BASELINES`."""


def own_references(
    series: Sequence[SstSeries], windows: Floats, horizon: int, fill_limit: int
) -> tuple[References, dict[int, ForecastWarning]]:
    """What the past of each series affords; NaN, and for persistence alone a warning, where it does not.

    Args:
        series: of one step, each ending in an observed value.
        windows: their last ones without gaps, °C ``(n, window)``.
        horizon: number of leads.
        fill_limit: longest gap, in steps, that is interpolated.
    """
    found = {"persistence": np.repeat(windows[:, -1:], horizon, axis=1)}
    warnings: dict[int, ForecastWarning] = {}

    def known(name: str) -> Floats:
        if name not in found:
            found[name] = np.full((len(series), horizon), np.nan)
        return found[name]

    for rows, values in _of_like_length(series):
        lengths = np.asarray([len(series[i]) for i in rows])
        step, starts = series[rows[0]].step, np.asarray([series[i].start for i in rows], dtype="datetime64[s]")
        starts = step.shift(starts, lengths - values.shape[1])
        affords = _afford_climatology(np.isfinite(values), lengths, step, starts)
        warnings |= {rows[k]: _too_short(series[rows[k]]) for k in np.flatnonzero(~affords).tolist()}
        chosen = [rows[k] for k in np.flatnonzero(affords).tolist()]
        if chosen:
            known("climatology")[chosen], known("damped")[chosen] = _seasonal(
                values[affords], step, starts[affords], horizon
            )
        for i in chosen:
            if len(series[i]) >= linear_windows(windows.shape[1]):
                known("linear")[i] = _linear(series[i], windows[i], horizon, fill_limit)
    return found, warnings


def _of_like_length(series: Sequence[SstSeries]) -> Iterator[tuple[list[int], Floats]]:
    """Series that are reckoned together: which, and their values ``(n, longest)``, NaN before the shorter ones."""
    alike: dict[int, list[int]] = {}
    for i, one in enumerate(series):
        # At most half of a row is nothing but padding.
        alike.setdefault(len(one.values).bit_length(), []).append(i)
    for rows in alike.values():
        longest = max(len(series[i].values) for i in rows)
        values = np.full((len(rows), longest), np.nan)
        for k, i in enumerate(rows):
            values[k, longest - len(series[i].values) :] = series[i].values
        yield rows, values


def _afford_climatology(observed: Bools, lengths: npt.NDArray[np.int64], step: TimeStep, starts: Times) -> Bools:
    """Which series hold enough of every season; see :data:`CLIMATOLOGY_YEARS`.

    ``observed`` is ``(n, longest)``; ``starts`` are the times of its first column. A month of which there are more
    than all values that are missing is not missing, so that only series with larger gaps are looked at.
    """
    seen = observed.sum(axis=1)
    afford: Bools = seen * step.seconds / YEAR >= CLIMATOLOGY_YEARS
    for k in np.flatnonzero(afford & (lengths - seen >= lengths * step.seconds // YEAR)).tolist():
        months = step.range(starts[k], observed.shape[1])[observed[k]].astype("datetime64[M]").astype(np.int64) % 12
        afford[k] = np.bincount(months, minlength=12).all()
    return afford


def _too_short(series: SstSeries) -> ForecastWarning:
    held = f"{series.observed_years:.1f} years of values, of {len(series.observed_months)} calendar months"
    needs = "a climatology of the place needs two years of values, a tenth of them missing at most, of every month"
    return ForecastWarning("no_climatology", f"{needs}; this series holds {held}")


def _seasonal(values: Floats, step: TimeStep, starts: Times, horizon: int) -> tuple[Floats, Floats]:
    """Climatology and damped anomaly persistence, °C ``(n, horizon)`` each, of ``(n, length)``, NaN where missing.

    As :class:`~forecasting.baselines.Baselines` fits them, but for many at once.
    """
    n, phase = values.shape[1], phases(step, starts).tolist()
    harmonics = Harmonics.whole(step)
    of_phase = {one: design(harmonics, step, one, n, horizon) for one in set(phase)}
    terms = np.stack([of_phase[one].terms for one in phase])
    if np.isnan(values).any():
        coefficients = _solve(terms[:, :n], values)
    else:
        coefficients = np.einsum("nij,nj->ni", np.stack([of_phase[one].solve for one in phase]), values)
    fitted = np.einsum("nij,nj->ni", terms, coefficients)
    anomalies, climatology = values - fitted[:, :n], fitted[:, n:]
    return climatology, climatology + anomalies[:, -1:] * damping(anomalies, horizon)


def _solve(terms: Floats, values: Floats) -> Floats:
    """Least squares of ``(n, length)`` on ``terms`` ``(n, length, count)`` by normal equations: ``(n, count)``."""
    observed = np.isfinite(values)
    seen = terms * observed[:, :, None]
    inverse = np.linalg.pinv(seen.transpose(0, 2, 1) @ seen, rcond=_SINGULAR, hermitian=True)
    together = np.einsum("nij,ni->nj", seen, np.where(observed, values, 0.0))
    coefficients: Floats = np.einsum("nij,nj->ni", inverse, together)
    return coefficients


def _linear(series: SstSeries, window: Floats, horizon: int, fill_limit: int) -> Floats:
    """°C ``(horizon,)``; NaN where gaps leave too few windows to fit."""
    rollers = Baselines.fit(series, len(window), fill_limit, horizon).rollers()
    if "linear" not in rollers:
        return np.full(horizon, np.nan)
    valid_time = series.step.shift(np.asarray([series.start]), len(series))
    rolled: Floats = rollers["linear"].roll(window[None], valid_time, horizon)[0]
    return rolled
