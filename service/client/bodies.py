"""Series as the bodies of requests: JSON, or an Arrow stream where pyarrow is installed."""

import json
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from service.client.options import Json, checked_station
from service.client.series import PandasInput, find_pyarrow, named_series, numbers_of, times_of

T = TypeVar("T")

ARROW_TYPE: Final = "application/vnd.apache.arrow.stream"

FEWEST_SERIES: Final = 64
"""Series from which on an Arrow stream pays; fewer go as JSON."""

MAX_ID: Final = 256
"""The most characters that the service takes in the ID of a series."""

Names = tuple[Hashable, ...]
"""The caller's names for the series of a request, in their order."""

SeriesFields = Callable[[Hashable], Json]
"""Returns further fields of the series with a name."""

_SHORTEST_MONTH: Final = np.timedelta64(28, "D")
_BYTES_PER_ROW: Final = 20
_POSITION: Final = ("latitude", "longitude")


def shown_id(name: Hashable) -> str:
    """Return the ID that is sent for the caller's name of a series."""
    return str(name)[:MAX_ID]


def json_requests(
    series: PandasInput, fields: Json, further: SeriesFields, max_series: int, max_bytes: int
) -> Iterator[tuple[Names, str]]:
    """Yield the names and the body of each request with ``fields`` and at most ``max_series`` of ``series``.

    Raises:
        TypeError: if a further field has another type.
        ValueError: if there is no series, an index does not hold times, a value is not a number, or a name cannot be
            sent.
    """

    def head(name: Hashable) -> Json:
        if _is_encodable(shown_id(name)):
            return {"id": shown_id(name), **further(name)}
        raise ValueError(
            f"series {name!r}: its name holds a lone surrogate, which JSON cannot carry: give the series another name"
        )

    entries = _entries(series, head, _regular_times)
    if not entries:
        raise ValueError("there is no series: the DataFrame has no columns, or the mapping is empty")
    yield from _joined(fields, "series", entries, max_series, max_bytes)


def readings_requests(readings: PandasInput, max_series: int, max_bytes: int) -> Iterator[tuple[Names, str]]:
    """Yield the names and the body of each request with the readings of at most ``max_series`` stations.

    Raises:
        ValueError: if there are none, an index does not hold times, a value is not a number, or a name is not an ID.
    """
    entries = _entries(readings, lambda name: {"station": checked_station(str(name))}, _timestamps)
    if not entries:
        raise ValueError("there are no readings: the DataFrame has no columns, or the mapping is empty")
    yield from _joined({}, "readings", entries, max_series, max_bytes)


def readings_body(station: str, readings: "pd.Series[Any]") -> str:
    """Return the readings of one station as JSON.

    Raises:
        ValueError: if the index does not hold times, or a value is not a number.
    """
    return json.dumps({**_timestamps(times_of(station, readings)), "values": _values(station, readings)})


def _entries(
    series: PandasInput, head: SeriesFields, written_times: Callable[[pd.DatetimeIndex], Json]
) -> list[tuple[Hashable, str]]:
    """Return each series with its name, as JSON."""
    entries: list[tuple[Hashable, str]] = []
    index, times = None, Json()
    for name, column in named_series(series):
        if index is None or not column.index.is_(index):
            index, times = column.index, written_times(times_of(name, column))
        entries.append((name, json.dumps({**head(name), **times, "values": _values(name, column)})))
    return entries


def _joined(
    fields: Json, member: str, entries: Sequence[tuple[Hashable, str]], max_series: int, max_bytes: int
) -> Iterator[tuple[Names, str]]:
    end = "]}"
    head = json.dumps({**fields, member: []}).removesuffix(end)
    sizes = [len(text) + 1 for _, text in entries]
    for group in _groups(entries, sizes, max_series, max_bytes - len(head) - len(end)):
        yield tuple(name for name, _ in group), head + ",".join(text for _, text in group) + end


def _groups(items: Sequence[T], sizes: Iterable[int], max_items: int, max_size: int) -> Iterator[Sequence[T]]:
    """Yield ``items`` in groups of at most ``max_items`` and ``max_size``; a larger item is a group by itself."""
    begin, total = 0, 0
    for i, size in enumerate(sizes):
        if i > begin and (i - begin >= max_items or total + size > max_size):
            yield items[begin:i]
            begin, total = i, 0
        total += size
    yield items[begin:]


def _values(name: Hashable, series: "pd.Series[Any]") -> list[float | None]:
    return [None if math.isnan(value) else value for value in numbers_of(name, series).tolist()]


def _timestamps(index: pd.DatetimeIndex) -> Json:
    # With their offsets, because the service determines months by local time.
    return {"timestamps": [time.isoformat() for time in index]}


def _regular_times(index: pd.DatetimeIndex) -> Json:
    """Return ``start`` and ``step`` of a regular index, otherwise all ``timestamps``."""
    step = _step(index)
    return _timestamps(index) if step is None else {"start": index[0].isoformat(), "step": step}


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


@dataclass(frozen=True)
class _ColumnarSeries:
    name: Hashable
    times: pd.DatetimeIndex
    values: npt.NDArray[np.float64]
    position: Json


def arrow_requests(
    series: PandasInput, further: SeriesFields, max_series: int, max_bytes: int
) -> list[tuple[Names, bytes]] | None:
    """Return the names and the Arrow stream of each request for ``series``; None if they have to go as JSON.

    That is so if there are few, their names are not distinct, they have different time zones, or they have fields for
    which there is no column.

    Raises:
        TypeError, ValueError: as :func:`json_requests` does.
    """
    if isinstance(series, pd.Series) or len(series.keys()) < FEWEST_SERIES:
        return None
    members = []
    for name, member in named_series(series):
        position = further(name)
        if set(position) - set(_POSITION):
            return None
        members.append(_ColumnarSeries(name, times_of(name, member), numbers_of(name, member), position))
    ids = {shown_id(member.name) for member in members}
    zones = {str(member.times.tz) for member in members}
    if len(ids) < len(members) or len(zones) > 1 or not all(map(_is_encodable, ids)):
        return None
    groups = _groups(members, [len(member.values) for member in members], max_series, max_bytes // _BYTES_PER_ROW)
    return [(tuple(member.name for member in group), _arrow_stream(group)) for group in groups]


def _is_encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _arrow_stream(members: Sequence[_ColumnarSeries]) -> bytes:
    pa = find_pyarrow()
    lengths = [len(member.values) for member in members]
    codes = pa.array(np.repeat(np.arange(len(members), dtype=np.int32), lengths))
    ids = pa.array([shown_id(member.name) for member in members], pa.string())
    columns: dict[str, Any] = {
        "id": pa.DictionaryArray.from_arrays(codes, ids),
        "time": pa.array(members[0].times.append([member.times for member in members[1:]])),
        "sst": pa.array(np.concatenate([member.values for member in members])),
    }
    if any(member.position for member in members):
        for side in _POSITION:
            degrees = np.array([member.position.get(side, np.nan) for member in members], dtype=np.float64)
            columns[side] = pa.array(np.repeat(degrees, lengths))
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content
