"""Stations and their readings as the service takes them."""

import json
import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import pandas as pd

from service.client.event_payload import EventInput, read_baseline, read_events
from service.client.parameters import Json, TimeInput, drop_none, whole, written_time
from service.client.payload import Station, times_of, values_of, written_times
from service.client.series_input import PandasInput, named_series

ReadingsInput: TypeAlias = "pd.Series[Any] | pd.DataFrame | str | Path | bytes"
"""Readings of one station: a Series, a DataFrame with one column, or a file: its path or its content."""

STATION_ID: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"


def station_path(station: str, *parts: str) -> str:
    """Return the path of a station, or of what belongs to it.

    Raises:
        TypeError: if the ID is not text.
        ValueError: if it has characters that IDs cannot have.
    """
    if not isinstance(station, str):
        raise TypeError(f"the ID of a station is {station!r}: expected text such as 'pier'")
    if not re.fullmatch(STATION_ID, station):
        raise ValueError(
            f"invalid station ID {station!r}: expected up to 64 letters, digits, dots, hyphens and underscores, "
            "beginning with a letter or a digit"
        )
    return "/".join(("/stations", station, *parts))


def station_fields(
    *,
    coordinates: Mapping[str, Any],
    horizon: int | None,
    events: Sequence[EventInput],
    baseline: Any,
    webhooks: Sequence[Mapping[str, Any]],
    further: Mapping[str, object],
) -> Json:
    """Return the body of ``PUT /stations/{id}``.

    Raises:
        TypeError: if the horizon is not an integer, or an argument is not a list.
        ValueError: if a number is missing or infinite.
    """
    return drop_none(
        horizon=None if horizon is None else whole("horizon", horizon),
        events=[*read_events(events)] or None,
        baseline=None if baseline is None else read_baseline("baseline", baseline),
        webhooks=[*webhooks] or None,
        **{side: None if degrees is None else float(degrees) for side, degrees in coordinates.items()},
        **further,
    )


def period_params(start: TimeInput, end: TimeInput) -> Json:
    """Return the query that asks for a period."""
    return {"from": written_time(start), "to": written_time(end)}


def only_series(readings: "pd.Series[Any] | pd.DataFrame") -> "pd.Series[Any]":
    """Return the readings of one station.

    Raises:
        TypeError: if they are neither a Series nor a DataFrame.
        ValueError: if a DataFrame does not have exactly one column.
    """
    if isinstance(readings, pd.Series):
        return readings
    if not isinstance(readings, pd.DataFrame):
        raise TypeError(f"the readings are a {type(readings).__name__}: expected a Series, a DataFrame or a file")
    if len(readings.columns) != 1:
        raise ValueError(
            f"the DataFrame has {len(readings.columns)} columns: pass one of them as a Series, or several stations, "
            "a column each, to push_all"
        )
    return readings.iloc[:, 0]


def readings_body(station: str, readings: "pd.Series[Any]") -> str:
    """Return the body of ``POST /stations/{id}/observations``.

    Raises:
        ValueError: if the index does not hold times, or a value is not a number.
    """
    return f"{{{_fields(station, readings, _timestamps(station, readings))}}}"


def read_readings(readings: PandasInput) -> list[Station]:
    """Return the readings of stations as ``POST /observations`` takes them.

    Raises:
        ValueError: if there are none, an index does not hold times, a value is not a number, or a name is not an ID.
    """
    stations, index, times = [], None, ""
    for name, column in named_series(readings):
        if index is None or not column.index.is_(index):
            index, times = column.index, _timestamps(name, column)
        station = station_path(str(name)).rpartition("/")[2]
        stations.append(Station(name, f'{{"station": "{station}", {_fields(name, column, times)}}}'))
    if not stations:
        raise ValueError("there are no readings: the DataFrame has no columns, or the mapping is empty")
    return stations


def _timestamps(name: Hashable, readings: "pd.Series[Any]") -> str:
    # Always the times themselves: readings need not be regular, and a step between them may not be the station's.
    return json.dumps(written_times(times_of(name, readings)))


def _fields(name: Hashable, readings: "pd.Series[Any]", timestamps: str) -> str:
    return f'"timestamps": {timestamps}, "values": {json.dumps(values_of(name, readings))}'
