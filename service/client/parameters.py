"""The arguments of the client: checked, and as fields and parameters of requests."""

import math
import operator
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

Json = dict[str, Any]
Units = Literal["celsius", "kelvin", "fahrenheit"]

Degrees: TypeAlias = "float | Mapping[Any, float] | pd.Series[float] | None"
"""A coordinate of every series, or of each by its name; None if it is not known."""

TimeInput: TypeAlias = "str | datetime | None"
"""A time, such as a pandas Timestamp or text in ISO 8601."""


@dataclass(frozen=True)
class Positions:
    """Where the series are from.

    Attributes:
        latitude: degrees north.
        longitude: degrees east.
    """

    latitude: Degrees = None
    longitude: Degrees = None

    def fields(self, name: Hashable) -> Json:
        """Return the JSON fields of the series with this name.

        Raises:
            TypeError: if a coordinate is not a number.
            ValueError: if only one of the coordinates is known, or one is infinite. NaN means unknown.
        """
        north, east = (_coordinate(name, side, getattr(self, side)) for side in ("latitude", "longitude"))
        if (north is None) != (east is None):
            raise ValueError(f"series {name!r} has only one coordinate: pass both latitude and longitude, or neither")
        return drop_none(latitude=north, longitude=east)


def _coordinate(name: Hashable, side: str, degrees: Degrees) -> float | None:
    value = degrees.get(name) if isinstance(degrees, Mapping | pd.Series) else degrees
    if value is None:
        return None
    if isinstance(value, bool | np.bool_ | str):
        raise TypeError(f"series {name!r}: its {side} is {value!r}: expected degrees such as 43.6")
    try:
        number = float(value)
    except TypeError:
        raise TypeError(f"series {name!r}: its {side} is {value!r}: expected degrees such as 43.6") from None
    if math.isinf(number):
        raise ValueError(f"series {name!r}: its {side} is infinite: expected degrees such as 43.6")
    return None if math.isnan(number) else number


@dataclass(frozen=True)
class ForecastParameters:
    """The parameters of ``POST /forecast`` other than the series."""

    model: str
    dataset: str | None
    horizon: int
    levels: tuple[int, ...]
    thresholds: tuple[float, ...] = ()
    units: Units = "celsius"
    events: tuple[Json, ...] = ()
    paths: int = 0
    baseline: Json | None = None
    check: bool = False
    as_of: str | None = None

    @classmethod
    def of(
        cls,
        model: str,
        dataset: str | None,
        horizon: int,
        levels: Sequence[int],
        thresholds: Sequence[float] = (),
        units: Units = "celsius",
        *,
        check: bool = False,
        as_of: TimeInput = None,
    ) -> "ForecastParameters":
        """Check a caller's arguments, whose numbers may be NumPy's.

        Raises:
            TypeError: if the horizon or a level is not an integer, a threshold is not a number, or a list is missing.
            ValueError: if a threshold is not finite.
        """
        percents = tuple(whole("a level", level) for level in _listed("levels", levels, "[80, 95]"))
        temperatures = tuple(_temperature(value) for value in _listed("thresholds", thresholds, "[24.5]"))
        if not all(map(math.isfinite, temperatures)):
            raise ValueError(f"thresholds are {list(temperatures)}: each must be a finite temperature")
        now = written_time(as_of)
        return cls(model, dataset, whole("horizon", horizon), percents, temperatures, units, check=check, as_of=now)

    def with_events(self, events: tuple[Json, ...], paths: int, baseline: Json | None) -> "ForecastParameters":
        """Return these parameters with events, a number of sample paths to return, and a baseline for every series.

        Raises:
            TypeError: if the number is not an integer.
        """
        return replace(self, events=events, paths=whole("paths", paths), baseline=baseline)

    @property
    def fields(self) -> Json:
        """The fields of the request's body other than the series."""
        return drop_none(
            model=self.model,
            horizon=self.horizon,
            levels=self.levels,
            thresholds=self.thresholds,
            units=self.units,
            dataset=self.dataset,
            events=self.events or None,
            paths=self.paths or None,
            baseline=self.baseline,
            check=self.check or None,
            as_of=self.as_of,
        )


@dataclass(frozen=True)
class ComparisonParameters:
    """The parameters of ``POST /compare`` other than the series."""

    model: str
    dataset: str | None
    horizon: int
    units: Units

    @property
    def fields(self) -> Json:
        """The fields of the request's body other than the series."""
        horizon = whole("horizon", self.horizon)
        return drop_none(model=self.model, horizon=horizon, units=self.units, dataset=self.dataset)


def whole(name: str, value: Any) -> int:
    """Return an argument as an int; it may be one of NumPy's integers.

    Raises:
        TypeError: if it is not an integer. True and False do not count.
    """
    if not isinstance(value, bool):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise TypeError(f"{name} is {value!r}: expected an integer; convert it with int()")


def _listed(name: str, values: Any, example: str) -> "Iterable[Any]":
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} is {values!r}: expected a list such as {example}")
    return values


def _temperature(value: Any) -> float:
    if isinstance(value, bool | np.bool_ | str):
        raise TypeError(f"a threshold is {value!r}: expected a temperature such as 24.5")
    try:
        return float(value)
    except TypeError:
        raise TypeError(f"a threshold is a {type(value).__name__}: expected a temperature such as 24.5") from None


def written_time(time: TimeInput) -> str | None:
    """Return a time in ISO 8601; None for None."""
    return time if time is None or isinstance(time, str) else time.isoformat()


def drop_none(**fields: object) -> Json:
    """Return the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}
