"""Places of simulated seas: where they are, their seasonal cycle, and a coarse climatology of it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import HARMONICS, annual_terms
from forecasting.climatology.global_climatology import GlobalClimatology
from training.simulation.noise import Array, Generator

_DAYS_PER_YEAR: Final = 365.25

_SHALLOW_SHARE: Final = 0.12
"""Share of places on shelves and in bays, whose seasonal cycle is larger than that of the open sea."""

_WRONG_SHARE: Final = 0.08
"""Share of places whose position is wrong."""


@dataclass(frozen=True)
class Places:
    """Simulated places.

    Attributes:
        latitude: degrees north, ``(places,)``.
        seasonal: mean, then cosine and sine of each annual harmonic of the true seasonal cycle, °C, ``(places, 7)``.
        climatology: the same of the cycle that a climatology by position gives.
    """

    latitude: Array
    seasonal: Array
    climatology: Array

    def __len__(self) -> int:
        return len(self.latitude)


def draw_places(random: Generator, n: int) -> Places:
    """Draw places at random from the sea cells of the global climatology, evenly by area, with more in the tropics.

    The true cycle differs from the cell's as real places differ from a 2° climatology: by about 1 °C in level, a sixth
    in amplitude and nine days in phase.

    Args:
        random: generator.
        n: number of places.
    """
    coefficients, latitudes = _sea_cells()
    weights = np.cos(np.radians(latitudes)) + 0.4 * (np.abs(latitudes) < 12)
    cells = random.choice(len(latitudes), n, p=weights / weights.sum())
    climatology = coefficients[cells]
    amplitude = np.exp(0.17 * random.standard_normal(n))
    shallow = random.random(n) < _SHALLOW_SHARE * (np.abs(latitudes[cells]) > 20)
    amplitude *= np.where(shallow, random.uniform(1.2, 2.4, n), 1)
    seasonal = _turn(climatology, random.normal(0, 9, n), amplitude)
    seasonal[:, 0] += random.normal(0, 0.9, n) + np.where(shallow, random.normal(0, 1.5, n), 0)
    seasonal[:, 3:] += random.normal(0, 0.12, (n, 4)) * np.array([1, 1, 0.5, 0.5])
    wrong = random.random(n) < _WRONG_SHARE
    climatology = np.where(wrong[:, None], coefficients[random.choice(len(latitudes), n)], climatology)
    return Places(latitudes[cells], seasonal.astype(np.float32), climatology.astype(np.float32))


def evaluate_seasons(coefficients: Array, days: npt.NDArray[np.float64]) -> Array:
    """Evaluate mean and harmonics at ``days`` since 1970: °C, ``(days, places)``."""
    times = np.round(days * 86400).astype("datetime64[s]")
    return np.asarray(annual_terms(times) @ coefficients.T.astype(np.float64), dtype=np.float32)


def _turn(coefficients: Array, days: npt.NDArray[np.float64], amplitude: npt.NDArray[np.float64]) -> Array:
    turned = coefficients.astype(np.float64)
    for harmonic in range(1, HARMONICS + 1):
        column = 2 * harmonic - 1
        angle = 2 * np.pi * harmonic * days / _DAYS_PER_YEAR
        cosine, sine = coefficients[:, column], coefficients[:, column + 1]
        turned[:, column] = amplitude * (cosine * np.cos(angle) - sine * np.sin(angle))
        turned[:, column + 1] = amplitude * (cosine * np.sin(angle) + sine * np.cos(angle))
    return turned.astype(np.float32)


def _sea_cells() -> tuple[Array, Array]:
    """Coefficients, ``(cells, 7)``, and latitudes of the cells of the global climatology that are sea."""
    climatology = GlobalClimatology.load()
    rows, columns = climatology.cells.shape[:2]
    latitude = np.repeat(-90 + 180 / rows * (np.arange(rows) + 0.5), columns).astype(np.float32)
    longitude = np.tile(-180 + 360 / columns * (np.arange(columns) + 0.5), rows)
    coefficients = climatology.coefficients(latitude, longitude)
    sea = np.isfinite(coefficients[:, 0])
    return coefficients[sea], latitude[sea]
