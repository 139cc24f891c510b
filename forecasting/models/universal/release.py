"""A universal release in memory: the networks of one time step, and forecasts of any series by them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.climatology.global_climatology import Coefficients
from forecasting.errors import ReleaseError, RequestError, SeriesError, UnknownNameError
from forecasting.forecasts.forecast import Forecast
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.base import BEST, out_of_range
from forecasting.models.universal.checks import (
    Check,
    check_series,
)
from forecasting.models.universal.contexts import other_step_error
from forecasting.models.universal.distribution import Quantiles
from forecasting.models.universal.model import UniversalModel
from forecasting.models.universal.network import UniversalForecaster
from forecasting.series.batch import SeriesBatch, refuse_future
from forecasting.series.sst_series import SeriesLike, SstSeries, to_sst_series
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import Weather
from forecasting.wording import available

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class UniversalRelease:
    """The universal networks of one time step. Safe to call from several threads."""

    name: str
    version: str
    networks: Mapping[str, UniversalForecaster]

    def __post_init__(self) -> None:
        shared = {
            (m.step, m.horizon, m.minimum, m.maximum, m.levels) for m in (n.metadata for n in self.networks.values())
        }
        if len(shared) > 1:
            raise ReleaseError(f"the networks of {self.name} differ in step, horizon, contexts or levels")

    @cached_property
    def any_network(self) -> UniversalForecaster:
        """One of the networks, for what they share."""
        return next(iter(self.networks.values()))

    @cached_property
    def step(self) -> TimeStep:
        """Step of the series that the release forecasts."""
        return self.any_network.step

    @cached_property
    def horizon(self) -> int:
        """Number of leads."""
        return self.any_network.metadata.horizon

    @cached_property
    def best_on_held_out(self) -> str:
        """The cell of the network with the lowest RMSE on held-out seas."""
        return min(self.networks, key=lambda cell: self.networks[cell].metadata.held_out_score)

    def model(self, cell: str = BEST) -> UniversalModel:
        """Return what forecasts with the network of ``cell``, or with ``best``."""
        return UniversalModel(self.name, self.version, self.networks, self.best_on_held_out, cell)

    def forecast(
        self,
        series: SeriesLike,
        horizon: int = 1,
        *,
        coefficients: Coefficients | None = None,
        model: str = BEST,
        backtest: bool = True,
        check: bool = False,
        as_of: np.datetime64 | None = None,
        weather: "Weather | pd.DataFrame | None" = None,
    ) -> Forecast[Quantiles]:
        """Forecast one series.

        Args:
            series: in °C, at the step of the release; see
                :meth:`~forecasting.models.place.forecaster.Forecaster.forecast`.
            horizon: number of steps after the end of the series.
            coefficients: climatology of the position, ``(7,)``, from
                :meth:`~forecasting.climatology.global_climatology.GlobalClimatology.coefficients`; None or NaN without.
            model: ``best``, a cell such as ``gru``, or a full name.
            backtest: see :meth:`forecast_many`.
            check: see :meth:`forecast_many`.
            as_of: the time that counts as now, UTC: a series that ends more than one step, and at least a day, after it
                is an error. None for no such check.
            weather: over the series and ahead of it, °C and m/s; see
                :meth:`~forecasting.series.sst_series.SstSeries.with_weather`. A DataFrame of the series may have it in
                further columns.
        """
        rows = None if coefficients is None else coefficients[None]
        read = to_sst_series(series, weather)
        refuse_future(read, as_of)
        (forecast,) = self.forecast_many(
            [read], horizon, coefficients=rows, model=model, backtest=backtest, check=check
        )
        if isinstance(forecast, SeriesError):
            raise forecast
        return forecast

    def forecast_many(
        self,
        series: Sequence[SstSeries],
        horizon: int = 1,
        *,
        coefficients: Coefficients | None = None,
        model: str = BEST,
        backtest: bool = True,
        check: bool = False,
    ) -> list[Forecast[Quantiles] | SeriesError]:
        """Forecast each of ``series``; the networks take many at once.

        A forecast carries the warning ``suspect_value`` if one of the last values of its series is implausible.

        Args:
            series: at the step of the release.
            horizon: number of steps after the end of each series.
            coefficients: climatology of each position, °C, float32 ``(n, 7)``; NaN where there is none.
            model: ``best``, a cell such as ``gru``, or a full name. ``best`` is the mixture of the network that did
                best on held-out seas and references, by the backtest on each series.
            backtest: whether to forecast the past of each series too. That weights the mixture, recalibrates the
                quantiles of a network, and warns if a reference was better than a network that was named. Without it,
                a forecast takes a fraction of the time, ``best`` is the network that did best on held-out seas, and
                baselines are persistence and, with a position, the usual change.
            check: whether to leave out all values that are implausible, which the same warning then says.
        """
        self.check(horizon)
        options = ForecastOptions(horizon, check=check, backtest=backtest)
        batch = SeriesBatch.of(series, self.step)
        forecasts = self.model(self.resolve(model)).columns(
            batch, options, _checked_coefficients(coefficients, len(batch))
        )
        made = {int(row): forecasts[i] for i, row in enumerate(forecasts.row)}
        return [cast("Forecast[Quantiles]", made[i]) if i in made else forecasts.errors[i] for i in range(len(batch))]

    def check_values(
        self, series: SeriesLike, *, coefficients: Coefficients | None = None, last: int | None = None
    ) -> Check:
        """Check each value of one series against the forecast made before it; one outside 99.9 % of it is suspect."""
        read = to_sst_series(series)
        if read.step != self.step:
            raise other_step_error(read.step, self.any_network.metadata)
        return check_series(self.networks[self.best_on_held_out], read, coefficients, last)

    def check(self, horizon: int) -> None:
        """Raise RequestError if the horizon is not offered."""
        if not 1 <= horizon <= self.horizon:
            raise RequestError(out_of_range(horizon, self.name, self.horizon, self.step), field="horizon")

    def resolve(self, model: str) -> str:
        """Return the cell that ``model`` means, a cell or full name, or ``best``."""
        if model == BEST:
            return BEST
        for cell, network in self.networks.items():
            if model in (cell, network.metadata.model):
                return cell
        names = (network.metadata.model for network in self.networks.values())
        raise UnknownNameError(f"no model {model[:64]!r}; {available([BEST, *self.networks, *names])}")


def _checked_coefficients(coefficients: npt.ArrayLike | None, n: int) -> Coefficients:
    """Return the climatology of ``n`` positions as float32."""
    if coefficients is None:
        return np.full((n, COEFFICIENTS), np.nan, dtype=np.float32)
    checked = np.asarray(coefficients, dtype=np.float32)
    if checked.shape != (n, COEFFICIENTS):
        raise RequestError(
            f"coefficients of the shape {checked.shape} do not fit {n} series: expected "
            f"({n}, {COEFFICIENTS}), from GlobalClimatology.coefficients",
            field="coefficients",
        )
    return checked
