"""ERDDAP servers: the description of a dataset, and the address of one series in it."""

import csv
import io
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote

import numpy as np

from forecasting.errors import SourceError
from forecasting.remedies import Remedy
from forecasting.series.times import parse_time, unix_seconds

Span = tuple[float, float]

_STATION_NAMES: Final = ("station", "station_id", "station_name", "stationid", "platform", "platform_code", "buoy",
                         "buoy_id", "site", "wmo_platform_code")  # fmt: skip
_DEPTH_NAMES: Final = ("depth", "altitude", "zlev", "lev")
_HALFWAY_TOLERANCE: Final = 0.01
"""Share of a spacing: this close to halfway between two values, either may be the nearest."""
_CIRCLE: Final = 360.0
_PROVENANCE: Final = ("title", "institution", "license", "infoUrl", "creator_name", "references", "time_coverage_end")


def parse_span(text: str) -> Span:
    """Return a span, from one number or two as in ``43.5:44``."""
    try:
        low, _, high = text.partition(":")
        span = float(low), float(high or low)
    except ValueError:
        raise ValueError(f"expected a number, or two as in 43.5:44, got {text!r}") from None
    if not span[0] <= span[1]:
        raise ValueError(f"{text!r} is in the wrong order: write the lower number first")
    return span


@dataclass(frozen=True)
class SeriesQuery:
    """The part of a dataset to request; None requests all of an axis."""

    variables: tuple[str, ...]
    start: str | None = None
    end: str | None = None
    lat: Span | None = None
    lon: Span | None = None
    depth: Span | None = None
    station: str | None = None


@dataclass(frozen=True)
class DatasetInfo:
    """An ERDDAP server's description of a dataset."""

    server: str
    name: str
    dimensions: dict[str, int]
    variables: tuple[str, ...]
    attributes: dict[str, dict[str, str]]
    types: dict[str, str] = field(default_factory=dict)
    even: frozenset[str] = frozenset()
    descending: frozenset[str] = frozenset()

    @property
    def protocol(self) -> str:
        """``griddap`` or ``tabledap``."""
        return "griddap" if self.dimensions else "tabledap"

    @property
    def provenance(self) -> dict[str, str]:
        """Title, licence and similar attributes, as far as the server gives them."""
        attributes = self.attributes.get("NC_GLOBAL", {})
        return {name: attributes[name] for name in _PROVENANCE if name in attributes}


def server_address(text: str) -> str:
    """Return the root of an ERDDAP server, from the address of any of its pages."""
    match = re.match(r"(https?://[^?#]*?/erddap)(/|$|\?|#)", text)
    return match[1] if match else text.rstrip("/")


def info_url(server: str, dataset: str) -> str:
    """Return the address of the server's description of a dataset."""
    return f"{server}/info/{quote(dataset, safe='')}/index.csv"


def parse_info(server: str, dataset: str, text: str) -> DatasetInfo:
    """Parse a server's ``info/<dataset>/index.csv``."""
    rows = csv.reader(io.StringIO(text))
    if next(rows, [])[:3] != ["Row Type", "Variable Name", "Attribute Name"]:
        raise SourceError(
            "the server did not describe the dataset as ERDDAP does", remedy=Remedy.of("; check {}", "erddap")
        )
    dimensions: dict[str, int] = {}
    variables: list[str] = []
    attributes: dict[str, dict[str, str]] = {}
    even, descending = set[str](), set[str]()
    types: dict[str, str] = {}
    for kind, variable, attribute, type_, value in (row for row in rows if len(row) == 5):
        if kind == "dimension":
            count = re.search(r"nValues=(\d+)", value)
            dimensions[variable] = int(count[1]) if count else 0
            if "evenlySpaced=true" in value:
                even.add(variable)
            if "averageSpacing=-" in value:
                descending.add(variable)
        elif kind == "variable":
            variables.append(variable)
            types[variable] = type_
        elif kind == "attribute":
            attributes.setdefault(variable, {})[attribute] = value
    return DatasetInfo(
        server, dataset, dimensions, tuple(variables), attributes, types, frozenset(even), frozenset(descending)
    )


def data_url(info: DatasetInfo, query: SeriesQuery) -> str:
    """Return the address of the series, as CSV with a row of units."""
    for name in query.variables:
        _require(info, name)
    return _address(info, _grid_query(info, query) if info.dimensions else "&".join(_table_query(info, query)))


@dataclass(frozen=True)
class GridPart:
    """A part of a box of a grid that one request returns."""

    url: str
    shift: float
    size: int | None


