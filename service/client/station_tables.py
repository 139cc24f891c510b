"""What the service responds about stations, as DataFrames."""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from service.client.bodies import Names
from service.client.options import Json
from service.client.tables import ForecastRows, ForecastTable, Kinds, table_of, utc

_STATIONS: Final[Kinds] = {
    "name": "object", "latitude": "float64", "longitude": "float64", "step": "object", "units": "object",
    "model": "object", "horizon": "int64", "created": "time", "changed": "time", "newest_time": "time",
    "newest_sst": "float64", "newest_received": "time", "newest_flag": "Int64", "newest_age": "timedelta64[s]",
    "anomaly": "float64", "usual_sst": "float64", "usual_years": "object", "usual_source": "object",
    "forecast_issued": "time", "forecast_observed_until": "time", "forecast_model": "object", "source": "object",
    "fetch_next": "time", "fetch_succeeded": "time", "fetch_failures": "Int64", "fetch_error": "object",
    "weather": "object", "weather_fetch_succeeded": "time", "weather_fetch_until": "time",
    "weather_fetch_error": "object", "events": "object", "webhooks": "object",
    "notify": "object", "visibility": "object",
    "owner": "object",
}  # fmt: skip
_FLATTENED: Final = {
    "newest": ("time", "sst", "received", "flag", "age_seconds"),
    "usual": ("sst", "years", "source"),
    "forecast": ("issued", "observed_until", "model"),
    "fetch": ("next", "succeeded", "failures", "error"),
    "weather_fetch": ("succeeded", "until", "error"),
}
"""Fields of fields that become columns, such as ``newest_time``."""
_ON_REQUEST: Final = ("recent",)
"""Fields of stations that this client does not ask for."""
_ALERTS: Final[Kinds] = {
    "alert": "object", "event": "object", "kind": "object", "status": "object", "reason": "object", "raised": "time",
    "observed_until": "time", "sst": "float64", "units": "object", "since": "time", "category": "object",
    "previous_category": "object", "probability": "float64", "deliveries": "object",
}  # fmt: skip
_AUDIT: Final[Kinds] = {
    "time": "time", "who": "object", "by": "object", "station": "object", "action": "object", "changes": "object",
    "readings": "object", "correction": "object", "deleted": "object", "release": "object",
}  # fmt: skip
_TRIED: Final[Kinds] = {
    "url": "object", "channel": "object", "delivered": "bool", "status": "Int64", "milliseconds": "int64",
    "error": "object",
}  # fmt: skip
_ERRORS: Final = ("mae", "rmse", "bias")
_VERIFICATION: Final[Kinds] = {
    "lead": "int64", "month": "object", "n": "int64", "replayed": "Int64", "model": None, "kind": None,
    **dict.fromkeys(_ERRORS, "float64"),
}  # fmt: skip
_EVENT_VERIFICATION: Final[Kinds] = {
    "event": "object", "kind": "object", "level": "object", "lead": "int64", "n": "int64", "frequency": "float64",
    "brier": "float64", "skill_persistence": "float64", "minimum": "float64", "maximum": "float64",
    "forecasts": "int64", "happened": "int64", "probability": "float64", "share": "float64", "lower": "float64",
    "upper": "float64",
}  # fmt: skip
_ISSUED: Final[Kinds] = {"issued": "time", "observed_until": "time", "replayed": "bool"}
_COUNTS: Final = ("new", "revised", "unchanged")
_REFUSED: Final[Kinds] = {"station": None, "place": None, "time": "time", "sst": "float64", "message": None}
_ROW: Final = re.compile(r"(?:values|timestamps)\[(\d+)\]$")


def stations_table(stations: Sequence[Json]) -> pd.DataFrame:
    """Return a row for each station, with its ID as index, whose columns do not depend on what is stored."""
    rows = [_station_row(station) for station in stations]
    index = pd.Index([row.pop("id") for row in rows], name="id", dtype="object")
    return table_of(rows, _STATIONS, index, further="object")


def station_series(station: Json) -> "pd.Series[Any]":
    """Return one station: the row that it has in the table of all, and the ``baseline`` of its events."""
    return stations_table([station]).iloc[0]


def _station_row(station: Json) -> Json:
    """Flatten a station: ``newest`` becomes ``newest_time`` and so on."""
    row = {name: value for name, value in station.items() if name not in (*_FLATTENED, *_ON_REQUEST)}
    for name, fields in _FLATTENED.items():
        row |= {f"{name}_{field}": (station.get(name) or {}).get(field) for field in fields}
    seconds = row.pop("newest_age_seconds")
    return row | {"newest_age": pd.NaT if seconds is None else pd.Timedelta(seconds=seconds)}


def observations_table(response: Json) -> pd.DataFrame:
    """Return observations with their time (UTC) as index."""
    index = pd.Index(utc(response["timestamps"]), name="time")
    columns = {
        "sst": response["values"],
        "flag": response["flag"],
        "tests": [",".join(tests) for tests in response["tests"]],
        "revision": response["revision"],
        "received": utc(response["received"]),
    }
    return pd.DataFrame(columns, index=index).astype({"sst": "float64", "flag": "int64", "revision": "int64"})


def corrected_reading(response: Json) -> "pd.Series[Any]":
    """Return a corrected reading: the row that it has in the table of :func:`observations_table`."""
    row = {name: [response[name]] for name in ("flag", "tests", "revision", "received")}
    return observations_table({"timestamps": [response["time"]], "values": [response["value"]], **row}).iloc[0]


