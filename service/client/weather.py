"""The weather over the series of a request: DataFrames, or the fields of the request."""

import math
from collections.abc import Hashable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from service.client.options import Json

WeatherInput: TypeAlias = "pd.DataFrame | Mapping[Any, Any] | None"
"""The weather over every series, or over each by its name.

It is a DataFrame indexed by time with the columns ``air_temperature`` and ``wind_speed`` (m/s), or one of them; or a
mapping with the fields of ``weather`` in ``POST /forecast``.
"""

_COVARIATES: Final = ("air_temperature", "wind_speed")
_ISSUED: Final = "issued"
_FIELDS: Final = frozenset({"start", "wind_units", "source", _ISSUED, *_COVARIATES})


def weather_of(weather: WeatherInput, name: Hashable) -> Json | None:
    """Return the weather over the series with this name as the field of a request; None if it has none.

    Raises:
        TypeError: if it is neither a DataFrame nor a mapping.
        ValueError: if it has other columns, no times, times that are not regular, or values that are not numbers.
    """
    if isinstance(weather, Mapping) and not _FIELDS.issuperset(weather):
        weather = weather.get(name)
    if weather is None:
        return None
    label = f"the weather of series {name!r}"
    if isinstance(weather, Mapping):
        return {str(field): _listed(field, value) for field, value in weather.items()}
    if not isinstance(weather, pd.DataFrame):
        raise TypeError(f"{label} is a {type(weather).__name__}: expected a DataFrame with {' and '.join(_COVARIATES)}")
    return _of_frame(label, weather)


def _listed(field: str, value: Any) -> Any:
    """Return a field of a request, with NaN as null."""
    if field == _ISSUED:
        return [{str(name): _listed(name, part) for name, part in forecast.items()} for forecast in value]
    if field not in _COVARIATES:
        return value.isoformat() if hasattr(value, "isoformat") else value
    return _numbers(field, pd.Series(value))


def _of_frame(label: str, frame: pd.DataFrame) -> Json:
    unknown = [column for column in frame.columns if column not in (*_COVARIATES, _ISSUED)]
    if unknown or not set(frame.columns) & {*_COVARIATES}:
        shown = ", ".join(map(repr, unknown or frame.columns)) or "no columns"
        raise ValueError(f"{label} has {shown}: expected the columns {' and '.join(_COVARIATES)}, or one of them")
    index = frame.index.to_timestamp() if isinstance(frame.index, pd.PeriodIndex) else frame.index
    if not isinstance(index, pd.DatetimeIndex):
        raise ValueError(f"{label}: its index must hold times: convert it with pandas.to_datetime")
    frame = frame.set_axis(index if index.tz is not None else index.tz_localize("UTC")).sort_index()
    if _ISSUED not in frame:
        return _newest(label, frame)
    issued = pd.to_datetime(frame[_ISSUED], utc=True, format="ISO8601")
    values = frame.drop(columns=_ISSUED)
    older = [_issued(label, values[issued == time], time) for time in issued.dropna().unique()]
    return {**_newest(label, values[issued.isna()]), _ISSUED: [forecast for forecast in older if forecast]}


def _newest(label: str, frame: pd.DataFrame) -> Json:
    if frame.empty:
        raise ValueError(f"{label} has no rows, except for older forecasts")
    regular = _regular(label, frame)
    return {"start": regular.index[0].isoformat(), **_columns(regular)}


def _issued(label: str, frame: pd.DataFrame, time: pd.Timestamp) -> Json:
    """Return a forecast that was issued at a time, from the first step after it."""
    frame = frame[frame.index > time]
    if frame.empty:
        return {}
    regular = _regular(label, frame)
    step = regular.index[1] - regular.index[0] if len(regular) > 1 else frame.index[0] - time
    skipped = max(math.ceil((regular.index[0] - time) / step) - 1, 0)
    columns = {name: [None] * skipped + values for name, values in _columns(regular).items()}
    return {_ISSUED: time.isoformat(), **columns}


def _regular(label: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows at regular times, with NaN where there was none."""
    times = frame.index
    assert isinstance(times, pd.DatetimeIndex)
    if len(times) < 2:
        return frame
    local = times.tz_localize(None)
    is_monthly = bool((local == local.to_period("M").to_timestamp()).all())
    step = "MS" if is_monthly else (times[1:] - times[:-1]).min()
    if not is_monthly and not step:
        raise ValueError(f"{label} has a time twice: keep one row for each")
    grid = pd.date_range(times[0], times[-1], freq=step)
    if not times.isin(grid).all():
        raise ValueError(f"{label}: its times are not regular: resample it to the step of the series")
    return frame.reindex(grid)


def _columns(frame: pd.DataFrame) -> Json:
    return {name: _numbers(name, frame[name]) for name in _COVARIATES if name in frame and frame[name].notna().any()}


def _numbers(name: str, column: "pd.Series[Any]") -> list[float | None]:
    try:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: its values must be numbers: {error}") from None
    return [value if math.isfinite(value) else None for value in values.tolist()]
