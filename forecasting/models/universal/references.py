"""References for any series, fitted to its past, from many past steps at once.

They are ``persistence``; with a position, ``usual_change`` (the last value plus the change that is usual at the
position, with a slow return to the usual level); ``climatology``; ``damped`` (the anomaly from the climatology, or from
the mean, decays); and ``linear`` (a ridge autoregression).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.usual import OF_POSITION, Usual, of_series
from forecasting.models.universal.contexts import Contexts, climatology_of_steps
from forecasting.references.baselines import REFERENCES
from forecasting.references.climatology import Harmonics
from forecasting.references.from_past import CLIMATOLOGY_YEARS
from forecasting.series.times import DAY, YEAR, Bools, Floats, Times, unix_seconds
from forecasting.series.timestep import TimeStep

REFIT_GROWTH: Final = 1.1
"""References are fitted again whenever the past has grown by this factor."""

Steps = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Past:
    """Several series, and the steps to forecast from, including the end.

    Attributes:
        values: °C, ``(n, steps)``; NaN where missing.
        last_time: of the last value, UTC ``(n,)``.
        usual: climatology of the position from the first step to the last lead, °C ``(n, steps + leads)``; NaN where
            there is none.
        origins: steps to forecast from, increasing, ``(origins,)``.
        leads: number of leads.
    """

    step: TimeStep
    values: Floats
    last_time: Times
    usual: Floats
    origins: Steps
    leads: int

    @classmethod
    def of(cls, contexts: Contexts, origins: Steps, leads: int) -> "Past":
        """Return the past of ``contexts``."""
        length = contexts.values.shape[1]
        usual = np.full((len(contexts), length + leads), np.nan)
        known = np.isfinite(contexts.coefficients[:, 0])
        if known.any():
            steps = range(1 - length, leads + 1)
            usual[known] = climatology_of_steps(
                contexts.coefficients[known], contexts.last_time[known], steps, contexts.step
            )
        return cls(contexts.step, contexts.values, contexts.last_time, usual, origins, leads)

    @cached_property
    def observed(self) -> Bools:
        """Where values are not missing, ``(n, steps)``."""
        observed: Bools = np.isfinite(self.values)
        return observed

    @cached_property
    def filled(self) -> Floats:
        """Values, each missing one replaced by the last before it, or by the first of the series, ``(n, steps)``."""
        if self.observed.all():
            return self.values
        source = np.maximum.accumulate(np.where(self.observed, np.arange(self.values.shape[1]), 0), axis=1)
        source = np.maximum(source, self.observed.argmax(axis=1)[:, None])
        return np.take_along_axis(self.values, source, axis=1)

    @cached_property
    def ahead(self) -> Steps:
        """The step of each lead of each origin, ``(origins, leads)``."""
        return self.origins[:, None] + np.arange(1, self.leads + 1)

    @cached_property
    def is_long_enough(self) -> Bools:
        """Which series have a climatology of their own, ``(n,)``."""
        long_enough: Bools = self.observed.sum(axis=1) * self.step.seconds / YEAR >= CLIMATOLOGY_YEARS
        return long_enough

    @cached_property
    def has_climatology(self) -> Bools:
        """Which series have a climatology, of their own or their position, ``(n,)``."""
        known: Bools = self.is_long_enough | np.isfinite(self.usual[:, -1])
        return known

    @cached_property
    def season(self) -> tuple[Floats, Floats]:
        """The seasonal cycle at each step ``(n, steps)`` and each lead of each origin ``(n, origins, leads)``, °C.

        It is fitted to the past of series that are long enough, and NaN before it is; else that of the position; else
        zero.
        """
        length = self.values.shape[1]
        season, ahead = self.usual[:, :length].copy(), self.usual[:, self.ahead]
        nowhere = np.isnan(season[:, -1])
        season[nowhere], ahead[nowhere] = 0.0, 0.0
        alike: dict[bytes, list[int]] = {}
        for i in np.flatnonzero(self.is_long_enough).tolist():
            alike.setdefault(self.observed[i].tobytes(), []).append(i)
        for rows in alike.values():
            season[rows], ahead[rows] = _own_season(self, rows)
        return season, ahead

    @cached_property
    def autoregression(self) -> "Autoregression":
        """The autoregressions on the series."""
        return Autoregression.fit(self)

    def until_origins(self, terms: Floats) -> Floats:
        """Return the sum of ``terms`` ``(…, steps)`` up to and with each origin: ``(…, origins)``."""
        if len(self.origins) == 1 and self.origins[0] == terms.shape[-1] - 1:
            total: Floats = terms.sum(axis=-1, keepdims=True)
            return total
        sums: Floats = np.cumsum(terms, axis=-1)[..., self.origins]
        return sums

    def refits(self, first: int) -> Iterator[tuple[int, slice]]:
        """Yield the step up to which a reference is fitted, and the origins that use this fit.

        The fit of the last origin is its own. Origins before ``first`` are left out.
        """
        index = int(np.searchsorted(self.origins, first))
        while index < len(self.origins):
            begin = int(self.origins[index])
            until = int(np.searchsorted(self.origins, max(begin * REFIT_GROWTH, begin + 1)))
            until = max(until, index + 1)
            if until == len(self.origins) > index + 1:
                until -= 1
            yield begin, slice(index, until)
            index = until


_RIDGE: Final = 5.0
"""Penalty on each standardised weight, in number of values."""

_LEAST_VALUES: Final = 12
_ROUNDING: Final = 1e-9
_DAILY_LAGS: Final = (1, 2, 3, 4, 5, 6, 7)
_HOURLY_LAGS: Final = (1, 2, 3, 11, 12, 23, 24, 25)
_MONTHLY_LAGS: Final = (1, 2, 3, 12)
"""Increments that the next one is predicted from, in steps before it; hours include tides and the time of day."""


@dataclass(frozen=True, eq=False)
class Autoregression:
    """Autoregressions on several series, as known at each origin of their past.

    Each increment is predicted from earlier ones, the level and the season. Series with a position are relative to its
    climatology. Nothing is penalised but the weights, towards persistence.

    Attributes:
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

    @cached_property
    def stable(self) -> Bools:
        """For which series no root, from the last origin, lies outside the unit circle, ``(n,)``."""
        weights, size = self.weights[:, -1], max(self.lags, default=0) + 1
        known: Bools = np.logical_and.reduce(np.isfinite(weights), axis=1)
        companion = np.zeros((int(known.sum()), size, size))
        companion[:] = np.eye(size, k=-1)
        companion[:, 0, 0] = 1 + weights[known, 1]
        for lag, weight in zip(self.lags, weights[known, 2 + self.waves.shape[2] :].T, strict=True):
            companion[:, 0, lag - 1] += weight
            companion[:, 0, lag] -= weight
        stable = known.copy()
        stable[known] = np.abs(np.linalg.eigvals(companion)).max(axis=1) <= 1 + _ROUNDING
        return stable


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
    for index, lag in enumerate(lags, 2 + waves.shape[2]):
        terms[:, : lag - 1, index] = 0.0
        terms[:, lag - 1 :, index] = increments[:, : length - lag + 1]
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
    for index, (step, _) in enumerate(refits):
        part = slice(done, step)
        products[:, index] = before[:, part].transpose(0, 2, 1) @ before[:, part]
        moments[:, index] = np.vecmat(increments[:, 1:][:, part], before[:, part])
        sizes[:, index] = pairs[:, part].sum(axis=1)
        done = step
    sizes = np.cumsum(sizes, axis=1)
    fitted = _solved(np.cumsum(products, axis=1), np.cumsum(moments, axis=1), sizes)
    fitted[sizes < _LEAST_VALUES] = np.nan
    for index, (_, origins) in enumerate(refits):
        weights[:, origins] = fitted[:, index, None]
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


