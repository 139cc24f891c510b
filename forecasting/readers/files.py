"""Entry point: from a file to a reading."""

import hashlib
from pathlib import Path
from typing import Final

from forecasting.errors import FileError, SeriesError
from forecasting.readers.delimited import read_delimited
from forecasting.readers.layouts import bare_years, is_ndbc, one_row_per_month, read_ndbc
from forecasting.readers.options import AT, FORMATS, ReadingOptions
from forecasting.readers.reading import Reading, StationObservations
from forecasting.readers.stations import build_station, try_build
from forecasting.readers.table import Table, one_line
from forecasting.readers.tabular import observations
from forecasting.readers.text import MAX_TEXT, read_text, sniff_binary
from forecasting.remedies import Remedy, Setting
from forecasting.series.sst_series import SstSeries
from forecasting.series.units import Units
from forecasting.wording import listed

DEFAULTS: Final = ReadingOptions()
"""Override nothing."""

_GRIDS: Final = {"netcdf": "NetCDF", "zarr": "Zarr"}


def read(path: Path | str, options: ReadingOptions = DEFAULTS) -> Reading:
    """Read a file of SST; the format is detected from its content.

    If the file holds several stations, or is a grid and no place is chosen, the reading says so and has no single
    series.
    """
    path = Path(path)
    return read_content(path, options, name=str(path))


def read_content(
    content: bytes | Path, options: ReadingOptions, *, name: str = "the file", limit: int = MAX_TEXT
) -> Reading:
    """Read content that errors refer to by another name than its path; see :func:`read`."""
    try:
        return _read(content, Path(name), options, limit)
    except SeriesError as error:
        raise in_one_line(error, name) from None


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
        path: the path of the file: UTF-8 text separated by commas, semicolons or tabs.
        time_column: name of the time column; if None, found by the usual names.
        value_column: name of the temperature column; if None, found by the usual names, or the only column of
            numbers.
        units: the units of the temperatures; if None, as the header or a row of units says, otherwise °C.
        missing: numbers that mark a missing value, such as −999, besides empty cells and ``NaN``.
    """
    options = ReadingOptions(
        format="csv", time_column=time_column, value_column=value_column, units=units, missing=missing
    )
    return read(path, options).series


def content_digest(path: Path) -> str:
    """Return SHA-256 digest of a file, or of the names and contents of all files in a folder."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for inner in sorted(inner for inner in path.rglob("*") if inner.is_file()):
        digest.update(f"{inner.relative_to(path).as_posix()}\n{content_digest(inner)}\n".encode())
    return digest.hexdigest()


def in_one_line(error: SeriesError, name: Path | str) -> FileError:
    """Return the error in one line, with the name of the file in front."""
    return FileError(f"{name}: {one_line(error.message)}", index=error.index, remedy=error.remedy)


def _read(source: Path | bytes, path: Path, options: ReadingOptions, limit: int) -> Reading:
    if options.format is not None and options.format not in FORMATS:
        raise FileError(f"unknown format {options.format[:40]!r}; use one of {', '.join(FORMATS)}")
    if options.sample is not None and options.at is not None:
        raise FileError(
            "a grid cell cannot be both chosen and drawn at random",
            remedy=Remedy.of("; remove either {} or {}", "at", "sample"),
        )
    folder = isinstance(source, Path) and source.is_dir()
    kind = sniff_binary(source) if options.format in (None, "netcdf", "zarr") or folder else None
    if options.format in _GRIDS:
        kind = options.format
    if kind is not None:
        if isinstance(source, bytes):
            raise FileError(f"is {_GRIDS[kind]}, which can only be read from a file on disk; send the series as CSV")
        return _read_grid(source, kind, options)
    text, notes = read_text(source, limit)
    lines = max(text.count("\n"), text.count("\r"))
    if options.max_lines is not None and lines > options.max_lines:
        raise FileError(
            f"holds {lines} lines, more than the limit of {options.max_lines}; keep one station or a shorter period"
        )
    table = table_of(text, options, notes)
    return _reading(path, table.format, observations(table, options), options)


def table_of(text: str, options: ReadingOptions, notes: tuple[str, ...] = ()) -> Table:
    """Parse text of any format into a table with one row per time."""
    if options.format == "ndbc" or (options.format is None and is_ndbc(text)):
        return read_ndbc(text, notes, options.max_columns)
    bare = bare_years(text, notes) if options.format is None else None
    return one_row_per_month(bare or read_delimited(text, notes, options.max_columns), options)


def _read_grid(path: Path, kind: str, options: ReadingOptions) -> Reading:
    from forecasting.readers.grid.cells import NoPlaceError  # needs an extra
    from forecasting.readers.grid.grids import read_grid

    try:
        return _reading(path, _GRIDS[kind], read_grid(path, kind, options), options)
    except NoPlaceError as error:
        return Reading(path, _GRIDS[kind], (), FileError.of(error), error.grid)


def _reading(path: Path, kind: str, stations_found: list[StationObservations], options: ReadingOptions) -> Reading:
    if not stations_found:
        raise FileError("holds no observations")
    if len(stations_found) == 1:
        return Reading(path, kind, (build_station(stations_found[0], options),))
    stations = tuple(try_build(station, options) for station in stations_found)
    places = " and " in (stations_found[0].station.columns.station or "")
    names = [station.name or "" for station in stations]
    shown = listed(names)
    if options.sample is not None:
        error = FileError(f"is a grid; {shown} were drawn from it", remedy=Remedy.of("; choose one with {}", AT))
        return Reading(path, kind, stations, error)
    choice, noun = (AT, "places") if places else (Setting("station"), "stations")
    remedy = Remedy.of("; choose one with {}", choice)
    error = FileError(
        f"holds {len(names)} {noun}: {shown}", remedy=remedy if places else remedy.offering_values("station", names)
    )
    return Reading(path, kind, stations, error)
