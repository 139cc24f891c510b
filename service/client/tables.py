"""The service's responses as DataFrames."""

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import pandas as pd

from service.client.event_tables import (
    ForecastTable,
    Paths,
    event_rows,
    event_table,
    lead_rows,
    lead_table,
    path_table,
    utc,
)
from service.client.parameters import ForecastParameters, Json

_SKILL_SIDES: Final = {"": "value", "_lower": "lower", "_upper": "upper"}

BASELINES: Final = ("persistence", "climatology", "damped", "linear")
"""Columns of every forecast table, even if a series is too short for them."""


class ReadForecasts(NamedTuple):
    """The content of one response.

    Attributes:
        rows: of the table of forecasts.
        events: rows of the table of events.
        leads: rows of the table of events by lead.
        paths: sample paths of each forecast that has some.
    """

    rows: list[Json]
    events: list[Json]
    leads: list[Json]
    paths: list[Paths]


def read_forecasts(parameters: ForecastParameters, names: Sequence[Hashable], answer: Json) -> ReadForecasts:
    """Return what one response says about series with these ``names``: by series, then model, then time.

    Raises:
        KeyError, TypeError, ValueError: if the response does not have the expected form.
    """
    read = ReadForecasts(forecast_rows(parameters, names, answer), [], [], [])
    models = models_of(parameters, answer)
    for name, *forecasts in zip(names, *(model["forecasts"] for model in models), strict=True):
        for model, forecast in zip(models, forecasts, strict=True):
            full_name = forecast.get("model", model.get("model"))
            read.events.extend(event_rows(name, full_name, forecast))
            read.leads.extend(lead_rows(name, full_name, forecast))
            if forecast.get("paths"):
                read.paths.append(Paths(name, full_name, forecast["timestamps"], forecast["paths"]))
    return read


def joined_forecasts(
    parameters: ForecastParameters, parts: Sequence[ReadForecasts], rows: pd.DataFrame | None = None
) -> ForecastTable:
    """Return what all responses say as tables; ``rows`` are those of answers by columns."""
    if rows is None:
        rows = forecast_table(parameters, [row for part in parts for row in part.rows])
    table = ForecastTable(rows)
    table.events = event_table([row for part in parts for row in part.events])
    table.event_leads = lead_table([row for part in parts for row in part.leads])
    table.paths = path_table([paths for part in parts for paths in part.paths])
    return table


def forecast_rows(parameters: ForecastParameters, names: Sequence[Hashable], answer: Json) -> list[Json]:
    """Return the rows of one response to series with these ``names``: by series, then model, then time.

    Raises:
        KeyError, TypeError, ValueError: if the response does not have the expected form.
    """
    models = models_of(parameters, answer)
    rows: list[Json] = []
    for name, *forecasts in zip(names, *(model["forecasts"] for model in models), strict=True):
        for model, forecast in zip(models, forecasts, strict=True):
            named = {field: forecast.get(field, model.get(field)) for field in ("model", "version")}
            key = {"station": name, **named, "chosen": forecast.get("chosen", {}).get("by")}
            rows.extend(_rows(parameters, key, forecast))
    return rows


def models_of(parameters: ForecastParameters, answer: Json) -> list[Json]:
    """Return the part of the response for each model."""
    models: list[Json] = answer["models"] if parameters.model == "all" else [answer]
    return models


def _rows(parameters: ForecastParameters, key: Json, forecast: Json) -> Iterator[Json]:
    if "error" in forecast:
        yield key | {"warnings": "", "error": forecast["error"]}
        return
    columns: dict[str, Sequence[Any]] = {"time": forecast["timestamps"], "sst": forecast["sst"]}
    intervals = {interval["level"]: interval for interval in forecast["intervals"]}
    for level in parameters.levels:
        columns[f"lower_{level}"] = intervals[level]["lower"]
        columns[f"upper_{level}"] = intervals[level]["upper"]
    for threshold, exceedance in zip(parameters.thresholds, forecast["exceedance"], strict=True):
        columns[exceedance_column(threshold)] = exceedance["probability"]
    columns |= forecast["baselines"]
    shared = key | {"calibrated": _calibrated(parameters, forecast), "warnings": _warnings(forecast), "error": None}
    for values in zip(*columns.values(), strict=True):
        yield shared | dict(zip(columns, values, strict=True))


