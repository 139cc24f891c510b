"""The forecast of one series: values, distribution, references and warnings; as pandas or xarray."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, Literal

import numpy as np
import numpy.typing as npt

from forecasting.climatology.usual import Usual
from forecasting.events.outlook import GivenBaseline, Outlook
from forecasting.events.paths import observed_past
from forecasting.extras import needs_extra
from forecasting.forecast_warning import ForecastWarning, are_calibrated
from forecasting.forecasts.distribution import DistributionT
from forecasting.forecasts.options import DEFAULT_LEVELS
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times

if TYPE_CHECKING:
    import pandas as pd
    import xarray

_SST: Final = {
    "standard_name": "sea_surface_temperature",
    "units": "degree_Celsius",
    "units_metadata": "temperature: on_scale",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """Why a model was chosen.

    Attributes:
        by: ``own_past`` if the backtest on the series decided; ``held_out_seas`` if that is too short.
        origins: number of past forecasts in the backtest.
        rmse: RMSE of each candidate over the requested leads, °C, by name; empty without a backtest.
        rmse_by_lead: RMSE of the same candidates at each lead, °C ``(horizon,)``, by name.
        since: first time that a past forecast started from; None without a backtest.
        weights: of the members of a mixture at each lead, ``(horizon,)``, by name; empty if one model forecasts.
    """

    by: Literal["own_past", "held_out_seas"]
    origins: int
    rmse: dict[str, float]
    since: np.datetime64 | None = None
    rmse_by_lead: Mapping[str, Floats] = field(default_factory=dict, compare=False)
    weights: Mapping[str, Floats] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class PastSkill:
    """How well models forecast the past of a series.

    Attributes:
        independent: number of past forecasts that do not overlap.
        relative_rmse: RMSE of each candidate relative to persistence, averaged over the requested leads, by name.
    """

    independent: float
    relative_rmse: dict[str, float]


@dataclass(frozen=True, slots=True)
class WeatherUse:
    """What a forecast made of the weather over its series.

    Attributes:
        used: covariates that the forecast rests on; empty if none were of use.
        until: valid time of the last step with weather ahead, UTC; None without any.
        past_rmse_ratio: RMSE with weather over that without on the past of the series; None if that is too short.
        origins: number of past forecasts that this rests on.
        source: of the weather, as the caller wrote it.
    """

    used: tuple[str, ...]
    until: np.datetime64 | None
    past_rmse_ratio: float | None
    origins: int
    source: str | None = None

    @property
    def listed(self) -> str:
        """The covariates as a cell of a table."""
        return ";".join(self.used)

    @property
    def rounded_ratio(self) -> float | None:
        """:attr:`past_rmse_ratio` as it is written."""
        return None if self.past_rmse_ratio is None else round(self.past_rmse_ratio, 3)


@dataclass(frozen=True)
class Forecast(Generic[DistributionT]):
    """The forecast of one series.

    Attributes:
        model: full name of the network, such as ``ocean-daily-gru``, or name of a reference, such as ``damped``.
        times: valid times, UTC ``(horizon,)``.
        sst: °C, ``(horizon,)``.
        distribution: distribution of SST at each lead, and how the leads are related.
        baselines: forecasts of the references, °C ``(horizon,)``, by name; only those that the series is long enough
            for.
        warnings: about this forecast, for the reader.
        usual: what the baseline ``climatology`` rests on, with its value at the last observation; None without it.
        chosen: why this model was chosen; None if the caller named it.
        past: how well the candidates forecast the past of the series; None without a backtest.
        levels: interval levels that were asked for, percent.
        thresholds: thresholds that were asked for, °C.
        weather: what the forecast made of the weather over the series; None without weather.
    """

    model: str
    times: Times
    sst: Floats
    distribution: DistributionT
    baselines: dict[str, Floats]
    warnings: tuple[ForecastWarning, ...]
    usual: Usual | None = None
    chosen: Chosen | None = None
    past: PastSkill | None = None
    levels: tuple[int, ...] = DEFAULT_LEVELS
    thresholds: tuple[float, ...] = field(default=())
    weather: WeatherUse | None = None

    @property
    def calibrated(self) -> bool:
        """Whether intervals and probabilities can be relied on: no warning says otherwise."""
        return are_calibrated(self.warnings)

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Return the lower and upper bounds of the interval at ``level`` percent, °C ``(horizon,)``.

        Raises:
            RequestError: if the model does not offer this level.
        """
        return self.distribution.interval(level)

    def exceedance(self, threshold: float | Floats) -> Floats:
        """Return the probability that SST exceeds ``threshold`` °C at each lead, ``(horizon,)``.

        The threshold is one for all leads, or one for each, ``(horizon,)``.
        """
        return self.distribution.exceedance(threshold)

    def sample_paths(self, n: int) -> Floats:
        """Return ``n`` joint sample paths, °C ``(n, horizon)``; the same ones at each call.

        At each lead their values have the distribution of the forecast.

        Raises:
            RequestError: if ``n`` is out of range.
        """
        return self.distribution.sample_paths(n)

    def outlook(
        self,
        past: SstSeries,
        paths: int = 1000,
        baseline: GivenBaseline = None,
        coefficients: npt.NDArray[np.float32] | None = None,
    ) -> Outlook:
        """Return the past and the sample paths by which events are evaluated.

        Args:
            past: the series that was forecast, °C.
            paths: number of sample paths.
            baseline: of the place, the period of ``past`` to compute it from, or the position; None for the whole of
                ``past``.
            coefficients: climatology of the position, ``(7,)``; None without one.

        Raises:
            SeriesError: if the forecast does not begin one step after the end of ``past``.
            RequestError: if the number of paths is out of range.
        """
        distribution = self.distribution
        return Outlook(
            past=observed_past(self.times, past, distribution.unobserved),
            times=self.times,
            paths=distribution.all_paths(paths),
            exceedance=distribution.exceedance,
            calibrated=self.calibrated and distribution.coupling.dependence is not None,
            baseline=baseline,
            coefficients=coefficients,
            unobserved=distribution.unobserved,
        )

    def to_pandas(
        self, levels: Sequence[int] | None = None, thresholds: Sequence[float] | None = None
    ) -> "pd.DataFrame":
        """Return a row for each valid time (UTC).

        Columns, named as in the tables of the Python client: ``sst``, ``lower_80`` and ``upper_80`` for each level, all
        in °C; ``calibrated``, the same in every row; ``exceedance_24`` for each threshold, a probability. The warnings
        are in ``DataFrame.attrs["warnings"]``, a list of dictionaries with ``code`` and ``message``; pandas keeps them
        through selections and in Parquet files, but not in CSV files.

        Args:
            levels: of the intervals, percent; None for those that were asked for.
            thresholds: °C; None for those that were asked for.

        Raises:
            RequestError: if the model does not offer a level.
        """
        import pandas as pd

        columns: dict[str, Floats | bool] = {"sst": self.sst}
        for level in self.levels if levels is None else levels:
            columns[f"lower_{level:g}"], columns[f"upper_{level:g}"] = self.interval(level)
        columns["calibrated"] = self.calibrated
        for threshold in self.thresholds if thresholds is None else thresholds:
            columns[f"exceedance_{threshold:.12g}"] = self.exceedance(threshold)
        table = pd.DataFrame(columns, index=pd.DatetimeIndex(self.times, name="time").tz_localize("UTC"))
        table.attrs["warnings"] = [{"code": warning.code, "message": warning.message} for warning in self.warnings]
        return table

    def to_xarray(
        self, levels: Sequence[int] | None = None, thresholds: Sequence[float] | None = None
    ) -> "xarray.Dataset":
        """Return a Dataset with CF attributes, which ``Dataset.to_netcdf`` can write.

        Variables: ``sst`` (time), ``lower`` and ``upper`` (time, level), all in °C; ``exceedance`` (time, threshold), a
        probability; ``calibrated``, a single bool. The attribute ``warnings`` has a line ``code: message`` for each
        warning.

        Args:
            levels: of the intervals, percent; None for those that were asked for.
            thresholds: °C; None for those that were asked for.

        Raises:
            MissingExtraError: if xarray is not installed.
            RequestError: if the model does not offer a level.
        """
        with needs_extra("grids", "Forecast.to_xarray"):
            import xarray
        levels = [*(self.levels if levels is None else levels)]
        thresholds = [*(self.thresholds if thresholds is None else thresholds)]
        bounds = [self.interval(level) for level in levels]
        length = len(self.times)
        variables: dict[str, Any] = {
            "sst": (("time",), self.sst, _SST | {"long_name": "forecast of sea surface temperature"})
        }
        for index, side in enumerate(("lower", "upper")):
            attributes = _SST | {"long_name": f"{side} bound of the prediction interval"}
            variables[side] = (("time", "level"), _stacked([pair[index] for pair in bounds], length), attributes)
        probabilities = _stacked([self.exceedance(threshold) for threshold in thresholds], length)
        exceedance = {"long_name": "probability that sea surface temperature exceeds the threshold", "units": "1"}
        calibrated = {"long_name": "whether intervals and probabilities can be relied on"}
        variables["exceedance"] = (("time", "threshold"), probabilities, exceedance)
        variables["calibrated"] = ((), self.calibrated, calibrated)
        return xarray.Dataset(
            variables,
            coords={
                "time": ("time", self.times, {"standard_name": "time", "long_name": "valid time", "axis": "T"}),
                "level": ("level", levels, {"long_name": "interval level", "units": "%"}),
                "threshold": ("threshold", np.asarray(thresholds, dtype=np.float64), _SST),
            },
            attrs={
                "Conventions": "CF-1.11",
                "warnings": "\n".join(f"{warning.code}: {warning.message}" for warning in self.warnings),
            },
        )


def _stacked(columns: Sequence[Floats], length: int) -> Floats:
    """Stack columns ``(length,)``, possibly none: ``(length, len(columns))``."""
    return np.stack(columns, axis=1) if columns else np.empty((length, 0))
