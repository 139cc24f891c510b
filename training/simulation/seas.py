"""Simulated series at each time step, as a user would bring them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import FREEZING_POINT
from training.simulation.noise import Array, Generator, log_uniform, red_noise
from training.simulation.observing import observe
from training.simulation.places import Places, draw_places, evaluate_seasons
from training.simulation.water import simulate_water

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
}
"""Period, hours, and usual amplitude relative to the largest."""


@dataclass(frozen=True)
class Seas:
    """Observed series of simulated places.

    Attributes:
        places: where they are.
        sst: °C, float64 ``(places, steps)``, NaN where missing.
        times: of the steps, Unix seconds ``(steps,)``.
        kinds: how each is observed.
    """

    places: Places
    sst: npt.NDArray[np.float64]
    times: npt.NDArray[np.float64]
    kinds: npt.NDArray[np.str_]

    def usual(self) -> npt.NDArray[np.float64]:
        """The climatology by position at each step, °C, ``(places, steps)``."""
        return np.maximum(
            evaluate_seasons(self.places.climatology, self.times / _DAY).T.astype(np.float64), FREEZING_POINT
        )


def simulate_seas(random: Generator, step: str, places: int, steps: int) -> Seas:
    """Simulate ``places`` series of ``steps`` values at the time step ``hour``, ``day``, ``week`` or ``month``."""
    drawn = draw_places(random, places)
    start = float(random.integers(0, _LATEST_START))
    if step == "hour":
        days = -(-steps // 24)
        water, rms_increment = simulate_water(random, drawn, start, days, 24)
        water = water[:steps]
        hours = np.asarray(start + np.arange(steps) / 24, dtype=np.float64)
        water += _tides(random, rms_increment, hours) + _sunshine(random, drawn, rms_increment, hours)
        observed, kinds = observe(random, water, rms_increment, 24)
        return Seas(drawn, observed.T.astype(np.float64), hours * _DAY, kinds)
    length = {"day": 1.0, "week": 7.0, "month": _YEAR_DAYS / 12}[step]
    bounds = np.round(np.arange(steps + 1) * length).astype(int)
    water, rms_increment = simulate_water(random, drawn, start, int(bounds[-1]))
    if step != "day":
        sums = np.add.reduceat(water, bounds[:-1], axis=0)
        water = np.asarray(sums / np.diff(bounds)[:, np.newaxis], dtype=np.float32)
    observed, kinds = observe(random, water, rms_increment, 1 / length)
    times = np.asarray(start + np.arange(steps) * length, dtype=np.float64)
    return Seas(drawn, observed.T.astype(np.float64), times * _DAY, kinds)


def _tides(random: Generator, rms_increment: Array, times: npt.NDArray[np.float64]) -> Array:
    """Tides that move a gradient of temperature to and fro; the gradient changes over weeks, and may turn."""
    n, hours = len(rms_increment), times * 24
    size = rms_increment * log_uniform(random, 0.05, 2.5, n) * (random.random(n) < 0.7)
    constant = random.uniform(0.2, 1, n)
    gradient = constant + (1 - constant) * red_noise(random, len(times), log_uniform(random, 10, 60, n) * 24)
    total = np.zeros((len(times), n), dtype=np.float32)
    diurnal = log_uniform(random, 0.1, 2, n)
    for name, (period, usual) in _TIDES.items():
        amplitude = usual * np.exp(random.normal(0, 0.4, n)) * (diurnal if name in ("K1", "O1") else 1)
        phase = random.uniform(0, 2 * np.pi, n)
        total += (amplitude * np.cos(2 * np.pi * hours[:, np.newaxis] / period + phase)).astype(np.float32)
    return np.asarray(size * gradient * total, dtype=np.float32)


def _sunshine(random: Generator, places: Places, rms_increment: Array, times: npt.NDArray[np.float64]) -> Array:
    """Warming by day, strong when the wind is weak; by solar time of a random longitude."""
    n = len(rms_increment)
    hour = (times[:, np.newaxis] * 24 + random.uniform(0, 24, n)) % 24
    peak = random.uniform(13, 17, n)
    shape = np.exp(1.6 * (np.cos(2 * np.pi * (hour - peak) / 24) - 1))
    shape -= shape.mean(axis=0)
    size = log_uniform(random, 0.03, 1.2, n) * (random.random(n) < 0.85)
    calm = np.exp(0.7 * red_noise(random, len(times), log_uniform(random, 1, 5, n) * 24))
    return np.asarray(size * calm * shape, dtype=np.float32)
