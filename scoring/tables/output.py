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

from forecasting.events.columns import Column, Form, Values
from forecasting.forecasts.forecasts import Columns, Forecasts
from forecasting.qartod import MISSING
from forecasting.references.baselines import REFERENCE_COLUMNS
from forecasting.series.times import Floats
from scoring.events import EvaluatedEvents, EventRequest

PREFIX: Final = "baseline_"

USUAL: Final = ("usual_years", "usual_source")
"""What the climatology rests on."""

WEATHER: Final = ("weather_used", "past_rmse_ratio")
"""What a forecast rests on of the weather, and what that was worth on the past of the station."""

_DECIMALS: Final = 6
_TIME: Final = pa.timestamp("s", "UTC")
_TYPES: Final[dict[Form, pa.DataType]] = {"time": _TIME, "flag": pa.string(), "days": pa.int32()}


@dataclass(frozen=True)
class TableForecasts:
    """The forecasts of a chunk."""

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


def schema(
    levels: tuple[int, ...], events: EventRequest, *, archived: bool = False, weather: bool = False
) -> pa.Schema:
    """Return the schema of the output.

    It has two columns per interval level in percent, columns of ``events``, those of an archive if ``archived``, and
    those of ``weather`` if a station may have some.
    """
    bounds = [(f"{side}_{level}", pa.float64()) for level in levels for side in ("lower", "upper")]
    texts = [(name, pa.string()) for name in ("model", "version", "chosen")]
    ends = [("quality", pa.int8()), ("error", pa.string()), ("warnings", pa.string())]
    keys = [("station", pa.string()), ("issued", _TIME), ("time", _TIME), ("sst", pa.float64())]
    fields = [*keys, *bounds, *texts, *ends]
    for name, columns in zip(events.names, events.by_event, strict=True):
        fields += [(column.name, _TYPES.get(column.form, pa.float64())) for column in columns.values()]
        fields += [(f"event_{name}_calibrated", pa.bool_()), (f"event_{name}_error", pa.string())]
    if archived:
        fields += [("lead", pa.int16()), ("step", pa.string())]
        fields += [(f"{PREFIX}{name}", pa.float64()) for name in REFERENCE_COLUMNS]
        fields += [(name, pa.string()) for name in USUAL]
    elif weather:
        fields += [*zip(WEATHER, (pa.string(), pa.float64()), strict=True)]
    return pa.schema(fields)


def to_bytes(scored: TableForecasts, events: EventRequest, *, archived: bool = False, weather: bool = False) -> bytes:
    """Return the rows as an Arrow stream, in the order of the stations; one row for a station without a forecast."""
    forecasts, horizon = scored.forecasts, scored.forecasts.horizon
    levels, names = forecasts.columns.levels, pa.array(scored.names, pa.string())
    columns = schema(levels, events, archived=archived, weather=weather)
    station = np.repeat(forecasts.row, horizon)
    arrays: dict[str, pa.Array] = {
        "station": names.take(pa.array(station)),
        "issued": pa.array(np.repeat(forecasts.issued, horizon)).cast(_TIME),
        "time": pa.array(forecasts.times.ravel()).cast(_TIME),
        "sst": _numbers(forecasts.sst),
        "model": _repeated(forecasts.model, horizon),
        "version": _repeated(forecasts.version, horizon),
        "chosen": _repeated([chosen and chosen.by for chosen in forecasts.chosen], horizon),
        "quality": pa.array(np.repeat(scored.quality, horizon)),
        "warnings": _repeated([";".join(dict.fromkeys(codes)) or None for codes in scored.warnings], horizon),
    }
    for level in levels:
        arrays[f"lower_{level}"], arrays[f"upper_{level}"] = map(_numbers, forecasts.bounds(level))
    arrays |= _event_arrays(events, scored.evaluated, horizon)
    if archived:
        arrays |= _archive_arrays(forecasts)
    elif forecasts.weather:
        used = [each and each.listed for each in forecasts.weather]
        ratios = [each and each.rounded_ratio for each in forecasts.weather]
        arrays |= dict(zip(WEATHER, (_repeated(used, horizon), _repeated(ratios, horizon, pa.float64())), strict=True))
    failed = np.setdiff1d(np.arange(len(names)), forecasts.row)
    reasons = pa.array([scored.errors.get(i) for i in failed.tolist()], pa.string())
    without = {"station": names.take(pa.array(failed)), "error": reasons}
    without["quality"] = pa.array(np.full(len(failed), MISSING, dtype=np.int8))
    parts = [
        pa.table([of.get(each.name, pa.nulls(count, each.type)) for each in columns], schema=columns)
        for of, count in ((arrays, len(station)), (without, len(failed)))
    ]
    order = np.argsort(np.concatenate([station, failed]), kind="stable")
    table = pa.concat_tables(parts).take(pa.array(order))
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    return file.getvalue()


def without_forecasts(
    names: list[str], reason: str, levels: tuple[int, ...], events: EventRequest, *, weather: bool = False
) -> bytes:
    """Return the rows of a chunk that failed for ``reason``."""
    nothing = TableForecasts.none(names, dict.fromkeys(range(len(names)), reason), levels, events)
    return to_bytes(nothing, events, weather=weather)


def _archive_arrays(forecasts: Forecasts) -> dict[str, pa.Array]:
    n, horizon = forecasts.times.shape
    rests_on = [(None, None) if each is None else (each.years_text, each.source) for each in forecasts.usual]
    arrays = {
        "lead": pa.array(np.tile(np.arange(1, horizon + 1, dtype=np.int16), n)),
        "step": _repeated(forecasts.step, horizon),
    }
    for i, name in enumerate(USUAL):
        arrays[name] = _repeated([pair[i] for pair in rests_on], horizon)
    for name in forecasts.columns.references:
        arrays[f"{PREFIX}{name}"] = _numbers(forecasts.reference(name))
    return arrays


def _event_arrays(events: EventRequest, evaluated: EvaluatedEvents, horizon: int) -> dict[str, pa.Array]:
    arrays = {column.name: _event_array(column, evaluated.values[column.name], horizon) for column in events.columns}
    for name, calibrated, errors in zip(events.names, evaluated.calibrated, evaluated.errors, strict=True):
        arrays[f"event_{name}_calibrated"] = _repeated(calibrated, horizon, pa.bool_())
        arrays[f"event_{name}_error"] = _repeated(errors, horizon)
    return arrays


def _event_array(column: Column, values: Values, horizon: int) -> pa.Array:
    values = values.ravel() if column.by_lead else np.repeat(values, horizon)
    if column.form == "flag":
        return pa.array([None if flag == column.missing else column.flags[flag] for flag in values.tolist()])
    if column.form == "days":
        return pa.array(values.astype(np.int32), mask=values == column.missing)
    if column.form == "time":
        unknown = np.isnan(values)
        return pa.array(np.where(unknown, 0, values).astype(np.int64), mask=unknown).cast(_TIME)
    return _numbers(values)


def _repeated(values: Sequence[object], horizon: int, kind: pa.DataType | None = None) -> pa.Array:
    """Return a column with the value of each forecast in all of its rows."""
    places = pa.array(np.repeat(np.arange(len(values)), horizon))
    return pa.array(values, kind or pa.string()).take(places)


def _numbers(values: Floats) -> pa.Array:
    column = np.round(values.ravel(), _DECIMALS)
    return pa.array(column, mask=np.isnan(column))


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
