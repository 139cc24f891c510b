"""Simulated series at each time step, as a user would bring them: smoothed, noisy, rounded and with gaps."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import FREEZING_POINT
from forecasting.series.times import Floats
from research.simulation.water import (
    Array,
    Generator,
    SimulatedPlaces,
    draw_places,
    evaluate_seasons,
    log_uniform,
    red_noise,
    relax,
    simulate_water,
)
from research.simulation.weather import simulate_weather

ANALYSIS: Final = "analysis"
IN_SITU: Final = "in situ"
AREA_MEAN: Final = "area mean"
KINDS: Final = (ANALYSIS, IN_SITU, AREA_MEAN)
_SHARES: Final = (0.45, 0.43, 0.12)

_REPEATING: Final = 0.1
"""Share of hourly sensors that report every few hours."""


def observe(
    random: Generator, water: Array, rms_increment: Array, steps_per_day: float
) -> tuple[Array, npt.NDArray[np.str_]]:
    """Observe the water, °C, ``(steps, places)``.

    Its daily increments have the root mean square ``rms_increment``, °C, ``(places,)``; there are 24, 1, or the inverse
    of 7 or 30 ``steps_per_day``.
    """
    kinds = random.choice(KINDS, water.shape[1], p=_SHARES)
    observed = water.copy()
    for kind, view in zip(KINDS, (_analyse, _measure, _average), strict=True):
        places = np.flatnonzero(kinds == kind)
        if len(places):
            observed[:, places] = view(random, water[:, places], rms_increment[places], steps_per_day)
    _round(random, observed, kinds)
    _lose(random, observed, kinds, steps_per_day)
    return observed, kinds


def _analyse(random: Generator, water: Array, rms_increment: Array, per_day: float) -> Array:
    """Draw the analysis towards what satellites see, quickly on clear days and slowly under clouds."""
    n = water.shape[1]
    if per_day < 1:
        return np.asarray(water + rms_increment * log_uniform(random, 0.02, 0.3, n) * _white(random, water.shape))
    cloudy = red_noise(random, len(water), log_uniform(random, 1, 6, n) * max(1, per_day))
    clear_gain = random.uniform(0.4, 1, n) ** 0.3
    gain = np.where(cloudy > random.normal(0.5, 1, n), clear_gain * random.uniform(0.3, 1, n) ** 0.5, clear_gain)
    gain = gain.astype(np.float32)
    seen = water + rms_increment * log_uniform(random, 0.02, 0.35, n) * _white(random, water.shape)
    first = (seen[0] * (1 - gain[0])).astype(np.float32)
    forcing = gain * seen
    forcing[0] += first
    analysis = relax(forcing.astype(np.float32), 1 - gain)
    centred = random.random(n) < 0.15  # many analyses also use the observations of the days around
    centred_mean = analysis.copy()
    centred_mean[1:-1] = 0.25 * analysis[:-2] + 0.5 * analysis[1:-1] + 0.25 * analysis[2:]
    return np.where(centred, centred_mean, analysis)


def _measure(random: Generator, water: Array, rms_increment: Array, per_day: float) -> Array:
    """Measure at a point, where fronts and internal waves pass within hours."""
    n = water.shape[1]
    fronts = red_noise(random, len(water), log_uniform(random, 0.15, 1.5, n) * max(1, per_day))
    strength = np.exp(random.uniform(0, 0.5, n) * red_noise(random, len(water), log_uniform(random, 5, 60, n)))
    measured = water + rms_increment * log_uniform(random, 0.05, 1.3, n) * strength * fronts * min(1.0, per_day**0.5)
    measured += rms_increment * log_uniform(random, 0.01, 0.7, n) * _white(random, water.shape)
    if per_day > 1:
        _repeat(random, measured)
    return np.asarray(measured)


def _repeat(random: Generator, measured: Array) -> None:
    """Repeat values where a sensor reports every few hours, and the value stands for the hours between."""
    for place in np.flatnonzero(random.random(measured.shape[1]) < _REPEATING):
        every = random.choice([2, 3, 6], p=[0.6, 0.25, 0.15])
        steps = np.arange(len(measured)) + random.integers(every)
        measured[:, place] = measured[np.maximum(steps - steps % every - steps[0], 0), place]


def _average(random: Generator, water: Array, rms_increment: Array, per_day: float) -> Array:
    """Average over a wide area: most of the weather cancels out."""
    n = water.shape[1]
    memory = log_uniform(random, 0.3, 3, n) * max(per_day, 0.2)
    gain = (1 - np.exp(-1 / memory)).astype(np.float32)
    forcing = gain * water
    forcing[0] = water[0]
    smooth = relax(forcing.astype(np.float32), 1 - gain)
    mean = smooth.mean(axis=0)
    return np.asarray(mean + log_uniform(random, 0.05, 1, n) * (smooth - mean))


def _round(random: Generator, observed: Array, kinds: npt.NDArray[np.str_]) -> None:
    n = observed.shape[1]
    measured = kinds == IN_SITU
    digit = np.where(measured, random.choice([0.1, 0.01, 0.001], n, p=[0.4, 0.4, 0.2]),
                     random.choice([0.1, 0.01, 0.001], n, p=[0.04, 0.66, 0.3]))  # fmt: skip
    np.copyto(observed, np.round(observed / digit) * digit)


def _lose(random: Generator, observed: Array, kinds: npt.NDArray[np.str_], per_day: float) -> None:
    """Remove single values, and outages of days to months."""
    steps, n = observed.shape
    measured = kinds == IN_SITU
    rate = np.where(random.random(n) < np.where(measured, 0.6, 0.1), log_uniform(random, 0.002, 0.25, n), 0)
    missing = random.random((steps, n), dtype=np.float32) < rate
    broken = random.random(n) < np.where(measured, 0.35, 0.04)
    for place in np.flatnonzero(broken):
        for _ in range(random.poisson(max(1.0, 2 * steps / max(1.0, 365 * per_day)))):
            length = int(1 + random.exponential(max(2.0, 18 * per_day)))
            begin = random.integers(0, steps)
            missing[begin : begin + length, place] = True
    observed[missing] = np.nan


def _white(random: Generator, shape: tuple[int, ...]) -> Array:
    return random.standard_normal(shape, dtype=np.float32)


_DAY: Final = 86400
_YEAR_DAYS: Final = 365.25
_LATEST_START: Final = 20_000
"""Days since 1970."""

_TIDES: Final = {
    "M2": (12.4206, 1.0),
    "S2": (12.0, 0.4),
    "N2": (12.6583, 0.2),
    "K1": (23.9345, 0.5),
    "O1": (25.8193, 0.4),
    "M4": (6.2103, 0.5),
    "MS4": (6.1033, 0.2),
    "M6": (4.1402, 0.2),
}
"""Period, hours, and usual amplitude relative to the largest; of the last three, in the shallowest water."""

_SHALLOW_WATER: Final = ("M4", "MS4", "M6")


@dataclass(frozen=True)
class Seas:
    """Observed series of simulated places."""

    places: SimulatedPlaces
    sst: Floats
    times: Floats
    kinds: npt.NDArray[np.str_]
    weather: Floats | None = None

    def usual(self) -> Floats:
        """Return the climatology by position in the middle of each step, °C, ``(places, steps)``."""
        middles = self.times + (self.times[1] - self.times[0]) / 2
        usual = evaluate_seasons(self.places.climatology, middles / _DAY).T.astype(np.float64)
        return np.maximum(usual, FREEZING_POINT)


def show_positions(random: Generator, seas: Seas) -> Floats:
    """Return the climatology by position of half of the places that are not an area, ``(places, 7)``; else NaN."""
    shown = (random.random(len(seas.places)) < 0.5) & (seas.kinds != AREA_MEAN)
    return np.where(shown[:, np.newaxis], seas.places.climatology, np.nan)


def simulate_seas(
    random: Generator, step: str, places: int, steps: int, weather_random: Generator | None = None
) -> Seas:
    """Simulate ``places`` series of ``steps`` values at the time step ``hour``, ``day``, ``week`` or ``month``.

    With ``weather_random``, weather that it draws drives the water, at steps of an hour or a day.
    """
    drawn = draw_places(random, places)
    start = float(random.integers(0, _LATEST_START))
    length = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": _YEAR_DAYS / 12}[step]
    per_day = 24 if step == "hour" else 1
    bounds = np.round(np.arange(steps + 1) * max(length, 1.0)).astype(int)
    days = -(-steps // 24) if step == "hour" else int(bounds[-1])
    weather = None if weather_random is None else simulate_weather(weather_random, drawn, start, days, per_day)
    water, rms_increment = simulate_water(random, drawn, start, days, per_day, weather)
    times = np.asarray(start + np.arange(steps) * length, dtype=np.float64)
    over = None
    if weather is not None:
        anomaly = water - evaluate_seasons(drawn.seasonal, start + np.arange(len(water)) / per_day)
        air = weather.air[-len(water) :] + weather.followed * anomaly
        over = np.stack([air, weather.wind[-len(water) :]], axis=-1).transpose(1, 0, 2)[:, :steps].astype(np.float64)
    if step == "hour":
        water = water[:steps]
        times = np.asarray(start + np.arange(steps) / 24, dtype=np.float64)
        water += _tides(random, rms_increment, times) + _sunshine(random, drawn, rms_increment, times)
    elif step != "day":
        sums = np.add.reduceat(water, bounds[:-1], axis=0)
        water = np.asarray(sums / np.diff(bounds)[:, np.newaxis], dtype=np.float32)
    observed, kinds = observe(random, water, rms_increment, 24 if step == "hour" else 1 / length)
    return Seas(drawn, observed.T.astype(np.float64), times * _DAY, kinds, over)


def _tides(random: Generator, rms_increment: Array, times: Floats) -> Array:
    """Simulate tides that move a gradient of temperature to and fro; the gradient changes over weeks, and may turn."""
    n, hours = len(rms_increment), times * 24
    size = rms_increment * log_uniform(random, 0.05, 2.5, n) * (random.random(n) < 0.7)
    constant = random.uniform(0.2, 1, n)
    gradient = constant + (1 - constant) * red_noise(random, len(times), log_uniform(random, 10, 60, n) * 24)
    total = np.zeros((len(times), n), dtype=np.float32)
    diurnal, shallow = log_uniform(random, 0.1, 2, n), log_uniform(random, 0.03, 1, n)
    factors = dict.fromkeys(("K1", "O1"), diurnal) | dict.fromkeys(_SHALLOW_WATER, shallow)
    for name, (period, usual) in _TIDES.items():
        amplitude = usual * np.exp(random.normal(0, 0.4, n)) * factors.get(name, 1)
        phase = random.uniform(0, 2 * np.pi, n)
        total += (amplitude * np.cos(2 * np.pi * hours[:, np.newaxis] / period + phase)).astype(np.float32)
    return np.asarray(size * gradient * total, dtype=np.float32)


def _sunshine(random: Generator, places: SimulatedPlaces, rms_increment: Array, times: Floats) -> Array:
    """Simulate warming by day, strong when the wind is weak; by solar time of a random longitude."""
    n = len(rms_increment)
    hour = (times[:, np.newaxis] * 24 + random.uniform(0, 24, n)) % 24
    peak = random.uniform(13, 17, n)
    shape = np.exp(1.6 * (np.cos(2 * np.pi * (hour - peak) / 24) - 1))
    shape -= shape.mean(axis=0)
    size = log_uniform(random, 0.03, 1.2, n) * (random.random(n) < 0.85)
    calm = np.exp(0.7 * red_noise(random, len(times), log_uniform(random, 1, 5, n) * 24))
    return np.asarray(size * calm * shape, dtype=np.float32)


STATISTICS: Final = (
    "RMS increment",
    "autocorrelation 1",
    "autocorrelation 2",
    "variance ratio 7",
    "variance ratio 30",
    "kurtosis",
    "clustering",
)
"""The root mean square of the increments is in °C; the autocorrelations are those of the increments at lags 1 and 2; a
variance ratio is the variance of changes over 7 or 30 steps relative to a random walk; the kurtosis is that of the
increments; clustering is the correlation of their mean size with that 30 steps earlier."""

_RUN: Final = 15
_APART: Final = 30


def series_statistics(sst: Floats) -> Floats:
    """Return :data:`STATISTICS` of one series, °C ``(steps,)``, NaN where missing."""
    increments = np.diff(sst)
    known = increments[np.isfinite(increments)]
    variance = known.var()
    centred = increments - known.mean()
    return np.array(
        [
            np.sqrt((known**2).mean()),
            *(np.nanmean(centred[lag:] * centred[:-lag]) / variance for lag in (1, 2)),
            *(_growth(sst, steps) / _growth(sst, 1) for steps in (7, 30)),
            np.nanmean(centred**4) / variance**2,
            _clustering(np.abs(centred)),
        ]
    )


def _growth(sst: Floats, steps: int) -> float:
    return float(np.nanmean((sst[steps:] - sst[:-steps]) ** 2)) / steps


def _clustering(sizes: Floats) -> float:
    known = np.isfinite(sizes)
    kernel = np.ones(_RUN)
    counts = np.convolve(known, kernel, "valid")
    means = np.convolve(np.where(known, sizes, 0.0), kernel, "valid")
    means = np.where(counts > _RUN / 2, means / np.maximum(counts, 1), np.nan)
    early, late = means[:-_APART], means[_APART:]
    both = np.isfinite(early) & np.isfinite(late)
    return float(np.corrcoef(early[both], late[both])[0, 1])
