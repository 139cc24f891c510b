"""A grid from its files to its output, step by step."""

import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.errors import FileError
from forecasting.events.baseline import DAYS
from forecasting.readers.grid.cells import grid_axes, meshed
from forecasting.readers.grid.cf import find_units
from forecasting.readers.grid.fields import Field
from forecasting.readers.grid.store import opened, readable
from forecasting.readers.options import ReadingOptions
from forecasting.readers.text import sniff_binary
from forecasting.series.timestep import TimeStep
from forecasting.series.units import parse_units, to_celsius
from forecasting.series.weather import WIND, WindUnits, parse_wind_units, to_metres_per_second
from scoring.errors import ScoringError, in_one_line
from scoring.grids.field import JoinedField, last_steps, members_of, open_files, step_of
from scoring.grids.job import (
    BASELINES,
    CELLS,
    COLD,
    LAYOUT,
    NAMES,
    POSITIONS,
    WARMEST,
    WEATHER,
    GridJob,
    Layout,
    Positions,
)
from scoring.grids.output import Output, event_variables, forecast_variables, skeleton
from scoring.grids.pooling import with_mixture
from scoring.models import Span
from scoring.run import Input, progress
from scoring.work import Plan, WorkFolder, read_json, write_json

_NEAR_DEGREES: Final = 2.0
_FARTHEST_CELLS: Final = 64
_CELLS_MEASURED: Final = 10_000
"""First cells of a grid that tell how far apart cells are."""


def positions_of(field: Field) -> Positions | None:
    """Return latitude and longitude of each cell, float32 ``(cells, 2)``; None if they are not known.

    They are not known where dimensions are not latitude and longitude, or hold other numbers than degrees.
    """
    try:
        lat, lon = grid_axes(field.data, field.value, field.along)
    except FileError:
        return None
    north, east = meshed(lat, lon, {dim: slice(None) for dim in field.dims})
    dims = tuple(map(str, dict.fromkeys((*lat.dims, *lon.dims))))
    if set(dims) != set(field.dims) or north.shape != east.shape:
        return None
    order = [dims.index(dim) for dim in field.dims]
    places = np.stack([axis.transpose(order).ravel() for axis in (north, east)], axis=1)
    with np.errstate(invalid="ignore"):
        outside = (np.abs(places[:, 0]) > 90) | (places[:, 1] < -180) | (places[:, 1] > 360)
    return None if outside.any() else places.astype(np.float32)


def write_positions(places: Positions, folder: Path) -> None:
    """Write positions to ``folder``."""
    (folder / POSITIONS).write_bytes(places.astype("<f4").tobytes())


def cells_between_evaluated(places: Positions) -> int:
    """Return N, so that each cell is at most 2° along its row from one of every N cells."""
    distances = np.abs(np.diff(places[: _CELLS_MEASURED + 1], axis=0)).sum(axis=1)
    known = distances[np.isfinite(distances) & (distances > 0)]
    return int(np.clip(2 * _NEAR_DEGREES / np.median(known) + 0.01, 1, _FARTHEST_CELLS)) if len(known) else 1


_DAYS_TOGETHER: Final = 32
"""Days in a chunk of a file from which it is read by cells, not day by day."""
_DAY_NAMES: Final = ("dayofyear", "doy", "day_of_year", "day")
SAME_DEGREES: Final = 1e-3


def check_baselines(path: Path, field: Field) -> None:
    """Refuse a file without a climatology and threshold for each day of a leap year, on the grid of ``field``."""
    with _baselines(path, field):
        pass


def stage_baselines(path: Path, field: Field, layout: Layout, folder: Path, *, warmest: bool, quiet: bool) -> Layout:
    """Write climatology and thresholds of each cell to ``folder``, °C as float32 ``(variables, days, cells)``."""
    months = np.arange("2016-01-01", "2017-01-01", dtype="datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    with (
        _baselines(path, field) as given,
        (folder / BASELINES).open("wb") as file,
        progress(f"reading {path.name}", None, _VALUES, quiet=quiet) as bar,
    ):
        bar.total = (len(layout.days) * len(given) + (DAYS - len(layout.days) if warmest else 0)) * field.cells
        for i, variable in enumerate(given):
            every = warmest and i == 0
            days = np.arange(DAYS) if every else layout.days
            sums = np.zeros((12, field.cells), dtype=np.float32) if every else None
            at = {day: (i * len(layout.days) + j) * field.cells for j, day in enumerate(layout.days.tolist())}
            for day, cells, values in _slabs(variable, field, days):
                bar.update(values.size)
                if sums is not None:
                    sums[months[day], cells] += values
                if day in at:
                    file.seek(4 * (at[day] + cells.start))
                    file.write(values.astype("<f4").data)
            if sums is not None:
                means = sums / np.bincount(months, minlength=12)[:, None].astype(np.float32)
                (folder / WARMEST).write_bytes(means.max(axis=0).astype("<f4").tobytes())
        return replace(layout, baselines=len(given))


