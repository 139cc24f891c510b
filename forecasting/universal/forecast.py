"""A forecast of one series by a universal release: values, their distribution, and why this model made it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from forecasting.climatology.usual import Usual
from forecasting.events.baseline import Baseline, Period
from forecasting.events.joint.paths import Coupling, observed_past
from forecasting.events.outlook import Outlook
from forecasting.forecast_warning import ForecastWarning
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times
from forecasting.universal import distribution

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Chosen:
    """Why a model was chosen.

    Attributes:
        by: ``own_past`` if the record on the series decided; ``held_out_seas`` if that is too short.
        origins: number of past forecasts in the record.
        rmse: of each candidate over the requested leads, °C, by name; empty without a record.
        since: first time that a past forecast started from; None without a record.
    """

    by: Literal["own_past", "held_out_seas"]
    origins: int
    rmse: dict[str, float]
    since: np.datetime64 | None = None


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
class UniversalForecast:
    """A forecast of one series.

    Attributes:
        model: full name of the network, such as ``ocean-daily-gru``, or name of a reference, such as ``damped``.
        times: valid times, UTC ``(horizon,)``.
        sst: °C, ``(horizon,)``.
        quantiles: °C, ``(horizon, levels)``, ascending.
        levels: probabilities of ``quantiles``.
        baselines: forecasts of the references, °C ``(horizon,)``, by name; only those that the series is long enough
            for.
        warnings: about this forecast, for the reader.
        chosen: why this model was chosen; None if the caller named it.
        past: how well the candidates forecast the past of the series; None without past forecasts.
        coupling: how the steps of :attr:`joint_quantiles` are related.
        before: quantiles of the steps between the last observation and the end of the series, °C ``(steps, levels)``;
            None if it ends in an observation.
        after: quantiles of steps that follow the last lead, °C ``(steps, levels)``; None if none are known.
        usual: what the baseline ``climatology`` rests on, with its value at the last observation; None without it.
    """

    model: str
    times: Times
    sst: Floats
    quantiles: Floats
    levels: tuple[float, ...]
    baselines: dict[str, Floats]
    warnings: tuple[ForecastWarning, ...]
    chosen: Chosen | None
    past: PastSkill | None
    coupling: Coupling
    before: Floats | None = None
    after: Floats | None = None
    usual: Usual | None = None

    @property
    def unobserved(self) -> int:
        """Number of steps between the last observation and the end of the series."""
        return 0 if self.before is None else len(self.before)

    @property
    def joint_quantiles(self) -> Floats:
        """Quantiles of all steps after the last observation that are known, °C ``(steps, levels)``."""
        parts = [part for part in (self.before, self.quantiles, self.after) if part is not None]
        return np.concatenate(parts) if len(parts) > 1 else self.quantiles

    @property
    def calibrated(self) -> bool:
        """Whether intervals and probabilities can be relied on: no warning says otherwise."""
        return not any(warning.uncalibrated for warning in self.warnings)

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Return the lower and upper bounds of the central interval at ``level`` percent, °C ``(horizon,)``.

        Between two quantiles the value is linear in the normal score of the probability; beyond the outermost quantile
        the distribution is normal with the spread of the outermost pair.

        Raises:
            RequestError: if ``level`` is not from 1 to 99.
        """
        return distribution.interval(level, self.quantiles, self.levels)

    def exceedance(self, threshold: float | Floats) -> Floats:
        """Return the probability that SST exceeds ``threshold`` °C at each lead, ``(horizon,)``.

        The threshold is one for all leads, or one for each, ``(horizon,)``. The probability is consistent with
        :meth:`interval`: half of the probability outside an interval is above its upper bound.
        """
        return distribution.exceedance(threshold, self.quantiles, self.levels)

    def sample_paths(self, n: int) -> Floats:
        """Return ``n`` joint sample paths, °C ``(n, horizon)``; the same ones at each call.

        At each lead their values are the quantiles of the forecast at (r + 0.5) / n, r = 0, …, n − 1, so that they
        agree with :meth:`interval` and :meth:`exceedance`. Which values share a path comes from :attr:`coupling`.

        Raises:
            RequestError: if ``n`` is out of range.
        """
        return self._joint_paths(n)[:, self.unobserved : self.unobserved + len(self.times)]

    def _joint_paths(self, n: int) -> Floats:
        """Return paths of all steps of :attr:`joint_quantiles`, °C ``(n, steps)``."""
        quantiles = self.joint_quantiles
        return self.coupling.arrange(n, lambda p: distribution.quantiles_at(p, quantiles, self.levels))

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
            past=observed_past(self.times, past, self.unobserved),
            times=self.times,
            paths=self._joint_paths(paths),
            exceedance=self.exceedance,
            calibrated=self.calibrated and self.coupling.dependence is not None,
            baseline=baseline,
            coefficients=coefficients,
            unobserved=self.unobserved,
        )

    def to_pandas(self, levels: tuple[float, ...] = (80, 95)) -> "pd.DataFrame":
        """Return a row for each valid time (UTC): ``sst``, and ``lower_80`` and ``upper_80`` for each level, in °C."""
        import pandas as pd

        columns = {"sst": self.sst}
        for level in levels:
            columns[f"lower_{level:g}"], columns[f"upper_{level:g}"] = self.interval(level)
        table = pd.DataFrame(columns, index=pd.DatetimeIndex(self.times, name="time").tz_localize("UTC"))
        table.attrs["warnings"] = [{"code": warning.code, "message": warning.message} for warning in self.warnings]
        return table
