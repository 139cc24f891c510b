"""The folder of outlooks, from which the service reads.

An outlook is read when a request names it, so a new night needs no restart. It is complete before it gets its name;
what is damaged later, by a disk or by hand, is found here, and the newest that is whole is served instead.

Nothing outside of the folder is read, whatever links somebody put into it: each folder and file is opened in the one
before it, and none may be a link. Only the folder itself may be one, as mounted volumes are.
"""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final, Self

import numpy as np
from pydantic import BaseModel, Field, FiniteFloat, ValidationError, model_validator

from forecasting.climatology.usual import UsualOfGrid
from forecasting.errors import FileError, MissingExtraError, UnknownNameError
from forecasting.extras import needs_extra
from forecasting.readers.content import open_plain, read_plain
from forecasting.series.times import Floats
from service.api.series_request import Time
from service.plugins.outlooks.schemas import OutlookScale

logger = logging.getLogger("service")

LATEST: Final = "latest"
_DESCRIPTION: Final = "outlook.json"
_RASTERS: Final = "rasters"
_FILES: Final = ("outlook.nc", "outlook.zarr")
_NAME: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:-(\d{1,6}))?")
_END_OF_PNG: Final = b"IEND\xaeB`\x82"
_KEPT: Final = 8
"""Outlooks whose descriptions a process remembers."""
_LONGEST: Final = 8 << 20
"""Bytes of a description or a raster."""


_HALF_CELL: Final = 0.5
"""Degrees around the only cell of an axis."""
_SLACK: Final = 1e-6


class _Picture(BaseModel):
    lead: int
    # A plain name in one folder: nothing else of the disk can be asked for.
    raster: Annotated[str, Field(pattern=r"^rasters/[a-z0-9-]+\.png$")]
    text: str


class _Summary(BaseModel):
    model: str
    version: str


class Description(BaseModel):
    """What is read of ``outlook.json``; layers have a picture for each of the days."""

    issued: Time
    title: str
    caption: list[str]
    usual: UsualOfGrid
    file: Annotated[str, Field(pattern=r"^outlook\.(nc|zarr)$")]
    days: list[date]
    bounds: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
    layers: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z-]+$")], list[_Picture]], Field(min_length=1)]
    titles: dict[str, str]
    scales: dict[str, OutlookScale]
    summary: _Summary

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        leads = list(range(1, len(self.days) + 1))
        if any([picture.lead for picture in pictures] != leads for pictures in self.layers.values()):
            raise ValueError("it does not list a raster for each day")
        if not {*self.layers} <= {*self.titles} & {*self.scales}:
            raise ValueError("a layer has no title or scale")
        return self


@dataclass(frozen=True, eq=False)
class Outlook:
    """An outlook that is whole."""

    folder: Path
    name: str
    description: Description

    @property
    def kind(self) -> str:
        """``zarr`` or ``netcdf``."""
        return "zarr" if self.description.file.endswith(".zarr") else "netcdf"

    def raster(self, name: str) -> bytes:
        """Return the content of a raster."""
        folder, _, file = name.rpartition("/")
        with _inside(self.folder, self.name, folder) as rasters:
            return read_plain(file, _LONGEST, folder=rasters, follow=False)

    @contextmanager
    def _opened(self) -> Iterator[Path]:
        """Yield a path by which libraries open the file or store of the forecasts, and that nobody can replace."""
        from forecasting.readers.grid.codecs import refuse_unknown_codecs
        from forecasting.readers.grid.store import readable, refuse_other_files

        if self.kind == "zarr":
            with _inside(self.folder, self.name, self.description.file) as store, readable("zarr"):
                # Each time: nothing tells that a file deep inside is another now.
                refuse_other_files(path := Path(f"/dev/fd/{store}"), "zarr")
                refuse_unknown_codecs(path)
                yield path
            return
        with _inside(self.folder, self.name) as inside:
            file = open_plain(self.description.file, folder=inside, follow=False)
        try:
            with readable("netcdf"):
                yield Path(f"/dev/fd/{file}")
        finally:
            os.close(file)

    @cached_property
    def grid(self) -> "Grid":
        """The layout of its file."""
        # Not at the start of the service, which it would delay.
        from forecasting.readers.grid.store import opened, refuse_other_files

        with needs_extra("grids", "the forecast of a cell"):
            import_module("xarray")
        with ExitStack() as stack:
            path = stack.enter_context(self._opened())
            if self.kind == "netcdf":
                refuse_other_files(path)
            data = stack.enter_context(opened(path, self.kind))
            sst = data["sst"]
            names = {str(data[name].attrs["standard_name"]): str(name) for name in sst.dims if name in data}
            rows, columns = names["latitude"], names["longitude"]
            (along,) = {*sst.dims} - {rows, columns}
            valid = next(time for time in data.variables.values() if time.dtype.kind == "M" and time.dims == (along,))
            variables = {
                str(name): Variable(
                    tuple({rows: 0, columns: 1}.get(str(dim)) for dim in variable.dims),
                    _meanings(variable.attrs),
                )
                for name, variable in data.variables.items()
                if {rows, columns} <= {*variable.dims} <= {rows, columns, along}
            }
            latitudes, longitudes = (data[name].values.astype(np.float64) for name in (rows, columns))
            times = [f"{time}Z" for time in valid.values.astype("datetime64[s]")]
            if [time[:10] for time in times] != [*map(str, self.description.days)]:
                raise FileError(f"has other days than {_DESCRIPTION}")
            if not (np.isfinite(latitudes).all() and np.isfinite(longitudes).all()):
                raise FileError("has cells without a position")
            return Grid(latitudes, longitudes, times, variables)

    def read(self, cell: tuple[int, int]) -> dict[str, Any]:
        """Return the variables of a cell: numbers and names, or lists of them by lead; None where not known.

        xarray would take a second for so many variables.
        """
        with ExitStack() as stack:
            path = stack.enter_context(self._opened())
            if self.kind == "zarr":
                file = import_module("zarr").open_group(path, mode="r")
            else:
                file = stack.enter_context(import_module("h5py").File(path, "r"))
            return {name: variable.plain(file[name], cell) for name, variable in self.grid.variables.items()}


