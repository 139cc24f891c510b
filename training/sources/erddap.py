"""Series from ERDDAP servers: what a dataset holds, and the query for one series of it."""

import csv
import io
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import numpy as np

from forecasting.series.times import parse_time, unix_seconds
from training.sources.download import FetchError

Span = tuple[float, float]

_STATIONS: Final = ("station", "station_id", "station_name", "stationid", "platform", "platform_code", "buoy",
                    "buoy_id", "site", "wmo_platform_code")  # fmt: skip
_DEPTHS: Final = ("depth", "altitude", "zlev", "lev")
_HALFWAY: Final = 0.01
"""Of a spacing, how far from halfway between two values it is uncertain which one is the next."""
_PROVENANCE: Final = ("title", "institution", "license", "infoUrl", "creator_name", "references", "time_coverage_end")


@dataclass(frozen=True)
class SeriesQuery:
    """Which part of a dataset is asked for: None is all of it.

    Attributes:
        variables: the temperatures first.
        start: first time, ISO 8601.
        end: last time, ISO 8601.
        lat: degrees north, least and most; the nearest cell of a grid where they are the same.
        lon: degrees east, least and most, likewise.
        depth: least and most, in the dataset's own units.
        station: name of a station in a table.
    """

    variables: tuple[str, ...]
    start: str | None = None
    end: str | None = None
    lat: Span | None = None
    lon: Span | None = None
    depth: Span | None = None
    station: str | None = None


@dataclass(frozen=True)
class DatasetInfo:
    """What an ERDDAP server says of a dataset.

    Attributes:
        server: its root, as :func:`server_address` has it.
        name: of the dataset.
        dimensions: how many values each axis of a grid has, in the order of the axes; empty for a table.
        variables: names of its variables, without axes.
        attributes: by variable (``NC_GLOBAL`` for the dataset's own) and name.
        even: axes whose values lie at one distance.
    """

    server: str
    name: str
    dimensions: dict[str, int]
    variables: tuple[str, ...]
    attributes: dict[str, dict[str, str]]
    even: frozenset[str] = frozenset()

    @property
    def protocol(self) -> str:
        """``griddap`` or ``tabledap``."""
        return "griddap" if self.dimensions else "tabledap"

    @property
    def provenance(self) -> dict[str, str]:
        """Title, licence and the like, as far as the server gives them."""
        own = self.attributes.get("NC_GLOBAL", {})
        return {name: own[name] for name in _PROVENANCE if name in own}


def server_address(text: str) -> str:
    """The root of an ERDDAP server, from any of its pages' addresses."""
    match = re.match(r"(https?://[^?#]*?/erddap)(/|$|\?|#)", text)
    return match[1] if match else text.rstrip("/")


def info_url(server: str, dataset: str) -> str:
    """Where the server describes a dataset."""
    return f"{server}/info/{quote(dataset, safe='')}/index.csv"


def parse_info(server: str, dataset: str, text: str) -> DatasetInfo:
    """Read ``info/<dataset>/index.csv`` of a server.

    Raises:
        FetchError: if it is none.
    """
    rows = csv.reader(io.StringIO(text))
    if next(rows, [])[:3] != ["Row Type", "Variable Name", "Attribute Name"]:
        raise FetchError("the server's description of the dataset is not ERDDAP's; check --erddap")
    dimensions: dict[str, int] = {}
    variables: list[str] = []
    attributes: dict[str, dict[str, str]] = {}
    even: set[str] = set()
    for kind, variable, attribute, _, value in (row for row in rows if len(row) == 5):
        if kind == "dimension":
            count = re.search(r"nValues=(\d+)", value)
            dimensions[variable] = int(count[1]) if count else 0
            if "evenlySpaced=true" in value:
                even.add(variable)
        elif kind == "variable":
            variables.append(variable)
        elif kind == "attribute":
            attributes.setdefault(variable, {})[attribute] = value
    return DatasetInfo(server, dataset, dimensions, tuple(variables), attributes, frozenset(even))


def data_url(info: DatasetInfo, query: SeriesQuery) -> str:
    """The address of the series, as CSV with a row of units.

    Raises:
        FetchError: if the dataset has no such variable, or does not come down to one series: what to add.
    """
    for name in query.variables:
        if name not in info.variables:
            raise FetchError(f"{info.name} has no variable {name!r}; it has {', '.join(info.variables)[:400]}")
    return _address(info, _of_grid(info, query) if info.dimensions else "&".join(_of_table(info, query)))


def axis_url(info: DatasetInfo, query: SeriesQuery, axis: str) -> str:
    """The address of the values of a grid's axis that the series has."""
    return _address(info, quote(axis + _indices(info, query)[axis], safe=",():"))


def ends_url(info: DatasetInfo, query: SeriesQuery) -> tuple[str, str | None]:
    """The address of the last time of each station in a table, and the variable of stations, if there is one."""
    station = _station_variable(info)
    taken = ["time"] if station is None else [station, "time"]
    _, *limits = _of_table(info, query)
    last = quote(f'orderByMax("{",".join(taken)}")', safe=",=:()")
    return _address(info, "&".join([",".join(taken), *limits, last])), station


