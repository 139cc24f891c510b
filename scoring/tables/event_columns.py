"""Forecasts of events as columns of a table."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from scoring.events.columns import MISSING, Column, Form, Values, all_columns, columns_of
from scoring.events.event_request import EventRequest
from scoring.events.judging import Judged

_DECIMALS: Final = 6
_TIME: Final = pa.timestamp("s", "UTC")
_TYPES: Final[dict[Form, pa.DataType]] = {"time": _TIME, "flag": pa.string(), "days": pa.int32()}

Indices = npt.NDArray[np.int64]


def event_fields(events: EventRequest) -> list[tuple[str, pa.DataType]]:
    """Return names and types of the columns of ``events``."""
    fields: list[tuple[str, pa.DataType]] = []
    for definition, name in zip(events.definitions, events.names, strict=True):
        fields += [(column.name, _TYPES.get(column.form, pa.float64())) for column in columns_of(definition, name)]
        fields += [(f"event_{name}_calibrated", pa.bool_()), (f"event_{name}_error", pa.string())]
    return fields


def event_arrays(events: EventRequest, judged: Judged, at: Indices, total: int) -> dict[str, pa.Array]:
    """Return the columns of ``events``.

    Args:
        events: that were judged.
        judged: at each place with a forecast.
        at: row of each lead of each place, one place after another.
        total: number of rows.
    """
    places = len(judged.warnings)
    row = at.reshape(places, len(at) // max(places, 1))
    columns = {column.name: _array(column, judged.values[column.name], row, total) for column in all_columns(events)}
    for name, calibrated, errors in zip(events.names, judged.calibrated, judged.errors, strict=True):
        columns[f"event_{name}_calibrated"] = pa.array(_repeated(calibrated, row, total), pa.bool_())
        columns[f"event_{name}_error"] = pa.array(_repeated(errors, row, total), pa.string())
    return columns


def _array(column: Column, values: Values, row: Indices, total: int) -> pa.Array:
    whole = column.empty(total, 1).reshape(total)
    if len(row):
        whole[row] = values if column.by_lead else values[:, None]
    if column.form == "flag":
        return pa.array([None if flag == MISSING else column.flags[flag] for flag in whole.tolist()], pa.string())
    if column.form == "days":
        return pa.array(whole.astype(np.int32), mask=whole == MISSING)
    unknown = np.isnan(whole)
    if column.form == "time":
        seconds = np.where(unknown, 0, whole).astype(np.int64)
        return pa.array(seconds, mask=unknown).cast(_TIME)
    return pa.array(np.round(whole, _DECIMALS), mask=unknown)


def _repeated(values: list[bool | None] | list[str | None], row: Indices, total: int) -> list[bool | str | None]:
    """Return the value of each place in all of its rows."""
    repeated: list[bool | str | None] = [None] * total
    for value, rows in zip(values, row.tolist(), strict=True):
        for i in rows:
            repeated[i] = value
    return repeated