@contextmanager
def _baselines(path: Path, field: Field) -> Iterator[list[xr.DataArray]]:
    """Open a file of baselines; yields its variables, which are on the grid of ``field``."""
    try:
        kind = sniff_binary(path)
        if kind not in ("netcdf", "zarr"):
            raise FileError("is not NetCDF or Zarr; a baseline of a grid is a grid, or a period such as 1983/2012")
        with opened(path, kind) as data, readable(kind):
            names = [*NAMES, *([COLD] if COLD in data.data_vars else [])]
            for name in names:
                if name not in data.data_vars:
                    raise FileError(f"has no variable {name}; it needs climatology and threshold (dayofyear, …)")
                _check_grid(data[name], field)
            yield [data[name] for name in names]
    except FileError as error:
        raise ScoringError(f"{path}: {in_one_line(error)}") from None


def _along(given: xr.DataArray) -> str | None:
    return next((name for name in _DAY_NAMES if given.sizes.get(name) == DAYS), None)


def _check_grid(given: xr.DataArray, field: Field) -> None:
    if _along(given) is None:
        sizes = ", ".join(f"{dim} ({size})" for dim, size in given.sizes.items())
        raise FileError(f"variable {given.name} has dimensions {sizes}, but needs dayofyear with {DAYS} days")
    for dim in field.dims:
        if given.sizes.get(dim) != field.value.sizes[dim]:
            raise FileError(f"variable {given.name} has another number of points along {dim} than the input; regrid it")
        if dim in given.coords and dim in field.value.coords:
            _check_axis(given, field, dim)
    find_units(given, ReadingOptions())