def known_counts(info: DatasetInfo, query: SeriesQuery) -> dict[str, int | None]:
    """How many values of each axis of a grid a series has at least, by the server's description.

    None where it does not tell: where a part of an axis is asked for whose values lie at differing distances.
    """
    spans: dict[str, tuple[float | None, float | None] | None] = {
        "time": None if query.start is None and query.end is None else (_seconds(query.start), _seconds(query.end)),
        "latitude": query.lat,
        "longitude": _longitudes(info, query.lon),
    }
    spans |= dict.fromkeys(_DEPTHS, query.depth)
    return {
        name: _count_between(info, name, spans[name]) if spans.get(name) is not None else info.dimensions[name]
        for name in info.dimensions
    }


def _count_between(info: DatasetInfo, name: str, span: tuple[float | None, float | None] | None) -> int | None:
    """Values of an axis from the one next to the first end to the one next to the second."""
    count, ends = info.dimensions[name], _range(info, name)
    low, high = span if span is not None else (None, None)
    if count <= 1 or (low is not None and low == high):
        return 1
    if name not in info.even or ends is None or ends[0] >= ends[1]:
        return None
    spacing = (ends[1] - ends[0]) / (count - 1)
    # Halfway between two values either may be the next: the fewer count.
    first = 0 if low is None else math.floor((low - ends[0]) / spacing + 0.5 + _HALFWAY)
    last = count - 1 if high is None else math.ceil((high - ends[0]) / spacing - 0.5 - _HALFWAY)
    return max(1, min(last, count - 1) - max(first, 0) + 1)


def _seconds(time: str | None) -> float | None:
    return None if time is None else float(unix_seconds(np.asarray(parse_time(time))))


def _range(info: DatasetInfo, name: str) -> Span | None:
    """Least and greatest value of an axis, times in Unix seconds."""
    known = info.attributes.get(name, {}).get("actual_range", "").split(",")
    try:
        low, high = map(float, known)
    except ValueError:
        return None
    return low, high


def _address(info: DatasetInfo, asked: str) -> str:
    return f"{info.server}/{info.protocol}/{quote(info.name, safe='')}.csv?{asked}"


def _of_grid(info: DatasetInfo, query: SeriesQuery) -> str:
    index = "".join(_indices(info, query).values())
    return quote(",".join(name + index for name in query.variables), safe=",():")


def _indices(info: DatasetInfo, query: SeriesQuery) -> dict[str, str]:
    """What of each axis is asked for."""
    if query.station is not None:
        raise FetchError(f"{info.name} is a grid, without stations; choose a place with --lat and --lon")
    spans = {"latitude": ("--lat", query.lat), "longitude": ("--lon", _longitudes(info, query.lon))}
    spans |= dict.fromkeys(_DEPTHS, ("--depth", query.depth))
    indices: dict[str, str] = {}
    for name, count in info.dimensions.items():
        if name == "time":
            first = f"({query.start})" if query.start else "0"
            last = f"({query.end})" if query.end else "last"
            indices[name] = f"[{first}:1:{last}]"
            continue
        option, span = spans.get(name, ("", None))
        if span is None and count != 1:
            remedy = f"choose with {option}" if option else "which cannot be chosen here"
            raise FetchError(f"{info.name} has {count} values of {name}: {remedy}")
        indices[name] = "[0]" if span is None else f"[({span[0]:.10g}):1:({span[1]:.10g})]"
    return indices


def _longitudes(info: DatasetInfo, lon: Span | None) -> Span | None:
    """Longitudes by the habit of the dataset: −180 to 180, or 0 to 360."""
    known = _range(info, "longitude")
    if lon is None or known is None:
        return lon
    low, high = known
    moved = tuple(one + 360 if one < 0 <= low else one - 360 if one > 180 >= high else one for one in lon)
    return moved[0], moved[1]


def _of_table(info: DatasetInfo, query: SeriesQuery) -> list[str]:
    """The columns, and then each limit to the rows."""
    station = _station_variable(info)
    depth = next((name for name in _DEPTHS if name in info.variables), None)
    beside = (f"{name}{ending}" for name in query.variables for ending in ("_qc_agg", "_qc"))
    taken = ("time", station, "latitude", "longitude", depth, *query.variables, *beside)
    names = dict.fromkeys(name for name in taken if name in info.variables)
    limits = [*_between("time", query.start, query.end)]
    for name, span in (("latitude", query.lat), ("longitude", _longitudes(info, query.lon)), (depth, query.depth)):
        if span is not None:
            if name not in info.variables:
                raise FetchError(
                    f"{info.name} has no {name or 'depth'} to choose by; it has {', '.join(info.variables)}"
                )
            limits += _between(str(name), *(f"{one:.10g}" for one in span))
    if query.station is not None:
        if station is None:
            raise FetchError(f"{info.name} has no variable of stations; leave --station away")
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
    role = [name for name in info.variables if info.attributes.get(name, {}).get("cf_role") == "timeseries_id"]
    return next(iter([*role, *(name for name in _STATIONS if name in info.variables)]), None)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
