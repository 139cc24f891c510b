"""The way in: a file → what was understood of it."""

import hashlib
from pathlib import Path
from typing import Final

from forecasting.errors import FileError, SeriesError
from forecasting.readers.base.options import FORMATS, DateOrder, Options, Place
from forecasting.readers.base.table import Table, one_line
from forecasting.readers.base.text import MAX_TEXT, read_text, sniff_binary
from forecasting.readers.result.assemble import attempt, understand
from forecasting.readers.result.reading import Observations, Reading
from forecasting.readers.table.delimited import read_delimited
from forecasting.readers.table.months import bare_years, one_row_a_month
from forecasting.readers.table.ndbc import is_ndbc, read_ndbc
from forecasting.readers.table.tabular import observations
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units
from forecasting.wording import listed

_GRIDS: Final = {"netcdf": "NetCDF", "zarr": "Zarr"}


def read(
    path: Path | str,
    *,
    format: str | None = None,  # noqa: A002  the public name
    station: str | None = None,
    at: Place | None = None,
    depth: float | None = None,
    time_column: str | None = None,
    value_column: str | None = None,
    flag_column: str | None = None,
    units: Units | None = None,
    missing: tuple[float, ...] = (),
    date_order: DateOrder | None = None,
    timezone: str | None = None,
    resample: TimeStep | None = None,
    sample: int | None = None,
    seed: int = 0,
) -> Reading:
    """Read a file of SST; its format is told by its content.

    Arguments are the attributes of :class:`~forecasting.readers.Options`. Where the file holds several stations, or a
    grid and no place is asked for, the reading says so and has no series of its own.

    Raises:
        FileError: naming the file, the line, column or variable, and the remedy.
    """
    path = Path(path)
    options = Options(
        format, station, at, depth, time_column, value_column, flag_column, units, missing, date_order, timezone,
        resample, sample, seed,
    )  # fmt: skip
    try:
        return _read(path, path, options)
    except SeriesError as error:
        raise FileError(f"{path}: {one_line(str(error))}", index=error.index) from None


def read_content(content: bytes | Path, options: Options, *, name: str = "the file", limit: int = MAX_TEXT) -> Reading:
    """Read what a file holds under another name, as :func:`read` does the file.

    Args:
        content: of a file of text, packed by gzip or not; or where any file lies.
        options: what is said of it.
        name: that errors call it by.
        limit: bytes of text that are read, unpacked.

    Raises:
        FileError: as :func:`read` does; also for the bytes of a grid, which comes from a file alone.
    """
    try:
        return _read(content, Path(name), options, limit)
    except SeriesError as error:
        raise FileError(f"{name}: {one_line(str(error))}", index=error.index) from None


def read_csv(
    path: Path | str,
    *,
    time_column: str | None = None,
    value_column: str | None = None,
    units: Units | None = None,
    missing: tuple[float, ...] = (),
) -> SstSeries:
    """Read one series from a CSV file.

    Args:
        path: of the file; UTF-8, separated by comma, semicolon or tab.
        time_column: its name; found by the usual names where None.
        value_column: its name; found by the usual names, or as the only column of numbers, where None.
        units: of the values; where None, as the header or a row of units says, or °C.
        missing: numbers that stand for a missing value, as −999; an empty cell and ``NaN`` do anyway.

    Raises:
        FileError: naming the file, the line or column, and the remedy.
    """
    return read(
        path, format="csv", time_column=time_column, value_column=value_column, units=units, missing=missing
    ).series


def content_digest(path: Path) -> str:
    """SHA-256 of a file, or of all files in a folder with their names.

    Raises:
        OSError: if it cannot be read.
    """
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    for inner in sorted(inner for inner in path.rglob("*") if inner.is_file()):
        whole.update(f"{inner.relative_to(path).as_posix()}\n{content_digest(inner)}\n".encode())
    return whole.hexdigest()


def _read(source: Path | bytes, path: Path, options: Options, limit: int = MAX_TEXT) -> Reading:
    if options.format is not None and options.format not in FORMATS:
        raise FileError(f"format {options.format[:40]!r} is not one of {', '.join(FORMATS)}")
    if options.sample is not None and options.at is not None:
        raise FileError("--at takes one cell of a grid, --sample draws several: give one of them")
    folder = isinstance(source, Path) and source.is_dir()
    kind = sniff_binary(source) if options.format in (None, "netcdf", "zarr") or folder else None
    if options.format in _GRIDS:
        kind = options.format
    if kind is not None:
        if isinstance(source, bytes):
            raise FileError(f"is {_GRIDS[kind]}, which is read from a file on disk alone; send the series as CSV")
        return _read_grid(source, kind, options)
    text, notes = read_text(source, limit)
    _check_lines(text, options.most_lines)
    table = table_of(text, options, notes)
    return _reading(path, table.format, observations(table, options), options)


def table_of(text: str, options: Options, notes: tuple[str, ...] = ()) -> Table:
    """The table in a text of any format, a line each time.

    Raises:
        FileError: if it holds none, naming the line.
    """
    if options.format == "ndbc" or (options.format is None and is_ndbc(text)):
        return read_ndbc(text, notes)
    bare = bare_years(text, notes) if options.format is None else None
    return one_row_a_month(bare or read_delimited(text, notes, options.most_columns), options)


def _check_lines(text: str, most: int | None) -> None:
    lines = max(text.count("\n"), text.count("\r"))
    if most is not None and lines > most:
        raise FileError(f"holds {lines} lines, and at most {most} are taken; keep one station or a shorter time")


def _read_grid(path: Path, kind: str, options: Options) -> Reading:
    from forecasting.readers.grid.grids import NoPlaceError, read_grid  # needs an extra

    try:
        return _reading(path, _GRIDS[kind], read_grid(path, kind, options), options)
    except NoPlaceError as error:
        return Reading(path, _GRIDS[kind], (), str(error), error.grid)


def _reading(path: Path, kind: str, found: list[Observations], options: Options) -> Reading:
    if not found:
        raise FileError("holds no observations")
    if len(found) == 1:
        return Reading(path, kind, (understand(found[0], options),))
    stations = tuple(attempt(one, options) for one in found)
    places = " and " in (found[0].columns.station or "")
    names = [station.name or "" for station in stations]
    shown = listed(names)
    if options.sample is not None:
        return Reading(path, kind, stations, f"is a grid, from which {shown} were drawn; choose one with --at LAT,LON")
    remedy = "places: {}; choose one with --at LAT,LON" if places else "stations: {}; choose one with --station"
    return Reading(path, kind, stations, f"holds {len(names)} {remedy.format(shown)}")