@dataclass(frozen=True)
class Variable:
    """A variable of a grid."""

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
class Grid:
    """The degrees north of rows and east of columns, the valid times, and the variables of cells by name."""

    latitudes: Floats
    longitudes: Floats
    times: list[str]
    variables: dict[str, Variable]

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


def find_outlook(folder: Path, name: str) -> Outlook:
    """Return an outlook by its name, or the newest that is whole as ``latest``."""
    for found in newest_first(folder) if name == LATEST else [name] if _NAME.fullmatch(name) else []:
        try:
            return _read(folder, found, _stamp(folder, found))
        except (FileError, OSError, ValueError) as error:
            logger.warning("outlook %s is not shown: %s", found, " ".join(str(error).split()))
    if name == LATEST:
        raise UnknownNameError("there is no outlook yet: make one with sst outlook GRID -o FOLDER for SST_OUTLOOKS")
    raise UnknownNameError(f"there is no outlook {name[:40]!r}; GET /outlooks/latest is the newest")


def newest_first(folder: Path) -> list[str]:
    """Return the names of the outlooks in a folder: the one that ``latest`` links to, then all from the newest on."""
    linked: list[str] = []
    try:
        with _inside(folder) as opened:
            inside = os.listdir(opened)  # noqa: PTH208  no path is followed
            with suppress(OSError):  # there is no link of this name
                # Only a name in the folder, wherever it leads.
                linked.append(Path(os.readlink(LATEST, dir_fd=opened)).name)
    except FileNotFoundError:
        return []
    except OSError as error:
        logger.warning("the folder of outlooks cannot be read: %s", error)
        raise UnknownNameError("the service cannot read the folder of SST_OUTLOOKS; its log says why") from None
    found = [match for name in inside if (match := _NAME.fullmatch(name))]
    found.sort(key=lambda match: (match[1], int(match[2] or 1)), reverse=True)
    return list(dict.fromkeys([*filter(_NAME.fullmatch, linked), *(match[0] for match in found)]))


@contextmanager
def _inside(folder: Path, *names: str) -> Iterator[int]:
    """Open a folder in a folder in the folder of outlooks, none of them a link, and yield its descriptor."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    with ExitStack() as stack:
        descriptor = os.open(folder, flags)
        stack.callback(os.close, descriptor)
        for name in names:
            descriptor = os.open(name, flags | os.O_NOFOLLOW, dir_fd=descriptor)
            stack.callback(os.close, descriptor)
        yield descriptor


def _stamp(folder: Path, outlook: str) -> tuple[int, ...]:
    """Return what changes when an outlook or a file of it is replaced, changed or removed."""
    with _inside(folder, outlook) as inside:
        known = [os.stat(name, dir_fd=inside, follow_symlinks=False) for name in (_DESCRIPTION, ".", _RASTERS)]
        for name in _FILES:
            with suppress(FileNotFoundError):
                known.append(os.stat(name, dir_fd=inside, follow_symlinks=False))
    return tuple(number for each in known for number in (each.st_ino, each.st_ctime_ns))


@lru_cache(maxsize=_KEPT)
def _read(folder: Path, outlook: str, stamp: tuple[int, ...]) -> Outlook:
    """Return an outlook after checking that all of it is there, and is no link to something else."""
    with _inside(folder, outlook) as inside:
        content = read_plain(_DESCRIPTION, _LONGEST, folder=inside, follow=False)
    try:
        found = Outlook(folder, outlook, Description.model_validate_json(content))
    except ValidationError as error:
        raise ValueError(f"{_DESCRIPTION} is damaged or of another version, which sst outlook can replace") from error
    for pictures in found.description.layers.values():
        for picture in pictures:
            if not found.raster(picture.raster).endswith(_END_OF_PNG):
                raise ValueError(f"{picture.raster} is damaged")
    # Maps need no package.
    with suppress(MissingExtraError):
        _ = found.grid
    return found
