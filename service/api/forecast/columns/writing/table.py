"""Forecasts as record batches: a row for each series, model and lead, with the columns of batch scoring and more."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.qartod import MISSING
from forecasting.series.times import Floats, Times
from service.engine.columns.column_forecasts import ColumnForecasts, Texts
from service.engine.columns.column_job import ColumnJob
from service.engine.reading.parsing import sentence

BASELINES: Final = ("persistence", "usual_change", "climatology", "damped", "linear")
"""References that have a column, even if no series has them."""

_TIME: Final = pa.timestamp("s", "UTC")
_SCALE: Final = 1e6
"""Values are rounded to six decimals."""

_MAX_SHARED_ROWS: Final = 4_096
"""Rows up to which columns that answers of the same size share are cached: 192 of them take less than 20 MB."""

Value = TypeVar("Value")

Index = npt.NDArray[np.intp]


def schema_of(job: ColumnJob) -> pa.Schema:
    """Return the columns of the answer to ``job``."""
    return _schema(job.levels, tuple(map(exceedance_column, job.options.thresholds)))


@lru_cache(maxsize=64)
def _schema(levels: tuple[int, ...], exceedance: tuple[str, ...]) -> pa.Schema:
    bounds = [(f"{side}_{level}", pa.float64()) for level in levels for side in ("lower", "upper")]
    references = [(f"baseline_{name}", pa.float64()) for name in BASELINES]
    return pa.schema(
        [
            ("station", pa.string()),
            ("issued", _TIME),
            ("time", _TIME),
            ("sst", pa.float64()),
            *bounds,
            ("model", pa.string()),
            ("version", pa.string()),
            ("chosen", pa.string()),
            ("quality", pa.int8()),
            ("error", pa.string()),
            ("warnings", pa.string()),
            ("lead", pa.int16()),
            ("step", pa.string()),
            *dict(references).items(),
            *dict.fromkeys(exceedance, pa.float64()).items(),
            ("calibrated", pa.bool_()),
            ("messages", pa.string()),
        ]
    )


def exceedance_column(threshold: float) -> str:
    """Return the name of the column with the probability that SST exceeds ``threshold``."""
    return f"exceedance_{threshold:.12g}"


def to_batch(ids: pa.StringArray, results: Sequence[ColumnForecasts], schema: pa.Schema) -> pa.RecordBatch:
    """Return the rows of some series, from the forecasts of each network: by series, then network, then lead.

    A series without a forecast has one row for each network, with its ``error``.
    """
    batches = [_rows(ids, forecasts, schema) for forecasts in results]
    if len(batches) == 1:
        return batches[0]
    table = pa.Table.from_batches(batches)
    place = np.concatenate([_place_of_rows(len(ids), forecasts) for forecasts in results])
    return table.take(pa.array(np.argsort(place, kind="stable"))).combine_chunks().to_batches()[0]


def _place_of_rows(n: int, forecasts: ColumnForecasts) -> Index:
    """Return the place of the series of each row."""
    counts = np.ones(n, dtype=np.intp)
    counts[forecasts.series] = forecasts.sst.shape[1]
    return np.repeat(np.arange(n), counts)


def _rows(ids: pa.StringArray, forecasts: ColumnForecasts, schema: pa.Schema) -> pa.RecordBatch:
    spread = _Spread(len(ids), forecasts)
    columns: dict[str, pa.Array] = {
        "station": spread.of_series(ids),
        "issued": spread.times(forecasts.issued.repeat(spread.horizon)),
        "time": spread.times(forecasts.times.ravel()),
        **spread.numbers(_numbers(forecasts)),
        "quality": spread.flags(forecasts.quality),
        "lead": spread.leads(),
        "calibrated": spread.of_forecasts(pa.array(forecasts.calibrated)),
    }
    if any(forecasts.warnings):
        columns["warnings"] = spread.of_forecasts(_joined_texts(forecasts.warnings, _codes))
        columns["messages"] = spread.of_forecasts(_joined_texts(forecasts.warnings, _messages))
    if forecasts.errors:
        columns["error"] = spread.errors(forecasts.errors)
    for name in ("model", "version", "step", "chosen"):
        columns[name] = spread.texts(getattr(forecasts, name), forecasts.known.get(name))
    arrays = [columns[field.name] if field.name in columns else _nulls(spread.total, field.type) for field in schema]
    return pa.record_batch(arrays, schema=schema)


def _numbers(forecasts: ColumnForecasts) -> dict[str, Floats]:
    """Return the columns with a number for each lead."""
    columns = {"sst": forecasts.sst}
    for level, (lower, upper) in forecasts.bounds.items():
        columns |= {f"lower_{level}": lower, f"upper_{level}": upper}
    columns |= {exceedance_column(threshold): values for threshold, values in forecasts.exceedance.items()}
    return columns | {f"baseline_{name}": values for name, values in forecasts.baselines.items()}


class _Spread:
    """Puts what is known of each forecast, or of each of its leads, into the rows of the answer."""

    def __init__(self, n: int, forecasts: ColumnForecasts) -> None:
        self.horizon = forecasts.sst.shape[1]
        self.total = n + len(forecasts) * (self.horizon - 1)
        self._n = n
        self._is_whole = len(forecasts) == n
        self._count = len(forecasts)
        self._places = forecasts.series

    @cached_property
    def _series(self) -> Index:
        """Place of the series of each row."""
        counts = np.ones(self._n, dtype=np.intp)
        counts[self._places] = self.horizon
        return np.repeat(np.arange(self._n), counts)

    @cached_property
    def _forecast(self) -> Index:
        """Place of the forecast of each row; -1 without one."""
        forecast = np.full(self._n, -1)
        forecast[self._places] = np.arange(self._count)
        return forecast[self._series]

    @cached_property
    def _row(self) -> Index:
        """Row of each lead of each forecast."""
        return np.flatnonzero(self._forecast >= 0)

    def of_series(self, values: pa.Array) -> pa.Array:
        """Return what there is one of for each series."""
        return values if self.total == len(values) else values.take(pa.array(self._series))

    def of_forecasts(self, values: pa.Array) -> pa.Array:
        """Return what there is one of for each forecast."""
        if self._is_whole and self.horizon == 1:
            return values
        return values.take(pa.array(self._forecast, mask=self._forecast < 0))

    def texts(self, values: Texts, known: str | None) -> pa.Array:
        """Return texts, one for each forecast or one for all; ``known`` for a series without a forecast."""
        if values is None or isinstance(values, str):
            return _repeated(self.total, values)
        column = self.of_forecasts(pa.array(values, pa.string()))
        return column if known is None else column.fill_null(known)

    def numbers(self, columns: Mapping[str, Floats]) -> dict[str, pa.Array]:
        """Return columns with a number for each lead."""
        table: Floats = np.stack([values.ravel() for values in columns.values()])
        table *= _SCALE
        np.rint(table, out=table)
        table /= _SCALE
        if not self._is_whole:
            rows = np.full((len(table), self.total), np.nan)
            rows[:, self._row] = table
            table = rows
        # A sum with a NaN is NaN.
        gaps = np.isnan(table.sum(axis=1)).tolist()
        return {
            name: pa.array(numbers, mask=np.isnan(numbers) if has_gaps else None)
            for name, numbers, has_gaps in zip(columns, table, gaps, strict=True)
        }

    def times(self, values: Times) -> pa.Array:
        """Return times, one for each lead."""
        if self._is_whole:
            return pa.array(values.view(np.int64)).view(_TIME)
        column = np.full(self.total, np.datetime64("NaT", "s"))
        column[self._row] = values
        return pa.array(column, pa.timestamp("s")).view(_TIME)

    def flags(self, quality: npt.NDArray[np.int8]) -> pa.Array:
        """Return flags of quality."""
        if self._is_whole:
            return pa.array(quality.repeat(self.horizon))
        column = np.full(self.total, MISSING, dtype=np.int8)
        column[self._row] = quality.repeat(self.horizon)
        return pa.array(column)

    def leads(self) -> pa.Array:
        """Return leads from 1; null without a forecast."""
        leads = _leads(self._count * self.horizon, self.horizon)
        if self._is_whole:
            return leads
        column = np.zeros(self.total, dtype=np.int16)
        column[self._row] = leads
        return pa.array(column, mask=column == 0)

    def errors(self, errors: dict[int, SeriesError]) -> pa.Array:
        """Return the error of each series that has one."""
        texts = {i: sentence(error) for i, error in errors.items()}
        return pa.array([texts.get(i) for i in self._series.tolist()], pa.string())


def _shared(build: Callable[[int, Value], pa.Array]) -> Callable[[int, Value], pa.Array]:
    """Cache the columns that ``build`` makes of a number of rows, and of what they hold, if they are not long."""
    cached = lru_cache(maxsize=64)(build)

    def column(rows: int, value: Value) -> pa.Array:
        return (cached if rows <= _MAX_SHARED_ROWS else build)(rows, value)

    return column


@_shared
def _nulls(rows: int, kind: pa.DataType) -> pa.Array:
    return pa.nulls(rows, kind)


@_shared
def _repeated(rows: int, text: str | None) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), rows)


@_shared
def _leads(rows: int, horizon: int) -> pa.Array:
    return pa.array(np.tile(np.arange(1, horizon + 1, dtype=np.int16), rows // horizon))


def _codes(warnings: Sequence[ForecastWarning]) -> str:
    return ";".join(dict.fromkeys(warning.code for warning in warnings))


def _messages(warnings: Sequence[ForecastWarning]) -> str:
    return "; ".join(f"{warning.code}: {warning.message}" for warning in warnings)


def _joined_texts(
    warnings: Sequence[Sequence[ForecastWarning]], join: Callable[[Sequence[ForecastWarning]], str]
) -> pa.Array:
    return pa.array([join(some) if some else None for some in warnings], pa.string())


def error_batch(message: str, schema: pa.Schema) -> pa.RecordBatch:
    """Return the one row that ends an answer that could not be finished: no station, and the reason."""
    values = {"error": pa.array([message], pa.string()), "quality": pa.array([MISSING], pa.int8())}
    return pa.record_batch([values.get(field.name, pa.nulls(1, field.type)) for field in schema], schema=schema)
