"""Forecasts, events and paths that the service returns, as DataFrames."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd

from service.client.bodies import Names, shown_id
from service.client.options import Json
from service.client.series import find_pyarrow

Kinds = Mapping[str, str | None]
"""The columns of a table with their dtypes: ``time`` for times in UTC, None for what pandas infers."""

BASELINES: Final = ("persistence", "climatology", "damped", "linear")
"""Columns of every forecast table, even if a series is too short for them."""

_FURTHER_BASELINES: Final = ("usual_change",)
"""References that are a column only where a series has them."""

_CATEGORIES: Final = ("Moderate", "Strong", "Severe", "Extreme")
_LEVELS: Final = ("No Stress", "Watch", "Warning", *(f"Alert Level {level}" for level in range(1, 6)))
_LISTS: Final = (
    "probability", "threshold", "climatology", "onset_within", "ends_within", "median", "lower", "upper",
)  # fmt: skip
_BY_NAME: Final = {"category_probability": _CATEGORIES, "alert_probability": _LEVELS}

_KEY: Final[Kinds] = dict.fromkeys(("station", "model", "event", "kind"))
_EVENTS: Final[Kinds] = {
    **_KEY, "kind": "object", "probability": "float64",
    **dict.fromkeys(("onset_median", "onset_lower", "onset_upper"), "time"),
    **dict.fromkeys(("longest_mean", "peak_median", "peak_lower", "peak_upper"), "float64"),
    "active": "boolean", "since": "time", "days": "Int64", "category": "object", "intensity": "float64",
    "baseline_start": "time", "baseline_end": "time", "mmm": "float64", "mmm_source": "object", "now": "float64",
    "alert": "object", "calibrated": "boolean", "warnings": None, "error": "object",
}  # fmt: skip
_PAST_EVENTS: Final[Kinds] = {
    "station": None,
    **dict.fromkeys(("start", "end", "peak"), "time"),
    "days": "Int64", "intensity_mean": "float64", "intensity_max": "float64", "intensity_cumulative": "float64",
    "rate_onset": "float64", "rate_decline": "float64",
    "category": "object", "baseline_start": "time", "baseline_end": "time", "warnings": None, "error": "object",
}  # fmt: skip


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


def utc(times: Iterable[str | None]) -> pd.DatetimeIndex:
    """Return times in ISO 8601 in UTC; NaT for None."""
    return pd.to_datetime(pd.Index(list(times), dtype="object"), utc=True, format="ISO8601").as_unit("us")


def table_of(
    rows: Sequence[Json], kinds: Kinds, index: "pd.Index[Any] | None" = None, further: str | None = None
) -> pd.DataFrame:
    """Return rows as a table with the columns ``kinds``, and of the dtype ``further`` those that rows have beside."""
    if further:
        kinds = with_further(kinds, dict.fromkeys((name for row in rows for name in row), further))
    columns: dict[str, Any] = {}
    for name, kind in kinds.items():
        values = [row.get(name) for row in rows]
        columns[name] = utc(values) if kind == "time" else pd.Series(values, index, kind)
    return pd.DataFrame(columns, index)


def with_further(kinds: Kinds, further: Kinds) -> Kinds:
    """Return the columns of a table with ``further`` ones before its warnings and errors."""
    last = {name: kind for name, kind in kinds.items() if name in ("warnings", "error")}
    return {name: kind for name, kind in {**kinds, **further, **kinds}.items() if name not in last} | last


def rows_of(columns: Mapping[str, Sequence[Any]], shared: Json) -> Iterator[Json]:
    """Yield a row for each place in ``columns``, with what the rows share."""
    for values in zip(*columns.values(), strict=True):
        yield shared | dict(zip(columns, values, strict=True))


def joined_warnings(entry: Json) -> str:
    """Return warnings as one text: ``code: message; code: message``."""
    return "; ".join(f"{warning['code']}: {warning['message']}" for warning in entry["warnings"])


class ForecastRows:
    """The rows that forecasts become in the tables of a :class:`ForecastTable`.

    Args:
        asked: the fields of the request: ``levels``, ``thresholds``, ``model`` and ``check``.
        before_time: further columns, which stand before the time.
    """

    def __init__(self, asked: Json, before_time: Kinds | None = None) -> None:
        self._asked, self._before_time = asked, before_time or {}
        self._forecasts: list[Json] = []
        self._events: list[Json] = []
        self._leads: list[Json] = []
        self._paths: list[pd.DataFrame] = []

    def read(self, names: Iterable[Hashable] | None, response: Json) -> None:
        """Add the forecasts in a response of ``/forecast``: by series, then model.

        Args:
            names: the caller's names of the series; None for their IDs.
            response: the JSON of the response.

        Raises:
            KeyError, TypeError, ValueError: if the response does not have the expected form.
        """
        models = response["models"] if self._asked["model"] == "all" else [response]
        known = [forecast["id"] for forecast in models[0]["forecasts"]] if names is None else names
        for name, *forecasts in zip(known, *(model["forecasts"] for model in models), strict=True):
            for model, forecast in zip(models, forecasts, strict=True):
                self.add(name, {"model": model.get("model"), "version": model.get("version")} | forecast)

    def add(self, station: Hashable, forecast: Json) -> None:
        """Add a forecast, or the error in its place.

        Raises:
            KeyError, TypeError, ValueError: if it does not have the expected form.
        """
        key = {"station": station, "model": forecast["model"]}
        shared = {**key, "version": forecast.get("version"), "chosen": forecast.get("chosen", {}).get("by")}
        if "error" in forecast:
            self._forecasts.append(shared | {"warnings": "", "error": forecast["error"]})
            return
        shared |= {name: forecast[name] for name in self._before_time}
        shared |= {"calibrated": self._is_calibrated(forecast), "warnings": joined_warnings(forecast), "error": None}
        if weather := forecast.get("weather"):
            shared |= {"weather_used": "; ".join(weather["used"]), "past_rmse_ratio": weather.get("past_rmse_ratio")}
        self._forecasts += rows_of(self._columns(forecast), shared)
        for event in forecast.get("events") or ():
            named = {**key, "event": event["name"], "kind": event.get("kind")}
            self._events.append(_event_row(event) | named)
            if "error" not in event:
                self._leads += rows_of({"time": forecast["timestamps"], **_lists(event)}, named)
        if forecast.get("paths"):
            self._paths.append(_path_table(key, forecast))

    def _columns(self, forecast: Json) -> dict[str, Sequence[Any]]:
        columns: dict[str, Sequence[Any]] = {"time": forecast["timestamps"], "sst": forecast["sst"]}
        none = dict.fromkeys(("lower", "upper"), [np.nan] * len(forecast["sst"]))
        intervals = {interval["level"]: interval for interval in forecast["intervals"]}
        for level in self._asked["levels"]:
            interval = intervals.get(level, none)
            columns |= {f"{side}_{level}": interval[side] for side in ("lower", "upper")}
        for threshold, exceedance in zip(self._asked["thresholds"], forecast.get("exceedance", ()), strict=True):
            columns[_exceedance(threshold)] = exceedance["probability"]
        return {**columns, **forecast["baselines"]}

    def _is_calibrated(self, forecast: Json) -> bool:
        entries = [*forecast["intervals"], *forecast.get("exceedance", ())]
        doubts = _doubts(self._asked)
        is_doubtful = any(warning["code"] in doubts for warning in forecast["warnings"])
        return not is_doubtful and all(entry["calibrated"] for entry in entries)

    def table(self) -> ForecastTable:
        """Return the tables, whose columns do not depend on which series failed."""
        kinds = forecast_kinds(self._asked, self._before_time)
        if any("weather_used" in row for row in self._forecasts):
            kinds = with_further(kinds, {"weather_used": "object", "past_rmse_ratio": "float64"})
        return self.around(table_of(self._forecasts, kinds, further="float64"))

    def around(self, forecasts: pd.DataFrame) -> ForecastTable:
        """Return a table of forecasts with the tables of events and paths."""
        table = ForecastTable(forecasts)
        table.events = table_of(self._events, _EVENTS)
        columns = [_by_name(field, name) for field, names in _BY_NAME.items() for name in names]
        table.event_leads = table_of(
            self._leads, {**_KEY, "time": "time", **dict.fromkeys((*_LISTS, *columns), "float64")}
        )
        empty = {"station": None, "model": None, "path": "int64", "time": "time", "sst": "float64"}
        table.paths = pd.concat(self._paths, ignore_index=True) if self._paths else table_of([], empty)
        return table


def forecast_kinds(asked: Json, before_time: Kinds | None = None) -> Kinds:
    """Return the columns of a table of forecasts."""
    texts = {"station": None, "model": None, "version": None, "chosen": "object"}
    bounds = [f"{side}_{level}" for level in asked["levels"] for side in ("lower", "upper")]
    return {
        **texts,
        **(before_time or {}),
        "time": "time",
        **dict.fromkeys(("sst", *bounds), "float64"),
        "calibrated": "boolean",
        **dict.fromkeys((*map(_exceedance, asked["thresholds"]), *BASELINES), "float64"),
        "warnings": None,
        "error": "object",
    }


def _exceedance(threshold: float) -> str:
    return f"exceedance_{threshold:.12g}"


def _doubts(asked: Json) -> frozenset[str]:
    """Return the warnings with which a forecast is not calibrated."""
    # With a check, the values that the warning names are left out.
    doubts = {"outside_training", "flat_line", "doubtful_step"}
    return frozenset(doubts if asked.get("check") else {*doubts, "suspect_value"})


def _event_row(event: Json) -> Json:
    if "error" in event:
        return {"warnings": "", "error": event["error"]}
    row = {field: value for field, value in event.items() if not isinstance(value, list | dict)}
    for field in ("onset", "longest", "peak", "baseline"):
        row |= {f"{field}_{part}": value for part, value in (event.get(field) or {}).items()}
    return {**row, **event.get("state", {}), "warnings": joined_warnings(event)}


def _lists(event: Json) -> dict[str, Sequence[float]]:
    lists = {name: event[name] for name in _LISTS if isinstance(event.get(name), list)}
    if "by_lead" in event:
        lists["probability"] = event["by_lead"]
    for field, names in _BY_NAME.items():
        lists |= {_by_name(field, name): values for name, values in event.get(field, {}).items() if name in names}
    return lists


def _by_name(field: str, name: str) -> str:
    """Return the column for a category or alert level: ``category_moderate``, ``alert_level_1``."""
    words = name.lower().replace(" ", "_")
    return words if words.startswith("alert") else f"{field.partition('_')[0]}_{words}"


def _path_table(key: Json, forecast: Json) -> pd.DataFrame:
    paths = forecast["paths"]
    index = pd.MultiIndex.from_product([range(len(paths)), utc(forecast["timestamps"])], names=["path", "time"])
    table = pd.DataFrame({"sst": np.ravel(paths)}, index=index).reset_index()
    table.insert(0, "station", pd.Series([key["station"]] * len(table), dtype="object"))
    table.insert(1, "model", key["model"])
    return table


def read_arrow(asked: Json, names: Names, content: bytes) -> pd.DataFrame:
    """Return the forecasts in an Arrow stream, with the columns of a table of forecasts.

    Raises:
        KeyError, TypeError, ValueError: if the response does not have the expected form.
    """
    response = find_pyarrow().ipc.open_stream(content).read_all().to_pandas()
    if asked["model"] != "all":
        # JSON has what all series of a response share in one place, for those that failed too.
        for column in ("model", "version"):
            shared = response[column].dropna().unique()
            if len(shared) == 1:
                response[column] = shared[0]
    by_id = {shown_id(name): name for name in names}
    columns = {name: response[name] for name in forecast_kinds(asked) if name in response}
    columns["station"] = [by_id[text] for text in response["station"]]
    columns["time"] = pd.DatetimeIndex(response["time"]).tz_convert("UTC").as_unit("us")
    for name in (*BASELINES, *_FURTHER_BASELINES):
        if name in BASELINES or response[f"baseline_{name}"].notna().any():
            columns[name] = response[f"baseline_{name}"]
    columns["calibrated"] = _are_calibrated(asked, response)
    columns["warnings"] = response["messages"].fillna("")
    return pd.DataFrame(columns)


def joined_arrow(asked: Json, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the parts of a table of forecasts as one, with its columns in their order and each with its type."""
    table = pd.concat(parts, ignore_index=True)
    kinds = forecast_kinds(asked)
    kinds = with_further(kinds, dict.fromkeys(table.columns, "float64"))
    for column in ("chosen", "error"):
        # The dtype object keeps None as it is, whether or not another row has an error.
        texts = table[column].astype("object")
        table[column] = texts.where(texts.notna(), None)
    return table[[*kinds]].astype({name: kind for name, kind in kinds.items() if kind not in (None, "time")})


