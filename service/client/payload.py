"""From pandas to the bodies of ``POST /forecast`` and ``POST /compare``: the series, in batches."""

import json
import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from service.client.parameters import Json
from service.client.series_input import PandasInput, named_series

MAX_ID: Final = 256
"""The most characters that the service takes in the ID of a series."""

_NOT_TEMPERATURES: Final = frozenset({"boolean", "datetime64", "datetime", "timedelta64", "timedelta"})
"""pandas' names for types that convert to numbers but are not temperatures."""

_SHORTEST_MONTH: Final = np.timedelta64(28, "D")


@dataclass(frozen=True)
class Station:
    """A series to send: the caller's name for it, and its JSON."""

    name: Hashable
    text: str


def written_times(index: pd.DatetimeIndex) -> list[str]:
    """Return times in ISO 8601, with their offsets if they have any."""
    return [time.isoformat() for time in index]


@dataclass(frozen=True)
class Batch:
    """One request: the names of its series, in order, and its body."""

    names: tuple[Hashable, ...]
    body: str


def batches(
    fields: Json, stations: Sequence[Station], max_series: int, max_bytes: int, member: str = "series"
) -> Iterator[Batch]:
    """Yield requests with these ``fields``, and at most ``max_series`` series in ``member``, and ``max_bytes`` bytes.

    A series that is larger has a request to itself.
    """
    end = "]}"
    head = json.dumps({**fields, member: []}).removesuffix(end)
    for group in _groups(stations, max_series, max_bytes - len(head) - len(end)):
        yield Batch(tuple(station.name for station in group), head + ",".join(station.text for station in group) + end)


def _groups(stations: Sequence[Station], max_series: int, max_bytes: int) -> Iterator[Sequence[Station]]:
    begin, size = 0, 0
    for i, station in enumerate(stations):
        length = len(station.text) + 1
        if i > begin and (i - begin >= max_series or size + length > max_bytes):
            yield stations[begin:i]
            begin, size = i, 0
        size += length
    yield stations[begin:]


class OwnFields(Protocol):
    """Further JSON fields of each series."""

    def fields(self, name: Hashable) -> Json:
        """Return those of the series with this name."""


def read_stations(series: PandasInput, further: Sequence[OwnFields] = ()) -> list[Station]:
    """Return the stations of a Series, of a DataFrame's columns, or of a mapping's values, with ``further`` fields.

    Raises:
        TypeError: if a further field has another type.
        ValueError: if there is no series, an index does not hold times, a value is not a number, or a name cannot be
            sent.
    """
    stations, index, times = [], None, ""
    for name, column in named_series(series):
        if index is None or not column.index.is_(index):
            index, times = column.index, _times(times_of(name, column))
        added = [json.dumps(fields)[1:-1] for extra in further if (fields := extra.fields(name))]
        stations.append(Station(name, _station(name, column, ", ".join([times, *added]))))
    if not stations:
        raise ValueError("there is no series: the DataFrame has no columns, or the mapping is empty")
    return stations


def _station(name: Hashable, series: "pd.Series[Any]", times: str) -> str:
    values, shown = values_of(name, series), str(name)[:MAX_ID]
    try:
        shown.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"series {name!r}: its name holds a lone surrogate, which JSON cannot carry: give the series another name"
        ) from None
    return f'{{"id": {json.dumps(shown)}, {times}, "values": {json.dumps(values)}}}'


def values_of(name: Hashable, series: "pd.Series[Any]") -> list[float | None]:
    """Return the values of a series, None where one is missing; raises as :func:`numbers_of` does."""
    return [None if math.isnan(value) else value for value in numbers_of(name, series).tolist()]


def numbers_of(name: Hashable, series: "pd.Series[Any]") -> npt.NDArray[np.float64]:
    """Return the values of a series, NaN where one is missing.

    Raises:
        ValueError: if a value is not a finite number.
    """
    if pd.api.types.infer_dtype(series, skipna=True) in _NOT_TEMPERATURES:
        raise ValueError(
            f"series {name!r}: its values must be numbers, not {series.dtype}: pass temperatures, or leave it out"
        )
    try:
        values: npt.NDArray[np.float64] = series.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(f"series {name!r}: its values must be numbers: {error}") from None
    infinite = np.isinf(values)
    if infinite.any():
        where = series.index[int(infinite.argmax())]
        raise ValueError(f"series {name!r}: the value at {where} is infinite; set it to NaN if it is missing")
    return values


def times_of(name: Hashable, series: "pd.Series[Any]") -> pd.DatetimeIndex:
    """Return the times of a series.

    Raises:
        ValueError: if its index is empty, or does not hold times.
    """
    index = series.index
    if not len(index):
        raise ValueError(
            f"series {name!r} holds no values: pass at least as many as the model's window, or leave the series out"
        )
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if not isinstance(index, pd.DatetimeIndex):
        raise ValueError(f"series {name!r}: its index must hold times: convert it with pandas.to_datetime")
    if index.hasnans:
        raise ValueError(f"series {name!r}: the time at position {int(index.isna().argmax())} is missing (NaT)")
    return index


def _times(index: pd.DatetimeIndex) -> str:
    """Return the JSON fields for the times: ``start`` and ``step`` of a regular index, otherwise all ``timestamps``."""
    step = _step(index)
    fields: Json = {"start": index[0].isoformat(), "step": step}
    if step is None:
        # With their offsets, because the service determines months by local time.
        fields = {"timestamps": written_times(index)}
    return json.dumps(fields)[1:-1]


def _step(index: pd.DatetimeIndex) -> str | None:
    """Return the ISO 8601 step of an index that is clearly regular; None if the service has to decide."""
    local = index.tz_localize(None).to_numpy()
    months = local.astype("datetime64[M]")
    if len(index) > 2 and (months == local).all() and (np.diff(months).astype(np.int64) == 1).all():
        return "P1M"
    intervals = np.diff(index.tz_convert(None).to_numpy() if index.tz is not None else local)
    if not len(intervals) or not (intervals == intervals[0]).all():
        return None
    seconds = intervals[0] / np.timedelta64(1, "s")
    if seconds < 1 or seconds % 1 or intervals[0] >= _SHORTEST_MONTH:
        return None
    return pd.Timedelta(seconds=int(seconds)).isoformat()
