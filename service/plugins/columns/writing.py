"""Responses by columns: forecasts as record batches, written as an Arrow stream or a Parquet file, piece by piece.

There is a row for each series, model and lead, with the columns of batch scoring and more.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Final, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as papq

from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.forecasts.forecasts import Forecasts
from forecasting.qartod import MISSING
from forecasting.references.baselines import REFERENCE_COLUMNS
from forecasting.series.times import Floats, Times
from service.engine.forecasting import Job
from service.engine.reading import sentence
from service.plugins.columns import ARROW_TYPE

TIME: Final = pa.timestamp("s", "UTC")

_MAX_CACHED_ROWS: Final = 4_096
"""Rows up to which columns that responses of the same size share are cached; each takes some 100 kB at most."""


class ResponseForm:
    """The columns of a response."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.names: list[str] = schema.names
        self.head: bytes = schema.serialize().to_pybytes()

    def nulls(self, rows: int) -> dict[str, pa.Array]:
        """Return all columns, by name, without values."""
        return (_nulls if rows <= _MAX_CACHED_ROWS else _nulls.__wrapped__)(self, rows)


def form_of(job: Job) -> ResponseForm:
    """Return the columns of the response to ``job``."""
    options = job.options.forecast
    return _form(job.selection.levels(options), tuple(map(exceedance_column, options.thresholds)))


def exceedance_column(threshold: float) -> str:
    """Return the name of the column with the probability that SST exceeds ``threshold``."""
    return f"exceedance_{threshold:.12g}"


@lru_cache(maxsize=64)
def _form(levels: tuple[int, ...], exceedance: tuple[str, ...]) -> ResponseForm:
    bounds = [(f"{side}_{level}", pa.float64()) for level in levels for side in ("lower", "upper")]
    references = [(f"baseline_{name}", pa.float64()) for name in REFERENCE_COLUMNS]
    columns = [
        ("station", pa.string()),
        ("issued", TIME),
        ("time", TIME),
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
        ("usual_years", pa.string()),
        ("usual_source", pa.string()),
        ("weather_used", pa.string()),
        ("past_rmse_ratio", pa.float64()),
        *dict.fromkeys(exceedance, pa.float64()).items(),
        ("calibrated", pa.bool_()),
        ("messages", pa.string()),
    ]
    return ResponseForm(pa.schema(columns))


# Forms are compared by identity, since comparing schemas takes longer than what these functions save.


@lru_cache(maxsize=64)
def _nulls(form: ResponseForm, rows: int) -> dict[str, pa.Array]:
    by_type = {kind: pa.nulls(rows, kind) for kind in set(form.schema.types)}
    return {field.name: by_type[field.type] for field in form.schema}


@lru_cache(maxsize=256)
def _stream_end(form: ResponseForm, series: int, failed: int) -> bytes:
    """Return the messages that end an Arrow stream: a record batch without rows, with these counts as metadata."""
    sink = pa.BufferOutputStream()
    # Only a whole stream takes metadata; its own head is left out.
    with pa.ipc.new_stream(sink, form.schema) as stream:
        no_rows = pa.record_batch(list(form.nulls(0).values()), schema=form.schema)
        stream.write_batch(no_rows, custom_metadata={"series": str(series), "failed": str(failed)})
    end: bytes = sink.getvalue().slice(len(form.head)).to_pybytes()
    return end


_SCALE: Final = 1e6
"""Values are rounded to six decimals."""

Value = TypeVar("Value")

Index = npt.NDArray[np.intp]


