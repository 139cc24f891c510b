"""The references that callers' series afford from their own past."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from forecasting.baselines import Baselines, damping, linear_windows
from forecasting.climatology import Harmonics, design, phases
from forecasting.forecast import ForecastWarning
from forecasting.series import SstSeries
from forecasting.timestep import YEAR, Floats, Times, TimeStep

CLIMATOLOGY_YEARS: Final = 1.8
"""Years of values, of every month, that a caller's series must hold before its climatology is taken from it.

Two years, of which a tenth may be missing.
"""

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

    for rows, values, observed in _alike(series):
        if not _affords_climatology(series[rows[0]], gapless=observed is None):
            warnings |= {i: _too_short(series[i]) for i in rows}
            continue
        starts = np.asarray([series[i].start for i in rows], dtype="datetime64[s]")
        known("climatology")[rows], known("damped")[rows] = _seasonal(
            values, series[rows[0]].step, starts, observed, horizon
        )
        if values.shape[1] >= linear_windows(windows.shape[1]):
            for i in rows:
                known("linear")[i] = _linear(series[i], windows[i], horizon, fill_limit)
    return found, warnings


def _alike(series: Sequence[SstSeries]) -> Iterator[tuple[list[int], Floats, bytes | None]]:
    """Series that can be reckoned together: which, their values ``(n, length)``, and what they observed if not all."""
    lengths: dict[int, list[int]] = {}
    for i, one in enumerate(series):
        lengths.setdefault(len(one.values), []).append(i)
    for length, rows in lengths.items():
        values = np.concatenate([series[i].values for i in rows]).reshape(len(rows), length)
        gaps = np.isnan(values.sum(axis=1))
        if not gaps.any():
            yield rows, values, None
            continue
        if not gaps.all():
            yield [i for i, gap in zip(rows, gaps, strict=True) if not gap], values[~gaps], None
        for k in np.flatnonzero(gaps).tolist():
            yield [rows[k]], values[k : k + 1], np.isfinite(values[k]).tobytes()


def _affords_climatology(series: SstSeries, *, gapless: bool) -> bool:
    """Whether a series holds enough of every season; see :data:`CLIMATOLOGY_YEARS`."""
    if gapless:
        return len(series) * series.step.seconds / YEAR >= CLIMATOLOGY_YEARS
    return series.observed_years >= CLIMATOLOGY_YEARS and series.holds_every_season


def _too_short(series: SstSeries) -> ForecastWarning:
    held = f"{series.observed_years:.1f} years of values, of {len(series.observed_months)} calendar months"
    needs = "a climatology of the place needs two years of values, a tenth of them missing at most, of every month"
    return ForecastWarning("no_climatology", f"{needs}; this series holds {held}")


def _seasonal(
    values: Floats, step: TimeStep, starts: Times, observed: bytes | None, horizon: int
) -> tuple[Floats, Floats]:
    """Climatology and damped anomaly persistence, °C ``(n, horizon)`` each, of series that observed the same steps.

    As :class:`~forecasting.baselines.Baselines` fits them, but for many at once.
    """
    n = values.shape[1]
    harmonics = Harmonics.whole(step)
    seen = values if observed is None else values[:, np.frombuffer(observed, dtype=np.bool_)]
    of_phase = {
        phase: design(harmonics, step, phase, n, horizon, observed) for phase in set(phases(step, starts).tolist())
    }
    if len(of_phase) == 1:
        (one,) = of_phase.values()
        fitted = (seen @ one.solve.T) @ one.terms.T
    else:
        designs = [of_phase[phase] for phase in phases(step, starts).tolist()]
        coefficients = np.einsum("nij,nj->ni", np.stack([one.solve for one in designs]), seen)
        fitted = np.einsum("nij,nj->ni", np.stack([one.terms for one in designs]), coefficients)
    anomalies = values - fitted[:, :n]
    climatology = fitted[:, n:]
    return climatology, climatology + anomalies[:, -1:] * damping(anomalies, horizon)


def _linear(series: SstSeries, window: Floats, horizon: int, fill_limit: int) -> Floats:
    """°C ``(horizon,)``; NaN where gaps leave too few windows to fit."""
    rollers = Baselines.fit(series, len(window), fill_limit, horizon).rollers()
    if "linear" not in rollers:
        return np.full(horizon, np.nan)
    valid_time = series.step.shift(np.asarray([series.start]), len(series))
    rolled: Floats = rollers["linear"].roll(window[None], valid_time, horizon)[0]
    return rolled