def _are_calibrated(asked: Json, response: pd.DataFrame) -> "pd.Series[Any]":
    doubts = _doubts(asked)
    is_doubtful = response["warnings"].fillna("").map(lambda text: not doubts.isdisjoint(text.split(";")))
    is_calibrated = ~is_doubtful
    if asked["levels"] or asked["thresholds"]:
        is_calibrated &= response["calibrated"].fillna(value=False).astype(bool)
    return is_calibrated.astype("boolean").mask(response["error"].notna())


def past_event_rows(names: Names, response: Json) -> list[Json]:
    """Return the rows of one response to ``POST /events`` for series with these ``names``.

    Raises:
        KeyError, TypeError, ValueError: if the response does not have the expected form.
    """
    rows: list[Json] = []
    for name, series in zip(names, response["series"], strict=True):
        if "error" in series:
            rows.append({"station": name, "warnings": "", "error": series["error"]})
            continue
        period = series["baseline"] or {}
        shared = {"station": name, "warnings": joined_warnings(series)}
        shared |= {f"baseline_{edge}": period.get(edge) for edge in ("start", "end")}
        rows += [event | shared for event in series["events"]]
    return rows


def past_event_table(parts: Iterable[Sequence[Json]]) -> pd.DataFrame:
    """Return the rows of :func:`past_event_rows` of all responses as one table."""
    return table_of([row for rows in parts for row in rows], _PAST_EVENTS)
