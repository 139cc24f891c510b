"""The water itself: a stochastic mixed layer under weather, with slow changes, eddies, upwelling and El Niño.

After Hasselmann (1976, Tellus 28) and Frankignoul and Hasselmann (1977, Tellus 29): the mixed layer adds up the weather
and forgets it within weeks. Everything else is added to that: changes over months and years, eddies and instability
waves, events such as heatwaves and upwelling, and a recharge oscillator for El Niño.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import FREEZING_POINT
from training.simulation.noise import (
    Array,
    Generator,
    heavy_tailed,
    log_uniform,
    oscillation,
    pulses,
    red_noise,
    relax,
)
from training.simulation.places import Places, evaluate_seasons

_SPIN_UP_DAYS: Final = 120
_DAYS_PER_YEAR: Final = 365.25


def simulate_water(
    random: Generator, places: Places, start_day: float, days: int, steps_per_day: int = 1
) -> tuple[Array, Array]:
    """Simulate the temperature of the water at each place.

    Args:
        random: generator.
        places: to simulate.
        start_day: of the first step, in days since 1970.
        days: number of days.
        steps_per_day: 1 or 24.

    Returns:
        °C, ``(steps, places)``, and the root mean square of the anomalies' daily increments, °C, ``(places,)``.
    """
    n, spin_up = len(places), _SPIN_UP_DAYS * steps_per_day
    steps = days * steps_per_day + spin_up
    times = start_day + (np.arange(steps) - spin_up) / steps_per_day
    summer = _summer(places, times)
    anomaly = _mixed_layer(random, places, summer, steps_per_day)
    anomaly *= log_uniform(random, 0.15, 1.3, n) / anomaly.std(axis=0)
    size = anomaly.std(axis=0)
    tropical = np.abs(places.latitude) < 15
    anomaly += _slow(random, size, steps, steps_per_day, tropical)
    anomaly += _waves(random, size, steps, steps_per_day, tropical)
    anomaly += _events(random, size, steps, steps_per_day)
    anomaly += _el_nino(random, places.latitude, size, times, steps_per_day)
    anomaly = anomaly[spin_up:]
    times = times[spin_up:]
    daily = np.diff(anomaly[::steps_per_day], axis=0)
    warming = np.clip(random.normal(0.015, 0.015, n), -0.02, 0.06) / _DAYS_PER_YEAR
    anomaly += np.outer(times - times.mean(), warming).astype(np.float32)
    temperature = evaluate_seasons(places.seasonal, times) + anomaly
    above = (temperature - FREEZING_POINT) / 0.25
    return (FREEZING_POINT + 0.25 * np.logaddexp(0, above)).astype(np.float32), np.sqrt((daily**2).mean(axis=0))


def _summer(places: Places, times: npt.NDArray[np.float64]) -> Array:
    """The season from -1 (coldest) to 1 (warmest), ``(steps, places)``."""
    cycle = places.seasonal.copy()
    cycle[:, 0] = 0
    cycle[:, 3:] = 0
    amplitude = np.maximum(np.hypot(cycle[:, 1], cycle[:, 2]), 0.3)
    return np.asarray(evaluate_seasons(cycle, times) / amplitude)


def _mixed_layer(random: Generator, places: Places, summer: Array, per_day: int) -> Array:
    n, steps = len(places), len(summer)
    # A mixture, since some places have white forcing and others passing weather systems.
    share = random.beta(1, 1, n).astype(np.float32)
    memory = log_uniform(random, 0.15, 1.6, n) * per_day
    forcing = np.sqrt(1 - share) * heavy_tailed(random, steps, log_uniform(random, 2.5, 20, n))
    forcing += np.sqrt(share) * red_noise(random, steps, memory)
    clustering = random.uniform(0.05, 0.9, n).astype(np.float32)
    forcing *= np.exp(clustering * red_noise(random, steps, log_uniform(random, 4, 90, n) * per_day))
    forcing *= 1 + random.uniform(-0.5, 0.5, n).astype(np.float32) * summer
    forgetting = 1 / (log_uniform(random, 4, 70, n) * per_day)
    forgetting = forgetting * (1 + random.uniform(0, 0.7, n).astype(np.float32) * summer)
    return relax(forcing, np.exp(-forgetting).astype(np.float32))


def _slow(random: Generator, size: Array, steps: int, per_day: int, tropical: npt.NDArray[np.bool_]) -> Array:
    n = len(size)
    months = size * log_uniform(random, 0.1, 1.2, n) * np.where(tropical, 0.6, 1)
    years = size * log_uniform(random, 0.1, 0.9, n)
    slow = months * red_noise(random, steps, log_uniform(random, 40, 300, n) * per_day)
    slow += years * red_noise(random, steps, log_uniform(random, 300, 2000, n) * per_day)
    return np.asarray(slow, dtype=np.float32)


def _waves(random: Generator, size: Array, steps: int, per_day: int, tropical: npt.NDArray[np.bool_]) -> Array:
    n = len(size)
    # Tropical instability waves take 15 to 40 days, eddies elsewhere longer.
    period = np.where(tropical, log_uniform(random, 12, 45, n), log_uniform(random, 20, 150, n)).astype(np.float32)
    memory = period * log_uniform(random, 0.3, 2, n)
    present = random.random(n) < np.where(tropical, 0.7, 0.35)
    scale = size * log_uniform(random, 0.15, 1.2, n) * present
    strength = np.exp(0.5 * red_noise(random, steps, np.full(n, 60.0 * per_day, dtype=np.float32)))
    return np.asarray(scale * strength * oscillation(random, steps, period * per_day, memory * per_day), np.float32)


def _events(random: Generator, size: Array, steps: int, per_day: int) -> Array:
    n = len(size)
    rate = log_uniform(random, 1, 20, n) / (_DAYS_PER_YEAR * per_day)
    decay = np.exp(-1 / (log_uniform(random, 2, 25, n) * per_day)).astype(np.float32)
    scale = size * log_uniform(random, 0.2, 2.5, n) * (random.random(n) < 0.5)
    events = pulses(random, steps, rate, decay)
    events -= events.mean(axis=0)
    return np.asarray(scale * random.choice([-1, 1], n) * events, dtype=np.float32)


def _el_nino(random: Generator, latitude: Array, size: Array, times: npt.NDArray[np.float64], per_day: int) -> Array:
    n, steps = len(latitude), len(times)
    tropical = np.abs(latitude) < 20
    present = random.random(n) < np.where(tropical, 0.6, 0.15)
    scale = np.where(tropical, log_uniform(random, 0.2, 1.6, n), 0.5 * size * random.random(n)) * present
    period, memory = log_uniform(random, 800, 2000, n), log_uniform(random, 200, 900, n)
    # Anomalies grow from June to December, and are larger then.
    season = 1 + random.uniform(0, 0.5, n) * np.cos(2 * np.pi * (times[:, None] / _DAYS_PER_YEAR - 0.95))
    state = oscillation(random, steps, period * per_day, memory * per_day)
    return np.asarray(scale * season * (state + 0.15 * (state**2 - 1)), dtype=np.float32)
