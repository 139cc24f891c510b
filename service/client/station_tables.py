"""What the service says of stations, as DataFrames."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from service.client.event_tables import ForecastTable, event_table, lead_table, path_table, utc
from service.client.payload import ForecastParameters, Json
from service.client.tables import forecast_rows, forecast_table

_STATION_COLUMNS: Final = (
    "name", "latitude", "longitude", "step", "units", "model", "horizon", "created", "changed", "newest_time",
    "newest_sst", "newest_received", "newest_age", "forecast_issued", "forecast_observed_until", "forecast_model",
)  # fmt: skip
_STATION_TIMES: Final = (
    "created", "changed", "newest_time", "newest_received", "forecast_issued", "forecast_observed_until",
)  # fmt: skip
_SHOWN_OF_FORECAST: Final = ("issued", "observed_until", "model")
_ISSUED: Final = ("issued", "observed_until", "replayed")


def stations_table(stations: Sequence[Json]) -> pd.DataFrame:
    """Return a row for each station, with its ID as index, whose columns do not depend on what it remembers."""
    rows = [_station_row(station) for station in stations]
    further = {column: None for row in rows for column in row if column != "id"}
    columns = list(dict.fromkeys([*_STATION_COLUMNS, *further]))
    index = pd.Index([station["id"] for station in stations], name="id", dtype="object")
    table = pd.DataFrame.from_records(rows, columns=columns, index=index)
    for column in _STATION_TIMES:
        table[column] = utc(table[column].tolist())
    seconds = [np.nan if row.get("newest_age_seconds") is None else row["newest_age_seconds"] for row in rows]
    table["newest_age"] = pd.to_timedelta(seconds, unit="s").as_unit("s")
    table = table.drop(columns="newest_age_seconds", errors="ignore")
    return table.astype(dict.fromkeys(("latitude", "longitude", "newest_sst"), "float64") | {"horizon": "int64"})


def station_series(station: Json) -> "pd.Series[Any]":
    """Return one station: the row that it has in the table of all."""
    return stations_table([station]).iloc[0]


def _station_row(station: Json) -> Json:
    """Flatten a station: ``newest`` becomes ``newest_time`` and so on."""
    row = {name: value for name, value in station.items() if not isinstance(value, dict)}
    for name in ("newest", "forecast"):
        row.pop(name, None)
    for name, nested in station.items():
        if isinstance(nested, dict):
            shown = _SHOWN_OF_FORECAST if name == "forecast" else nested
            row |= {f"{name}_{field}": nested[field] for field in shown if field in nested}
    return row


def observations_table(answer: Json) -> pd.DataFrame:
    """Return observations with their time (UTC) as index."""
    index = pd.Index(utc(answer["timestamps"]), name="time")
    columns = {"sst": answer["values"], "revision": answer["revision"], "received": utc(answer["received"])}
    return pd.DataFrame(columns, index=index).astype({"sst": "float64", "revision": "int64"})


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
    result.events, result.event_leads, result.paths = event_table([]), lead_table([]), path_table([])
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


def verification_table(answer: Json) -> pd.DataFrame:
    """Return the response to ``GET /stations/{id}/verification`` with a row for each lead and model."""
    named = ["lead", "n", "model", "kind", "mae", "rmse", "bias", "crps"]
    rows = [
        {"lead": lead["lead"], "n": lead["n"]} | _scores(model) for lead in answer["leads"] for model in lead["models"]
    ]
    further = {column: None for row in rows for column in row if column not in named}
    table = pd.DataFrame.from_records(rows, columns=[*named, *further])
    return table.astype({"lead": "int64", "n": "int64"} | dict.fromkeys([*named[4:], *further], "float64"))


def _scores(model: Json) -> Json:
    row = {name: value for name, value in model.items() if not isinstance(value, dict | list)}
    row |= {f"skill_{reference}": skill for reference, skill in (model.get("skill") or {}).items()}
    for level, shares in (model.get("coverage") or {}).items():
        row |= {f"coverage_{level}_{kind}": share for kind, share in shares.items()}
    return row
