"""Files that the service reads, and what it makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypedDict

import numpy as np
import pandas as pd

from service.client.payload import Json, Units

File: TypeAlias = "str | Path | bytes"

_STEPS: Final = {"month": "MS", "week": "7D", "day": "1D", "hour": "1h"}


class FileOptions(TypedDict, total=False):
    """What a caller may say about a file: the parameters of ``POST /series``."""

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


@dataclass(frozen=True)
class FileReading:
    """A file, understood.

    Attributes:
        series: °C by the name of its station (``"0"`` for a file with one series), each with its times (UTC) as index;
            NaN where missing.
        stations: a row each: columns, units, ``summary_step``, ``summary_values`` and so on, ``warnings``, ``problem``.
        problem: what has to be chosen, where the file holds several series; else None.
    """

    series: "dict[str, pd.Series[float]]"
    stations: pd.DataFrame
    problem: str | None


def content_of(file: File) -> bytes:
    """What a file holds."""
    return file if isinstance(file, bytes) else Path(file).read_bytes()


def file_reading(answer: Json) -> FileReading:
    """From an answer of ``POST /series``.

    Raises:
        KeyError, TypeError, ValueError: if the answer is of another shape.
    """
    stations = pd.json_normalize(answer["stations"], sep="_").set_index("id")
    return FileReading({one["id"]: _series(one) for one in answer["series"]}, stations, answer["problem"])


def _series(found: Json) -> "pd.Series[float]":
    step = _STEPS.get(found["step"])
    frequency = pd.Timedelta(found["step"]) if step is None else step
    index = pd.date_range(found["start"], periods=len(found["values"]), freq=frequency, unit="s", name="time")
    values = np.asarray(found["values"], dtype=np.float64)
    return pd.Series(values, index=index, name=found["id"])