def _slabs(
    given: xr.DataArray, field: Field, days: npt.NDArray[np.int64]
) -> Iterator[tuple[int, slice, npt.NDArray[np.float32]]]:
    """Yield a day, some cells in the order of ``field``, and their °C ``(cells,)``, as the chunks of the file are."""
    along, units = _along(given), find_units(given, ReadingOptions())[0]
    assert along is not None
    chunks = given.encoding.get("chunksizes") or given.encoding.get("chunks") or (1,) * given.ndim
    by_day = chunks[given.dims.index(along)] < _DAYS_TOGETHER
    rows, width = _rows(field), _width(field)
    at_once = rows if by_day else max(1, _SLAB // (DAYS * width))
    wanted = days if by_day else np.arange(DAYS)
    kept = set(days.tolist())
    for begin in range(0, rows, at_once):
        part = given if not field.dims else given.isel({field.dims[0]: slice(begin, begin + at_once)})
        cells = slice(begin * width, min(begin + at_once, rows) * width)
        for some in wanted[:, None] if by_day else (wanted,):
            values = part.isel({along: some}).transpose(along, *field.dims).values.reshape(len(some), -1)
            celsius = to_celsius(np.asarray(values, dtype=np.float64), units).astype(np.float32)
            yield from ((day, cells, row) for day, row in zip(some.tolist(), celsius, strict=True) if day in kept)


def _check_axis(given: xr.DataArray, field: Field, dim: str) -> None:
    theirs, ours = np.asarray(given[dim].values), np.asarray(field.value[dim].values)
    is_number = theirs.dtype.kind in "fiu" and ours.dtype.kind in "fiu"
    same = np.allclose(theirs, ours, rtol=0, atol=SAME_DEGREES) if is_number else np.array_equal(theirs, ours)
    if not same:
        raise FileError(f"its {dim} differs from that of the input; regrid it, or sort it the same way")


_VALUES: Final = " values"
"""Unit of what is read."""
_SLAB: Final = 8_000_000
"""Values read and decoded at once."""


def stage_cells(
    field: Field, span: Span, horizon: int, chunk: int, folder: Path, *, resample: TimeStep | None, quiet: bool
) -> Layout:
    """Write the last steps of ``field`` to ``folder``, °C as float32 by time, and the positions of its cells."""
    steps = last_steps(field, span, resample)
    bar = progress(f"reading {field.value.name}", steps.count * field.cells, _VALUES, quiet=quiet)
    with bar, (folder / CELLS).open("wb") as file:
        if steps.averaged is None:
            for indices in _runs(steps.at):
                for values in _copied(field, indices):
                    file.write(values.data)
                    bar.update(values.size)
        else:
            for indices, least in zip(steps.averaged, steps.least, strict=True):
                _write_mean(field, indices, least, file)
                bar.update(field.cells)
    places = positions_of(field)
    if places is not None:
        write_positions(places, folder)
    ahead = span.step.shift(np.asarray([steps.issued]), np.arange(1, horizon + 1))
    nowhere = (
        () if places is not None else ("no latitudes and longitudes were found, so forecasts do not use a climatology",)
    )
    return Layout(
        steps=steps.count,
        bounds=_bounds(field, chunk),
        valid_times=tuple(ahead.astype(np.int64).tolist()),
        start=int(steps.start.astype(np.int64)),
        issued=int(steps.issued.astype(np.int64)),
        every=1 if places is None else cells_between_evaluated(places),
        placed=places is not None,
        dims=tuple(map(str, field.value.dims)),
        along=field.along,
        shape=field.shape,
        name=str(field.value.name),
        notes=(*field.notes, *nowhere, *steps.notes),
        averaged=steps.averaged is not None,
    )


def stage_weather(
    field: Field, files: Sequence[Path], options: ReadingOptions, layout: Layout, step: TimeStep, folder: Path
) -> Layout:
    """Write the covariates that ``files`` have on the grid of ``field`` to ``folder``; return what is staged."""
    names, notes = list[str](), list[str]()
    count = layout.steps + len(layout.valid_times)
    for known in field.weather:
        name, wind = known.name, parse_wind_units(known.units) if known.name == WIND else None
        # Wind is read as it is, as if it were in °C.
        own = replace(options, value_column=name, flags="none", units="celsius" if wind else parse_units(known.units))
        with open_files(files, own) as covariate:
            if covariate.dims != field.dims or covariate.shape != field.shape:
                notes.append(f"{name} is not used: its dimensions are not in the order of those of {layout.name}")
                continue
            start = np.datetime64(layout.start, "s")
            members, least = members_of(covariate, start, count, step, averaged=layout.averaged)
            with (folder / WEATHER.format(name)).open("wb") as file:
                for indices in members:
                    _write_mean(covariate, indices, least, file, wind)
        names.append(name)
    return replace(layout, weather=tuple(names), notes=(*layout.notes, *notes))


def _rows(field: Field) -> int:
    """Return the size of the first dimension."""
    return field.shape[0] if field.dims else 1


def _width(field: Field) -> int:
    """Return the number of cells in a row of the first dimension, at least one."""
    return max(1, field.cells // max(_rows(field), 1))


def _bounds(field: Field, chunk: int) -> tuple[int, ...]:
    rows = _rows(field)
    width = _width(field)
    rows_per_chunk = max(1, chunk // width)
    return (*range(0, rows * width, rows_per_chunk * width), rows * width)


def _copied(field: Field, indices: npt.NDArray[np.intp]) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the cells at consecutive ``indices`` of the file, a slab at a time; NaN for absent ones."""
    if indices[0] < 0:
        for _ in indices:
            yield np.full(field.cells, np.nan, dtype="<f4")
        return
    at_once = max(1, _SLAB // max(field.cells, 1))
    rows = _rows(field)
    rows_at_once = max(1, _SLAB // _width(field))
    for begin in range(int(indices[0]), int(indices[-1]) + 1, at_once):
        steps = slice(begin, min(begin + at_once, int(indices[-1]) + 1))
        for row in range(0, rows, rows if at_once > 1 else rows_at_once):
            slab = slice(row, rows if at_once > 1 else row + rows_at_once)
            yield np.ascontiguousarray(field.celsius(steps, slab), dtype="<f4")


def _write_mean(
    field: Field, indices: npt.NDArray[np.intp], least: float, file: BinaryIO, wind: WindUnits | None = None
) -> None:
    """Append the mean of each cell at ``indices`` of the file, NaN where fewer than ``least`` values are known.

    Those of ``wind`` are converted to m/s.
    """
    total, count = np.zeros(field.cells), np.zeros(field.cells, dtype=np.int32)
    for index in indices.tolist():
        values = field.celsius(slice(index, index + 1))[0]
        known = np.isfinite(values)
        total[known] += values[known]
        count += known
    enough = (count > 0) & (count >= least)
    mean = np.full(field.cells, np.nan, dtype="<f4")
    mean[enough] = total[enough] / count[enough]
    if wind:
        mean[enough] = to_metres_per_second(mean[enough].astype(np.float64), wind)
    file.write(mean.data)


def _runs(at: npt.NDArray[np.intp]) -> Iterator[npt.NDArray[np.intp]]:
    """Split ``at`` into runs that are consecutive in the file, or absent from it."""
    follows = (np.diff(at) == 1) & (at[:-1] >= 0)
    yield from np.split(at, np.flatnonzero(~follows) + 1)


_OUTPUT = "output.pickle"
_ALL_STEPS = 10_000_000
"""More steps than any grid has."""
_CELLS_WITH_WHOLE_PAST = 1_024
"""Default number of cells that are forecast together if their whole past counts: 60 MB for forty years of days."""
_FILES_OF_STEP = 30
"""Last files of an archive whose times tell its step."""


def step_of_files(files: Sequence[Path], options: ReadingOptions) -> TimeStep:
    """Return the step of a grid, or the one that it is averaged to."""
    if options.resample is not None:
        return options.resample
    with open_files(files[-_FILES_OF_STEP:], options) as field:
        return step_of(field)


class GridInput(Input):
    """A grid whose times are in one or more NetCDF files or Zarr stores."""

    unit = "cells"
    references: ClassVar[tuple[str, ...]] = ()
    """Names of the references that the output has too."""

    @property
    def chunk_size(self) -> int:
        """See :class:`~scoring.run.Input`."""
        return _CELLS_WITH_WHOLE_PAST if self.events.steps_needed() is None else self.model.cells_per_chunk

    @property
    def _span(self) -> Span:
        """The steps that the forecasts and their events depend on."""
        span, needed = self.model.span, self.events.steps_needed()
        return replace(span, longest=_ALL_STEPS if needed is None else max(span.longest, needed))

    def narrowed(self) -> Self:
        """Keep only the files of the last steps, so that an archive of decades is not read for its last month."""
        if len(self.files) == 1:
            return self
        with open_files(self.files, self.options) as field:
            assert isinstance(field, JoinedField)
            first = last_steps(field, self._span, self.options.resample).first
            return replace(self, files=tuple(sorted(set(field.files[first:]))))

    def stage(self, chunk: int, folder: Path, *, quiet: bool) -> None:
        """See :class:`~scoring.run.Input`."""
        with open_files(self.files, self.options) as field:
            self.check(field)
            baselines = self.events.baseline_file
            if baselines is not None:
                check_baselines(Path(baselines), field)
            resample = self.options.resample
            layout = stage_cells(field, self._span, self.horizon, chunk, folder, resample=resample, quiet=quiet)
            layout = stage_weather(field, self.files, self.options, layout, self.model.span.step, folder)
            layout = replace(layout, references=self.references)
            if baselines is not None:
                warmest = self.events.needs_warmest_month
                layout = stage_baselines(Path(baselines), field, layout, folder, warmest=warmest, quiet=quiet)
            if self.model.mixes:
                layout = with_mixture(self._job(layout, folder))
            bare = skeleton(field, layout, self.model, self.path.absolute().name)
            variables = forecast_variables(field, bare, self.levels, self.model, layout)
            variables |= event_variables(self.events, self.model, variables["sst"].attributes)
        (folder / _OUTPUT).write_bytes(pickle.dumps(self.completed(Output(layout, bare, variables))))
        write_json(folder / LAYOUT, layout)

    def check(self, field: Field) -> None:
        """Refuse a grid that the output cannot be made of, before it is read; by default, none."""

    def completed(self, output: Output) -> Output:
        """Return the output with what it has beside the forecasts; by default, nothing."""
        return output

    def job(self, folder: Path) -> GridJob:
        """See :class:`~scoring.run.Input`."""
        return self._job(read_json(Layout, folder / LAYOUT), folder)

    def _job(self, layout: Layout, folder: Path) -> GridJob:
        return GridJob(self.model, self.horizon, self.levels, self.events, folder.resolve(), layout)

    def write(self, work: WorkFolder, plan: Plan, failed: Mapping[int, str], path: Path) -> None:
        """See :class:`~scoring.run.Input`."""
        output: Output = pickle.loads((work.staged / _OUTPUT).read_bytes())  # noqa: S301  written by this program
        output.write(path, plan.output, lambda chunk: None if chunk in failed else work.content(chunk))
