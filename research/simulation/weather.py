"""Simulated weather over simulated seas: air temperature and wind, how they drive the water, and how air follows it.

Air temperature and the logarithm of wind are red noise whose size changes with the season. What drives the water is
air that is warmer or colder than usual, the more the stronger the wind, as in the bulk formula for sensible heat; and
wind, which cools or mixes where the water is stratified. Some seas do not answer to weather at all, and over open water
the air takes on most of the water's own anomaly.
"""

from typing import Final

import numpy as np

from forecasting.series.times import Bools, Floats
from research.simulation.water import (
    Array,
    Generator,
    SimulatedPlaces,
    SimulatedWeather,
    evaluate_seasons,
    log_uniform,
    red_noise,
    season,
    simulated_days,
    turned,
)

_LAND: Final = 0.35
"""Share of places where the weather is that of land: piers, bays and estuaries."""

_INDIFFERENT: Final = 0.2
"""Share of places whose water does not answer to weather."""


def simulate_weather(
    random: Generator, places: SimulatedPlaces, start_day: float, days: int, per_day: int = 1
) -> SimulatedWeather:
    """Simulate the weather over each place, for :func:`~research.simulation.water.simulate_water`."""
    n, times = len(places), simulated_days(start_day, days, per_day)
    steps, summer = len(times), season(places, times)
    land = random.random(n) < _LAND
    gusts = np.sqrt(0.8) * red_noise(random, steps, log_uniform(random, 0.5, 3, n) * per_day)
    gusts += np.sqrt(0.2) * red_noise(random, steps, log_uniform(random, 5, 40, n) * per_day)
    usual, spread = random.uniform(3, 9, n), random.uniform(0.25, 0.6, n)
    strength = (1 - random.uniform(-0.1, 0.4, n) * summer) * np.exp(spread * gusts - spread**2 / 2)
    departure = _air_departure(random, places, land, summer, gusts, per_day)
    heat = strength ** random.uniform(0, 1.2, n) * departure
    stratified = np.maximum(random.uniform(0.2, 1, n) + random.uniform(-0.2, 1, n) * summer, 0)
    mixing = strength ** random.uniform(1, 3, n) * stratified
    cools = np.where(random.random(n) < np.where(land, 0.7, 0.9), -1, 1)
    angle = random.uniform(0.05, 1.45, n)
    forcing = np.cos(angle) * _standardised(heat) + np.sin(angle) * cools * _standardised(mixing)
    delayed = random.uniform(0, 0.6, n)
    forcing = (1 - delayed) * forcing + delayed * np.roll(forcing, 1, axis=0)
    share = np.where(random.random(n) < _INDIFFERENT, 0, 0.97 * random.random(n) ** 0.7)
    air = departure + _usual_air(random, places, land, times, per_day)
    followed = np.where(land, random.uniform(0, 0.3, n), random.uniform(0.3, 1, n))
    return SimulatedWeather(
        air=air.astype(np.float32),
        wind=(usual * strength).astype(np.float32),
        followed=followed.astype(np.float32),
        forcing=_standardised(forcing).astype(np.float32),
        share=share.astype(np.float32),
    )


def _air_departure(
    random: Generator, places: SimulatedPlaces, land: Bools, summer: Array, gusts: Array, per_day: int
) -> Array:
    """Simulate how much warmer or colder than usual the air is, °C ``(steps, places)``; smaller in summer."""
    n, steps = len(places), len(summer)
    size = np.where(land, log_uniform(random, 1.5, 6, n), log_uniform(random, 0.5, 4, n))
    size *= np.where(np.abs(places.latitude) < 15, 0.35, 1)
    own = np.sqrt(0.75) * red_noise(random, steps, log_uniform(random, 0.8, 6, n) * per_day)
    own += np.sqrt(0.25) * red_noise(random, steps, log_uniform(random, 6, 40, n) * per_day)
    with_wind = random.uniform(-0.6, 0.6, n)
    seasonal = 1 - random.uniform(0, 0.45, n) * summer
    return np.asarray(size * seasonal * (np.sqrt(1 - with_wind**2) * own + with_wind * gusts), dtype=np.float32)


def _usual_air(
    random: Generator,
    places: SimulatedPlaces,
    land: Bools,
    times: Floats,
    per_day: int,
) -> Array:
    """Return the usual air temperature: ahead of the water through the year, and through the day where it is known."""
    n = len(places)
    ahead = np.where(land, random.uniform(10, 40, n), random.uniform(0, 25, n))
    amplitude = np.where(land, random.uniform(1, 1.8, n), random.uniform(0.9, 1.4, n))
    cycle = turned(places.seasonal, -ahead, amplitude)
    cycle[:, 0] = places.seasonal[:, 0] - random.uniform(-1, 3.5, n)
    air = evaluate_seasons(cycle, times)
    if per_day > 1:
        size = np.where(land, log_uniform(random, 1, 6, n), log_uniform(random, 0.1, 1, n))
        air = air + size * np.cos(2 * np.pi * (times[:, None] - random.uniform(0, 1, n)))
    return np.asarray(air, dtype=np.float32)


def _standardised(values: Floats | Array) -> Floats:
    """Return departures from the mean over time, of unit variance."""
    return np.asarray((values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-6), dtype=np.float64)
