"""Paths after the last lead of a forecast, which return towards the usual temperature."""

from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np

from forecasting.events.baseline import Baseline
from forecasting.events.days import days_from
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats

_SEED: Final = 20_180_601
_LONGEST_PAST: Final = 3_653
"""Number of days, at the end of a series, that its memory is estimated from."""

_PRIOR_PERSISTENCE: Final = 0.95
_PRIOR_DAYS: Final = 60.0
"""Share of an anomaly that remains after a day in seas in general, and the number of pairs of days it counts as."""


def continued(paths: Floats, past: SstSeries, baseline: Baseline, climatology: Floats, threshold: Floats) -> Floats:
    """Return daily paths that go on until the end of ``climatology``, °C ``(paths, days)``.

    After its last day, the anomaly of each path is an autoregression of order one about the mean anomaly of the past,
    with the persistence of the past from day to day. Its spread is that which the baseline implies: a percentile of a
    normal distribution.

    Args:
        paths: °C, ``(paths, known days)``.
        past: before the first day.
        baseline: of the place.
        climatology: on each day, °C ``(days,)``.
        threshold: likewise.
    """
    known, days = paths.shape[1], len(climatology)
    if known >= days:
        return paths[:, :days]
    mean, persistence = _memory(past, baseline)
    later = slice(known, days)
    spread = np.abs(threshold[later] - climatology[later]) / abs(NormalDist().inv_cdf(baseline.percentile / 100))
    shocks = _noise(len(paths), days - known) * (spread * (1 - persistence**2) ** 0.5)
    sst = np.empty((len(paths), days))
    sst[:, :known] = paths
    departure = paths[:, -1] - climatology[known - 1] - mean
    for i, day in enumerate(range(known, days)):
        departure = persistence * departure + shocks[:, i]
        sst[:, day] = climatology[day] + mean + departure
    return sst


def _memory(past: SstSeries, baseline: Baseline) -> tuple[float, float]:
    """Return the mean anomaly of the past, °C, and the share of a departure from it that remains after a day."""
    values = past.values[-_LONGEST_PAST:]
    usual = baseline.climatology[days_from(past.start, len(past))][-_LONGEST_PAST:]
    anomaly = values - usual
    observed = np.isfinite(anomaly)
    if not observed.any():
        return 0.0, _PRIOR_PERSISTENCE
    mean = float(anomaly[observed].mean())
    departure = np.where(observed, anomaly - mean, 0.0)
    pairs = observed[1:] & observed[:-1]
    before, after = departure[:-1] * pairs, departure[1:] * pairs
    variance = float(((before**2).sum() + (after**2).sum()) / 2)
    share = float((before * after).sum() / variance) if variance > 0 else _PRIOR_PERSISTENCE
    count = float(pairs.sum())
    persistence = (share * count + _PRIOR_PERSISTENCE * _PRIOR_DAYS) / (count + _PRIOR_DAYS)
    return mean, min(max(persistence, 0.0), 1.0)


@lru_cache(maxsize=16)
def _noise(paths: int, days: int) -> Floats:
    """Return independent standard normal values, ``(paths, days)``; the same ones at each call."""
    noise = np.random.default_rng(_SEED).standard_normal((paths, days))
    noise.setflags(write=False)
    return noise
