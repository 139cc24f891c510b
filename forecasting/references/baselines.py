"""The references that a network has to beat: persistence, climatology, damped anomalies, linear autoregression."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from pydantic import BaseModel

from forecasting.climatology.usual import of_series
from forecasting.errors import SeriesError
from forecasting.references.climatology import Climatology
from forecasting.series.origins import Roller, origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Bools, Floats, Times
from forecasting.series.timestep import TimeStep

_WINDOWS_PER_WEIGHT: Final = 4
"""The autoregression is fitted only with at least this many windows for each weight."""

BASELINES: Final = ("persistence", "climatology", "damped", "linear")
"""References of a network of a place."""

REFERENCES: Final = (*BASELINES, "usual_change")
"""All references; ``usual_change`` needs a position."""

REFERENCE_COLUMNS: Final = ("persistence", "usual_change", *BASELINES[1:])
"""All references in the order of their columns in tables, even where no series has them."""


class Baselines(BaseModel, frozen=True):
    """The references fitted to the past of one series.

    Attributes:
        step: of the series, as :class:`~forecasting.series.timestep.TimeStep` writes it.
        climatology: the seasonal cycle that anomalies are relative to.
        damping: share of the last anomaly that remains at each lead.
        linear: weights of the anomalies in the window, oldest first; empty if the series was too short to fit them.
        intercept: °C, of the autoregression.
        years: the first and the last year of the series; None in older files.
    """

    step: str
    climatology: Climatology
    damping: tuple[float, ...]
    linear: tuple[float, ...]
    intercept: float
    years: tuple[int, int] | None = None

    @classmethod
    def fit(cls, series: SstSeries, shape: ForecastShape) -> "Baselines":
        """Fit to the whole of ``series``, for all leads of ``shape``.

        Damping is the regression through the origin of an anomaly on the one ``lead`` steps before. The linear
        autoregression is an ordinary least-squares fit to windows of anomalies, and needs four times as many windows as
        weights.
        """
        climatology = Climatology.fit(series)
        anomalies = series.values - climatology(series.times)
        known = SstSeries(anomalies, series.start, series.step)
        linear, intercept = autoregression(known, shape.window, shape.fill_limit)
        return cls(
            step=str(series.step),
            climatology=climatology,
            damping=tuple(map(float, damping(anomalies[None], np.isfinite(anomalies)[None], shape.horizon)[0])),
            linear=tuple(map(float, linear)),
            intercept=intercept,
            years=of_series(series.times[0], series.times[-1]).years,
        )

    def rollers(self) -> dict[str, Roller]:
        """Return the references by name, in the order of :data:`BASELINES`; without ``linear`` if it has no weights."""
        step = TimeStep.parse(self.step)
        rollers: dict[str, Roller] = {
            "persistence": Persistence(),
            "climatology": _ClimatologyForecast(self.climatology, step),
            "damped": _DampedAnomaly(self.climatology, step, np.asarray(self.damping)),
        }
        if self.linear:
            rollers["linear"] = _Linear(self.climatology, step, np.asarray(self.linear), self.intercept)
        return rollers


def damping(anomalies: Floats, observed: Bools | None, horizon: int) -> Floats:
    """Return the regression through the origin of each anomaly on the one ``lead`` steps before.

    Args:
        anomalies: °C, ``(n, length)``.
        observed: where anomalies are not missing, ``(n, length)``; None if none is missing.
        horizon: number of leads.

    Returns:
        Share that remains, ``(n, horizon)``; 0 at leads longer than the series, and for anomalies that are all 0.
    """
    known = anomalies if observed is None else np.where(observed, anomalies, 0.0)
    shares = np.zeros((len(anomalies), horizon))
    for lead in range(1, min(horizon, anomalies.shape[1] - 1) + 1):
        before = known[:, :-lead]
        variance = np.vecdot(before, before if observed is None else np.where(observed[:, lead:], before, 0.0))
        np.divide(np.vecdot(before, known[:, lead:]), variance, out=shares[:, lead - 1], where=variance > 0)
    return shares


def autoregression(anomalies: SstSeries, window: int, fill_limit: int) -> tuple[Floats, float]:
    """Return weights of ``window`` anomalies, oldest first, and the intercept, °C; no weights with too few windows."""
    known = origins(anomalies, ForecastShape(window, 1, fill_limit), 0, len(anomalies))
    if len(known) < _WINDOWS_PER_WEIGHT * (window + 1):
        return np.empty(0), 0.0
    terms = np.column_stack([known.windows, np.ones(len(known))])
    weights = np.asarray(np.linalg.lstsq(terms, known.targets[:, 0], rcond=None)[0], dtype=np.float64)
    return weights[:-1], float(weights[-1])


def roll_autoregression(anomalies: Floats, weights: Floats, intercept: float, horizon: int) -> Floats:
    """Forecast from windows of anomalies ``(n, window)``, each lead from the earlier ones: ``(n, horizon)``."""
    window = len(weights)
    rolled = np.empty((len(anomalies), window + horizon))
    rolled[:, :window] = anomalies
    for lead in range(horizon):
        rolled[:, window + lead] = rolled[:, lead : lead + window] @ weights + intercept
    return rolled[:, window:]


def linear_windows(window: int) -> int:
    """Return how many values a series needs for a linear autoregression with ``window`` weights."""
    return window + _WINDOWS_PER_WEIGHT * (window + 1)


def most_lags(length: int) -> int:
    """Return the longest window of a linear autoregression on ``length`` values, at least 1."""
    return max((length - _WINDOWS_PER_WEIGHT) // (_WINDOWS_PER_WEIGHT + 1), 1)


class Persistence:
    """The reference that forecasts the last value at every lead."""

    def roll(self, windows: Floats, valid_time: Times, horizon: int) -> Floats:
        """See :class:`~forecasting.series.origins.Roller`."""
        return np.repeat(windows[:, -1:], horizon, axis=1)


@dataclass(frozen=True)
class _ClimatologyForecast:
    climatology: Climatology
    step: TimeStep

    def roll(self, windows: Floats, valid_time: Times, horizon: int) -> Floats:
        return self.climatology(self.step.shift(valid_time[:, None], np.arange(horizon)))


@dataclass(frozen=True)
class _DampedAnomaly:
    climatology: Climatology
    step: TimeStep
    damping: Floats

    def roll(self, windows: Floats, valid_time: Times, horizon: int) -> Floats:
        if horizon > len(self.damping):
            raise SeriesError(f"damped anomaly persistence was fitted for {len(self.damping)} leads, not {horizon}")
        seasonal = self.climatology(self.step.shift(valid_time[:, None], np.arange(-1, horizon)))
        anomaly = windows[:, -1:] - seasonal[:, :1]
        return seasonal[:, 1:] + anomaly * self.damping[:horizon]


@dataclass(frozen=True)
class _Linear:
    climatology: Climatology
    step: TimeStep
    weights: Floats
    intercept: float

    def roll(self, windows: Floats, valid_time: Times, horizon: int) -> Floats:
        window = len(self.weights)
        seasonal = self.climatology(self.step.shift(valid_time[:, None], np.arange(-window, horizon)))
        anomalies = windows[:, -window:] - seasonal[:, :window]
        return seasonal[:, window:] + roll_autoregression(anomalies, self.weights, self.intercept, horizon)