_BYTES: Final = {"byte": 1, "short": 2, "int": 4, "float": 4, "double": 8}


def grid_parts(info: DatasetInfo, query: SeriesQuery, days: int) -> list[GridPart]:
    """Return the last ``days`` times of a box of a grid: two parts if it crosses the edge of the longitudes."""
    if not info.dimensions:
        raise SourceError(f"{info.name} is a table, not a grid; fetch a series of it with sst fetch")
    for name in query.variables:
        _require(info, name)
    return [_grid_part(info, replace(query, lon=lon), days, shift) for lon, shift in _sides(info, query.lon)]


def _grid_part(info: DatasetInfo, query: SeriesQuery, days: int, shift: float) -> GridPart:
    indices, counts = _indices(info, query), known_counts(info, query)
    if "time" in indices:
        indices["time"] = f"[{'0' if info.dimensions['time'] <= days else f'last-{days - 1}'}:1:last]"
        counts["time"] = min(days, info.dimensions["time"])
    index = "".join(indices.values())
    url = _address(info, quote(",".join(name + index for name in query.variables), safe=",():"), "nc")
    width = sum(_BYTES.get(info.types.get(name, ""), 4) for name in query.variables)
    known = [count for count in counts.values() if count is not None]
    return GridPart(url, shift, math.prod(known) * width if len(known) == len(counts) else None)


def _sides(info: DatasetInfo, lon: Span | None) -> list[tuple[Span | None, float]]:
    """Return the parts of a span of longitudes that a dataset has in a row, and degrees to add to each."""
    limits, inside = axis_range(info, "longitude"), _longitudes(info, lon)
    if lon is None or limits is None or inside is None:
        return [(lon, 0.0)]
    (low, high), (west, east) = limits, inside
    if lon[1] - lon[0] >= _CIRCLE:
        return [(limits, 0.0)]
    if west <= east:
        return [(inside, 0.0)]
    sides: list[tuple[Span | None, float]] = []
    if west <= high:
        sides.append(((west, high), lon[0] - west))
    if low <= east:
        sides.append(((low, east), lon[1] - east))
    return sides or [((high, high), 0.0)]


def axis_url(info: DatasetInfo, query: SeriesQuery, axis: str) -> str:
    """Return the address of the values of the series on one axis of a grid."""
    return _address(info, quote(axis + _indices(info, query)[axis], safe=",():"))


def ends_url(info: DatasetInfo, query: SeriesQuery) -> tuple[str, str | None]:
    """Return the address of the last time of each station in a table, and the name of the station variable, if any."""
    station = _station_variable(info)
    columns = ["time"] if station is None else [station, "time"]
    _, *limits = _table_query(info, query)
    last = quote(f'orderByMax("{",".join(columns)}")', safe=",=:()")
    return _address(info, "&".join([",".join(columns), *limits, last])), station


def known_counts(info: DatasetInfo, query: SeriesQuery) -> dict[str, int | None]:
    """Return the least number of values that a series has on each axis of a grid, by the server's description.

    None for an axis whose description is not enough: a part of an axis with unevenly spaced values.
    """
    spans: dict[str, tuple[float | None, float | None] | None] = {
        "time": None if query.start is None and query.end is None else (_seconds(query.start), _seconds(query.end)),
        "latitude": query.lat,
        "longitude": _longitudes(info, query.lon),
    }
    spans |= dict.fromkeys(_DEPTH_NAMES, query.depth)
    return {
        name: _count_between(info, name, spans[name]) if spans.get(name) is not None else info.dimensions[name]
        for name in info.dimensions
    }


def _count_between(info: DatasetInfo, name: str, span: tuple[float | None, float | None] | None) -> int | None:
    """Count the values on an axis from the nearest to the low end of a span to the nearest to its high end."""
    count, ends = info.dimensions[name], axis_range(info, name)
    low, high = span if span is not None else (None, None)
    if count <= 1 or (low is not None and low == high):
        return 1
    if name not in info.even or ends is None or ends[0] >= ends[1]:
        return None
    spacing = (ends[1] - ends[0]) / (count - 1)
    # Halfway between two values, either may be the nearest: assume the one that leaves fewer values.
    first = 0 if low is None else math.floor((low - ends[0]) / spacing + 0.5 + _HALFWAY_TOLERANCE)
    last = count - 1 if high is None else math.ceil((high - ends[0]) / spacing - 0.5 - _HALFWAY_TOLERANCE)
    return max(1, min(last, count - 1) - max(first, 0) + 1)


