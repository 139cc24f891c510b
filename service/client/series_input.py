"""The series that callers pass: in pandas, or in a table that exports itself to Arrow, as those of polars do."""

from collections.abc import Hashable, Iterator, Mapping
from importlib import import_module
from typing import Any, Final, Protocol, TypeAlias, cast

import pandas as pd


class ArrowTable(Protocol):
    """A table of polars, pyarrow, DuckDB or another library with the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the table."""


PandasInput: TypeAlias = "pd.Series[Any] | pd.DataFrame | Mapping[Any, pd.Series[Any]]"
SeriesInput: TypeAlias = "pd.Series[Any] | pd.DataFrame | ArrowTable | Mapping[Any, pd.Series[Any] | ArrowTable]"

_ID: Final = "id"
_TIME: Final = "time"
_SST: Final = "sst"
_LONG: Final = (_ID, _TIME, _SST)
"""Columns of a table with a row for each value."""

_EXPECTED: Final = "a Series, a DataFrame or a mapping of Series"


def find_pyarrow() -> Any:
    """Return pyarrow; None if it is not installed."""
    try:
        return import_module("pyarrow")
    except ImportError:
        return None


def to_pandas(series: SeriesInput) -> PandasInput:
    """Return series in pandas: a DataFrame, or a mapping by name, of a table.

    Raises:
        ModuleNotFoundError: if a table needs pyarrow, which is not installed.
        TypeError: if the input is something else, or a polars Series, which has no times.
        ValueError: if a table does not have exactly one time column, or ``id`` without ``time`` and ``sst`` alone.
    """
    if isinstance(series, pd.Series | pd.DataFrame):
        return series
    if isinstance(series, Mapping):
        return {name: _member(name, member) for name, member in series.items()}
    if hasattr(series, "__arrow_c_stream__"):
        return _read("series", series)
    raise TypeError(f"series is a {_kind(series)}: expected {_EXPECTED}, or a polars DataFrame")


def named_series(series: PandasInput) -> "Iterator[tuple[Hashable, pd.Series[Any]]]":
    """Yield each series with the caller's name for it."""
    if isinstance(series, pd.Series):
        yield "0" if series.name is None else series.name, series
    else:
        yield from cast("Iterator[tuple[Hashable, pd.Series[Any]]]", series.items())


def _kind(value: object) -> str:
    """Return the name of a type for a message, after that of its package: a Series may be one of polars."""
    kind = type(value)
    package = kind.__module__.partition(".")[0]
    return kind.__name__ if package == "builtins" else f"{package} {kind.__name__}"


def _member(name: Hashable, member: "pd.Series[Any] | ArrowTable") -> "pd.Series[Any]":
    """Return one series of a mapping."""
    if isinstance(member, pd.Series):
        return member
    label = f"series {name!r}"
    if isinstance(member, pd.DataFrame) or not hasattr(member, "__arrow_c_stream__"):
        raise TypeError(f"{label} is a {_kind(member)}: expected a Series, or a polars DataFrame of times and values")
    table = _read(label, member)
    if not isinstance(table, pd.DataFrame) or len(table.columns) != 1:
        raise ValueError(
            f"{label} needs exactly one column of values: pass times and values only, or the table by itself"
        )
    return table.iloc[:, 0]


def _read(label: str, series: ArrowTable) -> "pd.DataFrame | dict[Hashable, pd.Series[Any]]":
    """Return a table as a DataFrame with a column for each station, or as a mapping if it has a row for each value."""
    pa = find_pyarrow()
    if pa is None:
        message = f"{label} is a {_kind(series)}, which needs pyarrow: pip install 'sst-forecasting[client,columns]'"
        raise ModuleNotFoundError(message, name="pyarrow")
    try:
        table = pa.table(series)
    except (pa.ArrowException, TypeError, ValueError):
        raise TypeError(f"{label} is a {_kind(series)} without times: expected a table with a time column") from None
    names = table.column_names
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{label} has {names.count(name)} columns with the name {name!r}: rename all but one")
    return _by_id(pa, label, table) if _ID in names else _by_column(pa, label, table)


def _by_column(pa: Any, label: str, table: Any) -> pd.DataFrame:
    times = [name for name in table.column_names if _holds_times(pa, table[name])]
    if not times:
        raise ValueError(f"{label} has no time column: convert one, for example with polars.Expr.str.to_datetime")
    if len(times) > 1:
        raise ValueError(f"{label} has {len(times)} time columns, {times[0]!r} and {times[1]!r}: leave out all but one")
    columns = {name: table[name].to_pandas().array for name in table.column_names if name != times[0]}
    return pd.DataFrame(columns).set_axis(_index(pa, label, times[0], table[times[0]]))


def _by_id(pa: Any, label: str, table: Any) -> "dict[Hashable, pd.Series[Any]]":
    names = table.column_names
    for name in _LONG:
        if name not in names:
            raise ValueError(f"{label} has a column id and no column {name}: pass id, time and sst")
    for name in names:
        if name not in _LONG:
            raise ValueError(f"{label} has a column id and a column {name!r}: pass id, time and sst only")
    if not _holds_times(pa, table[_TIME]):
        raise ValueError(
            f"{label}: the column time holds {_shown(pa, table[_TIME].type)}: convert it, for example with "
            "polars.Expr.str.to_datetime"
        )
    if not _names_series(pa, table[_ID].type):
        raise ValueError(
            f"{label}: the column id holds {_shown(pa, table[_ID].type)}: pass text, categories or whole numbers"
        )
    ids = _ids(pa, table[_ID])
    if ids.hasnans:
        raise ValueError(f"{label}: row {int(ids.isna().argmax())}, counted from 0, has no id")
    values = pd.Series(table[_SST].to_pandas().array, _index(pa, label, _TIME, table[_TIME]))
    return dict(iter(values.groupby(ids.array, sort=False)))


def _holds_times(pa: Any, column: Any) -> bool:
    return bool(pa.types.is_timestamp(column.type) or pa.types.is_date(column.type))


def _names_series(pa: Any, kind: Any) -> bool:
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(_is_text(pa, plain) or pa.types.is_integer(plain))


def _is_text(pa: Any, kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _shown(pa: Any, kind: Any) -> str:
    return "text" if _is_text(pa, kind) else str(kind)


def _index(pa: Any, label: str, name: str, times: Any) -> pd.DatetimeIndex:
    try:
        return pd.DatetimeIndex(times.to_pandas(date_as_object=False))
    except (pa.ArrowException, ValueError, KeyError):
        raise ValueError(
            f"{label}: the column {name} holds {times.type}, which pandas cannot read: convert it to UTC"
        ) from None


def _ids(pa: Any, column: Any) -> "pd.Series[Any]":
    """Return the IDs of rows; categories and all forms of text become text."""
    chunks = []
    for chunk in column.chunks:
        is_category = pa.types.is_dictionary(chunk.type)
        names = chunk.dictionary if is_category else chunk
        if pa.types.is_string_view(names.type) or pa.types.is_large_string(names.type):
            names = names.cast(pa.string())
        chunks.append(names.take(chunk.indices) if is_category else names)
    ids: pd.Series[Any] = pa.chunked_array(chunks, None if chunks else pa.string()).to_pandas()
    return ids
