"""References for any series, fitted to its own past, from many past steps at once.

They are ``persistence``; with a position, ``usual_change`` (the last value plus the change that is usual at the
position, with a slow return to the usual level); ``climatology``; ``damped`` (the anomaly from the climatology, or from
the mean, decays); and ``linear`` (a ridge autoregression).
"""

from typing import Final

import numpy as np

from forecasting.climatology.usual import OF_POSITION, Usual, of_series
from forecasting.references.climatology import Harmonics
from forecasting.references.from_past import CLIMATOLOGY_YEARS
from forecasting.series.times import DAY, YEAR, Bools, Floats
from forecasting.universal.own_past.autoregression import Autoregression
from forecasting.universal.own_past.past import REFIT_GROWTH, Past

REFERENCES: Final = ("persistence", "climatology", "damped", "linear", "usual_change")

_DAMPING_PER_DAY: Final = 0.97
"""Share of the anomaly's departure from its mean that remains after a day; of 0.95 to 0.98, which hardly differ."""

_PRIOR_DECAY_DAYS: Final = 60.0
_PRIOR_WEIGHT: Final = 10.0
"""Damping is estimated as if this many pairs of values had decayed at the prior rate."""

_RIDGE: Final = 1e-6


def forecast_references(past: Past, *, fitted: bool = True) -> dict[str, Floats]:
    """Forecast with each reference from each origin, seeing nothing that came after it.

    Args:
        past: the series and origins.
        fitted: whether to include the references that are fitted to the series.

    Returns:
        °C ``(n, origins, leads)`` by name; NaN where the past is too short for a reference.
    """
    return _references(past, fitted, None)[0]


def references_and_usual(
    past: Past, *, fitted: bool = True, autoregression: Autoregression | None = None
) -> tuple[dict[str, Floats], list[Usual | None]]:
    """Return what :func:`forecast_references` does, and what the climatology of each series rests on.

    The latter is None for series without a climatology from the last origin, and for all if references are not
    ``fitted``. The ``autoregression`` on ``past`` is fitted if it is not given.
    """
    forecasts, season = _references(past, fitted, autoregression)
    if "climatology" not in forecasts:
        return forecasts, [None] * len(past.values)
    known = np.isfinite(forecasts["climatology"][:, -1, 0])
    return forecasts, [_usual(past, i, season) if is_known else None for i, is_known in enumerate(known.tolist())]


def _references(past: Past, fitted: bool, autoregression: Autoregression | None) -> tuple[dict[str, Floats], Floats]:
    """Return the forecasts by name, and the seasonal cycle at each step; see :func:`_season`."""
    forecasts = {"persistence": np.repeat(past.filled[:, past.origins, None], past.leads, axis=2)}
    if np.isfinite(past.usual[:, -1]).any():
        forecasts["usual_change"] = _usual_change(past)
    if not fitted:
        return forecasts, past.usual
    season, season_ahead = _season(past)
    climatology = _climatology(past, season_ahead)
    if np.isfinite(climatology[:, -1, 0]).any():
        forecasts["climatology"] = climatology
    forecasts["damped"] = _damped(past, season, season_ahead)
    forecasts["linear"] = (autoregression or Autoregression.fit(past)).forecast()
    return {name: forecasts[name] for name in REFERENCES if name in forecasts}, season


def _usual_change(past: Past) -> Floats:
    length = past.values.shape[1]
    anomaly = past.filled - past.usual[:, :length]
    count = past.until_origins(past.observed.astype(np.float64))
    mean = past.until_origins(np.where(past.observed, anomaly, 0.0)) / np.maximum(count, 1.0)
    departure = anomaly[:, past.origins] - mean
    damping = _DAMPING_PER_DAY ** (np.arange(1, past.leads + 1) * past.step.seconds / DAY)
    usual: Floats = past.usual[:, past.ahead] + mean[:, :, None] + departure[:, :, None] * damping
    return usual


def _season(past: Past) -> tuple[Floats, Floats]:
    """Return the seasonal cycle at each step ``(n, steps)`` and each lead of each origin ``(n, origins, leads)``, °C.

    It is fitted to the own past of series that are long enough, and NaN before it is; else that of the position; else
    zero.
    """
    length = past.values.shape[1]
    season, ahead = past.usual[:, :length].copy(), past.usual[:, past.ahead]
    nowhere = np.isnan(season[:, -1])
    season[nowhere], ahead[nowhere] = 0.0, 0.0
    alike: dict[bytes, list[int]] = {}
    for i in np.flatnonzero(_is_long_enough(past)).tolist():
        alike.setdefault(past.observed[i].tobytes(), []).append(i)
    for rows in alike.values():
        season[rows], ahead[rows] = _own_season(past, rows)
    return season, ahead