def issued_table(
    forecasts: Iterable[tuple[Hashable, Json | None]], levels: Sequence[int] | None = None
) -> ForecastTable:
    """Return issued forecasts, each with the name of its station, as a table in the form of that of ``forecast``.

    Args:
        forecasts: as they were issued; None for a station without one.
        levels: the levels of the intervals to include; None for all that there are.
    """
    issued = [(station, forecast) for station, forecast in forecasts if forecast is not None]
    if levels is None:
        levels = sorted({interval["level"] for _, forecast in issued for interval in forecast["intervals"]})
    rows = ForecastRows({"levels": levels, "thresholds": ()}, _ISSUED)
    for station, forecast in issued:
        rows.add(station, forecast)
    return rows.table()


def alerts_table(alerts: Sequence[Json]) -> pd.DataFrame:
    """Return a row for each alert."""
    return table_of(alerts, _ALERTS)


def audit_table(entries: Sequence[Json]) -> pd.DataFrame:
    """Return a row for each entry of the audit."""
    return table_of(entries, _AUDIT)


def tried_webhooks(response: Json) -> pd.DataFrame:
    """Return a row for each test delivery, with the URL of the webhook as index."""
    return table_of(response["deliveries"], _TRIED).set_index("url")


def verification_table(response: Json) -> pd.DataFrame:
    """Return the response to ``GET /stations/{id}/verification`` with a row for each lead, month and model."""
    rows = [
        {"lead": lead["lead"], "month": part.get("month"), "n": part["n"], "replayed": part.get("replayed")}
        | _scores(model)
        for lead in response["leads"]
        for part in (lead, *lead["months"])
        for model in part["models"]
    ]
    return table_of(rows, _VERIFICATION, further="float64")


def _scores(model: Json) -> Json:
    row = {name: model[name] for name in ("model", "kind", *_ERRORS)}
    if model["kind"] != "issued":
        return row
    row |= {f"skill_{baseline}": skill for baseline, skill in model["skill"].items()} | {"crps": model["crps"]}
    for level, shares in model["coverage"].items():
        row |= {f"coverage_{level}_{kind}": share for kind, share in shares.items()}
    return row


def event_verification_table(response: Json) -> pd.DataFrame:
    """Return the events of the response to ``GET /stations/{id}/verification`` with a row for each bin."""
    rows = [
        {
            "event": event["name"],
            **{name: event[name] for name in ("kind", "level", "lead", "n", "frequency", "brier")},
            "skill_persistence": event["skill"]["persistence"]["value"],
            **{name: part[name] for name in ("minimum", "maximum", "probability", "lower", "upper")},
            "forecasts": part["n"],
            "happened": round(part["frequency"] * part["n"]),
            "share": part["frequency"],
        }
        for event in response["events"]
        for part in event["reliability"]
    ]
    return table_of(rows, _EVENT_VERIFICATION)


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


def push_result(station: str, readings: "pd.Series[Any] | None", response: Json) -> PushResult:
    """Return the outcome for one station; ``readings`` is None if they came from a file.

    Raises:
        KeyError, TypeError, ValueError: if the response does not have the expected form.
    """
    forecast, error = _forecast(response)
    refused = table_of(_refused_rows(station, readings, response), _REFUSED).drop(columns="station")
    new, revised, unchanged = (response[name] for name in _COUNTS)
    warnings = tuple(response.get("warnings", ()))
    return PushResult(new, revised, unchanged, refused, warnings, issued_table([(station, forecast)]), error)


def stored_stations(names: Names, response: Json) -> list[tuple[Hashable, Json]]:
    """Return the outcome for each station with these ``names`` from one response to ``POST /observations``."""
    return [*zip(names, response["stations"], strict=True)]


def push_all_result(
    readings: "Mapping[Hashable, pd.Series[Any]]", parts: Iterable[Sequence[tuple[Hashable, Json]]]
) -> PushAllResult:
    """Return the outcome for all stations from the parts of :func:`stored_stations`."""
    all_stored = [pair for part in parts for pair in part]
    rows: list[Json] = []
    refused: list[Json] = []
    forecasts = []
    for name, stored in all_stored:
        if "error" in stored:
            nothing = {"error": stored["error"], "forecast_error": None, "warnings": []}
            rows.append(dict.fromkeys((*_COUNTS, "refused"), 0) | nothing)
            continue
        forecast, error = _forecast(stored)
        row = {**{count: stored[count] for count in _COUNTS}, "refused": len(stored["refused"]), "error": None}
        rows.append(row | {"forecast_error": error, "warnings": stored.get("warnings", [])})
        refused += _refused_rows(name, readings[name], stored)
        forecasts.append((stored["station"], forecast))
    index = pd.Index([name for name, _ in all_stored], name="station", dtype="object")
    table = pd.DataFrame.from_records(rows, index=index)
    table = table.astype({"error": "object", "forecast_error": "object"})
    return PushAllResult(table, table_of(refused, _REFUSED), issued_table(forecasts))


def _forecast(stored: Json) -> tuple[Json | None, str | None]:
    """Return the forecast that was issued, or why there is none."""
    forecast = stored["forecast"]
    return (None, forecast["error"]) if forecast is not None and "error" in forecast else (forecast, None)


def _refused_rows(station: Hashable, readings: "pd.Series[Any] | None", stored: Json) -> list[Json]:
    rows = []
    for refused in stored["refused"]:
        row = {"station": station, "place": refused["location"], "message": refused["message"]}
        match = _ROW.search(refused["location"])
        if readings is not None and match is not None:
            i = int(match.group(1))
            times = readings.index.to_timestamp() if isinstance(readings.index, pd.PeriodIndex) else readings.index
            row |= {"time": times[i].isoformat(), "sst": readings.iloc[i]}
        rows.append(row)
    return rows
