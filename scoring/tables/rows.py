"""Forecasts of stations as table rows, one per valid time."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as papq

from forecasting.forecasts.forecasts import Columns, Forecasts
from forecasting.qartod import MISSING
from forecasting.series.times import Floats, Times
from scoring.events import Column, EvaluatedEvents, EventRequest, Form, Values, columns_of

BASELINES: Final = ("persistence", "usual_change", "climatology", "damped", "linear")
"""All references that a forecast may have; each has a column, so that all files of an archive do."""

PREFIX: Final = "baseline_"

USUAL: Final = ("usual_years", "usual_source")
"""What the climatology rests on."""

_DECIMALS: Final = 6
_TIME: Final = pa.timestamp("s", "UTC")
_TYPES: Final[dict[Form, pa.DataType]] = {"time": _TIME, "flag": pa.string(), "days": pa.int32()}

Indices = npt.NDArray[np.int64]


def archive_fields() -> list[tuple[str, pa.DataType]]:
    """Return names and types of the columns."""
    references = [(f"{PREFIX}{name}", pa.float64()) for name in BASELINES]
    texts = [(name, pa.string()) for name in USUAL]
    return [("lead", pa.int16()), ("step", pa.string()), *references, *texts]


def archive_arrays(forecasts: Forecasts, row: Indices, total: int) -> dict[str, pa.Array]:
    """Return the columns; ``row`` has the row of each lead of each forecast, ``(n, horizon)``."""
    lead = np.zeros(total, dtype=np.int16)
    lead[row] = np.arange(1, forecasts.horizon + 1)
    columns = {"lead": pa.array(lead, mask=lead == 0), "step": _repeated(forecasts.step, row, total)}
    rests_on = [(None, None) if each is None else (each.years_text, each.source) for each in forecasts.usual]
    for i, name in enumerate(USUAL):
        columns[name] = _repeated([pair[i] for pair in rests_on], row, total)
    for name in BASELINES:
        known = name in forecasts.columns.references
        columns[f"{PREFIX}{name}"] = _numbers(forecasts.reference(name) if known else np.nan, row, total)
    return columns


def event_fields(events: EventRequest) -> list[tuple[str, pa.DataType]]:
    """Return names and types of the columns of ``events``."""
    fields: list[tuple[str, pa.DataType]] = []
    for definition, name in zip(events.definitions, events.names, strict=True):
        fields += [(column.name, _TYPES.get(column.form, pa.float64())) for column in columns_of(definition, name)]
        fields += [(f"event_{name}_calibrated", pa.bool_()), (f"event_{name}_error", pa.string())]
    return fields


def event_arrays(events: EventRequest, evaluated: EvaluatedEvents, row: Indices, total: int) -> dict[str, pa.Array]:
    """Return the columns of ``events``.

    Args:
        events: that were evaluated.
        evaluated: at each place with a forecast.
        row: row of each lead of each place, ``(n, horizon)``.
        total: number of rows.
    """
    columns = {column.name: _array(column, evaluated.values[column.name], row, total) for column in events.columns}
    for name, calibrated, errors in zip(events.names, evaluated.calibrated, evaluated.errors, strict=True):
        columns[f"event_{name}_calibrated"] = _repeated(calibrated, row, total, pa.bool_())
        columns[f"event_{name}_error"] = _repeated(errors, row, total)
    return columns


def _array(column: Column, values: Values, row: Indices, total: int) -> pa.Array:
    whole = column.empty(total, 1).reshape(total)
    if len(row):
        whole[row] = values if column.by_lead else values[:, None]
    if column.form == "flag":
        return pa.array(
            [None if flag == column.missing else column.flags[flag] for flag in whole.tolist()], pa.string()
        )
    if column.form == "days":
        return pa.array(whole.astype(np.int32), mask=whole == column.missing)
    unknown = np.isnan(whole)
    if column.form == "time":
        seconds = np.where(unknown, 0, whole).astype(np.int64)
        return pa.array(seconds, mask=unknown).cast(_TIME)
    return pa.array(np.round(whole, _DECIMALS), mask=unknown)


def _repeated(values: Sequence[object], row: Indices, total: int, kind: pa.DataType | None = None) -> pa.Array:
    """Return a column with the value of each forecast in all of its rows."""
    column = np.full(total, None, dtype=object)
    column[row] = np.asarray(values, dtype=object)[:, None]
    return pa.array(column, kind or pa.string())


@dataclass(frozen=True)
class TableForecasts:
    """The forecasts of a chunk.

    Attributes:
        names: of all stations in the chunk.
        forecasts: in °C; the row of each is the index of its station.
        quality: flag of each forecast, see :mod:`scoring.models.quality`, ``(n,)``.
        warnings: codes of the warnings of each forecast.
        evaluated: the events of each forecast.
        errors: reasons why stations have no forecast, by index.
        releases: number of forecasts by each release, if the step of each series chose it.
    """

    names: list[str]
    forecasts: Forecasts
    quality: npt.NDArray[np.int8]
    warnings: list[list[str]]
    evaluated: EvaluatedEvents
    errors: dict[int, str]
    releases: dict[str, int] = field(default_factory=dict)

    @classmethod
    def none(
        cls, names: list[str], errors: dict[int, str], levels: tuple[int, ...], events: EventRequest
    ) -> "TableForecasts":
        """Return no forecasts, for when a chunk could not be scored."""
        nothing = Forecasts.none(Columns(levels, (), ()), 1, {})
        return cls(names, nothing, np.empty(0, dtype=np.int8), [], EvaluatedEvents.none(events, 0, 1), errors)


def schema(levels: tuple[int, ...], events: EventRequest, *, archived: bool = False) -> pa.Schema:
    """Return the schema of the output.

    It has two columns per interval level in percent, columns of ``events``, and those of an archive if ``archived``.
    """
    bounds = [(f"{side}_{level}", pa.float64()) for level in levels for side in ("lower", "upper")]
    texts = [(name, pa.string()) for name in ("model", "version", "chosen")]
    ends = [("quality", pa.int8()), ("error", pa.string()), ("warnings", pa.string())]
    keys = [("station", pa.string()), ("issued", _TIME), ("time", _TIME), ("sst", pa.float64())]
    return pa.schema([*keys, *bounds, *texts, *ends, *event_fields(events), *(archive_fields() if archived else ())])


def to_bytes(scored: TableForecasts, events: EventRequest, *, archived: bool = False) -> bytes:
    """Return the rows as an Arrow stream, in the order of the stations; one row for a station without a forecast."""
    forecasts, horizon = scored.forecasts, scored.forecasts.horizon
    rows = np.ones(len(scored.names), dtype=np.int64)
    rows[forecasts.row] = horizon
    begin = np.cumsum(rows) - rows
    total = int(rows.sum())
    at = begin[forecasts.row][:, None] + np.arange(horizon)
    station = pa.array(np.repeat(np.arange(len(scored.names)), rows))
    columns: dict[str, pa.Array] = {
        "station": pa.array(scored.names, pa.string()).take(station),
        "issued": _times(np.repeat(forecasts.issued, horizon), at.ravel(), total),
        "time": _times(forecasts.times.ravel(), at.ravel(), total),
        "sst": _numbers(forecasts.sst, at, total),
    }
    levels = forecasts.columns.levels
    for level in levels:
        columns[f"lower_{level}"], columns[f"upper_{level}"] = (
            _numbers(bound, at, total) for bound in forecasts.bounds(level)
        )
    columns |= {name: column.take(station) for name, column in _stations(scored).items()}
    columns |= event_arrays(events, scored.evaluated, at, total)
    if archived:
        columns |= archive_arrays(forecasts, at, total)
    table = pa.table(columns, schema=schema(levels, events, archived=archived))
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    return file.getvalue()


def _stations(scored: TableForecasts) -> dict[str, pa.Array]:
    """Return the columns that are the same in all rows of a station, one value for each station."""
    forecasts, count = scored.forecasts, len(scored.names)
    columns = {
        "model": forecasts.model,
        "version": forecasts.version,
        "chosen": [chosen and chosen.by for chosen in forecasts.chosen],
        "warnings": [";".join(dict.fromkeys(codes)) or None for codes in scored.warnings],
    }
    quality = np.full(count, MISSING, dtype=np.int8)
    quality[forecasts.row] = scored.quality
    arrays = {
        "quality": pa.array(quality),
        "error": pa.array([scored.errors.get(i) for i in range(count)], pa.string()),
    }
    for name, values in columns.items():
        known = dict(zip(forecasts.row.tolist(), values, strict=True))
        arrays[name] = pa.array([known.get(i) for i in range(count)], pa.string())
    return arrays


def without_forecasts(names: list[str], reason: str, levels: tuple[int, ...], events: EventRequest) -> bytes:
    """Return the rows of a chunk that failed for ``reason``."""
    return to_bytes(TableForecasts.none(names, dict.fromkeys(range(len(names)), reason), levels, events), events)


def _numbers(values: Floats | float, row: Indices, total: int) -> pa.Array:
    column = np.full(total, np.nan)
    column[row] = np.round(values, _DECIMALS)
    return pa.array(column, pa.float64(), mask=np.isnan(column))


def _times(values: Times, at: npt.NDArray[np.int64], total: int) -> pa.Array:
    column = np.full(total, np.datetime64("NaT", "s"))
    column[at] = values
    return pa.array(column, pa.timestamp("s")).cast(_TIME)


def write_table(path: Path, kind: str, columns: pa.Schema, parts: Iterator[bytes]) -> None:
    """Write the parts in order, as CSV or Parquet."""
    if kind == "csv":
        with pacsv.CSVWriter(path, _as_text(columns.empty_table()).schema, write_options=_csv_options()) as file:
            for part in parts:
                file.write_table(_as_text(read_part(part)))
        return
    with papq.ParquetWriter(path, columns) as file:
        for part in parts:
            file.write_table(read_part(part))


def _csv_options() -> pacsv.WriteOptions:
    return pacsv.WriteOptions(quoting_style="needed", quoting_header="needed")


def read_part(part: bytes) -> pa.Table:
    """Return the rows that :func:`to_bytes` wrote."""
    with pa.ipc.open_stream(part) as stream:
        return stream.read_all()


def _as_text(table: pa.Table) -> pa.Table:
    """Return the table with ISO 8601 text in place of its times."""
    for name in [entry.name for entry in table.schema if pa.types.is_timestamp(entry.type)]:
        text = pc.strftime(table[name], format="%Y-%m-%dT%H:%M:%SZ")
        table = table.set_column(table.column_names.index(name), name, text)
    return table
