"""The options of all calls, declared once: how arguments are checked, and what is sent."""

import json
import math
import operator
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias, TypedDict

import numpy as np
import pandas as pd

Json = dict[str, Any]
Units = Literal["celsius", "kelvin", "fahrenheit"]
EventKind = Literal["marine_heatwave", "marine_cold_spell"]

Degrees: TypeAlias = "float | Mapping[Any, float] | pd.Series[float] | None"
"""A coordinate of every series, or of each by its name; None if it is not known."""

TimeInput: TypeAlias = str | datetime | None
"""A time, such as a pandas Timestamp or text in ISO 8601."""

EventInput: TypeAlias = Mapping[str, Any]
"""An event with the fields of ``events`` in ``POST /forecast``, such as ``{"name": "warm", "above": 24, "for": 5}``."""

BaselineInput: TypeAlias = "pd.DataFrame | Mapping[Any, Any] | str | None"
"""A baseline for every series, or one for each by its name.

A baseline is a mapping with ``start`` and ``end``, or with ``climatology`` and ``threshold``; or a DataFrame with these
two columns and 366 rows; or the word ``position``, for the coarse climatology of the position.
"""

STATION_ID: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"

_POSITION: Final = "position"
_BASELINE_FIELDS: Final = frozenset({"start", "end", "climatology", "threshold"})


class FileOptions(TypedDict, total=False):
    """What to override when the service reads a file: the parameters of ``POST /series``."""

    format: Literal["csv", "erddap", "ndbc", "netcdf"]
    station: str
    at: str
    depth: float
    time_column: str
    value_column: str
    flags: str
    units: Units
    missing: Sequence[float]
    dates: Literal["dmy", "mdy"]
    timezone: str
    resample: str
    check: bool


def given(**arguments: Any) -> Json:
    """Return the options that are not None as fields of a body, without those that ask for nothing.

    Raises:
        TypeError: if an argument has another type than its option.
        ValueError: if a number is missing or infinite.
    """
    fields = {
        name: _WRITERS[name](name, value) if name in _WRITERS else value
        for name, value in arguments.items()
        if value is not None
    }
    return {name: value for name, value in fields.items() if value is not None}


def in_query(fields: Json) -> Json:
    """Return fields of a body as parameters of a query."""
    query = {_QUERY_NAMES.get(name, name): value for name, value in fields.items()}
    if "level" in query:
        # An empty value asks for no levels; without the parameter, the service chooses them.
        query["level"] = query["level"] or ""
    return query | ({"events": json.dumps(query["events"])} if "events" in query else {})


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


def written_time(name: str, time: TimeInput) -> str | None:
    """Return a time in ISO 8601; None for None."""
    return time if time is None or isinstance(time, str) else time.isoformat()


def checked_station(station: str) -> str:
    """Return the ID of a station.

    Raises:
        TypeError: if it is not text.
        ValueError: if it has characters that IDs cannot have.
    """
    if not isinstance(station, str):
        raise TypeError(f"the ID of a station is {station!r}: expected text such as 'pier'")
    if not re.fullmatch(STATION_ID, station):
        raise ValueError(
            f"invalid station ID {station!r}: expected up to 64 letters, digits, dots, hyphens and underscores, "
            "beginning with a letter or a digit"
        )
    return station


def split_baseline(baseline: BaselineInput) -> tuple[BaselineInput, Mapping[Any, Any]]:
    """Return the baseline for every series, and those of some series by name."""
    is_by_name = isinstance(baseline, Mapping) and not _BASELINE_FIELDS.issuperset(baseline)
    return (None, baseline) if isinstance(baseline, Mapping) and is_by_name else (baseline, {})


def series_fields(latitude: Degrees, longitude: Degrees, baselines: Mapping[Any, Any], name: Hashable) -> Json:
    """Return the position and the baseline of the series with this name, if they are known.

    Raises:
        TypeError: if a coordinate is not a number, or the baseline is not one.
        ValueError: if only one of the coordinates is known, or a number is infinite. A coordinate of NaN is unknown.
    """
    sides = {"latitude": latitude, "longitude": longitude}
    north, east = (_coordinate(name, side, degrees) for side, degrees in sides.items())
    if (north is None) != (east is None):
        raise ValueError(f"series {name!r} has only one coordinate: pass both latitude and longitude, or neither")
    fields: Json = {} if north is None else {"latitude": north, "longitude": east}
    baseline = baselines.get(name)
    return (
        fields if baseline is None else fields | {"baseline": _baseline(f"the baseline of series {name!r}", baseline)}
    )