_DAMPING_PER_DAY: Final = 0.97
"""Share of the anomaly's departure from its mean that remains after a day; of 0.95 to 0.98, which hardly differ."""

_PRIOR_DECAY_DAYS: Final = 60.0
_PRIOR_WEIGHT: Final = 10.0
"""Damping is estimated as if this many pairs of values had decayed at the prior rate."""

_LEAST_RIDGE: Final = 1e-6


def forecast_references(past: Past, *, fitted: bool = True) -> dict[str, Floats]:
    """Forecast with each reference from each origin, seeing nothing that came after it.

    Returns:
        °C ``(n, origins, leads)`` by name; NaN where the past is too short for a reference.
    """
    forecasts = {"persistence": np.repeat(past.filled[:, past.origins, None], past.leads, axis=2)}
    if np.isfinite(past.usual[:, -1]).any():
        forecasts["usual_change"] = _usual_change(past)
    if not fitted:
        return forecasts
    if past.has_climatology.any():
        forecasts["climatology"] = np.where(past.has_climatology[:, None, None], past.season[1], np.nan)
    forecasts["damped"] = _damped(past, *past.season)
    forecasts["linear"] = past.autoregression.forecast()
    return {name: forecasts[name] for name in REFERENCES if name in forecasts}


def usual_at_end(past: Past) -> list[Usual | None]:
    """Return what the climatology of each series rests on, with its value at the end; None without one."""
    usual: list[Usual | None] = [None] * len(past.values)
    for i in np.flatnonzero(past.has_climatology).tolist():
        rests_on = OF_POSITION
        if past.is_long_enough[i]:
            first = int(past.observed[i].argmax()) + 1 - past.values.shape[1]
            rests_on = of_series(*past.step.shift(past.last_time[i], np.array([first, 0])))
        usual[i] = rests_on._replace(sst=float(past.season[0][i, -1]))
    return usual


def _usual_change(past: Past) -> Floats:
    length = past.values.shape[1]
    anomaly = past.filled - past.usual[:, :length]
    count = past.until_origins(past.observed.astype(np.float64))
    mean = past.until_origins(np.where(past.observed, anomaly, 0.0)) / np.maximum(count, 1.0)
    departure = anomaly[:, past.origins] - mean
    damping = _DAMPING_PER_DAY ** (np.arange(1, past.leads + 1) * past.step.seconds / DAY)
    usual: Floats = past.usual[:, past.ahead] + mean[:, :, None] + departure[:, :, None] * damping
    return usual


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
        coefficients = np.linalg.solve(product + _LEAST_RIDGE * np.trace(product) * np.eye(len(product)), moment).T
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
