"""``/outlooks``: the outlooks of a grid that ``sst outlook`` has written into one folder.

A folder is read when a request names it, so a new night needs no restart. An outlook is complete before it gets its
name; what is damaged later, by a disk or by hand, is found here, and the newest that is whole is served instead.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import Response

from forecasting.errors import FileError, MissingExtraError, UnknownNameError
from forecasting.extras import needs_extra
from forecasting.readers.grid.store import opened, readable
from forecasting.series.times import Floats
from service.api.dependencies import SettingsDep
from service.api.openapi import BYTES, problems
from service.api.series_request import ClimatologyBasis, Day, Time
from service.http.caching import REVALIDATE, revalidated
from service.http.problems import ProblemError

logger = logging.getLogger("service")

LATEST: Final = "latest"
_DESCRIPTION: Final = "outlook.json"
_NAME: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:-(\d{1,6}))?")
_END_OF_PNG: Final = b"IEND\xaeB`\x82"
_KEPT: Final = 8
"""Outlooks whose descriptions a process remembers."""

_SOURCES: Final = {"grid": "series", "period": "series", "position": "position", "file": "baseline"}
_KINDS: Final = {"heatwave": "marine_heatwave", "cold_spell": "marine_cold_spell"}
_REFERENCES: Final = ("persistence", "climatology", "damped", "linear", "usual_change")
_HALF_CELL: Final = 0.5
"""Degrees around the only cell of an axis."""
_SLACK: Final = 1e-6


class OutlookScale(BaseModel):
    """The colours of a layer."""

    unit: str = Field(description="What the numbers or names are.", examples=["°C from usual"])
    edges: list[float] = Field(description="The values between two colours.")
    colours: list[tuple[int, int, int]] = Field(description="Red, green and blue; one more than edges.")
    labels: list[str] = Field(
        description="Texts below the edges, or of categories below the colours; some may be empty."
    )
    of_categories: bool = Field(description="Whether labels belong to colours instead of edges.")


class _Picture(BaseModel):
    lead: int
    # A plain name in one folder: nothing else of the disk can be asked for.
    raster: Annotated[str, Field(pattern=r"^rasters/[a-z0-9-]+\.png$")]
    text: str


class _Usual(BaseModel):
    kind: Literal["grid", "period", "position", "file"]
    years: tuple[int, int] | None
    text: str
    warning: str | None


class _Summary(BaseModel):
    model: str
    version: str


class _Description(BaseModel):
    """What is read of ``outlook.json``."""

    issued: Time
    title: str
    caption: list[str]
    usual: _Usual
    file: Annotated[str, Field(pattern=r"^outlook\.(nc|zarr)$")]
    days: list[date]
    bounds: tuple[float, float, float, float]
    layers: dict[str, list[_Picture]]
    titles: dict[str, str]
    scales: dict[str, OutlookScale]
    summary: _Summary


@dataclass(frozen=True, eq=False)
class _Outlook:
    """An outlook that is whole."""

    folder: Path
    description: _Description

    @property
    def file(self) -> Path:
        return self.folder / self.description.file

    @property
    def kind(self) -> str:
        return "zarr" if self.file.suffix == ".zarr" else "netcdf"

    @cached_property
    def grid(self) -> "_Grid":
        """The layout of its file.

        Raises:
            ForecastError: if the file cannot be read.
        """
        with needs_extra("grids", "the forecast of a cell"):
            import_module("xarray")
        with readable(self.kind), opened(self.file, self.kind) as data:
            sst = data["sst"]
            names = {str(data[name].attrs["standard_name"]): str(name) for name in sst.dims if name in data}
            rows, columns = names["latitude"], names["longitude"]
            (along,) = {*sst.dims} - {rows, columns}
            valid = next(time for time in data.variables.values() if time.dtype.kind == "M" and time.dims == (along,))
            variables = {
                str(name): _Variable(
                    tuple({rows: 0, columns: 1}.get(str(dim)) for dim in variable.dims),
                    _meanings(variable.attrs),
                )
                for name, variable in data.variables.items()
                if {rows, columns} <= {*variable.dims} <= {rows, columns, along}
            }
            latitudes, longitudes = (data[name].values.astype(np.float64) for name in (rows, columns))
            times = [f"{time}Z" for time in valid.values.astype("datetime64[s]")]
            return _Grid(latitudes, longitudes, times, variables)

    def read(self, cell: tuple[int, int]) -> dict[str, Any]:
        """Return the variables of a cell: numbers and names, or lists of them by lead; None where not known.

        xarray would take a second for so many variables.
        """
        with readable(self.kind), ExitStack() as stack:
            if self.kind == "zarr":
                file = import_module("zarr").open_group(self.file, mode="r")
            else:
                file = stack.enter_context(import_module("h5py").File(self.file, "r"))
            return {name: variable.plain(file[name], cell) for name, variable in self.grid.variables.items()}


@dataclass(frozen=True)
class _Variable:
    """A variable of a grid.

    Attributes:
        dims: 0 for rows, 1 for columns, None for leads.
        meanings: of the values of flags; empty for numbers.
    """

    dims: tuple[int | None, ...]
    meanings: dict[int, str]

    def plain(self, stored: Any, cell: tuple[int, int]) -> Any:
        """Return the values of a cell; below zero, a flag or a number of days is not known."""
        values = np.asarray(stored[tuple(slice(None) if dim is None else cell[dim] for dim in self.dims)])
        is_known = values >= 0 if values.dtype.kind == "i" else np.isfinite(values)
        found = [
            None if not known else self.meanings.get(int(value)) if self.meanings else round(float(value), 4)
            for value, known in zip(values.ravel(), is_known.ravel(), strict=True)
        ]
        return found if values.ndim else found[0]


def _meanings(attributes: dict[str, Any]) -> dict[int, str]:
    names = str(attributes.get("flag_meanings", "")).split()
    return {int(value): name for value, name in zip(attributes.get("flag_values", ()), names, strict=False)}


@dataclass(frozen=True, eq=False)
class _Grid:
    """The degrees north of rows and east of columns, the valid times, and the variables of cells by name."""

    latitudes: Floats
    longitudes: Floats
    times: list[str]
    variables: dict[str, _Variable]

    def cell(self, latitude: float, longitude: float) -> tuple[int, int] | None:
        """Return the row and the column of the cell around a position; None if it is not on the grid."""
        east = (self.longitudes - longitude + 180) % 360 - 180
        row, column = _nearest(self.latitudes, self.latitudes - latitude), _nearest(self.longitudes, east)
        return None if row is None or column is None else (row, column)


def _nearest(axis: Floats, distances: Floats) -> int | None:
    """Return the place on an axis at the smallest distance; None if that is more than half a cell."""
    nearest = int(np.abs(distances).argmin())
    around = np.abs(np.diff(axis[max(nearest - 1, 0) : nearest + 2]))
    # Longitudes may jump at the date line or at Greenwich.
    reach = float(np.minimum(around, 360 - around).max()) / 2 if len(around) else _HALF_CELL
    return nearest if abs(distances[nearest]) <= reach + _SLACK else None


def _outlook(settings: SettingsDep, name: str) -> _Outlook:
    """Return an outlook by its name, or the newest that is whole as ``latest``.

    Raises:
        UnknownNameError: if there is none.
    """
    folder = settings.outlooks
    if folder is None:
        raise UnknownNameError(
            "this service has no outlooks: make one with sst outlook GRID -o FOLDER, set SST_OUTLOOKS=FOLDER, and "
            "start the service again"
        )
    for found in _newest_first(folder) if name == LATEST else [name] if _NAME.fullmatch(name) else []:
        try:
            return _read(folder / found, _stamp(folder / found))
        except (FileError, OSError, ValueError) as error:
            logger.warning("outlook %s is not shown: %s", found, " ".join(str(error).split()))
    if name == LATEST:
        raise UnknownNameError("there is no outlook yet: make one with sst outlook GRID -o FOLDER for SST_OUTLOOKS")
    raise UnknownNameError(f"there is no outlook {name[:40]!r}; GET /outlooks/latest is the newest")


def _newest_first(folder: Path) -> Iterator[str]:
    """Yield the names of the outlooks in a folder: the one that ``latest`` links to, then all from the newest on."""
    link = folder / LATEST
    if link.is_symlink() and _NAME.fullmatch(link.readlink().name):
        yield link.readlink().name
    found = [match for path in (folder.iterdir() if folder.is_dir() else ()) if (match := _NAME.fullmatch(path.name))]
    yield from (match[0] for match in sorted(found, key=lambda match: (match[1], int(match[2] or 1)), reverse=True))


def _stamp(outlook: Path) -> tuple[int, int]:
    """Return what changes when an outlook is replaced by another of the same name."""
    known = (outlook / _DESCRIPTION).stat()
    return known.st_ino, known.st_mtime_ns


@lru_cache(maxsize=_KEPT)
def _read(outlook: Path, stamp: tuple[int, int]) -> _Outlook:
    """Return an outlook after checking that all of it is there.

    Raises:
        FileError, OSError, ValueError: if it is not.
    """
    try:
        found = _Outlook(outlook, _Description.model_validate_json((outlook / _DESCRIPTION).read_bytes()))
    except ValidationError as error:
        raise ValueError(f"{_DESCRIPTION} is damaged or of another version, which sst outlook can replace") from error
    for pictures in found.description.layers.values():
        if [picture.lead for picture in pictures] != list(range(1, len(found.description.days) + 1)):
            raise ValueError(f"{_DESCRIPTION} does not list a raster for each day")
        for picture in pictures:
            if not (outlook / picture.raster).read_bytes().endswith(_END_OF_PNG):
                raise ValueError(f"{picture.raster} is damaged")
    try:
        _ = found.grid
    except MissingExtraError:
        # Maps need no package.
        if not found.file.exists():
            raise ValueError(f"{found.file.name} is missing") from None
    return found


Value = float | None
_PROBABILITY: Final = "The probability on each day."


class OutlookRaster(BaseModel):
    """A layer on one day."""

    lead: int = Field(description="Days after the last observation.", examples=[1])
    day: Day
    text: str = Field(description="What is seen on it.")
    href: str = Field(
        description="Path of the PNG: equal degrees between `bounds`, from the north; transparent without a forecast.",
        examples=["/outlooks/2026-11-29/anomaly/1.png"],
    )


class OutlookLayer(BaseModel):
    """What maps of one kind show."""

    name: str = Field(examples=["anomaly"])
    title: str
    scale: OutlookScale
    rasters: list[OutlookRaster]


class OutlookWarning(BaseModel):
    """What to know before use."""

    code: Literal["coarse_baseline", "damaged_outlook"]
    message: str


class OutlookUsual(ClimatologyBasis):
    """What anomalies and events are relative to."""

    text: str = Field(description="The years or the source in words.")


class OutlookMaps(BaseModel):
    """An outlook: what it is, and where its maps are."""

    id: str = Field(description="The name of the outlook: its day.", examples=["2026-11-29"])
    issued: Time = Field(description="The time of the last observation.")
    title: str
    caption: list[str] = Field(description="The source, the day, and what is usual.")
    model: str
    version: str = Field(description="The version of the release.")
    usual: OutlookUsual
    bounds: dict[Literal["west", "south", "east", "north"], float] = Field(
        description="The edges of the rasters in degrees; `east` may be beyond 180 or 360."
    )
    days: list[Day] = Field(description="The days ahead.")
    layers: list[OutlookLayer]
    point: str = Field(description="Path of the forecasts of single cells, for `latitude` and `longitude`.")
    warnings: list[OutlookWarning]


class OutlookInterval(BaseModel):
    """A prediction interval, with one value for each day."""

    level: int = Field(description="The level in percent.", examples=[80])
    lower: list[float]
    upper: list[float]


class OutlookEvent(BaseModel):
    """A marine heatwave or cold spell in a cell. Null is not known."""

    kind: Literal["marine_heatwave", "marine_cold_spell"]
    state: str | None = Field(description="`no_event`, `building` or `active` on the day of the last observation.")
    days: Value = Field(description="Its days until then.")
    category: str | None = Field(description="Its category so far.", examples=["moderate"])
    intensity: Value = Field(description="SST minus climatology on the day of the last observation.")
    probability: list[Value] = Field(description=_PROBABILITY)
    likely_category: list[str | None] = Field(description="The most likely category of each day.")
    onset_within: list[Value] = Field(description="The probability that a new event has begun by that day.")
    ends_within: list[Value] = Field(description="The probability that the ongoing event has ended by that day.")
    climatology: list[Value] = Field(description="The usual SST.")
    threshold: list[Value] = Field(description="The SST beyond which a day is extreme.")


class OutlookHeatStress(BaseModel):
    """Degree heating weeks in a cell. Null is not known."""

    mmm: Value = Field(description="The maximum monthly mean.")
    now: Value = Field(description="Degree heating weeks on the day of the last observation.")
    alert: str | None = Field(description="The alert level on that day.")
    median: list[Value]
    lower: list[Value] = Field(description="The lower bound of the central 80 % range.")
    upper: list[Value]
    likely_alert: list[str | None] = Field(description="The most likely alert level of each day.")


class OutlookPoint(BaseModel):
    """The forecast of one cell. Lists have one value for each day."""

    outlook: str = Field(description="The name of the outlook.", examples=["2026-11-29"])
    latitude: float = Field(description="The centre of the cell, degrees north.")
    longitude: float = Field(description="The centre of the cell, degrees east, from −180 to 180.")
    units: Literal["celsius"]
    step: Literal["day"]
    issued: Time = Field(description="The time of the last observation.")
    model: str
    version: str = Field(description="The version of the release.")
    timestamps: list[Time] = Field(description="The valid times, in UTC.")
    sst: list[float]
    intervals: list[OutlookInterval]
    baselines: dict[str, list[float]] = Field(description="The references; those without values there are left out.")
    anomaly: list[Value] = Field(description="SST minus what is usual on the day.")
    usual: OutlookUsual
    quality: Literal["good", "not_evaluated", "suspect", "fail"] = Field(
        description="`good`: past forecasts were better than each reference. `suspect`: they were not, or the values "
        "are unlike the training data. `not_evaluated`: it is not known."
    )
    events: list[OutlookEvent]
    heat_stress: OutlookHeatStress | None
    warnings: list[OutlookWarning]


router = APIRouter(prefix="/outlooks", tags=["outlooks"])

OutlookName = Annotated[
    str, InPath(description="The name of an outlook, or `latest` for the newest.", examples=[LATEST])
]
_KEPT_FOR_HOURS: Final = {"Cache-Control": "max-age=14400"}
_STATUSES: Final = problems(404, 422, 503, 504)
_UNCHANGED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "The content is the one that `If-None-Match` names."}
}


# These functions are not async: they read files, in a thread.
@router.get(
    "/{outlook}",
    operation_id="getOutlook",
    summary="Get an outlook",
    response_model=OutlookMaps,
    responses=_UNCHANGED | _STATUSES,
)
def get_outlook(request: Request, settings: SettingsDep, outlook: OutlookName) -> Response:
    """Get what an outlook shows: its days, layers, colours and legends, what is usual, and the paths of its rasters."""
    content = _maps(_outlook(settings, outlook), settings.outlooks, outlook).model_dump_json()
    return revalidated(request, content, "application/json")


@router.get(
    "/{outlook}/point",
    operation_id="getOutlookPoint",
    summary="Get the forecast of one cell of an outlook",
    responses=problems(404, 422, 501, 503, 504),
)
def get_point(
    settings: SettingsDep,
    outlook: OutlookName,
    latitude: Annotated[float, Query(ge=-90, le=90, description="Degrees north.", examples=[-2.2])],
    longitude: Annotated[float, Query(ge=-180, le=360, description="Degrees east.", examples=[177.3])],
) -> OutlookPoint:
    """Get values, intervals, references and events of the cell around a position. On land there are none: 404."""
    found = _outlook(settings, outlook)
    try:
        cell = found.grid.cell(latitude, longitude)
        if cell is None:
            west, south, east, north = (f"{edge:g}" for edge in found.description.bounds)
            raise UnknownNameError(
                f"the outlook does not cover this position: choose one from {south} to {north} °N and from {west} to "
                f"{east} °E"
            )
        return _point(found, cell)
    except MissingExtraError as error:
        raise ProblemError(HTTPStatus.NOT_IMPLEMENTED, str(error)) from None
    except (FileError, KeyError, ValidationError) as error:
        logger.warning("outlook %s: %s", found.folder.name, error)
        raise UnknownNameError("the forecasts of this outlook are damaged; make it again with sst outlook") from None


@router.get(
    "/{outlook}/{layer}/{lead}.png",
    operation_id="getOutlookRaster",
    summary="Get a layer of an outlook as a picture",
    response_class=Response,
    responses={200: {"content": {"image/png": {"schema": BYTES}}}, **_UNCHANGED, **_STATUSES},
)
def get_raster(
    request: Request,
    settings: SettingsDep,
    outlook: OutlookName,
    layer: Annotated[str, InPath(description="The name of a layer.", examples=["anomaly"])],
    lead: Annotated[int, InPath(ge=1, description="Days after the last observation.", examples=[1])],
) -> Response:
    """Get one day of a layer: equal degrees between the bounds, from the north; transparent without a forecast."""
    found = _outlook(settings, outlook)
    pictures = found.description.layers.get(layer, [])
    if lead > len(pictures):
        layers = ", ".join(found.description.layers)
        raise UnknownNameError(f"the outlook has the layers {layers}, each for days 1 to {len(found.description.days)}")
    content = (found.folder / pictures[lead - 1].raster).read_bytes()
    return revalidated(request, content, "image/png", REVALIDATE if outlook == LATEST else _KEPT_FOR_HOURS)


def _maps(found: _Outlook, folder: Path | None, asked: str) -> OutlookMaps:
    name, known = found.folder.name, found.description
    here = f"/outlooks/{name}"
    layers = [
        OutlookLayer(
            name=layer,
            title=known.titles[layer],
            scale=known.scales[layer],
            rasters=[
                OutlookRaster(lead=picture.lead, day=str(day), text=picture.text, href=f"{here}/{layer}/{lead}.png")
                for lead, (day, picture) in enumerate(zip(known.days, pictures, strict=True), 1)
            ],
        )
        for layer, pictures in known.layers.items()
    ]
    warnings = _warnings(known)
    newest = next(_newest_first(folder), name) if folder is not None and asked == LATEST else name
    if newest != name:
        message = f"the outlook {newest} is damaged, so the one before it is shown; make it again with sst outlook"
        warnings.append(OutlookWarning(code="damaged_outlook", message=message))
    return OutlookMaps(
        id=name,
        bounds=dict(zip(("west", "south", "east", "north"), known.bounds, strict=True)),
        days=list(map(str, known.days)),
        layers=layers,
        point=f"{here}/point",
        title=known.title,
        caption=known.caption,
        warnings=warnings,
        **_identity(known),
    )


def _identity(known: _Description) -> dict[str, Any]:
    """Return what an outlook and each of its cells say about their origin."""
    usual = OutlookUsual(years=known.usual.years, source=_SOURCES[known.usual.kind], text=known.usual.text)
    return {"issued": known.issued, "usual": usual, "model": known.summary.model, "version": known.summary.version}


def _warnings(known: _Description) -> list[OutlookWarning]:
    warning = known.usual.warning
    return [OutlookWarning(code="coarse_baseline", message=warning)] if warning else []


def _point(found: _Outlook, cell: tuple[int, int]) -> OutlookPoint:
    """Return the forecast of a cell.

    Raises:
        UnknownNameError: if it has none.
    """
    grid, known, values = found.grid, found.description, found.read(cell)
    latitude, longitude = float(grid.latitudes[cell[0]]), float((grid.longitudes[cell[1]] + 180) % 360 - 180)
    if values["quality"] == "missing" or None in values["sst"]:
        raise UnknownNameError(
            f"the outlook has no forecast at {latitude:g} °N, {longitude:g} °E: it is land, ice, or has too few "
            "observations; choose a position at sea"
        )
    levels = sorted(int(name[6:]) for name in values if re.fullmatch(r"lower_\d+", name))
    return OutlookPoint(
        outlook=found.folder.name,
        latitude=round(latitude, 4),
        longitude=round(longitude, 4),
        units="celsius",
        step="day",
        timestamps=grid.times,
        sst=values["sst"],
        intervals=[
            OutlookInterval(level=level, lower=values[f"lower_{level}"], upper=values[f"upper_{level}"])
            for level in levels
        ],
        baselines={name: values[name] for name in _REFERENCES if None not in values.get(name, [None])},
        anomaly=values["anomaly"],
        quality=values["quality"],
        events=[
            OutlookEvent(kind=kind, **_fields(values, f"event_{name}_"))
            for name, kind in _KINDS.items()
            if f"event_{name}_state" in values
        ],
        heat_stress=OutlookHeatStress(**heat) if (heat := _fields(values, "event_heat_stress_")) else None,
        warnings=_warnings(known),
        **_identity(known),
    )


def _fields(values: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return the variables of an event by the names of its fields."""
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
