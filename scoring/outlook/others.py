"""Other people's forecasts of a grid, read on the cells of an outlook by their reference day and lead."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.errors import FileError
from forecasting.readers.dates import seconds_of_unit
from forecasting.readers.grid.cf import find_variable
from forecasting.readers.grid.fields import Field, find_field
from forecasting.readers.grid.store import opened, readable
from forecasting.readers.names import LEADS, REFERENCE_TIMES, VALID_TIMES
from forecasting.readers.options import ReadingOptions
from forecasting.readers.text import sniff_binary
from forecasting.series.times import DAY, SECONDS, Floats, Times
from scoring.grids.input import SAME_DEGREES
from scoring.outlook.aligned import Axes, OpenFiles, PlacedField, Values
from scoring.source import find_source, named_other

_TIME: Final = "valid time of the forecasts"
"""The name of the valid times, which no variable has."""
_CASE: Final = "case"
_STANDARD: Final = {"forecast_reference_time": REFERENCE_TIMES, "forecast_period": LEADS, "time": VALID_TIMES}
"""Usual names of a variable by its standard name."""
_MOST_OPEN: Final = 8


class Case(NamedTuple):
    """Where a forecast is."""

    file: Path
    run: int
    step: int


@dataclass(frozen=True, eq=False)
class OtherFile:
    """An open file of forecasts."""

    data: xr.Dataset
    kind: str
    reference: Times
    valid: Times
    run: str | None
    step: str
    cells: Axes

    @classmethod
    def of(cls, data: xr.Dataset, kind: str, cells: Axes) -> "OtherFile":
        """Find the times of an open file."""
        with readable(kind):
            name = find_variable(data, ReadingOptions())
            reference, valid = _times(data, name)
        dims = sorted(map(str, reference.dims), key=[str(dim) for dim in data[name].dims].index)
        if not dims:
            data, dims = data.assign({name: data[name].expand_dims(_CASE)}), [_CASE]
            reference, valid = reference.expand_dims(_CASE), valid.expand_dims(_CASE)
        if len(dims) > 2:
            raise FileError(f"its reference times and leads are along {', '.join(dims)}, but may have two dimensions")
        run, step = (None, dims[0]) if len(dims) == 1 else _in_order(reference, dims)
        order = dims if run is None else (run, step)
        times = (each.transpose(*order).values.astype(SECONDS) for each in (reference, valid))
        referred, seen = (each.reshape(-1, each.shape[-1]) for each in times)
        return cls(data, kind, referred, seen, run, step, cells)

    @cached_property
    def placed(self) -> PlacedField:
        """The first run, on the cells of the outlooks."""
        return PlacedField.of(self._field(0), self.cells, nearest=True)

    def at(self, run: int, step: int) -> Values:
        """Return a forecast, °C ``(rows, columns)`` of the outlooks, NaN where there is none."""
        return replace(self.placed, grid=self._field(run)).at(step)

    def _field(self, run: int) -> Field:
        data = self.data if self.run is None else self.data.isel({self.run: run})
        timed = data.assign_coords({_TIME: (self.step, self.valid[run].astype("datetime64[ns]"))})
        with readable(self.kind):
            return find_field(timed, self.kind, ReadingOptions(time_column=_TIME))


def _in_order(reference: xr.DataArray, dims: Sequence[str]) -> tuple[str, str]:
    """Return the dimension along which reference times differ, and the other."""
    first, second = dims
    along = reference.isel({second: 0}).values
    return (first, second) if len(along) == 1 or (along != along[0]).any() else (second, first)


def _times(data: xr.Dataset, name: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Return reference and valid time of each forecast, along the dimensions that tell forecasts apart.

    Two of reference time, lead and valid time suffice; each is a scalar, or along dimensions of the temperatures.
    """
    inside = [str(key) for key in data.variables if key != name and {*data[key].dims} <= {*data[name].dims}]
    found: dict[str, xr.DataArray] = {}
    for standard, usual in _STANDARD.items():
        free = [
            key for key in inside if key not in {each.name for each in found.values()} and _holds(data, key, standard)
        ]
        stated = [key for key in free if data[key].attrs.get("standard_name") == standard]
        called = [key for wanted in usual for key in free if key.lower() == wanted]
        if stated or called:
            found[standard] = data[next(iter((*stated, *called)))]
    if len(found) < 2:
        raise FileError(
            "does not say from when its forecasts are: it needs forecast_reference_time and forecast_period (or "
            "init_time and lead_time, or reftime and step), or a reference time beside the valid times"
        )
    bare = {key: each.drop_vars(each.coords) for key, each in found.items()}
    if "forecast_period" not in found:
        reference, valid = xr.broadcast(bare["forecast_reference_time"], bare["time"])
        return reference, valid
    lead = _durations(bare["forecast_period"])
    if "forecast_reference_time" in found:
        reference, lead = xr.broadcast(bare["forecast_reference_time"], lead)
        return reference, reference + lead
    valid = bare["time"]
    if lead.ndim and valid.ndim and not {*lead.dims} <= {*valid.dims}:
        raise FileError(
            f"variable {valid.name} may be the reference time of each lead, or a valid time: give it the standard_name "
            "forecast_reference_time or time"
        )
    valid, lead = xr.broadcast(valid, lead)
    return valid - lead, valid


