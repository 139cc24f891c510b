"""The rows of an archive, one for each lead of each forecast."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as papq

from forecasting.series.timestep import TimeStep
from scoring.archive.event_limits import limit_columns, limit_fields
from scoring.events.event_request import EventRequest
from scoring.tables.archive_columns import BASELINES, PREFIX, USUAL
from scoring.tables.forecasts import read_part, schema

_TIME: Final = pa.timestamp("s", "UTC")
_ISSUED: Final = pa.timestamp("ms", "UTC")
"""Two runs may end in the same second."""

_STEPS_UNTIL_LATE: Final = 2
"""As in the service: a forecast issued later than this after its last observation is a replayed one."""


def archive_schema(levels: tuple[int, ...], events: EventRequest) -> pa.Schema:
    """Return the schema of a file, with two columns per interval level in percent, and columns of ``events``."""
    scored = schema(levels, events, archived=True)
    first = [
        pa.field("station", pa.string()),
        pa.field("issued", _ISSUED),
        pa.field("observed_until", _TIME),
        pa.field("replayed", pa.bool_()),
        pa.field("asked", pa.string()),
    ]
    names = ["model", "version", "chosen", "step", "lead", "time", "sst"]
    names += [f"{side}_{level}" for level in levels for side in ("lower", "upper")]
    names += [*(f"{PREFIX}{name}" for name in BASELINES), *USUAL]
    names += ["quality", "warnings"]
    ends = [field for field in scored if field.name.startswith("event_")]
    return pa.schema([*first, *map(scored.field, names), *ends, *limit_fields(events)])


def write_rows(
    path: Path, columns: pa.Schema, parts: Iterable[bytes], asked: str, issued: np.datetime64, events: EventRequest
) -> None:
    """Write the rows with a forecast.

    Args:
        path: of the new file.
        columns: from :func:`archive_schema`.
        parts: rows of each chunk, as a job returns them.
        asked: the model that the user asked for, such as ``best``.
        issued: time of issue.
        events: that were judged.
    """
    with papq.ParquetWriter(path, columns) as file:
        for part in parts:
            table = read_part(part)
            table = table.filter(pc.is_valid(table["time"]))
            file.write_table(_archived(table, columns, asked, issued, limit_columns(events, table.num_rows)))


def _archived(
    table: pa.Table, columns: pa.Schema, asked: str, issued: np.datetime64, limits: dict[str, pa.Array]
) -> pa.Table:
    count, observed_until = table.num_rows, table["issued"]
    time = pa.scalar(int(issued.astype("datetime64[ms]").astype(np.int64)), pa.int64()).cast(_ISSUED)
    known = limits | {
        "issued": pa.repeat(time, count),
        "observed_until": observed_until,
        "replayed": _replayed(table, issued),
        "asked": pa.repeat(pa.scalar(asked, pa.string()), count),
    }
    return pa.table([known[name] if name in known else table[name] for name in columns.names], schema=columns)


def _replayed(table: pa.Table, issued: np.datetime64) -> pa.Array:
    """Return whether the last observation of each row was old when the forecast was issued."""
    ends = table["issued"].cast(pa.int64()).to_numpy().astype("datetime64[s]")
    steps = np.asarray(table["step"].to_pylist(), dtype=object)
    replayed = np.zeros(len(ends), dtype=np.bool_)
    for step in dict.fromkeys(steps.tolist()):
        same = steps == step
        replayed[same] = TimeStep.parse(step).shift(ends[same], _STEPS_UNTIL_LATE) < issued
    return pa.array(replayed)
