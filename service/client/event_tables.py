"""Forecasts of events and sample paths as DataFrames."""

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
import pandas as pd

from service.client.parameters import Json

_KEY: Final = ("station", "model", "event", "kind")
_TIMES: Final = ("onset_median", "onset_lower", "onset_upper", "since", "baseline_start", "baseline_end")
_NUMBERS: Final = (
    "probability", "longest_mean", "peak_median", "peak_lower", "peak_upper", "intensity", "mmm", "now",
)  # fmt: skip
_TEXTS: Final = ("kind", "category", "mmm_source", "alert", "error")
_EVENT_COLUMNS: Final = (
    *_KEY, "probability", "onset_median", "onset_lower", "onset_upper", "longest_mean", "peak_median", "peak_lower",
    "peak_upper", "active", "since", "days", "category", "intensity", "baseline_start", "baseline_end", "mmm",
    "mmm_source", "now", "alert", "calibrated", "warnings", "error",
)  # fmt: skip

_CATEGORIES: Final = ("Moderate", "Strong", "Severe", "Extreme")
_LEVELS: Final = ("No Stress", "Watch", "Warning", *(f"Alert Level {level}" for level in range(1, 6)))
_LISTS: Final = (
    "probability", "threshold", "climatology", "onset_within", "ends_within", "median", "lower", "upper",
)  # fmt: skip
_BY_NAME: Final = {"category_probability": _CATEGORIES, "alert_probability": _LEVELS}


class ForecastTable(pd.DataFrame):
    """A table of forecasts, with tables of the requested events and sample paths.

    Selections and copies of it are plain DataFrames, without these tables.

    Attributes:
        events: a row for each station, model and event, whatever the event's kind: ``station``, ``model``, ``event``
            (its name), ``kind``; ``probability``, ``onset_median``, ``onset_lower``, ``onset_upper``,
            ``longest_mean``, ``peak_median``, ``peak_lower`` and ``peak_upper`` of thresholds; ``active``, ``since``,
            ``days``, ``category``, ``intensity``, ``baseline_start`` and ``baseline_end`` of marine heatwaves and cold
            spells; ``mmm``, ``mmm_source``, ``now`` and ``alert`` of degree heating weeks; ``calibrated``,
            ``warnings`` and ``error``.
        event_leads: a row for each station, model, event and ``time``: ``probability``, ``threshold``,
            ``climatology``, ``onset_within``, ``ends_within``; ``median``, ``lower`` and ``upper`` of degree heating
            weeks; ``category_moderate`` and ``alert_watch``, the probability of each category and alert level. NaN
            where an event has none.
        paths: a row for each ``station``, ``model``, ``path`` and ``time``, with ``sst``.
    """

    _metadata: ClassVar[list[str]] = ["events", "event_leads", "paths"]
    events: pd.DataFrame
    event_leads: pd.DataFrame
    paths: pd.DataFrame

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame


def event_rows(station: Hashable, model: str | None, forecast: Json) -> Iterator[Json]:
    """Yield a row for each event of a forecast."""
    for event in forecast.get("events", ()):
        key = {"station": station, "model": model, "event": event["name"], "kind": event.get("kind")}
        if "error" in event:
            yield key | {"warnings": "", "error": event["error"]}
            continue
        row = {field: value for field, value in event.items() if not isinstance(value, list | dict)}
        for field in ("onset", "longest", "peak", "baseline"):
            row |= {f"{field}_{part}": value for part, value in (event.get(field) or {}).items()}
        row |= event.get("state", {})
        row["warnings"] = "; ".join(f"{warning['code']}: {warning['message']}" for warning in event["warnings"])
        yield row | key


def lead_rows(station: Hashable, model: str | None, forecast: Json) -> Iterator[Json]:
    """Yield a row for each event and time of a forecast."""
    for event in forecast.get("events", ()):
        if "error" in event:
            continue
        key = {"station": station, "model": model, "event": event["name"], "kind": event["kind"]}
        columns: dict[str, Sequence[Any]] = {"time": forecast["timestamps"], **_lists(event)}
        for values in zip(*columns.values(), strict=True):
            yield key | dict(zip(columns, values, strict=True))


def _lists(event: Json) -> dict[str, Sequence[float]]:
    lists = {name: event[name] for name in _LISTS if isinstance(event.get(name), list)}
    if "by_lead" in event:
        lists["probability"] = event["by_lead"]
    for field, names in _BY_NAME.items():
        lists |= {_column(field, name): values for name, values in event.get(field, {}).items() if name in names}
    return lists


