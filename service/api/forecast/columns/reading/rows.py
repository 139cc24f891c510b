"""Rows of a record batch as numpy arrays, with the runs of rows that belong to one series."""

from http import HTTPStatus
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from forecasting.series.times import DAY, SECONDS, Floats, Times
from service.api.forecast.columns.reading.layout import Layout
from service.http.problems import ProblemError
from service.http.validation import Place

_ONLY_ID: Final = pa.array(["0"])
"""The ID of the one series in a body without IDs, as in JSON."""

_SLACK_BYTES: Final = 1_024

_PER_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_NO_TIME: Final = np.iinfo(np.int64).min
_UTC: Final = frozenset({"UTC", "Etc/UTC", "Z", "GMT", "+00:00"})


class Rows(NamedTuple):
    """Some rows; at least one.

    Attributes:
        ids: of each run of rows with the same ID; null where it is missing.
        ends: end (exclusive) of each run.
        times: UTC, NaT where missing.
        local: the same times on the clock of their time zone.
        values: in the units of the request; NaN where missing.
        latitudes: degrees north; None without the column.
        longitudes: degrees east; likewise.
    """

    ids: pa.StringArray
    ends: npt.NDArray[np.int64]
    times: Times
    local: Times
    values: Floats
    latitudes: Floats | None
    longitudes: Floats | None

    def part(self, begin: int, end: int) -> "Rows":
        """Return the runs from ``begin`` to ``end`` (exclusive)."""
        if begin == 0 and end == len(self.ids):
            return self
        first = int(self.ends[begin - 1]) if begin else 0
        rows = slice(first, int(self.ends[end - 1]))
        return Rows(
            _compact(self.ids[begin:end]),
            self.ends[begin:end] - first,
            self.times[rows],
            self.local[rows],
            self.values[rows],
            None if self.latitudes is None else self.latitudes[rows],
            None if self.longitudes is None else self.longitudes[rows],
        )


def read_rows(batch: pa.RecordBatch, layout: Layout) -> Rows:
    """Return the rows of ``batch``, at least one, whose columns have been validated."""
    times, local = _times(batch.column(layout.time))
    ids, ends = _runs(None if layout.id is None else batch.column(layout.id), batch.num_rows)
    coordinates = layout.latitude, layout.longitude
    latitudes, longitudes = (None if place is None else _floats(batch.column(place)) for place in coordinates)
    return Rows(ids, ends, times, local, _floats(batch.column(layout.sst)), latitudes, longitudes)


def _runs(column: pa.Array | None, rows: int) -> tuple[pa.StringArray, npt.NDArray[np.int64]]:
    """Return the ID of each run of rows, and where it ends."""
    if column is None:
        return _ONLY_ID, np.array([rows])
    codes = _plain_text(column.indices if isinstance(column, pa.DictionaryArray) else column)
    if pa.types.is_integer(codes.type) and not codes.null_count:
        numbers = codes.to_numpy()
        ends = np.append(np.flatnonzero(numbers[1:] != numbers[:-1]) + 1, rows)
        names = pa.array(numbers[ends - 1])
    else:
        runs = pc.run_end_encode(codes, run_end_type=pa.int64())
        ends, names = runs.run_ends.to_numpy(), runs.values
    if isinstance(column, pa.DictionaryArray):
        # A copy, even of successive entries: a slice would keep the whole dictionary in memory.
        names = _plain_text(column.dictionary).take(names)
    return names.cast(pa.string()), ends


def _compact(ids: pa.StringArray) -> pa.StringArray:
    """Return ``ids``, a slice, as a copy if it would keep much more in memory than what it shows."""
    if ids.get_total_buffer_size() <= 2 * ids.nbytes + _SLACK_BYTES:
        return ids
    return pa.concat_arrays([ids, pa.array([], ids.type)])


def _plain_text(column: pa.Array) -> pa.Array:
    """Return views of text, which few functions take, as text."""
    return column.cast(pa.string()) if pa.types.is_string_view(column.type) else column


def _times(column: pa.Array) -> tuple[Times, Times]:
    """Return times in UTC, and on the clock of their time zone."""
    utc = _seconds(column)
    zone = getattr(column.type, "tz", None)
    if zone is None or zone in _UTC:
        return utc, utc
    try:
        return utc, _seconds(pc.local_timestamp(column))
    except (pa.ArrowException, OSError) as error:
        message = f"the column time has the time zone {zone[:64]!r}, which cannot be used: {str(error)[:200]}"
        place = Place(location="body.time", message=message)
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, message, [place]) from None


def _seconds(column: pa.Array) -> Times:
    kind = column.type
    numbers = column.view(pa.int32()).cast(pa.int64()) if pa.types.is_date32(kind) else column.view(pa.int64())
    # Filling copies, even where nothing is missing.
    present = np.asarray((numbers.fill_null(_NO_TIME) if column.null_count else numbers).to_numpy(), dtype=np.int64)
    if pa.types.is_date32(kind):
        seconds = present * DAY
    else:
        per_second = _PER_SECOND["ms" if pa.types.is_date64(kind) else kind.unit]
        seconds = present if per_second == 1 else present // per_second
    if column.null_count:
        seconds = np.where(present == _NO_TIME, _NO_TIME, seconds)
    return seconds.view(SECONDS)


def _floats(column: pa.Array) -> Floats:
    kind = column.type
    if not pa.types.is_floating(kind):
        column = column.cast(pa.float64(), safe=False)
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
