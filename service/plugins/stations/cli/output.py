"""The output of ``sst station``."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import pandas as pd

from forecasting.console import cell_text, csv_text, json_text, records, table_text
from forecasting.errors import RequestError
from forecasting.wording import age_in_words
from service.client import PushResult

_HEADING: Final = ("station", "model", "version", "chosen", "issued", "observed_until", "replayed")
_NOTES: Final = ("calibrated", "warnings", "error")
_OF_LEVEL: Final = re.compile(r"(?:lower|upper|coverage)_(\d+)")
_SHOWN_LEVELS: Final = (80, 95)
_FLAGS: Final = {1: "good", 2: "not evaluated", 3: "suspect", 4: "fail", 9: "taken back"}
_LISTED: Final = (
    "name", "step", "newest_time", "newest_sst", "newest_flag", "anomaly", "model", "horizon",
    "forecast_observed_until",
)  # fmt: skip


def _print(table: pd.DataFrame, form: str, people: Callable[[pd.DataFrame], str], *, is_single: bool = False) -> None:
    """Print rows as CSV or JSON, or as ``people`` writes them."""
    if form == "csv":
        print(csv_text(table), end="")
    elif form == "json":
        rows = records(table)
        print(json_text(rows[0] if is_single else rows))
    else:
        print(people(table))


def _text(table: pd.DataFrame, digits: int | None = None) -> str:
    """Return a table without empty columns."""
    shown = table.dropna(axis="columns", how="all")
    return table_text(shown) if digits is None else table_text(shown, digits=digits)


def print_stations(table: pd.DataFrame, form: str) -> None:
    """Print a table of stations."""

    def people(stations: pd.DataFrame) -> str:
        return _text(stations[["id", *_LISTED]]) if len(stations) else "there are no stations yet"

    _print(_with_age(table.reset_index()), form, people)


def print_station(station: "pd.Series[Any]", form: str) -> None:
    """Print the settings and the newest observation of one station."""

    def people(stations: pd.DataFrame) -> str:
        row = stations.iloc[0].rename({"newest_age_seconds": "newest_age"})
        if not pd.isna(row["newest_age"]):
            row["newest_age"] = age_in_words(int(row["newest_age"]))
        shown = [(name, cell_text(value)) for name, value in row.items()]
        width = max(len(str(name)) for name, _ in shown)
        return "\n".join(f"{name:{width}}  {text}" for name, text in shown if text)

    table = station.to_frame().T.infer_objects().rename_axis("id").reset_index()
    _print(_with_age(table), form, people, is_single=True)


def print_forecast(table: pd.DataFrame, form: str) -> None:
    """Print a forecast."""

    def people(forecast: pd.DataFrame) -> str:
        first = forecast.iloc[0]
        heading = (
            f"{first['station']}: forecast by {first['model']} from {cell_text(first['observed_until'])}, "
            f"issued {cell_text(first['issued'])}"
        )
        shown = _text(forecast.drop(columns=[*_HEADING, *_NOTES]))
        return "\n".join([heading, shown, *filter(None, [first["warnings"]])])

    _print(table, form, people)


def print_pushed(station: str, result: PushResult, form: str) -> None:
    """Print the outcome of sending readings, and the forecast."""
    if form == "json":
        counts = {name: getattr(result, name) for name in ("new", "revised", "unchanged")}
        tables = {name: records(getattr(result, name)) for name in ("refused", "forecast")}
        further = {"warnings": result.warnings, "forecast_error": result.forecast_error}
        print(json_text({"station": station, **counts, **tables, **further}))
    elif form == "csv":
        print_forecast(result.forecast, form)
    else:
        print(f"{station}: {result.new} new, {result.revised} revised, {result.unchanged} unchanged")
        if len(result.forecast):
            print_forecast(with_levels(result.forecast, None), form)


def print_reading(station: str, reading: "pd.Series[Any]", form: str) -> None:
    """Print a corrected reading."""
    flag = f"{_FLAGS[reading['flag']]}, revision {reading['revision']}"
    table = reading.to_frame().T.infer_objects().rename_axis("time").reset_index().assign(station=station)
    text = f"{station}: {cell_text(reading.name)} {reading['sst']:g}, {flag}"
    _print(table, form, lambda _: text, is_single=True)


def print_verification(table: pd.DataFrame, form: str) -> None:
    """Print scores, a row for each lead and model. ``coverage_80`` is that of the intervals as issued."""

    def people(scores: pd.DataFrame) -> str:
        return _text(with_levels(scores, None).rename(columns=lambda name: name.removesuffix("_recalibrated")), 3)

    _print(table, form, people)


def print_event_verification(table: pd.DataFrame, form: str) -> None:
    """Print how often events happened, a row for each event, lead and range of probabilities."""

    def people(events: pd.DataFrame) -> str:
        bounds = zip(events["minimum"], events["maximum"], strict=True)
        ranges = [f"{100 * low:.0f}-{100 * high:.0f} %" for low, high in bounds]
        happened = [f"{part} of {of}" for part, of in zip(events["happened"], events["forecasts"], strict=True)]
        shown = events[["event", "level", "lead", "brier", "skill_persistence"]]
        return _text(shown.assign(probability=ranges, happened=happened), 3)

    _print(table, form, people)


def print_alerts(table: pd.DataFrame, form: str) -> None:
    """Print alerts."""

    def people(alerts: pd.DataFrame) -> str:
        delivered = [
            f"{sum(delivery['state'] == 'delivered' for delivery in of)} of {len(of)}" for of in alerts["deliveries"]
        ]
        shown = alerts.assign(deliveries=delivered).drop(columns=["units", "reason"])
        return _text(shown) if len(alerts) else "there are no alerts"

    _print(table, form, people)


def print_tried(table: pd.DataFrame, form: str) -> None:
    """Print what came back from tests of webhooks."""
    _print(table.reset_index(), form, _text)


def with_levels(table: pd.DataFrame, wanted: Sequence[int] | None) -> pd.DataFrame:
    """Return a table with its columns about some levels only."""
    levels = {column: int(match.group(1)) for column in table.columns if (match := _OF_LEVEL.match(column))}
    known = {*levels.values()}
    chosen = known & {*_SHOWN_LEVELS} or known if wanted is None else {*wanted}
    if absent := chosen - known:
        lacks, has = (", ".join(map(str, sorted(each))) for each in (absent, known))
        message = f"--levels: the forecast has no interval at {lacks} %; it has {has} %"
        raise RequestError(message, field="levels")
    return table[[column for column in table.columns if column not in levels or levels[column] in chosen]]


def refused_lines(result: PushResult) -> Sequence[str]:
    """Return a line for each reading that was refused."""
    return [f"{cell_text(row.time)} {row.sst:g}: {row.message}" for row in result.refused.itertuples()]


def _with_age(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of stations with the age as a number of seconds."""
    seconds = pd.to_timedelta(table["newest_age"]).dt.total_seconds().astype("Int64")
    return table.assign(newest_age=seconds).rename(columns={"newest_age": "newest_age_seconds"})
