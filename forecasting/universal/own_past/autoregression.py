"""A ridge autoregression on each of several series, refitted as its past grows."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.series.times import DAY, YEAR, Floats, unix_seconds
from forecasting.series.timestep import TimeStep
from forecasting.universal.own_past.past import Past

_RIDGE: Final = 5.0
"""Penalty on each standardised weight, in number of values."""

_LEAST_VALUES: Final = 12
_ROUNDING: Final = 1e-9
_DAILY_LAGS: Final = (1, 2, 3, 4, 5, 6, 7)
_HOURLY_LAGS: Final = (1, 2, 3, 11, 12, 23, 24, 25)
_MONTHLY_LAGS: Final = (1, 2, 3, 12)
"""Increments that the next one is predicted from, in steps before it; hours include tides and the time of day."""


class Autoregression(NamedTuple):
    """Autoregressions on several series, as known at each origin of their past.

    Each increment is predicted from earlier ones, the level and the season. Series with a position are relative to its
    climatology. Nothing is penalised but the weights, towards persistence.

    Attributes:
        past: of the series.
        usual: climatology from the first step to the last lead, 0 where there is none, °C ``(n, steps + leads)``.
        first: first value relative to ``usual``, °C ``(n, 1)``.
        level: values relative to both, °C ``(n, steps)``.
        increments: of ``level``, ``(n, steps)``.
        waves: see :func:`_waves`.
        lags: steps before the predicted increment.
        weights: see :func:`_weights`.
    """

    past: Past
    usual: Floats
    first: Floats
    level: Floats
    increments: Floats
    waves: Floats
    lags: list[int]
    weights: Floats

    @classmethod
    def fit(cls, past: Past) -> "Autoregression":
        """Fit to the past of each origin."""
        n, length = past.values.shape
        usual = np.where(np.isnan(past.usual), 0.0, past.usual)
        first = past.filled[:, :1] - usual[:, :1]
        level = past.filled - usual[:, :length] - first
        lags = [lag for lag in _lags(past.step) if lag < length - 1]
        increments = np.zeros((n, length))
        increments[:, 1:] = np.diff(level, axis=1)
        waves = _waves(past)
        terms = _terms(level, increments, waves[:, :length], lags)
        return cls(past, usual, first, level, increments, waves, lags, _weights(past, terms, increments))

    def forecast(self) -> Floats:
        """Forecast from each origin, lead by lead.

        Forecasts of the past are kept within bounds, so that the error of a fit that runs away is large but finite.

        Returns:
            °C ``(n, origins, leads)``; NaN where the past is too short, and from the last origin also where the
            forecast leaves the bounds.
        """
        return self.usual[:, self.past.ahead] + self.first[:, :, None] + _roll(self)

    def is_stable(self, place: int) -> bool:
        """Return whether no root of the series at ``place``, from the last origin, lies outside the unit circle."""
        weights = self.weights[place, -1]
        size = max(self.lags, default=0) + 1
        companion = np.eye(size, k=-1)
        companion[0, 0] = 1 + weights[1]
        for lag, weight in zip(self.lags, weights[2 + self.waves.shape[2] :].tolist(), strict=True):
            companion[0, lag - 1] += weight
            companion[0, lag] -= weight
        return bool(np.isfinite(weights).all() and np.abs(np.linalg.eigvals(companion)).max() <= 1 + _ROUNDING)


def _lags(step: TimeStep) -> tuple[int, ...]:
    if step.seconds < DAY / 2:
        return _HOURLY_LAGS
    return _DAILY_LAGS if step.seconds < 14 * DAY else _MONTHLY_LAGS


def _waves(past: Past) -> Floats:
    """Return cosine and sine of the year, and of the day below a day, ``(n, steps + leads, waves)``."""
    length = past.values.shape[1]
    seconds = unix_seconds(past.last_time)[:, None] + np.arange(1 - length, past.leads + 1) * float(past.step.seconds)
    periods = (YEAR, DAY) if past.step.is_under_a_day else (YEAR,)
    waves = []
    for period in periods:
        angles = 2 * np.pi * (seconds / period % 1.0)
        waves += [np.cos(angles), np.sin(angles)]
    return np.stack(waves, axis=2)


def _terms(level: Floats, increments: Floats, waves: Floats, lags: list[int]) -> Floats:
    """Return what predicts the increment after each step, ``(n, steps, terms)``."""
    n, length = level.shape
    terms = np.ones((n, length, 2 + waves.shape[2] + len(lags)))
    terms[:, :, 1] = level
    terms[:, :, 2 : 2 + waves.shape[2]] = waves
    for place, lag in enumerate(lags, 2 + waves.shape[2]):
        terms[:, : lag - 1, place] = 0.0
        terms[:, lag - 1 :, place] = increments[:, : length - lag + 1]
    return terms


def _weights(past: Past, terms: Floats, increments: Floats) -> Floats:
    """Return the weights as known at each origin, ``(n, origins, terms)``; NaN where values are too few."""
    n, count = len(terms), terms.shape[2]
    pairs = (past.observed[:, 1:] & past.observed[:, :-1]).astype(np.float64)
    before = terms[:, :-1] * pairs[:, :, None]
    weights = np.full((n, len(past.origins), count), np.nan)
    refits, done = [*past.refits(_LEAST_VALUES)], 0
    if not refits:
        return weights
    products = np.empty((n, len(refits), count, count))
    moments, sizes = np.empty((n, len(refits), count)), np.empty((n, len(refits)))
    for place, (step, _) in enumerate(refits):
        part = slice(done, step)
        products[:, place] = before[:, part].transpose(0, 2, 1) @ before[:, part]
        moments[:, place] = np.vecmat(increments[:, 1:][:, part], before[:, part])
        sizes[:, place] = pairs[:, part].sum(axis=1)
        done = step
    sizes = np.cumsum(sizes, axis=1)
    fitted = _solved(np.cumsum(products, axis=1), np.cumsum(moments, axis=1), sizes)
    fitted[sizes < _LEAST_VALUES] = np.nan
    for place, (_, origins) in enumerate(refits):
        weights[:, origins] = fitted[:, place, None]
    return weights


def _solved(product: Floats, moment: Floats, size: Floats) -> Floats:
    """Return the weights ``(…, terms)`` from sums of products, of products with the target, and of pairs."""
    diagonal = np.diagonal(product, axis1=-2, axis2=-1)
    penalty = _RIDGE * diagonal / np.maximum(size, 1.0)[..., None] + 1e-9
    penalty[..., 0] = 1e-9
    penalised = product + penalty[..., None] * np.eye(product.shape[-1])
    return np.asarray(np.linalg.solve(penalised, moment[..., None])[..., 0], dtype=np.float64)


def _roll(fit: Autoregression) -> Floats:
    """Return the level at each lead of each origin, ``(n, origins, leads)``."""
    past, longest = fit.past, max(fit.lags, default=1)
    origins = past.origins
    steps = origins[:, None] + np.arange(1 - longest, 1)
    recent = np.where(steps >= 0, fit.increments[:, np.maximum(steps, 0)], 0.0)
    state = fit.level[:, origins].copy()
    low, high = _bounds(past, fit.level)
    rolled = np.empty((len(state), len(origins), past.leads))
    history = np.concatenate([recent, np.empty(rolled.shape)], axis=2)
    columns: npt.NDArray[np.int64] = longest - np.asarray(fit.lags, dtype=np.int64)
    seasons, weights = fit.waves.shape[2], fit.weights
    seasonal = np.matvec(fit.waves[:, past.ahead - 1], weights[:, :, 2 : 2 + seasons]) + weights[:, :, :1]
    of_lags = weights[:, :, 2 + seasons :]
    for lead in range(past.leads):
        change = seasonal[:, :, lead] + weights[:, :, 1] * state + np.vecdot(of_lags, history[:, :, columns + lead])
        moved = np.minimum(np.maximum(state + change, low), high)
        history[:, :, longest + lead] = moved - state
        state = moved
        rolled[:, :, lead] = state
    rolled[((rolled[:, -1] == low[:, -1:]) | (rolled[:, -1] == high[:, -1:])).any(axis=1), -1] = np.nan
    return rolled


def _bounds(past: Past, level: Floats) -> tuple[Floats, Floats]:
    """Return the range of forecasts: that of the past and its width to either side, so that no fit can run away."""
    low, high = (extreme.accumulate(level, axis=1)[:, past.origins] for extreme in (np.minimum, np.maximum))
    return 2 * low - high, 2 * high - low
