"""Forecasts of stations as table rows, one per valid time."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as papq

from forecasting.climatology.usual import Usual
from forecasting.qartod import MISSING
from forecasting.series.times import Floats, Times
from scoring.events import Column, EventRequest, Form, Judged, Values, columns_of
from scoring.models.model import Bounds

BASELINES: Final = ("persistence", "usual_change", "climatology", "damped", "linear")
"""All references that a forecast may have; each has a column, so that all files of an archive do."""

PREFIX: Final = "baseline_"

USUAL: Final = ("usual_years", "usual_source")
"""What the climatology rests on."""

_DECIMALS: Final = 6


def archive_fields() -> list[tuple[str, pa.DataType]]:
    """Return names and types of the columns."""
    references = [(f"{PREFIX}{name}", pa.float64()) for name in BASELINES]
    texts = [(name, pa.string()) for name in USUAL]
    return [("lead", pa.int16()), ("step", pa.string()), *references, *texts]


def archive_arrays(
    steps: Sequence[str],
    baselines: Mapping[str, Floats],
    usual: Sequence[Usual | None],
    row: npt.NDArray[np.int64],
    total: int,
) -> dict[str, pa.Array]:
    """Return the columns.

    Args:
        steps: name of the step of each forecast.
        baselines: forecasts of references, °C ``(n, horizon)``, by name; NaN where there is none.
        usual: what the climatology of each forecast rests on; None without one.
        row: row of each lead of each forecast, ``(n, horizon)``.
        total: number of rows.
    """
    horizon = row.shape[1]
    lead = np.zeros(total, dtype=np.int16)
    lead[row] = np.arange(1, horizon + 1)
    columns = {"lead": pa.array(lead, mask=lead == 0), "step": _texts(steps, row, total)}
    rests_on = [(None, None) if each is None else (each.years_text, each.source) for each in usual]
    for i, name in enumerate(USUAL):
        columns[name] = _texts([pair[i] for pair in rests_on], row, total)
    for name in BASELINES:
        values = np.full(total, np.nan)
        if name in baselines:
            values[row] = np.round(baselines[name], _DECIMALS)
        columns[f"{PREFIX}{name}"] = pa.array(values, mask=np.isnan(values))
    return columns


def _texts(values: Sequence[str | None], row: npt.NDArray[np.int64], total: int) -> pa.Array:
    """Return a column with the text of each forecast in all of its rows."""
    column = np.full(total, None, dtype=object)
    column[row] = np.asarray(values, dtype=object)[:, None]
    return pa.array(column, pa.string())


_TIME: Final = pa.timestamp("s", "UTC")
_TYPES: Final[dict[Form, pa.DataType]] = {"time": _TIME, "flag": pa.string(), "days": pa.int32()}

Indices = npt.NDArray[np.int64]


def event_fields(events: EventRequest) -> list[tuple[str, pa.DataType]]:
    """Return names and types of the columns of ``events``."""
    fields: list[tuple[str, pa.DataType]] = []
    for definition, name in zip(events.definitions, events.names, strict=True):
        fields += [(column.name, _TYPES.get(column.form, pa.float64())) for column in columns_of(definition, name)]
        fields += [(f"event_{name}_calibrated", pa.bool_()), (f"event_{name}_error", pa.string())]
    return fields


def event_arrays(events: EventRequest, judged: Judged, at: Indices, total: int) -> dict[str, pa.Array]:
    """Return the columns of ``events``.

    Args:
        events: that were judged.
        judged: at each place with a forecast.
        at: row of each lead of each place, one place after another.
        total: number of rows.
    """
    places = len(judged.warnings)
    row = at.reshape(places, len(at) // max(places, 1))
    columns = {column.name: _array(column, judged.values[column.name], row, total) for column in events.columns}
    for name, calibrated, errors in zip(events.names, judged.calibrated, judged.errors, strict=True):
        columns[f"event_{name}_calibrated"] = pa.array(_repeated(calibrated, row, total), pa.bool_())
        columns[f"event_{name}_error"] = pa.array(_repeated(errors, row, total), pa.string())
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


def _repeated(values: list[bool | None] | list[str | None], row: Indices, total: int) -> list[bool | str | None]:
    """Return the value of each place in all of its rows."""
    repeated: list[bool | str | None] = [None] * total
    for value, rows in zip(values, row.tolist(), strict=True):
        for i in rows:
            repeated[i] = value
    return repeated


@dataclass(frozen=True)
class Provenance:
    """How the forecast of a station was made.

    Attributes:
        model: name of the network or reference.
        version: of its release.
        chosen: what chose the model: ``own_past`` or ``held_out_seas``; None if the user named it.
        quality: flag of :mod:`scoring.models.quality`.
        warnings: their kinds.
        release: name and version of the release, if the step of the series chose it.
    """

    model: str
    version: str
    chosen: str | None
    quality: int
    warnings: list[str]
    release: str | None = None


@dataclass(frozen=True)
class StationForecasts:
    """The forecasts of a chunk.

    Attributes:
        names: names of all stations in the chunk.
        station: index of the station of each forecast, ``(n,)``, increasing.
        issued: time of the last observation, ``(n,)``.
        times: valid times, ``(n, horizon)``.
        sst: °C, ``(n, horizon)``.
        bounds: of the prediction intervals, by level in percent.
        provenance: how each forecast was made.
        errors: reasons why stations have no forecast, by index.
        judged: the events of each forecast.
        steps: name of the step of each forecast; empty unless the forecasts are archived.
        baselines: forecasts of references, °C ``(n, horizon)``, by name, NaN where there is none; likewise.
        usual: what the climatology among them rests on; None without it; likewise.
    """

    names: list[str]
    station: npt.NDArray[np.intp]
    issued: Times
    times: Times
    sst: Floats
    bounds: Bounds
    provenance: list[Provenance]
    errors: dict[int, str]
    judged: Judged
    steps: list[str] = field(default_factory=list)
    baselines: dict[str, Floats] = field(default_factory=dict)
    usual: Sequence[Usual | None] = ()


def schema(levels: tuple[int, ...], events: EventRequest, *, archived: bool = False) -> pa.Schema:
    """Return the schema of the output.

    It has two columns per interval level in percent, columns of ``events``, and those of an archive if ``archived``.
    """
    bounds = [(f"{side}_{level}", pa.float64()) for level in levels for side in ("lower", "upper")]
    texts = [(name, pa.string()) for name in ("model", "version", "chosen")]
    ends = [("quality", pa.int8()), ("error", pa.string()), ("warnings", pa.string())]
    keys = [("station", pa.string()), ("issued", _TIME), ("time", _TIME), ("sst", pa.float64())]
    return pa.schema([*keys, *bounds, *texts, *ends, *event_fields(events), *(archive_fields() if archived else ())])


def to_bytes(forecasts: StationForecasts, events: EventRequest, *, archived: bool = False) -> bytes:
    """Return the rows as an Arrow stream, in the order of the stations; one row for a station without a forecast."""
    horizon = forecasts.sst.shape[1]
    rows = np.ones(len(forecasts.names), dtype=np.int64)
    rows[forecasts.station] = horizon
    begin = np.cumsum(rows) - rows
    total = int(rows.sum())
    at = (begin[forecasts.station][:, None] + np.arange(horizon)).ravel()
    place = np.repeat(np.arange(len(forecasts.names)), rows)
    columns: dict[str, pa.Array] = {
        "station": pa.array(forecasts.names, pa.string()).take(pa.array(place)),
        "issued": _times(np.repeat(forecasts.issued, horizon), at, total),
        "time": _times(forecasts.times.ravel(), at, total),
        "sst": _numbers(forecasts.sst.ravel(), at, total),
    }
    for level, (lower, upper) in forecasts.bounds.items():
        columns[f"lower_{level}"] = _numbers(lower.ravel(), at, total)
        columns[f"upper_{level}"] = _numbers(upper.ravel(), at, total)
    columns |= {name: column.take(pa.array(place)) for name, column in _stations(forecasts).items()}
    columns |= event_arrays(events, forecasts.judged, at, total)
    if archived:
        columns |= archive_arrays(forecasts.steps, forecasts.baselines, forecasts.usual, at.reshape(-1, horizon), total)
    table = pa.table(columns, schema=schema(tuple(forecasts.bounds), events, archived=archived))
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    return file.getvalue()


def _stations(forecasts: StationForecasts) -> dict[str, pa.Array]:
    """Return the columns that are the same in all rows of a station, one value for each station."""
    provenance = dict(zip(forecasts.station.tolist(), forecasts.provenance, strict=True))
    stations = [provenance.get(i) for i in range(len(forecasts.names))]
    quality = [MISSING if entry is None else entry.quality for entry in stations]
    warnings = [None if entry is None else ";".join(dict.fromkeys(entry.warnings)) or None for entry in stations]
    errors = [forecasts.errors.get(i) for i in range(len(forecasts.names))]
    texts = {
        "model": [entry and entry.model for entry in stations],
        "version": [entry and entry.version for entry in stations],
        "chosen": [entry and entry.chosen for entry in stations],
        "error": errors,
        "warnings": warnings,
    }
    return {name: pa.array(column, pa.string()) for name, column in texts.items()} | {
        "quality": pa.array(quality, pa.int8())
    }


def without_forecasts(names: list[str], reason: str, levels: tuple[int, ...], events: EventRequest) -> bytes:
    """Return the rows of a chunk that failed for ``reason``."""
    no_values, no_times = np.empty((0, 1)), np.empty((0, 1), dtype="datetime64[s]")
    no_stations = np.empty(0, dtype=np.intp)
    no_bounds = dict.fromkeys(levels, (no_values, no_values))
    errors = dict.fromkeys(range(len(names)), reason)
    judged = Judged.none(events, 0, 1)
    forecasts = StationForecasts(names, no_stations, no_times[:, 0], no_times, no_values, no_bounds, [], errors, judged)
    return to_bytes(forecasts, events)


def _numbers(values: Floats, at: npt.NDArray[np.int64], total: int) -> pa.Array:
    column = np.full(total, np.nan)
    column[at] = np.round(values, _DECIMALS)
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
