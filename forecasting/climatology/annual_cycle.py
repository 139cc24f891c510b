"""The annual cycle of a place, as a mean and three harmonics of the Julian year.

The usual SST at a time is ``mean + Σ (a_k cos 2πkt + b_k sin 2πkt)`` for k = 1, 2, 3, where t is the number of Julian
years (365.25 days) since 1970-01-01T00:00Z. A result below the freezing point of sea water is raised to it. The order
of coefficients is mean, a_1, b_1, a_2, b_2, a_3, b_3, as in :class:`~forecasting.references.climatology.Climatology`.
"""

from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from forecasting.series.times import YEAR, Floats, Times, unix_seconds

HARMONICS: Final = 3
COEFFICIENTS: Final = 1 + 2 * HARMONICS

FREEZING_POINT: Final = -1.8
"""Freezing point of sea water, °C. Where ice forms, three harmonics would otherwise fall below it."""

_LAST_DAYS: Final = (0, 31, 59.25, 90.25, 120.25, 151.25, 181.25, 212.25, 243.25, 273.25, 304.25, 334.25, 365.25)

_Real = TypeVar("_Real", np.float32, np.float64)


def annual_terms(times: Times) -> Floats:
    """Return what the coefficients are multiplied by at ``times`` ``(m,)``: ``(m, 7)``."""
    turns = unix_seconds(times) / YEAR % 1.0
    angles = 2 * np.pi * turns[:, np.newaxis] * np.arange(1, HARMONICS + 1)
    return _interleaved(np.ones(len(turns)), np.cos(angles), np.sin(angles))


def monthly_terms() -> Floats:
    """Return the mean of :func:`annual_terms` over each calendar month: ``(12, 7)``."""
    frequencies = 2 * np.pi * np.arange(1, HARMONICS + 1)
    bounds = np.array(_LAST_DAYS)[:, np.newaxis] / _LAST_DAYS[-1]
    widths = np.diff(bounds, axis=0) * frequencies
    cosines = np.diff(np.sin(bounds * frequencies), axis=0) / widths
    sines = -np.diff(np.cos(bounds * frequencies), axis=0) / widths
    return _interleaved(np.ones(12), cosines, sines)


def evaluate(coefficients: npt.NDArray[_Real], times: Times) -> npt.NDArray[_Real]:
    """Return the usual SST, °C, at times.

    Args:
        coefficients: °C, ``(..., 7)``; NaN where there is no climatology.
        times: UTC, ``(m,)``.

    Returns:
        ``(..., m)``, of the precision of ``coefficients``.
    """
    return _at_least_freezing(coefficients @ annual_terms(times).T.astype(coefficients.dtype))


def monthly_means(coefficients: npt.NDArray[_Real]) -> npt.NDArray[_Real]:
    """Return the usual mean SST, °C, of the months from January to December: ``(..., 7)`` in, ``(..., 12)`` out."""
    return _at_least_freezing(coefficients @ monthly_terms().T.astype(coefficients.dtype))


def maximum_monthly_mean(coefficients: npt.NDArray[_Real]) -> npt.NDArray[_Real]:
    """Return the usual mean SST, °C, of the warmest month: ``(..., 7)`` in, ``(...)`` out."""
    warmest: npt.NDArray[_Real] = monthly_means(coefficients).max(axis=-1)
    return warmest


def _at_least_freezing(sst: npt.NDArray[_Real]) -> npt.NDArray[_Real]:
    return np.maximum(sst, sst.dtype.type(FREEZING_POINT), out=sst)


def _interleaved(mean: Floats, cosines: Floats, sines: Floats) -> Floats:
    pairs = np.stack([cosines, sines], axis=-1).reshape(len(mean), 2 * HARMONICS)
    return np.column_stack([mean, pairs])