def _calibrated(parameters: ForecastParameters, forecast: Json) -> bool:
    entries = [*forecast["intervals"], *forecast["exceedance"]]
    doubts = doubts_of(parameters)
    doubtful = any(warning["code"] in doubts for warning in forecast["warnings"])
    return not doubtful and all(entry["calibrated"] for entry in entries)


def doubts_of(parameters: ForecastParameters) -> frozenset[str]:
    """Return the warnings with which a forecast is not calibrated."""
    # With a check, the values that the warning names are left out.
    doubts = {"outside_training", "flat_line", "doubtful_step"}
    return frozenset(doubts if parameters.check else {*doubts, "suspect_value"})


def _warnings(forecast: Json) -> str:
    return "; ".join(f"{warning['code']}: {warning['message']}" for warning in forecast["warnings"])


def exceedance_column(threshold: float) -> str:
    """Return the name of the column with the probability that SST exceeds ``threshold``."""
    return f"exceedance_{threshold:.12g}"


def forecast_table(parameters: ForecastParameters, rows: Sequence[Json]) -> pd.DataFrame:
    """Return the rows as a table whose columns do not depend on which series failed."""
    named = _named_columns(parameters)
    further = {column: None for row in rows for column in row if column not in {*named, "warnings", "error"}}
    columns = list(dict.fromkeys([*named, *further, "warnings", "error"]))
    table = pd.DataFrame.from_records(rows, columns=columns)
    table["time"] = utc(table["time"].tolist())
    return typed(parameters, table)


def _named_columns(parameters: ForecastParameters) -> list[str]:
    temperatures = ["sst"] + [f"{side}_{level}" for level in parameters.levels for side in ("lower", "upper")]
    probabilities = [exceedance_column(threshold) for threshold in parameters.thresholds]
    return ["station", "model", "version", "chosen", "time", *temperatures, "calibrated", *probabilities, *BASELINES]