def to_batch(
    ids: pa.StringArray, results: Sequence[Forecasts], known: Sequence[Mapping[str, str]], form: ResponseForm
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


def _rows(ids: pa.StringArray, forecasts: Forecasts, known: Mapping[str, str], form: ResponseForm) -> pa.RecordBatch:
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
    if any(forecasts.weather):
        columns["weather_used"] = spread.of_forecasts(_texts(forecasts.weather, lambda weather: weather.listed))
        ratios = [weather and weather.rounded_ratio for weather in forecasts.weather]
        columns["past_rmse_ratio"] = spread.of_forecasts(pa.array(ratios, pa.float64()))
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
    return columns | {f"baseline_{name}": values for name, values in references.items() if not np.isnan(values).all()}


class _Spread:
    """Puts what is known of each forecast, or of each of its leads, into the rows of the response."""

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
        return (cached if rows <= _MAX_CACHED_ROWS else build)(rows, value)

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


def error_batch(message: str, form: ResponseForm) -> pa.RecordBatch:
    """Return the one row that ends a response that could not be finished: no station, and the reason."""
    columns = form.nulls(1) | {"error": pa.array([message], pa.string()), "quality": pa.array([MISSING], pa.int8())}
    return pa.record_batch([columns[name] for name in form.names], schema=form.schema)


_GROUP_ROWS: Final = 65_536
"""Rows of a row group in Parquet."""


class Writer(Protocol):
    """Writes the record batches of one response. Every method returns the bytes that are ready to be sent."""

    def write(self, batch: pa.RecordBatch) -> bytes:
        """Write a batch."""

    def end(self, series: int, failed: int) -> bytes:
        """End the response, which says how many series it has, and how many of them failed."""

    def abort(self, message: str) -> bytes:
        """Leave the response without its end, and say why as far as the form allows."""


class ArrowWriter:
    """Writes an Arrow stream, whose last record batch has no rows and the counts as metadata."""

    def __init__(self, form: ResponseForm) -> None:
        self._form = form
        self._has_begun = False

    def write(self, batch: pa.RecordBatch) -> bytes:
        """See :class:`Writer`."""
        return self._begun(batch.serialize())

    def end(self, series: int, failed: int) -> bytes:
        """See :class:`Writer`."""
        return self._begun(_stream_end(self._form, series, failed))

    def abort(self, message: str) -> bytes:
        """See :class:`Writer`. The last row has no station, and the message as its error."""
        return self._begun(error_batch(message, self._form).serialize())

    def _begun(self, message: pa.Buffer | bytes) -> bytes:
        """Return ``message``, after the head if that is still missing."""
        head = b"" if self._has_begun else self._form.head
        self._has_begun = True
        return b"".join([head, message])


class ParquetWriter:
    """Writes a Parquet file, whose metadata has the counts."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._sink = _Sink()
        self._file = papq.ParquetWriter(self._sink, schema)
        self._batches: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch) -> bytes:
        """See :class:`Writer`. Batches wait until there are enough rows for a row group."""
        self._batches.append(batch)
        if sum(waiting.num_rows for waiting in self._batches) >= _GROUP_ROWS:
            self._write_group()
        return self._sink.drain()

    def end(self, series: int, failed: int) -> bytes:
        """See :class:`Writer`."""
        if self._batches:
            self._write_group()
        self._file.add_key_value_metadata({"series": str(series), "failed": str(failed)})
        self._file.close()
        return self._sink.drain()

    def abort(self, message: str) -> bytes:
        """See :class:`Writer`. A Parquet file without its end cannot be read."""
        return b""

    def _write_group(self) -> None:
        self._file.write_table(pa.Table.from_batches(self._batches, self._schema).combine_chunks())
        self._batches = []


def writer_of(media_type: str, form: ResponseForm) -> Writer:
    """Return the writer of a response with these columns."""
    return ArrowWriter(form) if media_type == ARROW_TYPE else ParquetWriter(form.schema)


class _Sink:
    """A file that pyarrow writes to, from which the bytes are taken as they come."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, piece: "pa.Buffer | bytes") -> int:
        """Keep ``piece``."""
        content = bytes(piece)
        self._pieces.append(content)
        self._size += len(content)
        return len(content)

    def tell(self) -> int:
        """Return how many bytes have been written in all."""
        return self._size

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def drain(self) -> bytes:
        """Return what has been written since the last call."""
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content
