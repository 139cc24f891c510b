"""An archive of issued forecasts: a folder of Parquet files that only grows.

    archive.parquet/issued_month=2026-11/20261127T060003512Z-0f3a5c….parquet

Each run adds one file, named by the time of issue and the key of its job. A file appears by a rename once it is
complete, and nothing is ever replaced.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as papq

from forecasting.disk import flush, locked
from forecasting.events.definitions import Percentile, ThresholdEvent
from forecasting.references.baselines import REFERENCE_COLUMNS
from forecasting.series.timestep import TimeStep
from scoring.errors import ScoringError
from scoring.events import EventRequest
from scoring.source import inside
from scoring.tables.output import PREFIX, USUAL, read_part, schema
from scoring.work import Plan, WorkFolder

PARTITION: Final = "issued_month"
"""Each month of issue has its own folder, so that a reader can skip the others."""

_OTHER_FORMATS: Final = (".csv", ".nc", ".nc4", ".zarr")
_NOT_THE_JOB: Final = ("chunk", "output", "device", "libraries")
"""Attributes of a plan that say how a job is done, not what it is."""


@dataclass(frozen=True)
class Archive:
    """The folder of an archive, which need not exist yet."""

    path: Path

    @classmethod
    def to_extend(cls, path: Path) -> "Archive":
        """Return the archive at ``path``, in which a run that was killed may have left empty folders."""
        if path.suffix.lower() in _OTHER_FORMATS:
            raise ScoringError(f"{path}: an archive is a folder of Parquet files; name it {path.stem}.parquet")
        if not path.absolute().parent.is_dir():
            raise ScoringError(f"{path}: the folder {path.absolute().parent} does not exist; create it first")
        if path.exists() and not path.is_dir():
            raise ScoringError(f"{path} is a file, and --append adds to a folder of Parquet files; choose another name")
        archive = cls(path)
        if path.is_dir() and any(inside(path)) and not archive.files():
            raise ScoringError(f"{path} is a folder with other files; choose another name")
        return archive

    def files(self) -> list[Path]:
        """Return the files of all runs, in the order of issue."""
        return [file for file in inside(self.path) if _is_added(file, self.path)] if self.path.is_dir() else []

    def file_of(self, key: str) -> Path | None:
        """Return the file of the job with this key, if it has been added."""
        return next((file for file in self.files() if file.stem.endswith(f"-{key}")), None)

    def add(self, complete: Path, issued: np.datetime64, key: str, work: WorkFolder) -> Path:
        """Move the ``complete`` file of a run into the archive, unless the same job has been added already."""
        self.path.mkdir(exist_ok=True)
        flush(self.path.absolute().parent)
        with locked(self.path):
            added = self.file_of(key)
            if added is not None:
                return added
            stamp = re.sub(r"[-:.]", "", str(issued.astype("datetime64[ms]")))
            file = self.path / f"{PARTITION}={issued.astype('datetime64[M]')}" / f"{stamp}Z-{key}.parquet"
            file.parent.mkdir(exist_ok=True)
            flush(self.path)
            work.place(complete, file)
            return file


def _is_added(file: Path, archive: Path) -> bool:
    return file.suffix == ".parquet" and file.parent.parent == archive and file.parent.name.startswith(f"{PARTITION}=")


def key_of(plan: Plan) -> str:
    """Return the key of a job: the same for the same input, model, horizon, levels and events."""
    job = {name: value for name, value in asdict(plan).items() if name not in _NOT_THE_JOB}
    return hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()[:16]


THRESHOLD: Final = "threshold"
SIDE: Final = "side"


def limit_fields(events: EventRequest) -> list[pa.Field]:
    """Return the columns of the limits that the forecasts of ``events`` do not have already."""
    return [pa.field(name, column.type) for name, column in limit_columns(events, 0).items()]


def limit_columns(events: EventRequest, count: int) -> dict[str, pa.Array]:
    """Return the side and, unless it differs from day to day, the threshold in °C of each event, ``count`` times."""
    columns: dict[str, pa.Array] = {}
    for definition, name in zip(events.definitions, events.names, strict=True):
        if not isinstance(definition, ThresholdEvent):
            continue
        if not isinstance(definition.threshold, Percentile):
            columns[f"event_{name}_{THRESHOLD}"] = pa.repeat(pa.scalar(definition.threshold, pa.float64()), count)
        columns[f"event_{name}_{SIDE}"] = pa.repeat(pa.scalar(definition.side, pa.string()), count)
    return columns


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
    names += [*(f"{PREFIX}{name}" for name in REFERENCE_COLUMNS), *USUAL]
    names += ["quality", "warnings"]
    ends = [field for field in scored if field.name.startswith("event_")]
    return pa.schema([*first, *map(scored.field, names), *ends, *limit_fields(events)])


def write_rows(
    path: Path, columns: pa.Schema, parts: Iterable[bytes], asked: str, issued: np.datetime64, events: EventRequest
) -> None:
    """Write the rows with a forecast."""
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
