"""Many series as an Arrow stream, and the forecasts that come back as one; used where pyarrow is installed."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from service.client.parameters import ForecastParameters, Json, drop_none
from service.client.payload import MAX_ID, OwnFields, numbers_of, times_of
from service.client.series_input import PandasInput, find_pyarrow, named_series
from service.client.tables import BASELINES, doubts_of, exceedance_column, typed

ARROW_TYPE: Final = "application/vnd.apache.arrow.stream"

FEWEST_SERIES: Final = 64
"""Series from which on columns pay; fewer go as JSON."""

_BYTES_PER_ROW: Final = 20
_FURTHER_BASELINES: Final = ("usual_change",)
"""References that are a column only where a series has them."""

_POSITION: Final = ("latitude", "longitude")


@dataclass(frozen=True)
class ColumnBatch:
    """One request: the caller's names of its series by the IDs that are sent, and its body."""

    names: Mapping[str, Hashable]
    body: bytes


@dataclass(frozen=True)
class _Column:
    """One series to send."""

    name: Hashable
    times: pd.DatetimeIndex
    values: npt.NDArray[np.float64]
    position: tuple[float | None, float | None]


class ColumnSupport:
    """Whether requests may be sent as columns: yes, until a service refuses one."""

    def __init__(self, wanted: bool) -> None:
        self.is_on = wanted and find_pyarrow() is not None


def query_of(parameters: ForecastParameters, *, strict: bool) -> Json:
    """Return the query of a columnar request."""
    query: Json = {
        "model": parameters.model,
        "horizon": parameters.horizon,
        # An empty value asks for no levels.
        "level": list(parameters.levels) or "",
        "threshold": list(parameters.thresholds),
        "units": parameters.units,
        "strict": strict,
        "check": parameters.check,
    }
    return query | drop_none(dataset=parameters.dataset, as_of=parameters.as_of)


def column_batches(
    series: PandasInput, further: Sequence[OwnFields], max_series: int, max_bytes: int
) -> list[ColumnBatch] | None:
    """Return the requests for ``series``; None if they have to go as JSON.

    That is so if there are few, their names are not distinct, they have different time zones, or they have fields for
    which there is no column.

    Raises:
        TypeError, ValueError: as :func:`~service.client.payload.read_stations` does.
    """
    if isinstance(series, pd.Series) or (
        isinstance(series, pd.DataFrame | Mapping) and len(series.keys()) < FEWEST_SERIES
    ):
        return None
    columns = []
    for name, member in named_series(series):
        fields = {key: value for extra in further for key, value in extra.fields(name).items()}
        if set(fields) - set(_POSITION):
            return None
        position = (fields.get("latitude"), fields.get("longitude"))
        columns.append(_Column(name, times_of(name, member), numbers_of(name, member), position))
    shown = {str(column.name)[:MAX_ID] for column in columns}
    zones = {str(column.times.tz) for column in columns}
    if len(shown) < len(columns) or len(zones) > 1 or not all(map(_is_encodable, shown)):
        return None
    return [_batch(group) for group in _groups(columns, max_series, max_bytes // _BYTES_PER_ROW)]


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _groups(columns: Sequence[_Column], max_series: int, max_rows: int) -> Iterator[Sequence[_Column]]:
    begin = rows = 0
    for i, column in enumerate(columns):
        if i > begin and (i - begin >= max_series or rows + len(column.values) > max_rows):
            yield columns[begin:i]
            begin = i
            rows = 0
        rows += len(column.values)
    yield columns[begin:]


def _batch(columns: Sequence[_Column]) -> ColumnBatch:
    pa = find_pyarrow()
    names = {str(column.name)[:MAX_ID]: column.name for column in columns}
    lengths = [len(column.values) for column in columns]
    codes = np.repeat(np.arange(len(columns), dtype=np.int32), lengths)
    times = columns[0].times.append([column.times for column in columns[1:]])
    arrays: dict[str, Any] = {
        "id": pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(names), pa.string())),
        "time": pa.array(times),
        "sst": pa.array(np.concatenate([column.values for column in columns])),
    }
    if any(column.position != (None, None) for column in columns):
        for place, side in enumerate(_POSITION):
            degrees = [np.nan if column.position[place] is None else column.position[place] for column in columns]
            arrays[side] = pa.array(np.repeat(np.array(degrees, dtype=np.float64), lengths))
    table = pa.table(arrays)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return ColumnBatch(names, sink.getvalue().to_pybytes())


def read_columns(parameters: ForecastParameters, names: Mapping[str, Hashable], content: bytes) -> pd.DataFrame:
    """Return the rows of one answer, with the columns of a table of forecasts.

    Raises:
        KeyError, TypeError, ValueError: if the answer does not have the expected form.
    """
    answer = find_pyarrow().ipc.open_stream(content).read_all().to_pandas()
    failed = answer["error"].notna()
    if parameters.model != "all":
        # JSON has what all series of an answer share in one place, for those that failed too.
        for column in ("model", "version"):
            shared = answer[column].dropna().unique()
            if len(shared) == 1:
                answer[column] = shared[0]
    columns = {"station": [names[text] for text in answer["station"]], "time": answer["time"].dt.as_unit("us")}
    columns |= {name: answer[name] for name in ("model", "version", "chosen", "sst", "error")}
    for level in parameters.levels:
        columns |= {name: answer[name] for name in (f"lower_{level}", f"upper_{level}")}
    for name in map(exceedance_column, parameters.thresholds):
        columns[name] = answer[name]
    for name in (*BASELINES, *_FURTHER_BASELINES):
        if name in BASELINES or answer[f"baseline_{name}"].notna().any():
            columns[name] = answer[f"baseline_{name}"]
    columns["calibrated"] = _calibrated(parameters, answer).astype("boolean").mask(failed)
    columns["warnings"] = answer["messages"].fillna("")
    table = pd.DataFrame(columns)
    table["time"] = pd.DatetimeIndex(table["time"]).tz_convert("UTC")
    return typed(parameters, table)


def _calibrated(parameters: ForecastParameters, answer: pd.DataFrame) -> "pd.Series[bool]":
    doubts = doubts_of(parameters)
    codes = answer["warnings"].fillna("")
    doubtful = codes.map(lambda text: not doubts.isdisjoint(text.split(";")))
    if not parameters.levels and not parameters.thresholds:
        return ~doubtful
    return answer["calibrated"].fillna(value=False).astype(bool) & ~doubtful
