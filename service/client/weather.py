"""The weather over the series of a request: DataFrames, or the fields of the request."""

import math
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import pandas as pd

from service.client.options import Json
from service.client.series import in_index

WeatherInput: TypeAlias = "pd.DataFrame | Mapping[Any, Any] | None"
"""The weather over every series, or over each by its name.

It is a DataFrame indexed by time with the columns ``air_temperature`` and ``wind_speed`` (m/s), or one of them; or a
mapping with the fields of ``weather`` in ``POST /forecast``.
"""

_COVARIATES: Final = ("air_temperature", "wind_speed")
_ISSUED: Final = "issued"
_FIELDS: Final = frozenset({"start", "wind_units", "source", _ISSUED, *_COVARIATES})


Step: TypeAlias = pd.Timedelta | Literal["MS"]
"""The step of a series; ``MS`` for months."""


def refuse_other_names(weather: WeatherInput, names: Collection[Hashable]) -> None:
    """Refuse a mapping whose keys are neither fields nor names of series.

    Raises:
        ValueError: if no key is the name of a series, and some are no fields of weather.
    """
    if not isinstance(weather, Mapping) or _FIELDS.issuperset(weather) or any(key in names for key in weather):
        return
    wrong = ", ".join(repr(key) for key in weather if key not in _FIELDS)[:200]
    raise ValueError(
        f"weather has {wrong}, which is no name of a series of the request: expected names of series, or the fields "
        f"{', '.join(sorted(_FIELDS))}"
    )


def step_of(times: pd.DatetimeIndex) -> Step | None:
    """Return the step of regular times, some of which may be missing, in any order; None if there is no such step."""
    if _are_months(times):
        return "MS" if len(times) > 2 else None
    # Days of a time zone with summer time are regular on its own clock only.
    for clock in (times.tz_convert(None) if times.tz is not None else times, times.tz_localize(None)):
        intervals = np.diff(np.unique(clock.to_numpy()))
        if len(intervals) and not (intervals % intervals.min()).any():
            return pd.Timedelta(intervals.min())
    return None


def weather_of(weather: WeatherInput, name: Hashable, step: Step | None = None) -> Json | None:
    """Return the weather over the series with this name as the field of a request; None if it has none.

    Args:
        weather: over all series, or by name.
        name: of the series.
        step: of the series; that of the weather if None.

    Raises:
        TypeError: if it is neither a DataFrame nor a mapping, or its older forecasts are not mappings.
        ValueError: if it has other columns or one twice, no times, times at another step, or values that are not
            numbers.
    """
    if isinstance(weather, Mapping) and not _FIELDS.issuperset(weather):
        weather = weather.get(name)
    if weather is None:
        return None
    label = f"the weather of series {name!r}"
    if isinstance(weather, Mapping):
        return {str(field): _listed(label, field, value) for field, value in weather.items() if value is not None}
    if not isinstance(weather, pd.DataFrame):
        raise TypeError(f"{label} is a {type(weather).__name__}: expected a DataFrame with {' and '.join(_COVARIATES)}")
    return _of_frame(label, weather, step)


def _listed(label: str, field: str, value: Any) -> Any:
    """Return a field of a request, with NaN as null."""
    if field == _ISSUED:
        if isinstance(value, str) or not isinstance(value, Iterable):
            value = [value]
        return [_older(label, forecast) for forecast in value]
    if field not in _COVARIATES:
        return value.isoformat() if hasattr(value, "isoformat") else value
    return _numbers(field, pd.Series(value))


def _older(label: str, forecast: Any) -> Json:
    if not isinstance(forecast, Mapping):
        raise TypeError(
            f"{label}: issued has {str(forecast)[:40]!r}: expected a list of older forecasts, each a mapping with "
            f"issued, the time of issue, and {' and '.join(_COVARIATES)}, or one of them"
        )
    return {
        str(name): value.isoformat() if hasattr(value, "isoformat") else _listed(label, name, value)
        for name, value in forecast.items()
    }


def _of_frame(label: str, frame: pd.DataFrame, step: Step | None) -> Json:
    unknown = [column for column in frame.columns if column not in (*_COVARIATES, _ISSUED)]
    if unknown or not set(frame.columns) & {*_COVARIATES}:
        shown = ", ".join(map(repr, unknown or frame.columns)) or "no columns"
        raise ValueError(f"{label} has {shown}: expected the columns {' and '.join(_COVARIATES)}, or one of them")
    if not frame.columns.is_unique:
        raise ValueError(f"{label} has the column {frame.columns[frame.columns.duplicated()][0]!r} twice: drop one")
    index = in_index(label, frame.index)
    frame = frame.set_axis(index if index.tz is not None else index.tz_localize("UTC")).sort_index()
    if _ISSUED not in frame:
        return _newest(label, frame, step)
    try:
        issued = pd.to_datetime(frame[_ISSUED], utc=True, format="ISO8601")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{label}: the values of issued must be times: {error}") from None
    values = frame.drop(columns=_ISSUED)
    older = [_issued(label, values[issued == time], time, step) for time in issued.dropna().unique()]
    return {**_newest(label, values[issued.isna()], step), _ISSUED: [forecast for forecast in older if forecast]}


def _newest(label: str, frame: pd.DataFrame, step: Step | None) -> Json:
    if frame.empty:
        raise ValueError(f"{label} has no rows, except for older forecasts")
    regular = _regular(label, frame, step)
    return {"start": regular.index[0].isoformat(), **_columns(regular)}


def _issued(label: str, frame: pd.DataFrame, time: pd.Timestamp, step: Step | None) -> Json:
    """Return a forecast that was issued at a time, from the first step after it."""
    frame = frame[frame.index > time]
    if frame.empty:
        return {}
    regular = _regular(label, frame, step)
    interval = regular.index[1] - regular.index[0] if len(regular) > 1 else frame.index[0] - time
    if isinstance(step, pd.Timedelta):
        interval = step
    skipped = max(math.ceil((regular.index[0] - time) / interval) - 1, 0)
    columns = {name: [None] * skipped + values for name, values in _columns(regular).items()}
    return {_ISSUED: time.isoformat(), **columns}


def _regular(label: str, frame: pd.DataFrame, step: Step | None) -> pd.DataFrame:
    """Return rows at the step of the series, or their own if None, with NaN where there was none."""
    times = frame.index
    assert isinstance(times, pd.DatetimeIndex)
    if len(times) < 2:
        return frame
    if not times.is_unique:
        raise ValueError(f"{label} has a time twice: keep one row for each")
    if step is None:
        step = "MS" if _are_months(times) else (times[1:] - times[:-1]).min()
    grid = pd.date_range(times[0], times[-1], freq=step)
    if not times.isin(grid).all():
        shown = "calendar months" if step == "MS" else str(step)
        raise ValueError(
            f"{label}: its times are not regular, at steps of {shown}: resample it to the step of the series, for "
            "example with DataFrame.resample(…).mean()"
        )
    return frame.reindex(grid)


def _are_months(times: pd.DatetimeIndex) -> bool:
    local = times.tz_localize(None)
    return bool((local == local.to_period("M").to_timestamp()).all())


def _columns(frame: pd.DataFrame) -> Json:
    return {name: _numbers(name, frame[name]) for name in _COVARIATES if name in frame and frame[name].notna().any()}


def _numbers(name: str, column: "pd.Series[Any]") -> list[float | None]:
    try:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: its values must be numbers: {error}") from None
    return [value if math.isfinite(value) else None for value in values.tolist()]