def _coordinate(name: Hashable, side: str, degrees: Degrees) -> float | None:
    value = degrees.get(name) if isinstance(degrees, Mapping | pd.Series) else degrees
    if value is None:
        return None
    label = f"series {name!r}: its {side}"
    number = _number(f"{label} is {value!r}: expected degrees such as 43.6", value)
    if math.isinf(number):
        raise ValueError(f"{label} is infinite: expected degrees such as 43.6")
    return None if math.isnan(number) else number


def _number(message: str, value: Any) -> float:
    if isinstance(value, bool | np.bool_ | str):
        raise TypeError(message)
    try:
        return float(value)
    except TypeError:
        raise TypeError(message) from None


def _listed(name: str, values: Any, example: str) -> Iterable[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} is {values!r}: expected a list such as {example}")
    return values


def _levels(name: str, values: Any) -> list[int]:
    return [whole("a level", level) for level in _listed(name, values, "[80, 95]")]


def _thresholds(name: str, values: Any) -> list[float]:
    temperatures = []
    for value in _listed(name, values, "[24.5]"):
        shown = repr(value) if isinstance(value, bool | np.bool_ | str) else f"a {type(value).__name__}"
        temperatures.append(_number(f"a threshold is {shown}: expected a temperature such as 24.5", value))
    if not all(map(math.isfinite, temperatures)):
        raise ValueError(f"{name} are {temperatures}: each must be a finite temperature")
    return temperatures


def _baseline(label: str, baseline: Any) -> Json | str:
    if isinstance(baseline, str) and baseline == _POSITION:
        return baseline
    fields = baseline.keys() if isinstance(baseline, pd.DataFrame | Mapping) else None
    if fields is None or not _BASELINE_FIELDS.issuperset(fields):
        problem = f"has the type {type(baseline).__name__}"
        if fields is not None:
            problem = f"has {', '.join(map(repr, fields)) or 'no fields'}"
        raise TypeError(
            f"{label} {problem}: expected a mapping with start and end, or with climatology and threshold, "
            "or 'position'"
        )
    return {str(field): _edge_or_curve(f"{field} of {label}", values) for field, values in baseline.items()}


def _edge_or_curve(label: str, values: Any) -> Any:
    if isinstance(values, str) or not isinstance(values, Iterable):
        return values.isoformat() if hasattr(values, "isoformat") else str(values)
    return [_plain(label, value) for value in values]


def _texts(name: str, texts: Any) -> list[str] | None:
    if isinstance(texts, str):
        raise TypeError(f"{name} is a str: expected a list of them")
    return [*texts] or None


def _events(name: str, events: Any) -> list[Json] | None:
    if isinstance(events, str | Mapping) or not isinstance(events, Iterable):
        example = '[{"name": "warm", "above": 24}]'
        raise TypeError(f"{name} is a {type(events).__name__}: expected a list such as {example}")
    return [_event(event) for event in events] or None


def _event(event: Any) -> Json:
    if not isinstance(event, Mapping):
        raise TypeError(f'an event is {event!r}: expected a mapping such as {{"name": "warm", "above": 24}}')
    return {str(field): _plain(f"{field} of event {event.get('name')!r}", value) for field, value in event.items()}


def _plain(label: str, value: Any) -> Any:
    """Return a value as JSON takes it, with numbers of NumPy as Python's."""
    if isinstance(value, Mapping):
        return {str(field): _plain(f"{field} of {label}", inner) for field, inner in value.items()}
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, float) and not math.isfinite(plain):
        raise ValueError(f"{label} is {plain}: expected a finite number")
    return plain


_WRITERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "horizon": whole,
    "levels": _levels,
    "thresholds": _thresholds,
    "events": _events,
    "paths": lambda name, number: whole(name, number) or None,
    "baseline": _baseline,
    "check": lambda name, flag: flag or None,
    "as_of": written_time,
    "origin": written_time,
    "origins": whole,
    "start": written_time,
    "end": written_time,
    "lead": whole,
    "revisions": lambda name, flag: flag or None,
    "limit": whole,
    "flag": whole,
    "latitude": lambda name, degrees: float(degrees),
    "longitude": lambda name, degrees: float(degrees),
    "webhooks": lambda name, webhooks: [*webhooks] or None,
    "notify": _texts,
}
"""What writes the argument of an option, by its name; others are sent as they are."""

_QUERY_NAMES: Final = {"levels": "level", "thresholds": "threshold", "start": "from", "end": "to"}
