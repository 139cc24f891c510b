"""Files that the service reads, and the series in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypedDict

import numpy as np
import pandas as pd

from service.client.parameters import Json, Units

File: TypeAlias = "str | Path | bytes"

_STEPS: Final = {"month": "MS", "week": "7D", "day": "1D", "hour": "1h"}


class FileOptions(TypedDict, total=False):
    """What to override when the service reads a file: the parameters of ``POST /series``."""

    format: Literal["csv", "erddap", "ndbc", "netcdf"]
    station: str
    at: str
    depth: float
    time_column: str
    value_column: str
    flags: str
    units: Units
    missing: Sequence[float]
    dates: Literal["dmy", "mdy"]
    timezone: str
    resample: str
    check: bool


@dataclass(frozen=True)
class FileReading:
    """What the service read from a file.

    Attributes:
        series: °C by name of the station (``"0"`` for a file with one series), indexed by time (UTC); NaN if missing.
        stations: one row per station: columns, units, ``summary_step``, ``summary_values`` and so on, ``warnings``,
            ``problem``.
        problem: what to choose if the file holds several series; otherwise None.
        flags: with ``check=True``, the QARTOD flag of each value (1 good, 2 not evaluated, 3 suspect, 9 missing), in
            the form of ``series``.
        suspects: with ``check=True``, a row for each suspect value: ``station``, ``time`` (UTC), ``sst``, and
            ``lower`` and ``upper``, the range that was expected.
    """

    series: "dict[str, pd.Series[float]]"
    stations: pd.DataFrame
    problem: str | None
    flags: "dict[str, pd.Series[int]]"
    suspects: pd.DataFrame


def content_of(file: File) -> bytes:
    """Read the content of a file."""
    return file if isinstance(file, bytes) else Path(file).read_bytes()


def file_reading(answer: Json) -> FileReading:
    """Parse a response of ``POST /series``.

    Raises:
        KeyError, TypeError, ValueError: if the response does not have the expected form.
    """
    stations = pd.json_normalize(answer["stations"], sep="_").set_index("id")
    series = {entry["id"]: _series(entry) for entry in answer["series"]}
    checks = answer.get("checks") or []
    flags = {check["id"]: pd.Series(check["flags"], index=series[check["id"]].index) for check in checks}
    return FileReading(series, stations, answer["problem"], flags, _suspects(checks))


def _suspects(checks: Sequence[Json]) -> pd.DataFrame:
    tables = [pd.DataFrame({"station": check["id"], **check["suspects"]}) for check in checks]
    columns = ["station", "timestamps", "sst", "lower", "upper"]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    table["timestamps"] = pd.to_datetime(table["timestamps"], utc=True).dt.as_unit("s")
    return table.rename(columns={"timestamps": "time"})


def _series(series: Json) -> "pd.Series[float]":
    step = _STEPS.get(series["step"])
    frequency = pd.Timedelta(series["step"]) if step is None else step
    index = pd.date_range(series["start"], periods=len(series["values"]), freq=frequency, unit="s", name="time")
    values = np.asarray(series["values"], dtype=np.float64)
    return pd.Series(values, index=index, name=series["id"])
