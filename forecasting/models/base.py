"""The interface of every model."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.climatology.global_climatology import Coefficients, GlobalClimatology
from forecasting.errors import RequestError, SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.forecasts.forecasts import Forecasts
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.past_skill import PastSkills
from forecasting.series.batch import SeriesBatch
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep, in_words
from forecasting.wording import in_degrees

BEST = "best"
ALL = "all"


class Network(Protocol):
    """A loaded checkpoint."""

    @property
    def metadata(self) -> Any:
        """What the checkpoint says of itself."""


def out_of_range(horizon: int, name: str, longest: int, step: TimeStep) -> str:
    """Return the sentence that ``name`` forecasts only ``longest`` steps."""
    return f"horizon {horizon} is out of range: {name} forecasts 1 to {longest} steps of {in_words(str(step))}"


class Model(ABC):
    """Forecasts series of one step. Safe to call from several threads."""

    name: str
    dataset: str
    version: str
    step: TimeStep
    horizon: int
    levels: range | Mapping[int, object]
    checks_values: bool
    quick: bool
    covariates: tuple[str, ...] = ()

    @property
    @abstractmethod
    def networks(self) -> "Sequence[Network]":
        """The networks that take part in each forecast."""

    @abstractmethod
    def forecast_batch(self, batch: SeriesBatch, options: ForecastOptions) -> Forecasts:
        """Forecast each series of ``batch``, in the units of ``options``.

        A series that cannot be forecast has an error in the result, beside the errors of the batch. The options are not
        checked; see :meth:`check`. Memory grows with the batch: forecast the cells of a grid some at a time, as values,
        times and quantiles of all of them are kept.
        """

    @abstractmethod
    def past_skill(self, batch: SeriesBatch, coefficients: Coefficients, horizon: int) -> PastSkills:
        """Forecast the past of each series from a few steps, and compare with references.

        Args:
            batch: series of the same length, each of which the model forecast.
            coefficients: climatology of each, °C ``(n, 7)``; NaN where it is not known or was ignored.
            horizon: number of leads.
        """

    def reference_forecasts(self, batch: SeriesBatch, coefficients: Coefficients, horizon: int) -> dict[str, Floats]:
        """Return what the references forecast for the cells of a grid, °C ``(n, horizon)`` by name; none by default.

        NaN where the past is too short for a reference. The arguments are those of :meth:`past_skill`.
        """
        return {}

    def check(self, options: ForecastOptions) -> None:
        """Raise RequestError if the model does not offer what ``options`` ask for."""
        if not 1 <= options.horizon <= self.horizon:
            raise RequestError(out_of_range(options.horizon, self.name, self.horizon, self.step), field="horizon")
        for level in options.levels or ():
            if level not in self.levels:
                offered = ", ".join(map(str, self.levels)) or "none"
                raise RequestError(f"no calibrated interval at {level} %; available levels: {offered}", field="levels")
        if options.check and not self.checks_values:
            raise RequestError(
                "the networks of a place cannot check values: leave out the dataset, so that the universal release for "
                "the step checks them and makes the forecast",
                field="check",
            )


def weather_ignored(name: str, step: TimeStep | None = None) -> ForecastWarning:
    """Return the warning that a model takes no weather, or none of series with this ``step``."""
    which = "no weather" if step is None else f"weather only of series with a step of {in_words(str(step))}"
    return ForecastWarning("weather_ignored", f"{name} takes {which}: it is ignored")


def ignoring_weather(model: Model, batch: SeriesBatch, forecast: Callable[[SeriesBatch], Forecasts]) -> Forecasts:
    """Forecast a batch with a model; if it takes no weather, series that have some get the warning that says so."""
    if not batch.weather or model.covariates:
        return forecast(batch)
    forecasts = forecast(replace(batch, weather={}))
    ignored = weather_ignored(model.name)
    warnings = [
        (*some, ignored) if row in batch.weather else some
        for row, some in zip(forecasts.row.tolist(), forecasts.warnings, strict=True)
    ]
    return replace(forecasts, warnings=warnings)


def climatology_at(positions: Floats | None, n: int = 0) -> Coefficients:
    """Return the climatology of each position, degrees north and east ``(n, 2)``; NaN where there is none, as on land.

    Without ``positions``, there is none for ``n`` series.
    """
    coefficients = np.full((n if positions is None else len(positions), COEFFICIENTS), np.nan, dtype=np.float32)
    if positions is not None:
        known = np.flatnonzero(np.isfinite(positions).all(axis=1))
        if len(known):
            coefficients[known] = GlobalClimatology.load().coefficients(*positions[known].T)
    return coefficients


def half_positions(positions: Floats) -> dict[int, SeriesError]:
    """Return the error of each series with only one of latitude and longitude, ``(n, 2)``; NaN where not known."""
    missing = np.isnan(positions)
    return {
        i: SeriesError(
            f"{'latitude' if missing[i, 0] else 'longitude'} is missing: give both latitude and longitude, or neither"
        )
        for i in np.flatnonzero(missing[:, 0] != missing[:, 1]).tolist()
    }


def on_land(position: Floats, coefficients: Coefficients) -> tuple[ForecastWarning, ...]:
    """Return the warning that a position, degrees north and east, has no climatology ``(7,)``, if that is so."""
    if np.isnan(position).any() or not np.isnan(coefficients[0]):
        return ()
    message = (
        f"the position {in_degrees(*position.tolist())} is on land, far from the sea: the forecast does not use it"
    )
    return (ForecastWarning("no_climatology", message),)
