"""How a sea is observed: analyses, instruments and area means, with their smoothing, noise, rounding and gaps."""

from typing import Final

import numpy as np
import numpy.typing as npt

from training.simulation.noise import Array, Generator, log_uniform, red_noise, relax

ANALYSIS: Final = "analysis"
IN_SITU: Final = "in situ"
AREA_MEAN: Final = "area mean"
KINDS: Final = (ANALYSIS, IN_SITU, AREA_MEAN)
_SHARES: Final = (0.45, 0.43, 0.12)


def observe(
    random: Generator, water: Array, rms_increment: Array, steps_per_day: float
) -> tuple[Array, npt.NDArray[np.str_]]:
    """Observe the water.

    Args:
        random: generator.
        water: °C, ``(steps, places)``.
        rms_increment: root mean square of the water's daily increments, °C, ``(places,)``.
        steps_per_day: 24, 1, or the inverse of 7 or 30.

    Returns:
        °C, ``(steps, places)``, NaN where missing, and the kind of each place.
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
    return np.asarray(measured + rms_increment * log_uniform(random, 0.01, 0.7, n) * _white(random, water.shape))


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