def _seconds(time: str | None) -> float | None:
    return None if time is None else float(unix_seconds(np.asarray(parse_time(time))))


def axis_range(info: DatasetInfo, name: str) -> Span | None:
    """Return the lowest and highest value of an axis, times in Unix seconds; None if the server does not say."""
    limits = info.attributes.get(name, {}).get("actual_range", "").split(",")
    try:
        low, high = map(float, limits)
    except ValueError:
        return None
    return low, high


def _require(info: DatasetInfo, name: str) -> None:
    if name not in info.variables:
        raise SourceError(f"{info.name} has no variable {name!r}; its variables: {', '.join(info.variables)[:400]}")


def _address(info: DatasetInfo, query: str, form: str = "csv") -> str:
    return f"{info.server}/{info.protocol}/{quote(info.name, safe='')}.{form}?{query}"


def _grid_query(info: DatasetInfo, query: SeriesQuery) -> str:
    index = "".join(_indices(info, query).values())
    return quote(",".join(name + index for name in query.variables), safe=",():")


def _indices(info: DatasetInfo, query: SeriesQuery) -> dict[str, str]:
    """Return the index expression of each axis of a grid."""
    if query.station is not None:
        place = Remedy.of("; choose a place with {} and {}", "lat", "lon")
        raise SourceError(f"{info.name} is a grid and has no stations", remedy=place)
    spans = {"latitude": ("lat", query.lat), "longitude": ("lon", _longitudes(info, query.lon))}
    spans |= dict.fromkeys(_DEPTH_NAMES, ("depth", query.depth))
    indices: dict[str, str] = {}
    for name, count in info.dimensions.items():
        if name == "time":
            first = f"({query.start})" if query.start else "0"
            last = f"({query.end})" if query.end else "last"
            indices[name] = f"[{first}:1:{last}]"
            continue
        option, span = spans.get(name, ("", None))
        if span is None and count != 1:
            message = f"{info.name} has {count} values of {name}"
            if not option:
                raise SourceError(f"{message}, and no option here selects one of them")
            raise SourceError(message, remedy=Remedy.of(": choose with {}", option))
        low, high = (span or (0.0, 0.0))[:: -1 if name in info.descending else 1]
        indices[name] = "[0]" if span is None else f"[({low:.10g}):1:({high:.10g})]"
    return indices


def _longitudes(info: DatasetInfo, lon: Span | None) -> Span | None:
    """Longitudes in the convention of the dataset: −180 to 180, or 0 to 360."""
    limits = axis_range(info, "longitude")
    if lon is None or limits is None:
        return lon
    low, high = limits
    west, east = (
        degrees + 360 if degrees < 0 <= low else degrees - 360 if degrees > 180 >= high else degrees for degrees in lon
    )
    return west, east


def _table_query(info: DatasetInfo, query: SeriesQuery) -> list[str]:
    """Return the columns to request, followed by the constraints on rows."""
    station = _station_variable(info)
    depth = next((name for name in _DEPTH_NAMES if name in info.variables), None)
    flags = (f"{name}{suffix}" for name in query.variables for suffix in ("_qc_agg", "_qc"))
    columns = ("time", station, "latitude", "longitude", depth, *query.variables, *flags)
    names = dict.fromkeys(name for name in columns if name in info.variables)
    limits = [*_between("time", query.start, query.end)]
    for name, span in (("latitude", query.lat), ("longitude", _longitudes(info, query.lon)), (depth, query.depth)):
        if span is not None:
            if name not in info.variables:
                raise SourceError(
                    f"{info.name} has no {name or 'depth'} to choose by; its variables: {', '.join(info.variables)}"
                )
            limits += _between(str(name), *(f"{limit:.10g}" for limit in span))
    if query.station is not None:
        if station is None:
            raise SourceError(f"{info.name} has no station variable", remedy=Remedy.of("; leave out {}", "station"))
        limits.append(f"{station}={_quoted(query.station)}")
    return [quote(part, safe=",=:") for part in [",".join(str(name) for name in names), *limits]]


def _between(name: str, low: str | None, high: str | None) -> Iterable[str]:
    if low is not None and low == high:
        yield f"{name}={low}"
        return
    if low is not None:
        yield f"{name}>={low}"
    if high is not None:
        yield f"{name}<={high}"


def _station_variable(info: DatasetInfo) -> str | None:
    by_role = [name for name in info.variables if info.attributes.get(name, {}).get("cf_role") == "timeseries_id"]
    return next(iter([*by_role, *(name for name in _STATION_NAMES if name in info.variables)]), None)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
