"""Forecasts of stations as rows, one a valid time."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as papq

from forecasting.series.times import Floats, Times

_TIME: Final = pa.timestamp("s", "UTC")
_DECIMALS: Final = 6


@dataclass(frozen=True)
class StationForecasts:
    """Forecasts of a chunk.

    Attributes:
        names: of all its stations.
        station: which of them each forecast is of, ``(n,)``, rising.
        issued: time of the last observation, ``(n,)``.
        times: valid times, ``(n, horizon)``.
        sst: °C, ``(n, horizon)``.
        widths: half-widths of intervals, °C ``(n, horizon)``, by level in percent.
        warnings: kinds, by forecast.
        errors: why there is no forecast, by station.
    """

    names: list[str]
    station: npt.NDArray[np.intp]
    issued: Times
    times: Times
    sst: Floats
    widths: dict[int, Floats]
    warnings: list[list[str]]
    errors: dict[int, str]


def schema(levels: tuple[int, ...]) -> pa.Schema:
    """Names and types of the output's columns, with those of intervals at ``levels``, percent."""
    bounds = [(f"{side}_{level}", pa.float64()) for level in levels for side in ("lower", "upper")]
    texts = [(name, pa.string()) for name in ("model", "version", "error", "warnings")]
    return pa.schema(
        [("station", pa.string()), ("issued", _TIME), ("time", _TIME), ("sst", pa.float64()), *bounds, *texts]
    )


def to_bytes(found: StationForecasts, model: str, version: str) -> bytes:
    """The rows as an Arrow stream: the stations in their order, one row for each that has no forecast."""
    horizon = found.sst.shape[1]
    rows = np.ones(len(found.names), dtype=np.int64)
    rows[found.station] = horizon
    begin = np.cumsum(rows) - rows
    total = int(rows.sum())
    at = (begin[found.station][:, None] + np.arange(horizon)).ravel()
    place = np.repeat(np.arange(len(found.names)), rows)
    columns: dict[str, pa.Array] = {
        "station": pa.array(found.names, pa.string()).take(pa.array(place)),
        "issued": _times(np.repeat(found.issued, horizon), at, total),
        "time": _times(found.times.ravel(), at, total),
        "sst": _numbers(found.sst.ravel(), at, total),
    }
    for level, width in found.widths.items():
        columns[f"lower_{level}"] = _numbers((found.sst - width).ravel(), at, total)
        columns[f"upper_{level}"] = _numbers((found.sst + width).ravel(), at, total)
    columns["model"] = pa.repeat(pa.scalar(model), total)
    columns["version"] = pa.repeat(pa.scalar(version), total)
    columns["error"] = pa.array([found.errors.get(i) for i in range(len(found.names))], pa.string()).take(
        pa.array(place)
    )
    warned: list[str | None] = [None] * len(found.names)
    for i, kinds in zip(found.station.tolist(), found.warnings, strict=True):
        warned[i] = ";".join(dict.fromkeys(kinds)) or None
    columns["warnings"] = pa.array(warned, pa.string()).take(pa.array(place))
    table = pa.table(columns, schema=schema(tuple(found.widths)))
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    return file.getvalue()


def without_forecasts(names: list[str], reason: str, levels: tuple[int, ...], model: str, version: str) -> bytes:
    """The rows of a chunk that could not be scored."""
    none, no_times = np.empty((0, 1)), np.empty((0, 1), dtype="datetime64[s]")
    nobody = np.empty(0, dtype=np.intp)
    errors = dict.fromkeys(range(len(names)), reason)
    found = StationForecasts(names, nobody, no_times[:, 0], no_times, none, dict.fromkeys(levels, none), [], errors)
    return to_bytes(found, model, version)


def _numbers(values: Floats, at: npt.NDArray[np.int64], total: int) -> pa.Array:
    column = np.full(total, np.nan)
    column[at] = np.round(values, _DECIMALS)
    return pa.array(column, pa.float64(), mask=np.isnan(column))


def _times(values: Times, at: npt.NDArray[np.int64], total: int) -> pa.Array:
    column = np.full(total, np.datetime64("NaT", "s"))
    column[at] = values
    return pa.array(column, pa.timestamp("s")).cast(_TIME)


def write_table(path: Path, kind: str, levels: tuple[int, ...], parts: Iterator[bytes]) -> None:
    """Write the parts one after another, as CSV or Parquet."""
    shape = schema(levels)
    if kind == "csv":
        with pacsv.CSVWriter(path, _as_text(shape.empty_table()).schema, write_options=_csv_options()) as file:
            for part in parts:
                file.write_table(_as_text(_read(part)))
        return
    with papq.ParquetWriter(path, shape) as file:
        for part in parts:
            file.write_table(_read(part))


def _csv_options() -> pacsv.WriteOptions:
    return pacsv.WriteOptions(quoting_style="needed", quoting_header="needed")


def _read(part: bytes) -> pa.Table:
    with pa.ipc.open_stream(part) as stream:
        return stream.read_all()


def _as_text(table: pa.Table) -> pa.Table:
    """The table with its times as text, ISO 8601."""
    for name in ("issued", "time"):
        text = pc.strftime(table[name], format="%Y-%m-%dT%H:%M:%SZ")
        table = table.set_column(table.column_names.index(name), name, text)
    return table
