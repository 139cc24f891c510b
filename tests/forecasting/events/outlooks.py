"""Outlooks with the paths that a test wants."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from forecasting.events.baseline import Baseline, Indices, Kind, Period, days_from
from forecasting.events.marine_event import continued, memory_of
from forecasting.events.outlook import Outlook
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Floats
from forecasting.series.timestep import TimeStep

DAILY = TimeStep(DAY)


def outlook(
    past: SstSeries | Sequence[float],
    paths: npt.ArrayLike,
    *,
    baseline: Baseline | Period | None = None,
    coefficients: npt.NDArray[np.float32] | None = None,
    exceedance: Callable[[float | Floats], Floats] | None = None,
    unobserved: int = 0,
    after: int = 0,
) -> Outlook:
    """Return what follows ``past``; a list is of days that end on 30 June 2025.

    The first steps of ``paths`` are ``unobserved``, and the last are ``after`` the leads.
    """
    if not isinstance(past, SstSeries):
        start = np.datetime64("2025-07-01T00:00:00") - np.timedelta64(len(past), "D")
        past = SstSeries(np.asarray(past, dtype=np.float64), start, DAILY)
    sampled = np.asarray(paths, dtype=np.float64)

    leads = slice(unobserved, sampled.shape[1] - after)

    def share(threshold: float | Floats) -> Floats:
        shares: Floats = (sampled[:, leads] > threshold).mean(axis=0)
        return shares

    times = past.step.shift(past.times[-1], np.arange(1, sampled.shape[1] + 1))[leads]
    return Outlook(
        past,
        baseline,
        coefficients,
        times=times,
        paths=sampled,
        exceedance=exceedance or share,
        calibrated=True,
        unobserved=unobserved,
    )


def continued_paths(paths: Floats, past: SstSeries, baseline: Baseline, days: Indices) -> Floats:
    """Return ``paths`` that go on until the end of ``days``, indices of days of the year from the first after the past.

    They are °C ``(paths, days)``.
    """
    known = min(paths.shape[1], len(days))
    usual, limit = baseline.climatology[days[None]], baseline.threshold[days[None]]
    kind: Kind = "marine_heatwave" if baseline.percentile > 50 else "marine_cold_spell"
    memory = memory_of(past.values[None], baseline.climatology[days_from(past.start, len(past))][None])
    later = continued(paths[None, :, known - 1], memory, usual[:, known - 1 :], limit[:, known - 1 :], kind)
    return np.hstack([paths[:, :known], later[0].T])
