"""How water answers to weather: the prior of the correction, learned from simulated and real seas.

The networks of a release share it. It is fitted to their errors on the past of many seas, as the correction of a series
is; see :mod:`forecasting.models.universal.weather`.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import torch

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.models.universal.backtest import MAX_ORIGINS, errors_of, past_origins
from forecasting.models.universal.contexts import Contexts
from forecasting.models.universal.distribution import spread_of
from forecasting.models.universal.metadata import WeatherPrior
from forecasting.models.universal.weather import AlignedWeather, Predictors, Rows
from forecasting.series.times import SECONDS, Floats
from forecasting.series.timestep import TimeStep
from research.pretraining.companion import Moments, fit_prior
from research.pretraining.network import LEVELS, AnyModule
from research.pretraining.real_series import RealSeries, draw_stretches
from research.simulation.seas import show_positions, simulate_seas
from research.spec import Spec

_BATCH: Final = 50
_NOISE: Final = 0.8
_DIGITS: Final = 5


class WeatherSeas(NamedTuple):
    """Series, and the weather over them, °C and m/s ``(n, steps, 2)``; NaN where it is not known."""

    contexts: Contexts
    weather: Floats


def simulated_weather(spec: Spec, seed: int, n: int, size: int) -> WeatherSeas:
    """Simulate ``n`` series of ``size`` values that weather drives; half of those not of an area have a position."""
    random = np.random.default_rng(seed)
    seas = simulate_seas(random, spec.step, n, size, np.random.default_rng((seed, 1)))
    assert seas.weather is not None
    last = np.full(n, seas.times[-1])
    return _seas(spec, seas.sst, last, show_positions(random, seas), seas.weather)


def real_weather(
    spec: Spec, series: Sequence[RealSeries], at_most: int, size: int, random: np.random.Generator
) -> WeatherSeas:
    """Cut at most ``at_most`` stretches of ``size`` values from series with weather, all regions alike."""
    weathered = [real for real in series if real.series.weather]
    stretches = draw_stretches(spec, weathered, at_most, size, random)
    n = len(stretches)
    sst, weather = np.full((n, size), np.nan), np.full((n, size, 2), np.nan)
    last, climatology = np.zeros(n), np.full((n, COEFFICIENTS), np.nan)
    for row, (real, end, shown) in enumerate(stretches):
        stretch = real.series.part(max(0, end - size), end)
        sst[row, size - len(stretch) :] = stretch.values
        last[row] = stretch.times[-1].astype(np.int64)
        climatology[row] = real.climatology if shown else np.nan
        assert real.series.weather is not None
        start = stretch.step.shift(stretch.times[-1:], 1 - size)[0]
        weather[row] = real.series.weather.over(stretch.step, start, size)
    return _seas(spec, sst, last, climatology, weather)


def _seas(spec: Spec, sst: Floats, last: Floats, climatology: Floats, weather: Floats) -> WeatherSeas:
    """Return those series that end in an observation."""
    there = np.flatnonzero(np.isfinite(sst[:, -1]))
    contexts = Contexts(
        step=TimeStep.parse(spec.step),
        row=np.arange(len(there)),
        values=sst[there],
        last_time=last[there].astype(np.int64).astype(SECONDS),
        missing_after=np.zeros(len(there), dtype=np.int64),
        coefficients=climatology[there].astype(np.float32),
    )
    return WeatherSeas(contexts, weather[there])


@torch.no_grad()
def weather_moments(spec: Spec, modules: Sequence[AnyModule], seas: WeatherSeas) -> Moments:
    """Return the moments of the regression of each network's errors on the past of each sea, ``(n, knots, …)``."""
    parts = [
        _moments(spec, modules, seas.contexts.take(rows), seas.weather[rows])
        for begin in range(0, len(seas.contexts), _BATCH)
        if len(rows := np.arange(begin, min(begin + _BATCH, len(seas.contexts))))
    ]
    return Moments(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _moments(spec: Spec, modules: Sequence[AnyModule], contexts: Contexts, weather: Floats) -> Moments:
    steps = contexts.values.shape[1]
    weather = weather[:, -steps:]
    origins, _ = past_origins(contexts, spec.minimum, spec.maximum, MAX_ORIGINS)
    columns = (contexts.values.astype(np.float32), contexts.last_time.astype(np.int64).astype(np.float64))
    arguments = [
        torch.from_numpy(column) for column in (*columns, contexts.coefficients, np.append(origins, steps - 1))
    ]
    values = np.concatenate([weather, np.full((len(weather), spec.horizon, 2), np.nan)], axis=1)
    ahead = np.where(np.isfinite(values).any(axis=1), spec.horizon, 0)
    past = Predictors.of(contexts, AlignedWeather(values, None, ahead), origins, spec.horizon)
    parts, spread = list[list[Floats]](), None
    for module in modules:
        answers = module.backtest(*arguments).double().numpy()
        # The networks of a release share the prior, and so the scale.
        spread = spread_of(answers[:, -1, :, 1:], LEVELS) if spread is None else spread
        errors = errors_of(contexts, answers[:, :-1, :, 0], origins, spec.minimum)
        rows = Rows.of(past, np.asarray(spec.knots), origins, errors, spread)
        weight, x, y = rows.weight, rows.predictors, rows.target
        gram, product = (np.einsum("nokp,nok...,ok->nkp...", x, other, weight) for other in (x, y))
        parts.append([gram, product, (y**2 * weight).sum(axis=1), (rows.known * weight).sum(axis=1)])
    return Moments(*(torch.from_numpy(np.concatenate(part)) for part in zip(*parts, strict=True)))


def fit_weather(spec: Spec, parts: Sequence[Moments]) -> WeatherPrior:
    """Fit the prior to the moments of many seas."""
    moments = Moments(*(torch.cat(part) for part in zip(*parts, strict=True)))
    fits = [fit_prior(Moments(*(part[:, k] for part in moments)), _NOISE) for k in range(len(spec.knots))]

    def rounded(value: torch.Tensor) -> Any:
        return np.vectorize(lambda x: float(f"{x:.{_DIGITS}g}"))(value.numpy()).tolist()

    return WeatherPrior(
        leads=spec.knots,
        mean=[rounded(mean) for mean, _, _ in fits],
        precision=[rounded(precision) for _, precision, _ in fits],
        noise=[round(noise, _DIGITS) for _, _, noise in fits],
    )
