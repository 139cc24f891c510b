"""Forecasts as record batches: a row for each series, model and lead, with the columns of batch scoring and more."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.forecasts.forecasts import Forecasts
from forecasting.qartod import MISSING
from forecasting.series.times import Floats, Times
from service.api.forecast.columns.writing.form import TIME, AnswerForm, exceedance_column
from service.engine.reading import sentence

_SCALE: Final = 1e6
"""Values are rounded to six decimals."""

_MAX_SHARED_ROWS: Final = 4_096
"""Rows up to which columns that answers of the same size share are cached; each takes some 100 kB at most."""

Value = TypeVar("Value")

Index = npt.NDArray[np.intp]


def to_batch(
    ids: pa.StringArray, results: Sequence[Forecasts], known: Sequence[Mapping[str, str]], form: AnswerForm
) -> pa.RecordBatch:
    """Return the rows of some series, from the forecasts of each model: by series, then model, then lead.

    A series without a forecast has one row for each model, with its ``error`` and what is ``known`` of the model.
    """
    batches = [_rows(ids, forecasts, fields, form) for forecasts, fields in zip(results, known, strict=True)]
    if len(batches) == 1:
        return batches[0]
    table = pa.Table.from_batches(batches)
    place = np.concatenate([_place_of_rows(len(ids), forecasts) for forecasts in results])
    return table.take(pa.array(np.argsort(place, kind="stable"))).combine_chunks().to_batches()[0]


def _place_of_rows(n: int, forecasts: Forecasts) -> Index:
    """Return the place of the series of each row."""
    counts = np.ones(n, dtype=np.intp)
    counts[forecasts.row] = forecasts.horizon
    return np.repeat(np.arange(n), counts)


def _rows(ids: pa.StringArray, forecasts: Forecasts, known: Mapping[str, str], form: AnswerForm) -> pa.RecordBatch:
    spread = _Spread(len(ids), forecasts)
    columns = form.nulls(spread.total) | {
        "station": spread.of_series(ids),
        "issued": spread.times(forecasts.issued.repeat(spread.horizon)),
        "time": spread.times(forecasts.times.ravel()),
        **spread.numbers(_numbers(forecasts)),
        "quality": spread.flags(forecasts.quality),
        "lead": spread.leads(),
        "calibrated": spread.of_forecasts(pa.array(forecasts.calibrated)),
    }
    if any(forecasts.usual):
        columns["usual_years"] = spread.of_forecasts(_texts(forecasts.usual, lambda usual: usual.years_text))
        columns["usual_source"] = spread.of_forecasts(_texts(forecasts.usual, lambda usual: usual.source))
    if any(forecasts.warnings):
        columns["warnings"] = spread.of_forecasts(_joined_texts(forecasts.warnings, _codes))
        columns["messages"] = spread.of_forecasts(_joined_texts(forecasts.warnings, _messages))
    if forecasts.errors:
        columns["error"] = spread.errors(forecasts.errors)
    for name in ("model", "version", "step"):
        columns[name] = spread.texts(getattr(forecasts, name), known.get(name))
    if any(forecasts.chosen):
        columns["chosen"] = spread.of_forecasts(_texts(forecasts.chosen, lambda chosen: chosen.by))
    return pa.record_batch([columns[name] for name in form.names], schema=form.schema)


def _numbers(forecasts: Forecasts) -> dict[str, Floats]:
    """Return the columns with a number for each lead, without those that have none."""
    columns = {"sst": forecasts.sst}
    for level in forecasts.columns.levels:
        lower, upper = forecasts.bounds(level)
        columns |= {f"lower_{level}": lower, f"upper_{level}": upper}
    for threshold in forecasts.columns.thresholds:
        columns[exceedance_column(threshold)] = forecasts.exceedance(threshold)
    references = {name: forecasts.reference(name) for name in forecasts.columns.references}
    return columns | {f"baseline_{name}": values for name, values in references.items() if _has_any(values)}


def _has_any(values: Floats) -> bool:
    """Return whether a value is not missing; mostly, that is the first."""
    return bool(values.size) and not (np.isnan(values.flat[0]) and np.isnan(values).all())


class _Spread:
    """Puts what is known of each forecast, or of each of its leads, into the rows of the answer."""

    def __init__(self, n: int, forecasts: Forecasts) -> None:
        self.horizon = forecasts.horizon
        self.total = n + len(forecasts) * (self.horizon - 1)
        self._n = n
        self._is_whole = len(forecasts) == n
        self._count = len(forecasts)
        self._places = forecasts.row

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
        """Return the rows of a column, given its value for each series."""
        return values if self.total == len(values) else values.take(pa.array(self._series))

    def of_forecasts(self, values: pa.Array) -> pa.Array:
        """Return the rows of a column, given its value for each forecast; null where a series has none."""
        if self._is_whole and self.horizon == 1:
            return values
        return values.take(pa.array(self._forecast, mask=self._forecast < 0))

    def texts(self, values: Sequence[str], known: str | None) -> pa.Array:
        """Return texts, one for each forecast; ``known`` for a series without a forecast."""
        distinct = set(values)
        if len(distinct) == 1 and (self._is_whole or distinct == {known}):
            return _repeated(self.total, values[0])
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
            name: pa.array(numbers, mask=np.isnan(numbers)) if has_gaps else _plain(pa.float64(), numbers)
            for name, numbers, has_gaps in zip(columns, table, gaps, strict=True)
        }

    def times(self, values: Times) -> pa.Array:
        """Return times, one for each lead."""
        if self._is_whole:
            return _plain(TIME, values)
        column = np.full(self.total, np.datetime64("NaT", "s"))
        column[self._row] = values
        return pa.array(column, pa.timestamp("s")).view(TIME)

    def flags(self, quality: npt.NDArray[np.int8]) -> pa.Array:
        """Return flags of quality."""
        if self._is_whole:
            return _plain(pa.int8(), quality.repeat(self.horizon))
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


def _plain(kind: pa.DataType, values: npt.NDArray[np.generic]) -> pa.Array:
    """Return values ``(n,)``, none of them missing, as a column of this type, which they have in memory."""
    # pa.array() takes several times as long, because it first looks for types of pandas.
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values).view(np.uint8))])


def _shared(build: Callable[[int, Value], pa.Array]) -> Callable[[int, Value], pa.Array]:
    """Cache the columns that ``build`` makes of a number of rows, and of what they hold, if they are not long."""
    cached = lru_cache(maxsize=64)(build)

    def column(rows: int, value: Value) -> pa.Array:
        return (cached if rows <= _MAX_SHARED_ROWS else build)(rows, value)

    return column


@_shared
def _repeated(rows: int, text: str) -> pa.Array:
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


def _texts(known: Sequence[Value | None], text_of: Callable[[Value], str | None]) -> pa.StringArray:
    return pa.array([None if each is None else text_of(each) for each in known], pa.string())


def error_batch(message: str, form: AnswerForm) -> pa.RecordBatch:
    """Return the one row that ends an answer that could not be finished: no station, and the reason."""
    columns = form.nulls(1) | {"error": pa.array([message], pa.string()), "quality": pa.array([MISSING], pa.int8())}
    return pa.record_batch([columns[name] for name in form.names], schema=form.schema)