def _column(field: str, name: str) -> str:
    """Return the column for a category or alert level: ``category_moderate``, ``alert_level_1``."""
    words = name.lower().replace(" ", "_")
    return words if words.startswith("alert") else f"{field.partition('_')[0]}_{words}"


class Paths(NamedTuple):
    """The sample paths of a forecast.

    Attributes:
        station: the name of the series.
        model: that forecast it.
        times: valid times.
        values: ``(paths, times)``.
    """

    station: Hashable
    model: str | None
    times: Sequence[str]
    values: Sequence[Sequence[float]]


def event_table(rows: Sequence[Json]) -> pd.DataFrame:
    """Return the rows of :func:`event_rows` as a table whose columns do not depend on the events."""
    table = pd.DataFrame.from_records(rows, columns=list(_EVENT_COLUMNS))
    for column in _TIMES:
        table[column] = utc(table[column].tolist())
    # The dtype object keeps None as it is.
    for column in _TEXTS:
        table[column] = pd.Series([row.get(column) for row in rows], dtype="object")
    further = {"active": "boolean", "calibrated": "boolean", "days": "Int64"}
    return table.astype(dict.fromkeys(_NUMBERS, "float64") | further)


def lead_table(rows: Sequence[Json]) -> pd.DataFrame:
    """Return the rows of :func:`lead_rows` as a table whose columns do not depend on the events."""
    named = [_column(field, name) for field, names in _BY_NAME.items() for name in names]
    numbers = [*_LISTS, *named]
    table = pd.DataFrame.from_records(rows, columns=[*_KEY, "time", *numbers])
    return table.assign(time=utc(table["time"].tolist())).astype(dict.fromkeys(numbers, "float64"))


def path_table(forecasts: Sequence[Paths]) -> pd.DataFrame:
    """Return sample paths as a table with a row for each station, model, path and time."""
    columns = ["station", "model", "path", "time", "sst"]
    tables = []
    for station, model, times, values in forecasts:
        index = pd.MultiIndex.from_product([range(len(values)), utc(times)], names=["path", "time"])
        table = pd.DataFrame({"sst": np.ravel(values)}, index=index).reset_index()
        tables.append(table.assign(station=pd.Series([station] * len(table), dtype="object"), model=model)[columns])
    if tables:
        return pd.concat(tables, ignore_index=True)
    return pd.DataFrame(columns=columns).assign(time=utc([])).astype({"path": "int64", "sst": "float64"})


def utc(times: Sequence[str | None]) -> pd.DatetimeIndex:
    """Return times in ISO 8601 in UTC; NaT for None."""
    return pd.to_datetime(pd.Index(list(times), dtype="object"), utc=True, format="ISO8601").as_unit("us")


def past_event_rows(names: Sequence[Hashable], answer: Json) -> list[Json]:
    """Return the rows of one response to ``POST /events`` for series with these ``names``.

    Raises:
        KeyError, TypeError, ValueError: if the response does not have the expected form.
    """
    rows: list[Json] = []
    for name, series in zip(names, answer["series"], strict=True):
        if "error" in series:
            rows.append({"station": name, "warnings": "", "error": series["error"]})
            continue
        period = series["baseline"] or {}
        shared = {f"baseline_{edge}": period.get(edge) for edge in ("start", "end")}
        shared["warnings"] = "; ".join(f"{warning['code']}: {warning['message']}" for warning in series["warnings"])
        rows += [{"station": name, **event, **shared} for event in series["events"]]
    return rows


def past_event_table(rows: Sequence[Json]) -> pd.DataFrame:
    """Return the rows of :func:`past_event_rows` as a table whose columns do not depend on what was found."""
    days = ["start", "end", "peak"]
    numbers = ["intensity_mean", "intensity_max", "intensity_cumulative", "rate_onset", "rate_decline"]
    edges = ["baseline_start", "baseline_end"]
    columns = ["station", *days, "days", *numbers, "category", *edges, "warnings", "error"]
    table = pd.DataFrame.from_records(rows, columns=columns)
    for column in (*days, *edges):
        table[column] = utc(table[column].tolist())
    for column in ("category", "error"):
        table[column] = pd.Series([row.get(column) for row in rows], dtype="object")
    return table.astype(dict.fromkeys(numbers, "float64") | {"days": "Int64"})
