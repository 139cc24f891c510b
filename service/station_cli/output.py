"""The output of ``sst station``."""

import re
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from forecasting.console import cell_text, csv_text, json_text, records, table_text
from forecasting.errors import RequestError
from forecasting.wording import age_in_words
from service.client import PushResult

_KEY: Final = ("station", "model", "version", "chosen", "issued", "observed_until", "replayed")
_NOTES: Final = ("calibrated", "warnings", "error")
_OF_LEVEL: Final = re.compile(r"(?:lower|upper|coverage)_(\d+)")
_SHOWN_LEVELS: Final = (80, 95)
_FLAGS: Final = {1: "good", 2: "not evaluated", 3: "suspect", 4: "fail", 9: "taken back"}
_LISTED: Final = (
    "name", "step", "newest_time", "newest_sst", "newest_flag", "anomaly", "model", "horizon",
    "forecast_observed_until",
)  # fmt: skip


def print_stations(table: pd.DataFrame, form: str) -> None:
    """Print a table of stations."""
    if form == "table":
        shown = table[[*_LISTED]].dropna(axis="columns", how="all").reset_index()
        print(table_text(shown) if len(table) else "there are no stations yet")
        return
    _print_rows(_plain(table.reset_index()), form)


def print_station(station: "pd.Series[Any]", form: str) -> None:
    """Print the settings and the newest observation of one station."""
    table = _plain(station.to_frame().T.infer_objects().rename_axis("id").reset_index())
    if form != "table":
        _print_rows(table, form, is_single=True)
        return
    row = table.iloc[0].rename({"newest_age_seconds": "newest_age"})
    if not pd.isna(row["newest_age"]):
        row["newest_age"] = age_in_words(int(row["newest_age"]))
    shown = [(name, cell_text(value)) for name, value in row.items()]
    width = max(len(str(name)) for name, _ in shown)
    print("\n".join(f"{name:{width}}  {text}" for name, text in shown if text))


def print_forecast(table: pd.DataFrame, form: str) -> None:
    """Print a forecast."""
    if form != "table":
        _print_rows(table, form)
        return
    first = table.iloc[0]
    print(
        f"{first['station']}: forecast by {first['model']} from {cell_text(first['observed_until'])}, "
        f"issued {cell_text(first['issued'])}"
    )
    print(table_text(table.drop(columns=[*_KEY, *_NOTES]).dropna(axis="columns", how="all")))
    if first["warnings"]:
        print(first["warnings"])


def print_pushed(station: str, result: PushResult, form: str) -> None:
    """Print the outcome of sending readings, and the forecast."""
    if form == "json":
        counts = {name: getattr(result, name) for name in ("new", "revised", "unchanged")}
        tables = {name: records(getattr(result, name)) for name in ("refused", "forecast")}
        further = {"warnings": result.warnings, "forecast_error": result.forecast_error}
        print(json_text({"station": station, **counts, **tables, **further}))
    elif form == "csv":
        _print_rows(result.forecast, form)
    else:
        print(f"{station}: {result.new} new, {result.revised} revised, {result.unchanged} unchanged")
        if len(result.forecast):
            print_forecast(with_levels(result.forecast, None), form)


def print_reading(station: str, reading: "pd.Series[Any]", form: str) -> None:
    """Print a corrected reading."""
    if form != "table":
        table = reading.to_frame().T.infer_objects().rename_axis("time").reset_index()
        _print_rows(table.assign(station=station), form, is_single=True)
        return
    flag, revision = _FLAGS[reading["flag"]], reading["revision"]
    print(f"{station}: {cell_text(reading.name)} {reading['sst']:g}, {flag}, revision {revision}")


def print_verification(table: pd.DataFrame, form: str) -> None:
    """Print scores, a row for each lead and model."""
    if form == "table":
        shown = with_levels(table, None).rename(columns=_shorter)
        print(table_text(shown.dropna(axis="columns", how="all"), digits=3))
        return
    _print_rows(table, form)


def print_event_verification(table: pd.DataFrame, form: str) -> None:
    """Print how often events happened, a row for each event, lead and range of probabilities."""
    if form != "table":
        _print_rows(table, form)
        return
    bounds = zip(table["minimum"], table["maximum"], strict=True)
    ranges = [f"{100 * low:.0f}-{100 * high:.0f} %" for low, high in bounds]
    happened = [f"{part} of {of}" for part, of in zip(table["happened"], table["forecasts"], strict=True)]
    shown = table[["event", "level", "lead", "brier", "skill_persistence"]].assign(
        probability=ranges, happened=happened
    )
    print(table_text(shown.dropna(axis="columns", how="all"), digits=3))


def print_alerts(table: pd.DataFrame, form: str) -> None:
    """Print alerts."""
    if form != "table":
        _print_rows(table, form)
        return
    delivered = [sum(delivery["state"] == "delivered" for delivery in deliveries) for deliveries in table["deliveries"]]
    counted = [f"{done} of {len(of)}" for done, of in zip(delivered, table["deliveries"], strict=True)]
    shown = table.assign(deliveries=counted).drop(columns=["units", "reason"]).dropna(axis="columns", how="all")
    print(table_text(shown) if len(table) else "there are no alerts")


def with_levels(table: pd.DataFrame, wanted: Sequence[int] | None) -> pd.DataFrame:
    """Return a table with its columns about some levels only.

    Args:
        table: with columns such as ``lower_80`` or ``coverage_80_plain``.
        wanted: in percent; None for 80 and 95, or all if there is neither.

    Raises:
        RequestError: if there are no columns about one of ``wanted``.
    """
    levels = {column: int(match.group(1)) for column in table.columns if (match := _OF_LEVEL.match(column))}
    known = sorted({*levels.values()})
    if wanted is None:
        chosen = {*known} & {*_SHOWN_LEVELS} or {*known}
    else:
        chosen = {*wanted}
        absent = [str(level) for level in wanted if level not in known]
        if absent:
            has = ", ".join(map(str, known))
            message = f"--levels: the forecast has no interval at {', '.join(absent)} %; it has {has} %"
            raise RequestError(message, field="levels")
    return table[[column for column in table.columns if column not in levels or levels[column] in chosen]]


def _shorter(column: str) -> str:
    """Return a column's name in a table for people: ``coverage_80`` is that of the intervals as issued."""
    return column.removesuffix("_recalibrated")


def refused_lines(result: PushResult) -> Sequence[str]:
    """Return a line for each reading that was refused."""
    return [f"{cell_text(row.time)} {row.sst:g}: {row.message}" for row in result.refused.itertuples()]


def _print_rows(table: pd.DataFrame, form: str, *, is_single: bool = False) -> None:
    if form == "csv":
        print(csv_text(table), end="")
        return
    rows = records(table)
    print(json_text(rows[0] if is_single else rows))


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of stations with the age as a number of seconds."""
    seconds = pd.to_timedelta(table["newest_age"]).dt.total_seconds().astype("Int64")
    return table.assign(newest_age=seconds).rename(columns={"newest_age": "newest_age_seconds"})
