"""What the service reports of models, comparisons and files, as DataFrames."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import pandas as pd

from service.client.bodies import Names
from service.client.options import Json
from service.client.tables import BASELINES, joined_warnings, rows_of, utc

File: TypeAlias = "str | Path | bytes"

_STEPS: Final = {"month": "MS", "week": "7D", "day": "1D", "hour": "1h"}
_SKILL_SIDES: Final = {"": "value", "_lower": "lower", "_upper": "upper"}


@dataclass(frozen=True)
class FileReading:
    """What the service read from a file.

    Attributes:
        series: °C by name of the station (``"0"`` for a file with one series), indexed by time (UTC); NaN if missing.
        stations: one row per station: columns, units, ``summary_step``, ``summary_values`` and so on, ``warnings``,
            ``problem``.
        problem: what to choose if the file holds several series; otherwise None.
        flags: with ``check=True``, the QARTOD flag of each value (1 good, 2 not evaluated, 3 suspect, 9 missing), in
            the form of ``series``.
        suspects: with ``check=True``, a row for each suspect value: ``station``, ``time`` (UTC), ``sst``, and
            ``lower`` and ``upper``, the range that was expected.
        weather: ``air_temperature`` (°C) and ``wind_speed`` (m/s) over those series that have them, by name, as
            :meth:`~service.client.Client.forecast` takes them.
    """

    series: "dict[str, pd.Series[float]]"
    stations: pd.DataFrame
    problem: str | None
    flags: "dict[str, pd.Series[int]]"
    suspects: pd.DataFrame
    weather: dict[str, pd.DataFrame]


def content_of(file: File) -> bytes:
    """Read the content of a file."""
    return file if isinstance(file, bytes) else Path(file).read_bytes()


def file_reading(response: Json) -> FileReading:
    """Return what a response of ``POST /series`` says.

    Raises:
        KeyError, TypeError, ValueError: if the response does not have the expected form.
    """
    stations = pd.json_normalize(response["stations"], sep="_").set_index("id")
    series = {entry["id"]: _series(entry) for entry in response["series"]}
    checks = response.get("checks") or []
    flags = {check["id"]: pd.Series(check["flags"], index=series[check["id"]].index) for check in checks}
    tables = [pd.DataFrame({"station": check["id"], **check["suspects"]}) for check in checks]
    none = pd.DataFrame(columns=["station", "timestamps", "sst", "lower", "upper"])
    suspects = pd.concat(tables, ignore_index=True) if tables else none
    suspects["timestamps"] = pd.to_datetime(suspects["timestamps"], utc=True).dt.as_unit("s")
    suspects = suspects.rename(columns={"timestamps": "time"})
    weather = {entry["id"]: _weather(entry) for entry in response["series"] if "weather" in entry}
    return FileReading(series, stations, response["problem"], flags, suspects, weather)


def _series(series: Json) -> "pd.Series[float]":
    index = _index(series["step"], series["start"], len(series["values"]))
    return pd.Series(np.asarray(series["values"], dtype=np.float64), index=index, name=series["id"])


def _weather(series: Json) -> pd.DataFrame:
    columns = {name: values for name, values in series["weather"].items() if isinstance(values, list)}
    index = _index(series["step"], series["weather"]["start"], len(next(iter(columns.values()))))
    return pd.DataFrame(columns, index, dtype=np.float64)


def _index(step: str, start: str, count: int) -> pd.DatetimeIndex:
    known = _STEPS.get(step)
    frequency = pd.Timedelta(step) if known is None else known
    return pd.date_range(start, periods=count, freq=frequency, unit="s", name="time")


def comparison_table(response: Json) -> pd.DataFrame:
    """Return the response to ``GET /compare`` with a row for each model and baseline.

    Universal networks have a row for each context, lead, and whether the position was known, on held-out seas.
    """
    shared = {key: response[key] for key in ("dataset", "version", "step")}
    if "seas" in response:
        rows = [{"model": model["model"], **row} for model in response["models"] for row in model["held_out"]]
        table = pd.DataFrame.from_records(rows).set_index("model")
        return table.assign(best=table.index == response["best"], **shared)
    table = _flat(response["models"])
    table.insert(1, "best", table.index == response["best"])
    test = response["test"]
    start, end = utc([test["start"], test["end"]])
    shared |= {"horizon": response["horizon"], "n": test["n"]}
    return table.assign(**shared, test_start=start, test_end=end).astype({"parameters": "Int64"})


def compared_rows(names: Names, response: Json) -> list[Json]:
    """Return the rows of one response to ``POST /compare`` for series with these ``names``: by series, then model.

    Raises:
        KeyError, TypeError, ValueError: if the response does not have the expected form.
    """
    rows: list[Json] = []
    for name, series in zip(names, response["series"], strict=True):
        shared = {
            "station": name,
            **{key: series.get(key, response.get(key)) for key in ("dataset", "version", "step")},
        }
        shared["horizon"] = response["horizon"]
        if "error" in series:
            rows.append({**shared, "warnings": "", "error": series["error"]})
            continue
        shared |= {key: series["test"][key] for key in ("n", "start", "end")}
        shared |= {"warnings": joined_warnings(series), "error": None}
        rows += [{**_without_events(model), **shared} for model in series["models"]]
    return rows


def compared_table(parts: Iterable[Sequence[Json]]) -> pd.DataFrame:
    """Return the rows of :func:`compared_rows` of all responses as one table.

    Nested fields become columns such as ``skill_damped``.
    """
    table = pd.json_normalize([row for rows in parts for row in rows], sep="_")
    numbers = ["mae", "rmse", "mape", "bias", *(f"skill_{name}" for name in BASELINES), "p_value"]
    named = ["station", "model", "kind", "n", "start", "end", *numbers]
    last = ["dataset", "version", "step", "horizon", "warnings", "error"]
    table = table.reindex(columns=list(dict.fromkeys([*named, *table.columns.difference(last, sort=False), *last])))
    for edge in ("start", "end"):
        table[edge] = pd.to_datetime(table[edge], utc=True, format="ISO8601")
    return table.astype({**dict.fromkeys(numbers, "float64"), "n": "Int64", "error": "object"})


def lead_comparison_table(response: Json) -> pd.DataFrame:
    """Return the response to ``GET /compare/leads`` with a row for each model and lead."""
    rows: list[Json] = []
    for model in response["models"]:
        columns = {
            "lead": range(1, response["horizon"] + 1),
            **{key: model[key] for key in ("n", "mae", "rmse", "bias")},
        }
        columns |= {f"coverage_{level}": coverage["share"] for level, coverage in model["coverage"].items()}
        for baseline, skill in model["skill"].items():
            columns |= {f"skill_{baseline}{side}": skill[name] for side, name in _SKILL_SIDES.items()}
        columns["caveat"] = [model.get("caveat")] * response["horizon"]
        key = {"model": model["model"], "kind": model["kind"], "best": model["model"] == response["best"]}
        rows += rows_of(columns, key)
    table = pd.DataFrame.from_records(rows).assign(**{key: response[key] for key in ("dataset", "version", "step")})
    return table.astype({name: "float64" for name in table.columns if name.startswith(("skill_", "coverage_"))})


def hindcast_table(response: Json) -> pd.DataFrame:
    """Return the response to ``GET /compare/hindcast`` with a row for each origin and valid time."""
    rows: list[Json] = []
    for forecast in response["forecasts"]:
        columns = {"time": forecast["timestamps"], "sst": forecast["sst"]}
        for interval in forecast["intervals"]:
            columns |= {f"{side}_{interval['level']}": interval[side] for side in ("lower", "upper")}
        columns |= {"observed": forecast["observed"], **forecast["baselines"]}
        shared = {"model": response["model"], "version": response["version"], "origin": forecast["origin"]}
        rows += rows_of(columns, shared)
    table = pd.DataFrame.from_records(rows)
    for column in ("origin", "time"):
        table[column] = utc(table[column].tolist())
    return table.astype({"observed": "float64"})


def predictions_table(response: Json) -> pd.DataFrame:
    """Return the response to ``GET /compare/predictions`` with a row for each time."""
    index = pd.Index(utc(response["timestamps"]), name="time")
    return pd.DataFrame({"observed": response["observed"], **response["predictions"]}, index=index, dtype="float64")


def outlook_point_table(response: Json) -> pd.DataFrame:
    """Return the response to ``GET /outlooks/{outlook}/point`` with a row for each day."""
    columns: dict[str, Sequence[object]] = {"sst": response["sst"]}
    for interval in response["intervals"]:
        columns |= {f"{side}_{interval['level']}": interval[side] for side in ("lower", "upper")}
    columns |= {"anomaly": response["anomaly"], **response["baselines"]}
    for event in response["events"]:
        columns |= {f"{event['kind']}_{name}": event[name] for name in ("probability", "likely_category", "threshold")}
    return pd.DataFrame(columns, pd.Index(utc(response["timestamps"]), name="time"))


def models_table(response: Json) -> pd.DataFrame:
    """Return the response to ``GET /models`` with a row for each model."""
    table = _flat(response["models"])
    for edge in ("training_period_start", "training_period_end"):
        # Universal models have no training period.
        edges = table[edge] if edge in table else pd.Series(None, table.index, dtype="object")
        table[edge] = pd.to_datetime(edges, utc=True, format="ISO8601").dt.as_unit("us")
    return table.assign(default=table["dataset"] == response["default_dataset"])


def _flat(models: Sequence[Json]) -> pd.DataFrame:
    """Return a row for each model. Nested fields such as ``skill.damped`` become columns such as ``skill_damped``."""
    return pd.json_normalize(list(map(_without_events, models)), sep="_").set_index("model")


def _without_events(model: Json) -> Json:
    """Return a model without the verification of events, which has no place in a row."""
    return {key: value for key, value in model.items() if key != "events"}