def typed(parameters: ForecastParameters, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of forecasts with the type of each column, and the columns in their order."""
    named = _named_columns(parameters)
    further = [column for column in table.columns if column not in {*named, "warnings", "error"}]
    table = table[list(dict.fromkeys([*named, *further, "warnings", "error"]))]
    # The dtype object keeps None as it is, whether or not another row has an error.
    for column in ("chosen", "error"):
        texts = table[column].astype("object")
        table = table.assign(**{column: texts.where(texts.notna(), None)})
    texts_and_times = {"station", "model", "version", "chosen", "time", "calibrated", "warnings", "error"}
    numbers = [column for column in table.columns if column not in texts_and_times]
    return table.astype(dict.fromkeys(numbers, "float64") | {"calibrated": "boolean"})


def comparison_table(answer: Json) -> pd.DataFrame:
    """Return the response to ``GET /compare`` with a row for each model and baseline.

    Universal networks have a row for each context, lead, and whether the position was known, on held-out seas.
    """
    if "seas" in answer:
        return _held_out_table(answer)
    table = _flat(answer["models"])
    table.insert(1, "best", table.index == answer["best"])
    test = answer["test"]
    start, end = utc([test["start"], test["end"]])
    shared = {key: answer[key] for key in ("dataset", "version", "step", "horizon")}
    return table.assign(**shared, n=test["n"], test_start=start, test_end=end).astype({"parameters": "Int64"})


def _held_out_table(answer: Json) -> pd.DataFrame:
    rows = [{"model": model["model"], **row} for model in answer["models"] for row in model["held_out"]]
    shared = {key: answer[key] for key in ("dataset", "version", "step")}
    table = pd.DataFrame.from_records(rows).set_index("model")
    return table.assign(best=table.index == answer["best"], **shared)


def compared_rows(names: Sequence[Hashable], answer: Json) -> list[Json]:
    """Return the rows of one response to ``POST /compare`` for series with these ``names``: by series, then model.

    Raises:
        KeyError, TypeError, ValueError: if the response does not have the expected form.
    """
    rows: list[Json] = []
    for name, series in zip(names, answer["series"], strict=True):
        shared = {key: series.get(key, answer.get(key)) for key in ("dataset", "version", "step")}
        shared["horizon"] = answer["horizon"]
        if "error" in series:
            rows.append({"station": name, **shared, "warnings": "", "error": series["error"]})
            continue
        test, notes = series["test"], {"warnings": _warnings(series), "error": None}
        period = {"n": test["n"], "start": test["start"], "end": test["end"]}
        rows += [{"station": name, **_without_events(model), **shared, **period, **notes} for model in series["models"]]
    return rows


def compared_table(rows: Sequence[Json]) -> pd.DataFrame:
    """Return the rows as a table. Nested fields become columns such as ``skill_damped``."""
    table = pd.json_normalize(list(rows), sep="_")
    named = ["station", "model", "kind", "n", "start", "end", "mae", "rmse", "mape", "bias"]
    named += [*(f"skill_{name}" for name in BASELINES), "p_value"]
    last = ["dataset", "version", "step", "horizon", "warnings", "error"]
    table = table.reindex(columns=list(dict.fromkeys([*named, *table.columns.difference(last, sort=False), *last])))
    numbers = dict.fromkeys(["mae", "rmse", "mape", "bias", *(f"skill_{name}" for name in BASELINES), "p_value"], float)
    for edge in ("start", "end"):
        table[edge] = pd.to_datetime(table[edge], utc=True, format="ISO8601")
    return table.astype({**numbers, "n": "Int64", "error": "object"})


def lead_comparison_table(answer: Json) -> pd.DataFrame:
    """Return the response to ``GET /compare/leads`` with a row for each model and lead."""
    rows = []
    for model in answer["models"]:
        columns = {name: model[name] for name in ("n", "mae", "rmse", "bias")}
        columns |= {f"coverage_{level}": coverage["share"] for level, coverage in model["coverage"].items()}
        for baseline, skill in model["skill"].items():
            columns |= {f"skill_{baseline}{side}": skill[name] for side, name in _SKILL_SIDES.items()}
        key = {"model": model["model"], "kind": model["kind"], "best": model["model"] == answer["best"]}
        columns["caveat"] = [model.get("caveat")] * answer["horizon"]
        leads = range(1, answer["horizon"] + 1)
        rows += [
            {**key, "lead": lead, **{name: values[lead - 1] for name, values in columns.items()}} for lead in leads
        ]
    shared = {key: answer[key] for key in ("dataset", "version", "step")}
    table = pd.DataFrame.from_records(rows).assign(**shared)
    return table.astype({name: "float64" for name in table.columns if name.startswith(("skill_", "coverage_"))})


def hindcast_table(answer: Json) -> pd.DataFrame:
    """Return the response to ``GET /compare/hindcast`` with a row for each origin and valid time."""
    rows: list[Json] = []
    for forecast in answer["forecasts"]:
        columns = {"time": forecast["timestamps"], "sst": forecast["sst"]}
        for interval in forecast["intervals"]:
            columns |= {f"{side}_{interval['level']}": interval[side] for side in ("lower", "upper")}
        columns |= {"observed": forecast["observed"], **forecast["baselines"]}
        shared = {"model": answer["model"], "version": answer["version"], "origin": forecast["origin"]}
        rows += [shared | dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    table = pd.DataFrame.from_records(rows)
    for column in ("origin", "time"):
        table[column] = utc(table[column].tolist())
    return table.astype({"observed": "float64"})


def predictions_table(answer: Json) -> pd.DataFrame:
    """Return the response to ``GET /compare/predictions`` with a row for each time."""
    index = pd.Index(utc(answer["timestamps"]), name="time")
    return pd.DataFrame({"observed": answer["observed"], **answer["predictions"]}, index=index, dtype="float64")


def models_table(answer: Json) -> pd.DataFrame:
    """Return the response to ``GET /models`` with a row for each model."""
    table = _flat(answer["models"])
    for edge in ("training_period_start", "training_period_end"):
        # Universal models have no training period.
        edges = table[edge] if edge in table else pd.Series(None, table.index, dtype="object")
        table[edge] = pd.to_datetime(edges, utc=True, format="ISO8601").dt.as_unit("us")
    return table.assign(default=table["dataset"] == answer["default_dataset"])


def _flat(models: Sequence[Json]) -> pd.DataFrame:
    """Return a row for each model. Nested fields such as ``skill.damped`` become columns such as ``skill_damped``."""
    return pd.json_normalize(list(map(_without_events, models)), sep="_").set_index("model")


def _without_events(model: Json) -> Json:
    """Return a model without the verification of events, which has no place in a row."""
    return {key: value for key, value in model.items() if key != "events"}
