"""The columns of a body, and its rows as NumPy arrays, with the runs of rows that belong to one series."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from forecasting.series.times import DAY, SECONDS, Floats, Times
from forecasting.series.weather import COVARIATES

NAMES: Final = ("id", "time", "sst", "latitude", "longitude", *COVARIATES)
_INDEX: Final = "__index_level_"
"""Begins the names of columns that pandas adds for the index of a DataFrame; they are ignored."""

INVALID: Final = 400
TOO_LARGE: Final = 413
UNUSABLE: Final = 422
"""Status of a body that is damaged, too large, or without the columns of a request."""

_MAX_SHOWN: Final = 64
"""Characters of a name or type that a message repeats."""

_TEXTS: Final[Sequence[Callable[[Any], bool]]] = (pat.is_string, pat.is_large_string, pat.is_string_view)
_NUMBERS: Final[Sequence[Callable[[Any], bool]]] = (pat.is_floating, pat.is_integer, pat.is_decimal, pat.is_null)
_TIMES: Final[Sequence[Callable[[Any], bool]]] = (pat.is_timestamp, pat.is_date)

_ONLY_ID: Final = pa.array(["0"])
"""The ID of the one series in a body without IDs, as in JSON."""

_SLACK_BYTES: Final = 1_024

_PER_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_NO_TIME: Final = np.iinfo(np.int64).min
_UTC: Final = frozenset({"UTC", "Etc/UTC", "Z", "GMT", "+00:00"})

_ALIGNMENT: Final = 8
"""Bytes."""


class RefusedError(Exception):
    """A body that is refused, with the reason."""

    def __init__(self, reason: str, status: int = INVALID, column: str | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.column = column


def check_columns(schema: pa.Schema) -> None:
    """Raise RefusedError if a column of a body is missing, unknown or repeated, or holds something else."""
    names = [field.name for field in schema]
    for name in names:
        if name not in NAMES and not name.startswith(_INDEX):
            raise _unusable(
                f"unknown column {name[:_MAX_SHOWN]!r}: the columns are id, time and sst, and optionally latitude "
                f"and longitude, {' and '.join(COVARIATES)}",
                "columns",
            )
    for name in NAMES:
        if names.count(name) > 1:
            raise _unusable(f"the column {name} appears {names.count(name)} times: send it once", name)
    for name in ("time", "sst"):
        if name not in names:
            raise _unusable(f"the column {name} is missing: send id, time and sst", name)
    if ("latitude" in names) != ("longitude" in names):
        missing = "longitude" if "latitude" in names else "latitude"
        raise _unusable(f"the column {missing} is missing: send both latitude and longitude, or neither", missing)
    for name in names:
        if name in NAMES:
            _check_type(name, schema.field(name).type)


def _check_type(name: str, kind: pa.DataType) -> None:
    shown = "text" if _is_any(kind, _TEXTS) else str(kind)[:_MAX_SHOWN]
    if name == "id":
        plain = kind.value_type if pat.is_dictionary(kind) else kind
        if not _is_any(plain, (*_TEXTS, pat.is_integer)):
            raise _unusable(f"the column id holds {shown}: send text, categories or whole numbers", name)
    elif name == "time":
        if _is_any(kind, _TEXTS):
            raise _unusable(
                "the column time holds text: convert it to timestamps, for example with pandas.to_datetime or "
                "polars.Expr.str.to_datetime",
                name,
            )
        if not _is_any(kind, _TIMES):
            raise _unusable(f"the column time holds {shown}: send timestamps or dates", name)
    elif not _is_any(kind, _NUMBERS):
        raise _unusable(f"the column {name} holds {shown}: send numbers", name)


def _is_any(kind: pa.DataType, tests: Sequence[Callable[[Any], bool]]) -> bool:
    return any(test(kind) for test in tests)


def _unusable(message: str, column: str) -> RefusedError:
    return RefusedError(message, UNUSABLE, column)


class Rows(NamedTuple):
    """Some rows; at least one."""

    ids: pa.StringArray
    ends: npt.NDArray[np.int64]
    times: Times
    local: Times
    values: Floats
    latitudes: Floats | None
    longitudes: Floats | None
    air: Floats | None = None
    wind: Floats | None = None

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
            *[None if column is None else column[rows] for column in self.optional],
        )

    @property
    def optional(self) -> tuple[Floats | None, ...]:
        """The columns that a body need not have."""
        return self.latitudes, self.longitudes, self.air, self.wind

    def _buffers(self) -> Iterator[npt.NDArray[Any] | None]:
        """Yield the arrays that :meth:`_of` takes."""
        first = self.ids.offset
        offsets = np.frombuffer(self.ids.buffers()[1], np.int32)[first : first + len(self.ids) + 1]
        text = self.ids.buffers()[2]
        yield self.ends
        yield self.times.view(np.int64)
        yield None if self.local is self.times else self.local.view(np.int64)
        yield self.values
        yield from self.optional
        yield offsets - offsets[0]
        yield None if text is None else np.frombuffer(text, np.uint8)[offsets[0] : offsets[-1]]
        is_known = self.ids.is_valid().to_numpy(zero_copy_only=False)
        yield np.packbits(is_known, bitorder="little") if self.ids.null_count else None

    @classmethod
    def _of(cls, arrays: Sequence[npt.NDArray[Any] | None]) -> "Rows":
        ends, seconds, local_seconds, values, *optional, offsets, text, known = arrays
        assert ends is not None
        assert seconds is not None
        assert values is not None
        buffers = [None if array is None else pa.py_buffer(array) for array in (known, offsets, text)]
        ids = pa.Array.from_buffers(pa.string(), len(ends), buffers)
        ids.validate(full=True)
        times = seconds.view(SECONDS)
        local = times if local_seconds is None else local_seconds.view(SECONDS)
        return cls(ids, ends, times, local, values, *optional)


_DTYPES: Final = (*("<i8",) * 3, *("<f8",) * 5, "<i4", "|u1", "|u1")
"""Of the arrays that rows are written as."""


def write_rows(parts: Sequence[Rows], sink: BinaryIO, *, is_last: bool) -> None:
    """Write rows for :func:`rows_of`: a line of JSON, and their arrays."""
    sizes: list[int | None] = []
    contents: list[bytes] = []
    for array in (array for part in parts for array in part._buffers()):
        sizes.append(None if array is None else len(array))
        if array is not None:
            contents += [array.tobytes(), bytes(-array.nbytes % _ALIGNMENT)]
    frame = {"sizes": sizes, "bytes": sum(map(len, contents)), "is_last": is_last}
    sink.write(json.dumps(frame).encode() + b"\n")
    for content in contents:
        sink.write(content)
    sink.flush()


def rows_of(sizes: Sequence[int | None], content: bytes) -> list[Rows]:
    """Return the rows that :func:`write_rows` was given, from the sizes of their arrays and the bytes of these."""
    arrays: list[npt.NDArray[Any] | None] = []
    at = 0
    for i, size in enumerate(sizes):
        dtype = np.dtype(_DTYPES[i % len(_DTYPES)])
        arrays.append(None if size is None else np.frombuffer(content, dtype, size, at))
        nbytes = 0 if size is None else size * dtype.itemsize
        at += nbytes + -nbytes % _ALIGNMENT
    groups = zip(*(iter(arrays),) * len(_DTYPES), strict=True)
    return [Rows._of(group) for group in groups]


def read_rows(batch: pa.RecordBatch) -> Rows:
    """Return the rows of ``batch``, at least one, whose columns have been checked and validated."""
    present = {name: batch.column(name) for name in NAMES if name in batch.schema.names}
    times, local = _times(present["time"])
    ids, ends = _runs(present.get("id"), batch.num_rows)
    optional = [_floats(present[name]) if name in present else None for name in NAMES[3:]]
    return Rows(ids, ends, times, local, _floats(present["sst"]), *optional)


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
        raise _unusable(message, "time") from None


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
