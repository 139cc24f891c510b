"""The water of simulated seas: random processes, places with their seasonal cycles, and a stochastic mixed layer.

After Hasselmann (1976, Tellus 28) and Frankignoul and Hasselmann (1977, Tellus 29): the mixed layer adds up the weather
and forgets it within weeks. Everything else is added to that: changes over months and years, eddies and instability
waves, events such as heatwaves and upwelling, and a recharge oscillator for El Niño.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import FREEZING_POINT, HARMONICS, annual_terms
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.series.times import Floats

Array = npt.NDArray[np.float32]
Generator = np.random.Generator


def log_uniform(random: Generator, low: float, high: float, size: int) -> Array:
    """Draw ``size`` values between ``low`` and ``high`` whose logarithms are uniform."""
    return np.exp(random.uniform(np.log(low), np.log(high), size)).astype(np.float32)


def relax(forcing: Array, decay: Array) -> Array:
    """Integrate ``y[t] = decay · y[t - 1] + forcing[t]``."""
    decay = np.broadcast_to(decay, forcing.shape)
    state = np.empty_like(forcing)
    state[0] = forcing[0]
    for step in range(1, len(forcing)):
        np.multiply(decay[step], state[step - 1], out=state[step])
        state[step] += forcing[step]
    return state


def red_noise(random: Generator, steps: int, memory: Array) -> Array:
    """Simulate first-order autoregressions of unit variance, ``(steps, places)``, from stationarity.

    ``memory`` is the e-folding time in steps, ``(places,)``.
    """
    decay = np.exp(-1 / memory).astype(np.float32)
    forcing = random.standard_normal((steps, len(memory)), dtype=np.float32) * np.sqrt(1 - decay**2)
    forcing[0] = random.standard_normal(len(memory), dtype=np.float32)
    return relax(forcing, decay)


def oscillation(random: Generator, steps: int, period: Array, memory: Array) -> Array:
    """Simulate damped stochastic oscillations of unit variance, ``(steps, places)``.

    The real part of a complex autoregression, ``z[t] = exp(-1 / memory + 2πi / period) · z[t - 1] + noise``: the
    form of the linear recharge oscillator of El Niño (Burgers, Jin and van Oldenborgh 2005, Geophys. Res. Lett. 32).
    ``memory`` is the e-folding time of the amplitude; it and ``period`` are in steps, ``(places,)``.
    """
    places = len(period)
    turn = np.exp(-1 / memory + 2j * np.pi / period).astype(np.complex64)
    scale = np.sqrt(1 - np.abs(turn) ** 2)
    state = random.standard_normal(places) + 1j * random.standard_normal(places)
    values = np.empty((steps, places), dtype=np.float32)
    for step in range(steps):
        kick = random.standard_normal(places, dtype=np.float32) + 1j * random.standard_normal(places, dtype=np.float32)
        state = turn * state + scale * kick
        values[step] = state.real
    return values


def heavy_tailed(random: Generator, steps: int, freedom: Array) -> Array:
    """Draw Student's t noise of unit variance, ``(steps, places)``, with ``freedom`` > 2 degrees of freedom."""
    normal = random.standard_normal((steps, len(freedom)), dtype=np.float32)
    mixing = random.standard_gamma(np.broadcast_to(freedom / 2, normal.shape)).astype(np.float32) * 2
    return np.asarray(normal * np.sqrt((freedom - 2) / mixing), dtype=np.float32)


def pulses(random: Generator, steps: int, rate: Array, decay: Array) -> Array:
    """Simulate events that begin at random and decay, with exponential sizes of mean 1, ``(steps, places)``.

    ``rate`` is the number of events expected in a step, ``decay`` the share that remains after one, ``(places,)``.
    """
    begins = random.random((steps, len(rate)), dtype=np.float32) < rate
    sizes = random.standard_exponential((steps, len(rate)), dtype=np.float32)
    # An event grows over three steps, as wind does, before it decays.
    growing = begins * sizes
    growing[1:] += 0.6 * (begins * sizes)[:-1]
    growing[2:] += 0.3 * (begins * sizes)[:-2]
    return relax(growing.astype(np.float32), decay)


_DAYS_PER_YEAR: Final = 365.25

_SHALLOW_SHARE: Final = 0.12
"""Share of places on shelves and in bays, whose seasonal cycle is larger than that of the open sea."""

_WRONG_SHARE: Final = 0.08
"""Share of places whose position is wrong."""


@dataclass(frozen=True)
class SimulatedPlaces:
    """Simulated places."""

    latitude: Array
    seasonal: Array
    climatology: Array

    def __len__(self) -> int:
        return len(self.latitude)


def draw_places(random: Generator, n: int) -> SimulatedPlaces:
    """Draw places at random from the sea cells of the global climatology, evenly by area, with more in the tropics.

    The true cycle differs from the cell's as real places differ from a 2° climatology: by about 1 °C in level, a sixth
    in amplitude and nine days in phase.
    """
    coefficients, latitudes = _sea_cells()
    weights = np.cos(np.radians(latitudes)) + 0.4 * (np.abs(latitudes) < 12)
    cells = random.choice(len(latitudes), n, p=weights / weights.sum())
    climatology = coefficients[cells]
    amplitude = np.exp(0.17 * random.standard_normal(n))
    shallow = random.random(n) < _SHALLOW_SHARE * (np.abs(latitudes[cells]) > 20)
    amplitude *= np.where(shallow, random.uniform(1.2, 2.4, n), 1)
    seasonal = turned(climatology, random.normal(0, 9, n), amplitude)
    seasonal[:, 0] += random.normal(0, 0.9, n) + np.where(shallow, random.normal(0, 1.5, n), 0)
    seasonal[:, 3:] += random.normal(0, 0.12, (n, 4)) * np.array([1, 1, 0.5, 0.5])
    wrong = random.random(n) < _WRONG_SHARE
    climatology = np.where(wrong[:, None], coefficients[random.choice(len(latitudes), n)], climatology)
    return SimulatedPlaces(latitudes[cells], seasonal.astype(np.float32), climatology.astype(np.float32))