def _holds(data: xr.Dataset, name: str, standard: str) -> bool:
    """Return whether a variable holds what it is named after: leads are times or numbers, and others dates."""
    return data[name].dtype.kind in ("mif" if standard == "forecast_period" else "M")


def _durations(lead: xr.DataArray) -> xr.DataArray:
    if lead.dtype.kind != "m":
        seconds = seconds_of_unit(str(lead.attrs.get("units", "")))
        if seconds is None:
            raise FileError(f"variable {lead.name} does not state a unit of time; give it units such as hours or days")
        lead = lead.copy(data=np.round(lead.values.astype(np.float64) * seconds).astype("timedelta64[s]"))
    return lead


class OtherGrid:
    """Other people's forecasts of a grid."""

    def __init__(self, name: str, path: Path, cells: Axes) -> None:
        self.name, self.path, self._cells = name, path, cells
        self._cases: dict[tuple[int, int], Case] = {}
        self._files = OpenFiles(self._opened, _MOST_OPEN)
        issued: dict[tuple[int, int], np.datetime64] = {}
        with self:
            for file in find_source([path], grid=True).files:
                with named_other(file):
                    for key, case, reference in _cases_of(self._files[file], file):
                        # Of several runs of a day, the last counts.
                        if key not in issued or issued[key] <= reference:
                            issued[key], self._cases[key] = reference, case
            if not self._cases:
                raise FileError(f"{path}: has no forecasts")
            first = next(iter(self._cases.values())).file
            with named_other(first):
                placed = self._files[first].placed
        self.missed = cells.size[0] * cells.size[1] - placed.cells
        self.is_same = _are_same(cells.lat, placed.axes.lat, placed.rows) and _are_same(
            cells.lon, placed.axes.lon, placed.columns
        )

    def __enter__(self) -> "OtherGrid":
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    @property
    def days(self) -> Times:
        """The reference days, ascending."""
        return np.unique([day for day, _ in self._cases]).astype("datetime64[D]")

    @property
    def leads(self) -> list[int]:
        """The leads, ascending, in days."""
        return sorted({lead for _, lead in self._cases})

    def has(self, day: np.datetime64, lead: int) -> bool:
        """Return whether there is a forecast from a reference day at a lead."""
        return (_number(day), lead) in self._cases

    def on(self, day: np.datetime64, lead: int) -> Values:
        """Return the forecast from a reference day at a lead, °C, on the grid of the outlook; NaN without one."""
        case = self._cases.get((_number(day), lead))
        if case is None:
            return np.full(self._cells.size, np.nan, dtype=np.float32)
        with named_other(case.file):
            return self._files[case.file].at(case.run, case.step)

    @contextmanager
    def _opened(self, path: Path) -> Iterator[OtherFile]:
        kind = sniff_binary(path)
        if kind is None:
            raise FileError("is not NetCDF or Zarr; other forecasts of a grid are a grid")
        with opened(path, kind) as data:
            yield OtherFile.of(data, kind, self._cells)


def _are_same(ours: Floats, theirs: Floats, at: npt.NDArray[np.intp]) -> bool:
    """Return whether those of our degrees that have a place in theirs are the same."""
    gaps = np.abs((ours - theirs[at] + 180) % 360 - 180)[at >= 0]
    return bool((gaps <= SAME_DEGREES).all())


def _number(day: np.datetime64) -> int:
    return int(day.astype("datetime64[D]").astype(np.int64))


def _cases_of(other: OtherFile, file: Path) -> Iterator[tuple[tuple[int, int], Case, np.datetime64]]:
    """Yield reference day and lead of each forecast, where it is, and its reference time."""
    days, valid = (times.astype("datetime64[D]").astype(np.int64) for times in (other.reference, other.valid))
    seen: dict[tuple[Any, int], Any] = {}
    for (run, step), reference in np.ndenumerate(other.reference):
        at = other.valid[run, step]
        if np.isnat(reference) or np.isnat(at):
            continue
        if seen.setdefault((reference, int(valid[run, step])), at) != at:
            raise FileError(
                f"has several times a day, such as {seen[reference, int(valid[run, step])]} and {at}, but an outlook "
                f"is of days ({DAY // 3600} hours); average it"
            )
        key = int(days[run, step]), int(valid[run, step] - days[run, step])
        yield key, Case(file, run, step), reference