def _own_season(past: Past, rows: list[int]) -> tuple[Floats, Floats]:
    """Return the seasonal cycle of some series, observed at the same steps, fitted to what came before each step."""
    length = past.values.shape[1]
    harmonics = Harmonics.whole(past.step)
    terms = harmonics.after(past.step, np.arange(length + past.leads, dtype=np.int64))
    observed = past.observed[rows[0]]
    enough = np.cumsum(observed) * past.step.seconds / YEAR >= CLIMATOLOGY_YEARS
    season, ahead = np.full((len(rows), length), np.nan), np.full((len(rows), *past.ahead.shape), np.nan)
    known = terms[:length] * observed[:, None]
    values = np.where(observed, past.values[rows], 0.0)
    product, moment, done = np.zeros((harmonics.count, harmonics.count)), np.zeros((harmonics.count, len(rows))), 0
    steps = _refit_steps(int(enough.argmax()), past)
    for step, following in zip(steps, [*steps[1:], length], strict=True):
        part = slice(done, step + 1)
        product += known[part].T @ known[part]
        moment += known[part].T @ values[:, part].T
        done = step + 1
        coefficients = np.linalg.solve(product + _RIDGE * np.trace(product) * np.eye(len(product)), moment).T
        season[:, step:following] = coefficients @ terms[step:following].T
        later = (past.origins >= step) & (past.origins < following)
        ahead[:, later] = np.matvec(terms[past.ahead[later]], coefficients[:, None])
    return season, ahead


def _refit_steps(first: int, past: Past) -> list[int]:
    """Return the steps after which a seasonal cycle is fitted again; the last is the last origin."""
    last = int(past.origins[-1])
    steps = []
    step = first
    while step < last:
        steps.append(step)
        step = max(int(step * REFIT_GROWTH), step + 1)
    return [*steps, last]


def _is_long_enough(past: Past) -> Bools:
    """Return which series have a climatology of their own, ``(n,)``."""
    long_enough: Bools = past.observed.sum(axis=1) * past.step.seconds / YEAR >= CLIMATOLOGY_YEARS
    return long_enough


def _climatology(past: Past, season_ahead: Floats) -> Floats:
    """Return the seasonal cycle of the series where it is long enough, and else that of its position."""
    climatology = season_ahead.copy()
    climatology[~_is_long_enough(past) & np.isnan(past.usual[:, -1])] = np.nan
    return climatology


def _usual(past: Past, i: int, season: Floats) -> Usual:
    """Return what the climatology of the ``i``-th series rests on, with its value at the end."""
    sst = float(season[i, -1])
    if not _is_long_enough(past)[i]:
        return OF_POSITION._replace(sst=sst)
    first = int(past.observed[i].argmax()) + 1 - past.values.shape[1]
    begin, end = past.step.shift(past.last_time[i], np.array([first, 0]))
    return of_series(begin, end)._replace(sst=sst)


def _damped(past: Past, season: Floats, season_ahead: Floats) -> Floats:
    """Return the seasonal cycle plus the mean anomaly plus what remains of the departure from it.

    What remains is the regression, with an intercept, of each anomaly on the one ``lead`` steps before, shrunk to an
    exponential decay over two months.
    """
    known = past.observed & np.isfinite(season)
    weight = known.astype(np.float64)
    anomaly = np.where(known, past.filled - season, 0.0)
    count = np.maximum(past.until_origins(weight), 1.0)
    mean = past.until_origins(anomaly) / count
    last = past.filled[:, past.origins] - season[:, past.origins] - mean
    centred = (anomaly - mean[:, -1:]) * weight
    remaining = _damping(past, centred, weight)
    forecast: Floats = season_ahead + mean[:, :, None] + last[:, :, None] * remaining
    return forecast


def _damping(past: Past, anomaly: Floats, weight: Floats) -> Floats:
    """Return the share of an anomaly that remains at each lead, as known at each origin, ``(n, origins, leads)``.

    Args:
        past: of the series.
        anomaly: °C, ``(n, steps)``; 0 where ``weight`` is.
        weight: 1 where the anomaly is known, else 0, ``(n, steps)``.
    """
    days = np.arange(1, past.leads + 1) * past.step.seconds / DAY
    prior = np.exp(-days / _PRIOR_DECAY_DAYS)
    before, known_before = _lagged(anomaly, past.leads), _lagged(weight, past.leads)
    known, now = weight[:, None], anomaly[:, None]
    x = before * known
    products = (known_before * known, x, now * known_before, x * before, now * before)
    count, sum_x, sum_y, sum_xx, sum_xy = (past.until_origins(terms) for terms in products)
    count = np.maximum(count, 1.0)
    variance, covariance = sum_xx - sum_x**2 / count, sum_xy - sum_x * sum_y / count
    share = np.divide(covariance, variance, out=np.ones_like(variance), where=variance > 1e-9)
    shrunk = (share * count + prior[:, None] * _PRIOR_WEIGHT) / (count + _PRIOR_WEIGHT)
    return np.clip(shrunk, 0.0, 1.0).transpose(0, 2, 1)


def _lagged(values: Floats, leads: int) -> Floats:
    """Return ``values`` ``(n, steps)`` of 1 to ``leads`` steps before, 0 before the first: ``(n, leads, steps)``."""
    padded = np.concatenate([np.zeros((len(values), leads)), values], axis=1)
    return np.lib.stride_tricks.sliding_window_view(padded, values.shape[1], axis=1)[:, leads - 1 :: -1]