def evaluate_seasons(coefficients: Array, days: Floats) -> Array:
    """Evaluate mean and harmonics at ``days`` since 1970: °C, ``(days, places)``."""
    times = np.round(days * 86400).astype("datetime64[s]")
    return np.asarray(annual_terms(times) @ coefficients.T.astype(np.float64), dtype=np.float32)


def turned(coefficients: Array, days: Floats, amplitude: Floats) -> Array:
    """Return seasonal cycles later by ``days``, and times ``amplitude`` but for their mean."""
    turned = coefficients.astype(np.float64)
    for harmonic in range(1, HARMONICS + 1):
        column = 2 * harmonic - 1
        angle = 2 * np.pi * harmonic * days / _DAYS_PER_YEAR
        cosine, sine = coefficients[:, column], coefficients[:, column + 1]
        turned[:, column] = amplitude * (cosine * np.cos(angle) - sine * np.sin(angle))
        turned[:, column + 1] = amplitude * (cosine * np.sin(angle) + sine * np.cos(angle))
    return turned.astype(np.float32)


def _sea_cells() -> tuple[Array, Array]:
    """Return the coefficients, ``(cells, 7)``, and latitudes of the cells of the global climatology that are sea."""
    climatology = GlobalClimatology.load()
    rows, columns = climatology.cells.shape[:2]
    latitude = np.repeat(-90 + 180 / rows * (np.arange(rows) + 0.5), columns).astype(np.float32)
    longitude = np.tile(-180 + 360 / columns * (np.arange(columns) + 0.5), rows)
    coefficients = climatology.coefficients(latitude, longitude)
    sea = np.isfinite(coefficients[:, 0])
    return coefficients[sea], latitude[sea]


_SPIN_UP_DAYS: Final = 120


class SimulatedWeather(NamedTuple):
    """Weather over each place that drives its water."""

    air: Array
    wind: Array
    followed: Array
    forcing: Array
    share: Array


def simulate_water(
    random: Generator,
    places: SimulatedPlaces,
    start_day: float,
    days: int,
    steps_per_day: int = 1,
    weather: SimulatedWeather | None = None,
) -> tuple[Array, Array]:
    """Simulate the temperature of the water at each place from ``start_day`` since 1970, in 1 or 24 steps a day.

    Without ``weather``, which has to be that of :func:`simulated_days`, the water is driven by noise alone.
    """
    n, spin_up = len(places), _SPIN_UP_DAYS * steps_per_day
    times = simulated_days(start_day, days, steps_per_day)
    steps = len(times)
    summer = season(places, times)
    anomaly = _mixed_layer(random, places, summer, steps_per_day, weather)
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


def simulated_days(start_day: float, days: int, steps_per_day: int) -> Floats:
    """Return the days since 1970 of the simulated steps, those before ``start_day`` that are left out included."""
    spin_up = _SPIN_UP_DAYS * steps_per_day
    return np.asarray(start_day + (np.arange(days * steps_per_day + spin_up) - spin_up) / steps_per_day)


def season(places: SimulatedPlaces, times: Floats) -> Array:
    """Return the season from -1 (coldest) to 1 (warmest), ``(steps, places)``."""
    cycle = places.seasonal.copy()
    cycle[:, 0] = 0
    cycle[:, 3:] = 0
    amplitude = np.maximum(np.hypot(cycle[:, 1], cycle[:, 2]), 0.3)
    return np.asarray(evaluate_seasons(cycle, times) / amplitude)


def _mixed_layer(
    random: Generator, places: SimulatedPlaces, summer: Array, per_day: int, weather: SimulatedWeather | None
) -> Array:
    n, steps = len(places), len(summer)
    # A mixture, since some places have white forcing and others passing weather systems.
    share = random.beta(1, 1, n).astype(np.float32)
    memory = log_uniform(random, 0.15, 1.6, n) * per_day
    forcing = np.sqrt(1 - share) * heavy_tailed(random, steps, log_uniform(random, 2.5, 20, n))
    forcing += np.sqrt(share) * red_noise(random, steps, memory)
    clustering = random.uniform(0.05, 0.9, n).astype(np.float32)
    forcing *= np.exp(clustering * red_noise(random, steps, log_uniform(random, 4, 90, n) * per_day))
    forcing *= 1 + random.uniform(-0.5, 0.5, n).astype(np.float32) * summer
    if weather is not None:
        forcing = np.sqrt(1 - weather.share) * forcing / forcing.std(axis=0) + np.sqrt(weather.share) * weather.forcing
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


def _el_nino(random: Generator, latitude: Array, size: Array, times: Floats, per_day: int) -> Array:
    n, steps = len(latitude), len(times)
    tropical = np.abs(latitude) < 20
    present = random.random(n) < np.where(tropical, 0.6, 0.15)
    scale = np.where(tropical, log_uniform(random, 0.2, 1.6, n), 0.5 * size * random.random(n)) * present
    period, memory = log_uniform(random, 800, 2000, n), log_uniform(random, 200, 900, n)
    # Anomalies grow from June to December, and are larger then.
    season = 1 + random.uniform(0, 0.5, n) * np.cos(2 * np.pi * (times[:, None] / _DAYS_PER_YEAR - 0.95))
    state = oscillation(random, steps, period * per_day, memory * per_day)
    return np.asarray(scale * season * (state + 0.15 * (state**2 - 1)), dtype=np.float32)
