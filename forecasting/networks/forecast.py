"""A forecast of one series: values, intervals, probabilities and warnings; as pandas or xarray."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.usual import Usual
from forecasting.events.baseline import Baseline, Period
from forecasting.events.joint.paths import Coupling, observed_past
from forecasting.events.outlook import Outlook
from forecasting.extras import needs_extra
from forecasting.forecast_warning import ForecastWarning
from forecasting.networks.uncertainty import error_quantiles
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
class Interval:
    """Prediction interval at ``level`` percent, °C ``(horizon,)``."""

    level: int
    lower: Floats
    upper: Floats


@dataclass(frozen=True, slots=True)
class Forecast:
    """A forecast of one series.

    Attributes:
        times: valid times, UTC ``(horizon,)``.
        sst: °C, ``(horizon,)``.
        intervals: prediction intervals, one for each requested level.
        thresholds: the requested ones, °C.
        exceedance: probability that SST exceeds each of ``thresholds``, ``(horizon,)``, in their order.
        baselines: forecasts of the references, °C ``(horizon,)``, by name.
        warnings: about this forecast, for the reader.
        calibrated: whether the window is like the training data, so that intervals and probabilities can be relied on.
        errors: quantiles of observation minus forecast, °C ``(horizon, probabilities)``, ascending.
        probabilities: of these quantiles.
        coupling: how the leads are related.
        usual: what the baseline ``climatology`` rests on, with its value at the last observation; None without it.
    """

    times: Times
    sst: Floats
    intervals: tuple[Interval, ...]
    thresholds: tuple[float, ...]
    exceedance: tuple[Floats, ...]
    baselines: dict[str, Floats]
    warnings: tuple[ForecastWarning, ...]
    calibrated: bool
    errors: Floats
    probabilities: tuple[float, ...]
    coupling: Coupling
    usual: Usual | None = None

    def probability_above(self, threshold: float | Floats) -> Floats:
        """Return the probability that SST exceeds ``threshold`` °C at each lead, ``(horizon,)``.

        The threshold is one for all leads, or one for each, ``(horizon,)``. Probabilities come from the quantiles of
        errors of both signs, and :attr:`intervals` from the quantiles of their absolute values: where errors are
        skewed, the probability outside an interval is not the same on both sides.
        """
        return error_quantiles.exceedance(threshold - self.sst, self.errors, self.probabilities)

    def sample_paths(self, n: int) -> Floats:
        """Return ``n`` joint sample paths, °C ``(n, horizon)``; the same ones at each call.

        At each lead their values are the quantiles at (r + 0.5) / n, r = 0, …, n − 1, of the distribution that
        :meth:`probability_above` describes. Which values share a path comes from :attr:`coupling`.

        Raises:
            RequestError: if ``n`` is out of range.
        """
        errors = self.coupling.arrange(n, lambda p: error_quantiles.quantiles_at(p, self.errors, self.probabilities))
        return self.sst + errors

    def outlook(
        self,
        past: SstSeries,
        paths: int = 1000,
        baseline: Baseline | Period | None = None,
        coefficients: npt.NDArray[np.float32] | None = None,
    ) -> Outlook:
        """Return the past and the sample paths by which events are judged.

        Args:
            past: the series that was forecast, °C.
            paths: number of sample paths.
            baseline: of the place, or the period of ``past`` to compute it from; None for the whole of ``past``.
            coefficients: climatology of the position, ``(7,)``; None without one.

        Raises:
            SeriesError: if the forecast does not begin one step after the end of ``past``.
            RequestError: if the number of paths is out of range.
        """
        return Outlook(
            past=observed_past(self.times, past, 0),
            times=self.times,
            paths=self.sample_paths(paths),
            exceedance=self.probability_above,
            calibrated=self.calibrated and self.coupling.dependence is not None,
            baseline=baseline,
            coefficients=coefficients,
        )

    def to_pandas(self) -> "pd.DataFrame":
        """Return a row for each valid time (UTC).

        Columns, named as in the tables of the Python client: ``sst``, ``lower_80`` and ``upper_80`` for each level, all
        in °C; ``calibrated``, the same in every row; ``exceedance_24`` for each threshold, a probability. The warnings
        are in ``DataFrame.attrs["warnings"]``, a list of dictionaries with ``code`` and ``message``; pandas keeps them
        through selections and in Parquet files, but not in CSV files.
        """
        import pandas as pd

        columns: dict[str, Floats | bool] = {"sst": self.sst}
        for interval in self.intervals:
            columns[f"lower_{interval.level}"] = interval.lower
            columns[f"upper_{interval.level}"] = interval.upper
        columns["calibrated"] = self.calibrated
        for threshold, probability in zip(self.thresholds, self.exceedance, strict=True):
            columns[f"exceedance_{threshold:.12g}"] = probability
        table = pd.DataFrame(columns, index=pd.DatetimeIndex(self.times, name="time").tz_localize("UTC"))
        table.attrs["warnings"] = [{"code": warning.code, "message": warning.message} for warning in self.warnings]
        return table

    def to_xarray(self) -> "xarray.Dataset":
        """Return a Dataset with CF attributes.

        Variables: ``sst`` (time), ``lower`` and ``upper`` (time, level), all in °C; ``exceedance`` (time, threshold), a
        probability; ``calibrated``, a single bool. The attribute ``warnings`` has a line ``code: message`` for each
        warning. It can be written with ``Dataset.to_netcdf``.

        Raises:
            MissingExtraError: if xarray is not installed.
        """
        with needs_extra("grids", "Forecast.to_xarray"):
            import xarray
        variables: dict[str, Any] = {
            "sst": (("time",), self.sst, _SST | {"long_name": "forecast of sea surface temperature"})
        }
        for side in ("lower", "upper"):
            bounds = _columns([getattr(interval, side) for interval in self.intervals], len(self.times))
            attributes = _SST | {"long_name": f"{side} bound of the prediction interval"}
            variables[side] = (("time", "level"), bounds, attributes)
        return xarray.Dataset(
            variables | self._probabilities(),
            coords={
                "time": ("time", self.times, {"standard_name": "time", "long_name": "valid time", "axis": "T"}),
                "level": ("level", [i.level for i in self.intervals], {"long_name": "interval level", "units": "%"}),
                "threshold": ("threshold", np.asarray(self.thresholds, dtype=np.float64), _SST),
            },
            attrs={
                "Conventions": "CF-1.11",
                "warnings": "\n".join(f"{warning.code}: {warning.message}" for warning in self.warnings),
            },
        )

    def _probabilities(self) -> dict[str, Any]:
        """Return the variables of :meth:`to_xarray` that are not temperatures."""
        exceedance = {"long_name": "probability that sea surface temperature exceeds the threshold", "units": "1"}
        calibrated = {"long_name": "whether the window is like the training data"}
        return {
            "exceedance": (("time", "threshold"), _columns(self.exceedance, len(self.times)), exceedance),
            "calibrated": ((), self.calibrated, calibrated),
        }


def _columns(columns: "list[Floats] | tuple[Floats, ...]", length: int) -> Floats:
    """Stack columns ``(length,)``, possibly none: ``(length, len(columns))``."""
    return np.stack(columns, axis=1) if columns else np.empty((length, 0))
