"""pandas on the way out: series as the bodies of ``POST /forecast`` and ``POST /compare``."""

import json
import math
import operator
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import pandas as pd

Json = dict[str, Any]
Units = Literal["celsius", "kelvin", "fahrenheit"]
SeriesInput: TypeAlias = "pd.Series[Any] | pd.DataFrame | Mapping[Any, pd.Series[Any]]"

MAX_ID: Final = 256
"""Characters of a series' id that the service takes."""

_NO_TEMPERATURES: Final = frozenset({"boolean", "datetime64", "datetime", "timedelta64", "timedelta"})
"""What pandas calls values that would become numbers all the same."""

_SHORTEST_MONTH: Final = np.timedelta64(28, "D")


@dataclass(frozen=True)
class Station:
    """A series on its way: the caller's name for it, and its JSON."""

    name: Hashable
    text: str


@dataclass(frozen=True)
class ForecastParameters:
    """Parameters of ``POST /forecast``, besides the series."""

    model: str
    dataset: str | None
    horizon: int
    levels: tuple[int, ...]
    thresholds: tuple[float, ...] = ()
    units: Units = "celsius"

    @classmethod
    def of(
        cls,
        model: str,
        dataset: str | None,
        horizon: int,
        levels: Sequence[int],
        thresholds: Sequence[float] = (),
        units: Units = "celsius",
    ) -> "ForecastParameters":
        """From a caller's arguments, whose numbers may be numpy's.

        Raises:
            TypeError: if the horizon or a level is no integer, a threshold no number, or one is given for a list.
            ValueError: if a threshold is not finite.
        """
        percents = tuple(whole("a level", level) for level in _listed("levels", levels, "[80, 95]"))
        temperatures = tuple(_temperature(one) for one in _listed("thresholds", thresholds, "[24.5]"))
        if not all(map(math.isfinite, temperatures)):
            raise ValueError(f"thresholds are {list(temperatures)}: each must be a finite temperature")
        return cls(model, dataset, whole("horizon", horizon), percents, temperatures, units)

    @property
    def fields(self) -> Json:
        """The fields of the request's body, but for its series."""
        return stated(
            model=self.model,
            horizon=self.horizon,
            levels=self.levels,
            thresholds=self.thresholds,
            units=self.units,
            dataset=self.dataset,
        )


@dataclass(frozen=True)
class ComparisonParameters:
    """Parameters of ``POST /compare``, besides the series."""

    model: str
    dataset: str | None
    horizon: int
    units: Units

    @property
    def fields(self) -> Json:
        """The fields of the request's body, but for its series."""
        horizon = whole("horizon", self.horizon)
        return stated(model=self.model, horizon=horizon, units=self.units, dataset=self.dataset)


def whole(name: str, value: Any) -> int:
    """An argument that counts something, numpy's integers among them.

    Raises:
        TypeError: if it is no integer; True and False are none.
    """
    if not isinstance(value, bool):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise TypeError(f"{name} is {value!r}: give a whole number, as int(…) makes one")


def _listed(name: str, values: Any, example: str) -> "Iterable[Any]":
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} is {values!r}: give a list, as {example}")
    return values


def _temperature(value: Any) -> float:
    if isinstance(value, bool | np.bool_ | str):
        raise TypeError(f"a threshold is {value!r}: give a temperature, as 24.5")
    try:
        return float(value)
    except TypeError:
        raise TypeError(f"a threshold is a {type(value).__name__}: give a temperature, as 24.5") from None


def stated(**fields: object) -> Json:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True)
class Batch:
    """One request: the names of its series, in order, and its body."""

    names: tuple[Hashable, ...]
    body: str


def batches(fields: Json, stations: Sequence[Station], max_series: int, max_bytes: int) -> Iterator[Batch]:
    """Requests of at most ``max_series`` series and ``max_bytes`` bytes, with these ``fields``.

    A series over that goes by itself.
    """
    head = json.dumps(fields).removesuffix("}")
    template = '%s, "series": [%s]}'
    room = max_bytes - len(template % (head, ""))
    for group in _groups(stations, max_series, room):
        yield Batch(tuple(one.name for one in group), template % (head, ",".join(one.text for one in group)))


