"""The service's responses about stations, as DataFrames."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from service.client.event_tables import ForecastTable, event_rows, event_table, lead_rows, lead_table, path_table, utc
from service.client.parameters import ForecastParameters, Json
from service.client.tables import forecast_rows, forecast_table

_STATION_COLUMNS: Final = (
    "name", "latitude", "longitude", "step", "units", "model", "horizon", "created", "changed", "newest_time",
    "newest_sst", "newest_received", "newest_flag", "newest_age", "anomaly", "usual_sst", "usual_years", "usual_source",
    "forecast_issued", "forecast_observed_until", "forecast_model", "source", "fetch_next", "fetch_succeeded",
    "fetch_failures", "fetch_error", "events", "webhooks",
)  # fmt: skip
_STATION_TIMES: Final = (
    "created", "changed", "newest_time", "newest_received", "forecast_issued", "forecast_observed_until", "fetch_next",
    "fetch_succeeded",
)  # fmt: skip
_FLATTENED: Final = {
    "newest": ("time", "sst", "received", "flag", "age_seconds"),
    "usual": ("sst", "years", "source"),
    "forecast": ("issued", "observed_until", "model"),
    "fetch": ("next", "succeeded", "failures", "error"),
}
"""Fields of fields that become columns, such as ``newest_time``."""
_ON_REQUEST: Final = ("recent",)
"""Fields of stations that this client does not ask for."""
_EVENT_SCORES: Final = {
    "event": "object", "kind": "object", "level": "object", "lead": "int64", "n": "int64", "frequency": "float64",
    "brier": "float64", "skill_persistence": "float64", "minimum": "float64", "maximum": "float64",
    "forecasts": "int64", "happened": "int64", "probability": "float64", "share": "float64", "lower": "float64",
    "upper": "float64",
}  # fmt: skip
"""Columns of the verification of events, and their types."""
_ALERT_COLUMNS: Final = (
    "alert", "event", "kind", "status", "reason", "raised", "observed_until", "sst", "units", "since", "category",
    "previous_category", "probability", "deliveries",
)  # fmt: skip
_ERRORS: Final = ("mae", "rmse", "bias")
_ISSUED: Final = ("issued", "observed_until", "replayed")


def stations_table(stations: Sequence[Json]) -> pd.DataFrame:
    """Return a row for each station, with its ID as index, whose columns do not depend on what is stored."""
    rows = [_station_row(station) for station in stations]
    further = {column: None for row in rows for column in row if column not in ("id", "newest_age_seconds")}
    columns = list(dict.fromkeys([*_STATION_COLUMNS, *further]))
    index = pd.Index([station["id"] for station in stations], name="id", dtype="object")
    # The dtype object keeps None, lists and dictionaries as they are.
    table = pd.DataFrame({column: pd.Series([row.get(column) for row in rows], index, "object") for column in columns})
    for column in _STATION_TIMES:
        table[column] = utc(table[column].tolist())
    seconds = [np.nan if row.get("newest_age_seconds") is None else row["newest_age_seconds"] for row in rows]
    table["newest_age"] = pd.to_timedelta(seconds, unit="s").as_unit("s")
    numbers = dict.fromkeys(("latitude", "longitude", "newest_sst", "anomaly", "usual_sst"), "float64")
    return table.astype({**numbers, "horizon": "int64", "newest_flag": "Int64", "fetch_failures": "Int64"})


def station_series(station: Json) -> "pd.Series[Any]":
    """Return one station: the row that it has in the table of all, and the ``baseline`` of its events."""
    return stations_table([station]).iloc[0]


def _station_row(station: Json) -> Json:
    """Flatten a station: ``newest`` becomes ``newest_time`` and so on."""
    row = {name: value for name, value in station.items() if name not in (*_FLATTENED, *_ON_REQUEST)}
    for name, fields in _FLATTENED.items():
        row |= {f"{name}_{field}": (station.get(name) or {}).get(field) for field in fields}
    return row


def observations_table(answer: Json) -> pd.DataFrame:
    """Return observations with their time (UTC) as index."""
    index = pd.Index(utc(answer["timestamps"]), name="time")
    columns = {
        "sst": answer["values"],
        "flag": answer["flag"],
        "tests": [",".join(tests) for tests in answer["tests"]],
        "revision": answer["revision"],
        "received": utc(answer["received"]),
    }
    return pd.DataFrame(columns, index=index).astype({"sst": "float64", "flag": "int64", "revision": "int64"})


def corrected_series(answer: Json) -> "pd.Series[Any]":
    """Return a corrected reading: the row that it has in the table of :func:`observations_table`."""
    row = {name: [answer[name]] for name in ("flag", "tests", "revision", "received")}
    return observations_table({"timestamps": [answer["time"]], "values": [answer["value"]], **row}).iloc[0]


def issued_table(forecasts: Sequence[tuple[str, Json]], levels: Sequence[int] | None) -> ForecastTable:
    """Return forecasts, each with the ID of its station, as a table in the form of that of ``forecast``.

    Args:
        forecasts: as they were issued.
        levels: of the intervals to include; None for all that there are.
    """
    if levels is None:
        levels = sorted({interval["level"] for _, issued in forecasts for interval in issued["intervals"]})
    parameters = ForecastParameters.of("", None, 1, levels)
    rows = [row for station, issued in forecasts for row in _issued_rows(parameters, station, issued)]
    table = forecast_table(parameters, [{name: row[name] for name in row if name not in _ISSUED} for row in rows])
    columns = [*table.columns]
    at = columns.index("time")
    times = {name: utc([row[name] for row in rows]) for name in ("issued", "observed_until")}
    replayed = pd.Series([row["replayed"] for row in rows], dtype="bool")
    table = table.assign(**times, replayed=replayed)
    result = ForecastTable(table[[*columns[:at], *_ISSUED, *columns[at:]]])
    judged = [(station, issued) for station, issued in forecasts if issued.get("events")]
    result.events = event_table([row for name, issued in judged for row in event_rows(name, issued["model"], issued)])
    result.event_leads = lead_table(
        [row for name, issued in judged for row in lead_rows(name, issued["model"], issued)]
    )
    result.paths = path_table([])
    return result


def _issued_rows(parameters: ForecastParameters, station: str, issued: Json) -> Iterator[Json]:
    steps = [np.nan] * len(issued["timestamps"])
    absent = {level: {"level": level, "lower": steps, "upper": steps} for level in parameters.levels}
    known = {interval["level"]: interval for interval in issued["intervals"]}
    calibrated = {"calibrated": all(interval["calibrated"] for interval in issued["intervals"])}
    intervals = [calibrated | (absent | known)[level] for level in parameters.levels]
    forecast = issued | {"intervals": intervals, "exceedance": []}
    shared = {name: issued[name] for name in _ISSUED}
    for row in forecast_rows(parameters, [station], {"forecasts": [forecast]}):
        yield row | shared


def alerts_table(rows: Sequence[Json]) -> pd.DataFrame:
    """Return alerts with a row for each."""
    columns = {column: pd.Series([row.get(column) for row in rows], dtype="object") for column in _ALERT_COLUMNS}
    table = pd.DataFrame(columns)
    for column in ("raised", "observed_until", "since"):
        table[column] = utc(table[column].tolist())
    return table.astype({"sst": "float64", "probability": "float64"})


def verification_table(answer: Json) -> pd.DataFrame:
    """Return the response to ``GET /stations/{id}/verification`` with a row for each lead, month and model."""
    named = ["lead", "month", "n", "replayed", "model", "kind", *_ERRORS]
    rows = [
        {"lead": lead["lead"], "month": part.get("month"), "n": part["n"], "replayed": part.get("replayed")}
        | _scores(model)
        for lead in answer["leads"]
        for part in (lead, *lead["months"])
        for model in part["models"]
    ]
    further = {column: None for row in rows for column in row if column not in named}
    table = pd.DataFrame.from_records(rows, columns=[*named, *further])
    table["month"] = pd.Series([row["month"] for row in rows], dtype="object")
    counts = {"lead": "int64", "n": "int64", "replayed": "Int64"}
    return table.astype(counts | dict.fromkeys((*_ERRORS, *further), "float64"))


def event_verification_table(answer: Json) -> pd.DataFrame:
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
        for event in answer["events"]
        for part in event["reliability"]
    ]
    table = pd.DataFrame.from_records(rows, columns=[*_EVENT_SCORES])
    table["level"] = pd.Series([row["level"] for row in rows], dtype="object")
    return table.astype({name: kind for name, kind in _EVENT_SCORES.items() if name != "level"})


def _scores(model: Json) -> Json:
    row = {name: model[name] for name in ("model", "kind", *_ERRORS)}
    if model["kind"] == "baseline":
        return row
    row |= {f"skill_{baseline}": skill for baseline, skill in model["skill"].items()} | {"crps": model["crps"]}
    for level, shares in model["coverage"].items():
        row |= {f"coverage_{level}_{kind}": share for kind, share in shares.items()}
    return row
