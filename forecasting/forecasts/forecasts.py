"""Forecasts of many series as columns: one table of numbers, and what is known of each row."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.climatology.usual import Usual
from forecasting.errors import SeriesError
from forecasting.events.outlook import GivenBaseline, Outlook
from forecasting.forecast_warning import DOUBTS, ForecastWarning
from forecasting.forecasts.distribution import Distribution
from forecasting.forecasts.forecast import Chosen, Forecast, PastSkill, WeatherUse
from forecasting.qartod import NOT_EVALUATED, SUSPECT
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import SECONDS, Bools, Floats, Times
from forecasting.series.units import Units, from_celsius

Errors = dict[int, SeriesError]


@dataclass(frozen=True)
class Columns:
    """What the columns of :attr:`Forecasts.table` are, in their order: SST, bounds, probabilities, references.

    Attributes:
        levels: levels of the intervals, percent; each has a column of lower and one of upper bounds.
        thresholds: thresholds as the request gave them, in its units.
        references: names of the references.
        first_threshold: column of the probabilities for the first threshold; temperatures are before it.
        first_reference: column of the first reference.
        count: number of columns.
    """

    levels: tuple[int, ...]
    thresholds: tuple[float, ...]
    references: tuple[str, ...]
    first_threshold: int = field(init=False)
    first_reference: int = field(init=False)
    count: int = field(init=False)

    def __post_init__(self) -> None:
        first_threshold = 1 + 2 * len(self.levels)
        first_reference = first_threshold + len(self.thresholds)
        object.__setattr__(self, "first_threshold", first_threshold)
        object.__setattr__(self, "first_reference", first_reference)
        object.__setattr__(self, "count", first_reference + len(self.references))


@dataclass(frozen=True, eq=False)
class Forecasts:
    """Forecasts of many series, a row each; a series that cannot be forecast has an error instead.

    Attributes:
        table: temperatures in ``units`` and probabilities, ``(n, columns, horizon)``; NaN where a reference is missing.
        row: index of the series of each forecast in the batch, ascending, ``(n,)``.
        issued: time of the last observation of each series, UTC ``(n,)``.
        times: valid times, UTC ``(n, horizon)``.
        model: full name of each network or reference.
        step: step of each series, as :class:`~forecasting.series.timestep.TimeStep` writes it.
        calibrated: whether intervals and probabilities can be relied on, ``(n,)``.
        usual: what the reference ``climatology`` of each rests on, with its value at the last observation in °C.
        chosen: why each model was chosen; None where the caller named it.
        past: how well models forecast the past of each series; None without a backtest.
        distributions: distribution of each forecast, °C.
        series: each forecast was made from, °C.
        coefficients: climatology of each position, °C float32 ``(n, 7)``; NaN without one.
        errors: why a series has no forecast, by its index in the batch.
        windows: values that a network with a fixed window started from, °C ``(n, window)``; None for other models.
        weather: what each forecast made of the weather over its series; empty if no series has any.
    """

    columns: Columns
    table: Floats
    units: Units
    row: npt.NDArray[np.intp]
    issued: Times
    times: Times
    model: Sequence[str]
    version: Sequence[str]
    step: Sequence[str]
    calibrated: Bools
    warnings: Sequence[Sequence[ForecastWarning]]
    usual: Sequence[Usual | None]
    chosen: Sequence[Chosen | None]
    past: Sequence[PastSkill | None]
    distributions: Sequence[Distribution]
    series: SeriesBatch | Sequence[SstSeries]
    coefficients: npt.NDArray[np.float32]
    errors: Errors
    windows: Floats | None = None
    weather: Sequence[WeatherUse | None] = ()

    def __len__(self) -> int:
        return len(self.row)

    @property
    def horizon(self) -> int:
        """Number of leads."""
        horizon: int = self.table.shape[2]
        return horizon

    @property
    def sst(self) -> Floats:
        """In ``units``, ``(n, horizon)``."""
        return self.table[:, 0]

    def bounds(self, level: int) -> tuple[Floats, Floats]:
        """Return the bounds of the interval at ``level`` percent, in ``units``, ``(n, horizon)`` each."""
        index = 1 + 2 * self.columns.levels.index(level)
        return self.table[:, index], self.table[:, index + 1]

    def exceedance(self, threshold: float) -> Floats:
        """Return the probability that SST exceeds one of the thresholds, ``(n, horizon)``."""
        return self.table[:, self.columns.first_threshold + self.columns.thresholds.index(threshold)]

    def reference(self, name: str) -> Floats:
        """Return the forecasts of a reference, in ``units``, ``(n, horizon)``; NaN where a series has none."""
        return self.table[:, self.columns.first_reference + self.columns.references.index(name)]

    @property
    def quality(self) -> npt.NDArray[np.int8]:
        """The QARTOD flag of each: suspect if not calibrated or a warning casts doubt, else not evaluated, ``(n,)``."""
        distinct, which = self.distinct_warnings
        doubtful = np.asarray([any(warning.code in DOUBTS for warning in entries) for entries in distinct], np.bool_)
        return np.where(self.calibrated & ~doubtful[which], NOT_EVALUATED, SUSPECT).astype(np.int8)

    @cached_property
    def distinct_warnings(self) -> tuple[list[Sequence[ForecastWarning]], npt.NDArray[np.intp]]:
        """The different ``warnings`` in order, and which of them each forecast has, ``(n,)``.

        Millions of cells share few.
        """
        keys = np.fromiter(map(id, self.warnings), np.intp, len(self))
        _, first, which = np.unique(keys, return_index=True, return_inverse=True)
        order = np.argsort(first)
        return [self.warnings[i] for i in first[order].tolist()], np.argsort(order)[which]

    def __getitem__(self, i: int) -> Forecast[Distribution]:
        """Return the forecast in row ``i``, which must be in °C."""
        table, columns = self.table[i], self.columns
        references = zip(columns.references, table[columns.first_reference :], strict=True)
        return Forecast(
            model=self.model[i],
            times=self.times[i],
            sst=table[0],
            distribution=self.distributions[i],
            baselines={name: values for name, values in references if not np.isnan(values[0])},
            warnings=tuple(self.warnings[i]),
            usual=self.usual[i],
            chosen=self.chosen[i],
            past=self.past[i],
            levels=columns.levels,
            thresholds=columns.thresholds,
            weather=self.weather[i] if self.weather else None,
        )

    def outlook(self, i: int, baseline: GivenBaseline = None, paths: int = 1000) -> Outlook:
        """Return the past and the sample paths of row ``i``, by which events are evaluated."""
        return self[i].outlook(self.series[i], paths, baseline, self.coefficients[i])

    @classmethod
    def none(cls, columns: Columns, horizon: int, errors: Errors) -> "Forecasts":
        """Return no forecasts, for when no series could be forecast; in °C."""
        column = np.empty(0)
        return cls(
            columns=replace(columns, references=()),
            table=np.empty((0, columns.first_reference, horizon)),
            units="celsius",
            row=column.astype(np.intp),
            issued=column.astype(SECONDS),
            times=np.empty((0, horizon)).astype(SECONDS),
            model=(),
            version=(),
            step=(),
            calibrated=column > 0,
            warnings=(),
            usual=(),
            chosen=(),
            past=(),
            distributions=(),
            series=(),
            coefficients=np.empty((0, COEFFICIENTS), dtype=np.float32),
            errors=errors,
        )

    def in_units(self, units: Units, thresholds: tuple[float, ...] | None = None) -> "Forecasts":
        """Return the same forecasts, from °C, in other units.

        Args:
            units: of the temperatures.
            thresholds: the thresholds as the request gave them; None to keep the numbers.
        """
        columns = self.columns if thresholds is None else replace(self.columns, thresholds=thresholds)
        if units == self.units:
            return self if thresholds is None else replace(self, columns=columns)
        table = from_celsius(self.table, units)
        probabilities = slice(columns.first_threshold, columns.first_reference)
        table[:, probabilities] = self.table[:, probabilities]
        return replace(self, columns=columns, table=table, units=units)

    def for_rows(self, rows: npt.NDArray[np.intp], errors: Errors) -> "Forecasts":
        """Return forecasts of some series as those of a larger batch: the i-th series is its series ``rows[i]``.

        Args:
            rows: ascending, ``(series,)``.
            errors: of other series of the larger batch.
        """
        if not errors and rows[-1] == len(rows) - 1:
            return self  # the batch has no other series
        renamed = {int(rows[i]): error for i, error in self.errors.items()}
        return replace(self, row=rows[self.row], errors=errors | renamed)

    @classmethod
    def joined(cls, parts: "Sequence[Forecasts]") -> "Forecasts":
        """Join forecasts of different series of one batch, at least one part, which share levels and thresholds."""
        if len(parts) == 1:
            return parts[0]
        errors = {i: error for part in parts for i, error in part.errors.items()}
        filled = [part for part in parts if len(part)]
        if len(filled) < 2:
            return replace(filled[0] if filled else parts[0], errors=errors)
        columns = replace(
            filled[0].columns, references=tuple(dict.fromkeys(n for part in filled for n in part.columns.references))
        )
        table = np.concatenate([part._with_references(columns) for part in filled])
        order = np.argsort(np.concatenate([part.row for part in filled]), kind="stable")

        def sorted_array(name: str) -> npt.NDArray[np.generic]:
            joined: npt.NDArray[np.generic] = np.concatenate([getattr(part, name) for part in filled])[order]
            return joined

        def sorted_list(name: str) -> list[Any]:
            flat = [getattr(part, name)[i] for part in filled for i in range(len(part))]
            return [flat[i] for i in order.tolist()]

        arrays = ("row", "issued", "times", "calibrated", "coefficients")
        lists = ("model", "version", "step", "warnings", "usual", "chosen", "past", "distributions", "series")
        changes: dict[str, Any] = {name: sorted_array(name) for name in arrays}
        changes |= {name: sorted_list(name) for name in lists}
        if any(part.weather for part in filled):
            filled = [part if part.weather else replace(part, weather=[None] * len(part)) for part in filled]
            changes["weather"] = sorted_list("weather")
        return replace(filled[0], columns=columns, table=table[order], errors=errors, windows=None, **changes)

    def _with_references(self, columns: Columns) -> Floats:
        """Return the table with the references of ``columns``, NaN where these forecasts have none."""
        if columns.references == self.columns.references:
            return self.table
        table = np.full((len(self), columns.count, self.horizon), np.nan)
        first = columns.first_reference
        table[:, :first] = self.table[:, :first]
        for name in self.columns.references:
            table[:, first + columns.references.index(name)] = self.reference(name)
        return table