def _groups(stations: Sequence[Station], max_series: int, max_bytes: int) -> Iterator[Sequence[Station]]:
    begin, size = 0, 0
    for i, station in enumerate(stations):
        length = len(station.text) + 1
        if i > begin and (i - begin >= max_series or size + length > max_bytes):
            yield stations[begin:i]
            begin, size = i, 0
        size += length
    yield stations[begin:]


def read_stations(series: SeriesInput) -> list[Station]:
    """The series of a Series, of a DataFrame's columns, or of a mapping's values.

    Raises:
        TypeError: if they are something else.
        ValueError: if there is none, an index holds no times, a value is no number, or a name cannot be sent.
    """
    stations, index, times = [], None, ""
    for name, one in _named(series):
        if index is None or not one.index.is_(index):
            index, times = one.index, _times(name, one)
        stations.append(Station(name, _station(name, one, times)))
    if not stations:
        raise ValueError("there is no series to forecast: the DataFrame has no columns, or the mapping is empty")
    return stations


def _named(series: SeriesInput) -> "Iterator[tuple[Hashable, pd.Series[Any]]]":
    """The series, each with the caller's name for it."""
    if isinstance(series, pd.Series):
        yield "0" if series.name is None else series.name, series
        return
    if not isinstance(series, pd.DataFrame | Mapping):
        raise TypeError(f"series is a {type(series).__name__}: give a Series, a DataFrame or a mapping of Series")
    for name, one in series.items():
        if not isinstance(one, pd.Series):
            raise TypeError(f"series {name!r} is a {type(one).__name__}: give a Series")
        yield name, one


def _station(name: Hashable, series: "pd.Series[Any]", times: str) -> str:
    values, shown = _values(name, series), str(name)[:MAX_ID]
    try:
        shown.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"series {name!r}: its name holds half of a character, a lone surrogate, which JSON cannot carry: give it "
            "another name"
        ) from None
    return f'{{"id": {json.dumps(shown)}, {times}, "values": {json.dumps(values)}}}'


def _values(name: Hashable, series: "pd.Series[Any]") -> list[float | None]:
    if pd.api.types.infer_dtype(series, skipna=True) in _NO_TEMPERATURES:
        raise ValueError(
            f"series {name!r}: its values must be numbers, and are of type {series.dtype}: give the temperatures, or "
            "leave this one out"
        )
    try:
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(f"series {name!r}: its values must be numbers: {error}") from None
    infinite = np.isinf(values)
    if infinite.any():
        where = series.index[int(infinite.argmax())]
        raise ValueError(f"series {name!r}: the value at {where} is infinite; set it to NaN if it is missing")
    return [None if math.isnan(value) else value for value in values.tolist()]


def _times(name: Hashable, series: "pd.Series[Any]") -> str:
    """The fields of JSON that say when: ``start`` and ``step`` of a regular index, else every time."""
    index = series.index
    if not len(index):
        raise ValueError(
            f"series {name!r} holds no values: give at least as many as the model's window, or leave it out"
        )
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if not isinstance(index, pd.DatetimeIndex):
        raise ValueError(
            f"series {name!r}: its index must hold times, one column a station: set it with pandas.to_datetime"
        )
    if index.hasnans:
        raise ValueError(f"series {name!r}: the time at position {int(index.isna().argmax())} is missing (NaT)")
    step = _step(index)
    fields: Json = {"start": index[0].isoformat(), "step": step}
    if step is None:
        # As they stand, offsets included: for months the service goes by the clock of the place.
        fields = {"timestamps": [time.isoformat() for time in index]}
    return json.dumps(fields)[1:-1]


def _step(index: pd.DatetimeIndex) -> str | None:
    """ISO 8601 name of the step of an index that is regular beyond doubt; None where the service is to judge."""
    local = index.tz_localize(None).to_numpy()
    months = local.astype("datetime64[M]")
    if len(index) > 2 and (months == local).all() and (np.diff(months).astype(np.int64) == 1).all():
        return "P1M"
    intervals = np.diff(index.tz_convert(None).to_numpy() if index.tz is not None else local)
    if not len(intervals) or not (intervals == intervals[0]).all():
        return None
    seconds = intervals[0] / np.timedelta64(1, "s")
    if seconds < 1 or seconds % 1 or intervals[0] >= _SHORTEST_MONTH:
        return None
    return pd.Timedelta(seconds=int(seconds)).isoformat()
