"""The results of sending readings."""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from service.client.event_tables import ForecastTable, utc
from service.client.parameters import Json
from service.client.stations.station_tables import issued_table

_COUNTS: Final = ("new", "revised", "unchanged")
_PLACE: Final = re.compile(r"(?:values|timestamps)\[(\d+)\]$")

Readings = Mapping[Hashable, "pd.Series[Any]"]
"""Readings by station, as the caller has them."""


@dataclass(frozen=True)
class PushResult:
    """The outcome of sending the readings of a station. Missing values are not counted.

    Attributes:
        new: the number of readings at times that had none.
        revised: the number that differ from the reading of their time. The service keeps both.
        unchanged: the number that were stored already.
        refused: a row for each reading that is not stored: ``place`` (in the request), ``time`` (UTC) and ``sst`` (both
            missing if the readings came from a file), and ``message``, which says why.
        warnings: doubts about readings that are stored, such as suspect ones.
        forecast: the forecast that was issued, in the form that ``forecast`` returns; empty if there is none.
        forecast_error: why there is no forecast. None if there is one, or if no reading was new or revised.
    """

    new: int
    revised: int
    unchanged: int
    refused: pd.DataFrame
    warnings: tuple[str, ...]
    forecast: ForecastTable
    forecast_error: str | None


@dataclass(frozen=True)
class PushAllResult:
    """The outcome of sending the readings of several stations.

    Attributes:
        stations: a row for each station, with its ID as index: the numbers ``new``, ``revised``, ``unchanged`` and
            ``refused``; ``error`` (why nothing of it is stored, or None); ``forecast_error`` (why no forecast was
            issued although readings are new, or None); and ``warnings`` (a list, of doubts about what is stored).
        refused: a row for each reading that is not stored: ``station``, ``place``, ``time`` (UTC), ``sst`` and
            ``message``.
        forecasts: the forecasts that were issued.
    """

    stations: pd.DataFrame
    refused: pd.DataFrame
    forecasts: ForecastTable


def push_result(station: str, readings: "pd.Series[Any] | None", answer: Json) -> PushResult:
    """Return the outcome for one station; ``readings`` is None if they came from a file.

    Raises:
        KeyError, TypeError, ValueError: if the response does not have the expected form.
    """
    forecast, error = _forecast(answer)
    refused = _refused_table([_refused(station, readings, place) for place in answer["refused"]])
    issued = issued_table([] if forecast is None else [(station, forecast)], None)
    new, revised, unchanged = (answer[name] for name in _COUNTS)
    warnings = tuple(answer.get("warnings", ()))
    return PushResult(new, revised, unchanged, refused.drop(columns="station"), warnings, issued, error)


def stored_stations(names: Sequence[Hashable], answer: Json) -> list[tuple[Hashable, Json]]:
    """Return the outcome for each station with these ``names`` from one response to ``POST /observations``."""
    return [*zip(names, answer["stations"], strict=True)]


def push_all_result(readings: Readings, stored: Sequence[tuple[Hashable, Json]]) -> PushAllResult:
    """Return the outcome for all stations.

    Raises:
        KeyError, TypeError, ValueError: if a response does not have the expected form.
    """
    rows, refused, forecasts = [], [], []
    for name, answer in stored:
        if "error" in answer:
            nothing = {"error": answer["error"], "forecast_error": None, "warnings": []}
            rows.append(dict.fromkeys((*_COUNTS, "refused"), 0) | nothing)
            continue
        forecast, error = _forecast(answer)
        counts = {count: answer[count] for count in _COUNTS}
        rows.append(
            {**counts, "refused": len(answer["refused"]), "error": None, "forecast_error": error}
            | {"warnings": answer.get("warnings", [])}
        )
        refused += [_refused(name, readings[name], place) for place in answer["refused"]]
        forecasts += [] if forecast is None else [(answer["station"], forecast)]
    index = pd.Index([name for name, _ in stored], name="station", dtype="object")
    table = pd.DataFrame.from_records(rows, index=index).astype({"error": "object", "forecast_error": "object"})
    return PushAllResult(table, _refused_table(refused), issued_table(forecasts, None))


def _forecast(answer: Json) -> tuple[Json | None, str | None]:
    """Return the forecast, or why there is none."""
    forecast = answer["forecast"]
    return (None, forecast["error"]) if forecast is not None and "error" in forecast else (forecast, None)


def _refused(station: Hashable, readings: "pd.Series[Any] | None", place: Json) -> Json:
    row = {"station": station, "place": place["location"], "message": place["message"]}
    match = _PLACE.search(place["location"])
    if readings is None or match is None:
        return row
    i = int(match.group(1))
    times = readings.index.to_timestamp() if isinstance(readings.index, pd.PeriodIndex) else readings.index
    return row | {"time": times[i].isoformat(), "sst": readings.iloc[i]}


def _refused_table(rows: Sequence[Json]) -> pd.DataFrame:
    table = pd.DataFrame.from_records(rows, columns=["station", "place", "time", "sst", "message"])
    return table.assign(time=utc(table["time"].tolist())).astype({"sst": "float64"})
