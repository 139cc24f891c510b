"""The series that callers pass: in pandas, or in a table that exports itself to Arrow, as those of polars do."""

from collections.abc import Hashable, Iterator, Mapping
from importlib import import_module
from typing import Any, Final, Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt
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

_NOT_TEMPERATURES: Final = frozenset({"boolean", "datetime64", "datetime", "timedelta64", "timedelta"})
"""pandas' names for types that convert to numbers but are not temperatures."""


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
    raise TypeError(
        f"series is a {_kind(series)}: expected a Series, a DataFrame or a mapping of Series, or a polars DataFrame"
    )


def named_series(series: PandasInput) -> "Iterator[tuple[Hashable, pd.Series[Any]]]":
    """Yield each series with the caller's name for it."""
    if isinstance(series, pd.Series):
        yield "0" if series.name is None else series.name, series
    else:
        yield from cast("Iterator[tuple[Hashable, pd.Series[Any]]]", series.items())


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
    if not len(series.index):
        raise ValueError(
            f"series {name!r} holds no values: pass at least as many as the model's window, or leave the series out"
        )
    return in_index(f"series {name!r}", series.index)


def in_index(label: str, index: "pd.Index[Any]") -> pd.DatetimeIndex:
    """Return the times of an index.

    Raises:
        ValueError: if it does not hold times, or one is missing; it names ``label``.
    """
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if not isinstance(index, pd.DatetimeIndex):
        raise ValueError(f"{label}: its index must hold times: convert it with pandas.to_datetime")
    if index.hasnans:
        raise ValueError(f"{label}: the time at position {int(index.isna().argmax())} is missing (NaT)")
    return index


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
    kind = table[_ID].type
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (_is_text(pa, plain) or pa.types.is_integer(plain)):
        raise ValueError(f"{label}: the column id holds {_shown(pa, kind)}: pass text, categories or whole numbers")
    ids = table[_ID].to_pandas()
    if pa.types.is_dictionary(kind):
        ids = ids.astype(ids.cat.categories.dtype)
    if ids.hasnans:
        raise ValueError(f"{label}: row {int(ids.isna().argmax())}, counted from 0, has no id")
    values = pd.Series(table[_SST].to_pandas().array, _index(pa, label, _TIME, table[_TIME]))
    return dict(iter(values.groupby(ids.array, sort=False)))


def _holds_times(pa: Any, column: Any) -> bool:
    return bool(pa.types.is_timestamp(column.type) or pa.types.is_date(column.type))


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
