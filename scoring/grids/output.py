"""The output file of a grid: coordinates and attributes after the CF conventions, written chunk by chunk."""

import errno
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5netcdf
import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.events.columns import Column, Form
from forecasting.models.universal.mixture import MIXTURE
from forecasting.models.universal.pooled import PooledMixture
from forecasting.qartod import NOT_EVALUATED
from forecasting.readers.grid.cf import STANDARD_NAMES
from forecasting.readers.grid.fields import Field
from forecasting.series.times import iso
from scoring.events import EventRequest
from scoring.grids.hdf5 import written_by_hdf5
from scoring.grids.job import Arrays, Layout, read_part, stored_type
from scoring.models import Models
from scoring.quality import MEANINGS, RULE

ON_SCALE: Final = {"units": "degree_Celsius", "units_metadata": "temperature: on_scale"}
"""Attributes of a temperature."""


@dataclass(frozen=True)
class Variable:
    """A variable of the forecasts."""

    dtype: str
    by_lead: bool
    attributes: dict[str, Any]
    fill: float | None


CONVENTIONS: Final = "CF-1.11"
REFERENCE: Final = "forecast_reference_time"

_AXES: Final = {
    "latitude": ("lat", {"standard_name": "latitude", "units": "degrees_north"}),
    "longitude": ("lon", {"standard_name": "longitude", "units": "degrees_east"}),
}
_TIME: Final = {"units": "seconds since 1970-01-01 00:00:00", "calendar": "standard", "dtype": "float64",
                "_FillValue": None}  # fmt: skip
_OWN: Final = (REFERENCE, "forecast_period")
"""Coordinates about the time of issue, which the output sets itself."""
_NO_LEAP_SECONDS: Final = {"units_metadata": "leap_seconds: none"}
_OF_INPUT: Final = (
    "title", "institution", "source", "references", "doi", "license", "acknowledgement", "acknowledgment"
)  # fmt: skip
"""Global attributes of the input that the output names as such: they must not attribute the forecast to others."""


def skeleton(field: Field, layout: Layout, model: Models, source: str) -> xr.Dataset:
    """Return coordinates and global attributes; ``source`` is the name of the input file."""
    replaced = (field.time, *_OWN)
    data = xr.Dataset({name: variable for name, variable in _coordinates(field).items() if name not in replaced})
    valid = np.asarray(layout.valid_times, dtype="datetime64[s]")
    time = {"standard_name": "time", "long_name": "valid time of the forecast", "axis": "T"}
    time |= _NO_LEAP_SECONDS
    issued = {"standard_name": REFERENCE, "long_name": "time of the last observation that was used"}
    issued |= _NO_LEAP_SECONDS
    data[field.time] = xr.Variable((field.along,), valid, time, dict(_TIME))
    data[REFERENCE] = xr.Variable((), np.datetime64(layout.issued, "s"), issued, dict(_TIME))
    data.attrs = _attributes(field, layout, model, source)
    # As variables: the `coordinates` attribute of each forecast names the ones that belong to it.
    return data.reset_coords()


def _coordinates(field: Field) -> dict[str, xr.Variable]:
    variables: dict[str, xr.Variable] = {}
    for name, coordinate in field.value.coords.items():
        if field.along in coordinate.dims or (coordinate.ndim == 0 and not _matters(coordinate)):
            continue
        variables[str(name)] = _plain(coordinate.variable, str(name))
        bounds = str(coordinate.attrs.get("bounds", ""))
        if bounds in field.data.variables and field.along not in field.data[bounds].dims:
            variables[bounds] = _plain(field.data[bounds].variable, bounds)
        else:
            variables[str(name)].attrs.pop("bounds", None)
    mapping = grid_mapping(field)
    if mapping:
        variables[mapping] = _plain(field.data[mapping].variable, mapping)
    return variables


def grid_mapping(field: Field) -> str | None:
    """Return the name of the variable that describes the projection, if the file has one."""
    name = str(field.value.attrs.get("grid_mapping", field.value.encoding.get("grid_mapping", "")))
    return name if name in field.data.variables else None


def _matters(scalar: xr.DataArray) -> bool:
    """Return whether a scalar coordinate carries information; a depth of 0 does not, for a surface temperature."""
    return scalar.dtype.kind not in "fiu" or bool(scalar != 0)


def _plain(variable: xr.Variable, name: str) -> xr.Variable:
    """Return a variable without its encoding, and without ``actual_range``, which many files state backwards."""
    attributes = {key: value for key, value in variable.attrs.items() if key != "actual_range"}
    for standard, (usual, complete) in _AXES.items():
        is_axis = attributes.get("standard_name") == standard or name.lower() in (standard, usual, f"nav_{usual}")
        if is_axis and variable.dtype.kind in "fiu":
            attributes = {**complete, **attributes}
    kind = {"_FillValue": None} if variable.dtype.kind == "f" else {}
    return xr.Variable(variable.dims, np.asarray(variable.values), attributes, kind)


def _attributes(field: Field, layout: Layout, model: Models, source: str) -> dict[str, Any]:
    given = {f"input_{name}": str(field.data.attrs[name]) for name in _OF_INPUT if name in field.data.attrs}
    issued, mixture = iso(np.datetime64(layout.issued, "s")), layout.mixture
    by, source_of = _forecaster(model, layout), f"recurrent network {model.network}"
    if mixture is not None:
        source_of += " mixed with references"
    done = f"python -m scoring: {layout.name} of {source}, forecast by {by} {model.version}"
    history = "\n".join(filter(None, (str(field.data.attrs.get("history", "")).strip(), f"{done}, issued {issued}")))
    return (
        given
        | {
            "Conventions": CONVENTIONS,
            "title": f"Sea surface temperature, forecast from {issued} by {by}",
            "source": f"{source_of}, release {model.version}, on {layout.name} of {source}",
            "history": history,
            "forecast_model": by,
            "forecast_release_version": model.version,
            "forecast_model_choice": model.choice,
        }
        | ({} if mixture is None else _mixture_attributes(mixture, len(layout.valid_times)))
    )


def _forecaster(model: Models, layout: Layout) -> str:
    """Return the name of the model that forecasts."""
    return model.network if layout.mixture is None else MIXTURE


def _mixture_attributes(mixture: PooledMixture, leads: int) -> dict[str, Any]:
    """Return how the members of a mixture are weighted at each of the ``leads`` that are asked for."""
    network, *references = mixture.weights
    named = {"network": mixture.weights[network]} | {name: mixture.weights[name] for name in references}
    return {
        "forecast_mixture_network": network,
        "forecast_mixture_references": " ".join(references),
        "forecast_mixture_cells": mixture.series,
        **{f"forecast_mixture_weights_{name}": np.round(row[:leads], 4) for name, row in named.items()},
    }


def forecast_variables(
    field: Field, data: xr.Dataset, levels: tuple[int, ...], model: Models, layout: Layout
) -> dict[str, Variable]:
    """Return the forecast variables, by name."""
    attributes = _forecast_attributes(field, data, levels, model, layout)
    shared = {name: attributes["sst"][name] for name in _SHARED if name in attributes["sst"]}
    for name in layout.references:
        attributes[name] = {"long_name": f"forecast of the reference {name}"} | ON_SCALE | shared
    quality = Variable("int8", False, attributes.pop("quality"), None)
    return {name: Variable("float32", True, given, np.nan) for name, given in attributes.items()} | {"quality": quality}


def _forecast_attributes(
    field: Field, data: xr.Dataset, levels: tuple[int, ...], model: Models, layout: Layout
) -> dict[str, dict[str, Any]]:
    scale = ON_SCALE
    aside = [name for name in data.variables if name not in data.dims and field.along not in data[name].dims]
    helpers = {str(variable.attrs["bounds"]) for variable in data.variables.values() if "bounds" in variable.attrs}
    mapping = grid_mapping(field)
    coordinates = " ".join(sorted(str(name) for name in aside if name not in helpers | {mapping}))
    shared = {"coordinates": coordinates} | ({"grid_mapping": mapping} if mapping else {})
    bounds = {f"{side}_{level}": (side, level) for level in levels for side in ("lower", "upper")}
    standard = field.value.attrs.get("standard_name")
    attributes: dict[str, dict[str, Any]] = {
        "sst": {
            "standard_name": standard if standard in STANDARD_NAMES else "sea_surface_temperature",
            "long_name": f"sea surface temperature, forecast by {_forecaster(model, layout)}",
            **scale,
            "cell_methods": _cell_methods(field, model, layout),
            "ancillary_variables": " ".join(["quality", *bounds]),
            **shared,
        }
    }
    for name, (side, level) in bounds.items():
        attributes[name] = {"long_name": f"{side} bound of the {level} % prediction interval", **scale, **shared}
    attributes["quality"] = {
        "standard_name": "aggregate_quality_flag",
        "long_name": "quality of the forecast, as QARTOD flags",
        "flag_values": np.asarray(list(MEANINGS), dtype=np.int8),
        "flag_meanings": " ".join(MEANINGS.values()),
        "comment": f"{RULE} The past of one in {layout.every} cells was forecast, to judge it and its neighbours.",
        **shared,
    }
    return attributes


def _cell_methods(field: Field, model: Models, layout: Layout) -> str:
    """Return the input's cell methods, without those of dimensions that the output lacks.

    Means of this run are means. So are values of a day or longer, unless the input says otherwise.
    """
    stated = str(field.value.attrs.get("cell_methods", "")).strip()
    names = re.findall(r"(\S+):", re.sub(r"\(.*?\)", "", stated))
    of_time = re.search(rf"(?<!\S){re.escape(field.time)}: +(?:\S+: +)*(\w+)", stated)
    method = of_time[1] if of_time else "point" if model.span.step.is_under_a_day else "mean"
    if layout.averaged and method != "mean":
        return f"{field.time}: mean"
    is_known = all(name in (*field.dims, field.time, "area") for name in names)
    if of_time and is_known:
        return stated
    return f"{stated if is_known else ''} {field.time}: {method}".strip()


_ATTRIBUTES: Final[dict[Form, dict[str, Any]]] = {
    "probability": {"units": "1", "valid_range": np.asarray([0, 1], dtype=np.float32)},
    "celsius": ON_SCALE,
    "difference": {"units": "degree_Celsius", "units_metadata": "temperature: difference"},
    "celsius_weeks": {"units": "degree_Celsius week", "units_metadata": "temperature: difference"},
    "days": {"units": "day"},
    "time": {"units": "seconds since 1970-01-01 00:00:00", "calendar": "standard"},
    "flag": {"standard_name": "status_flag"},
}
_SHARED: Final = ("coordinates", "grid_mapping")
_NOT_CALIBRATED: Final = (
    "Not calibrated: the release does not know how errors at different leads are related, and a random walk is assumed."
)


def event_variables(events: EventRequest, model: Models, sst: dict[str, Any]) -> dict[str, Variable]:
    """Return the variables of ``events``, by name; ``sst`` are the attributes of the forecasts."""
    shared: dict[str, Any] = {name: sst[name] for name in _SHARED if name in sst}
    if not model.knows_dependence:
        shared["comment"] = _NOT_CALIBRATED
    return {column.name: _variable(column, shared) for column in events.columns}


def _variable(column: Column, shared: dict[str, Any]) -> Variable:
    attributes = {"long_name": column.title, **_ATTRIBUTES[column.form], **shared}
    if column.flags:
        attributes["flag_values"] = np.arange(len(column.flags), dtype=np.int8)
        attributes["flag_meanings"] = " ".join(text.lower().replace(" ", "_") for text in column.flags)
    return Variable(stored_type(column), column.by_lead, attributes, column.missing)


_OVERHEAD: Final = 1_000_000
"""Upper bound on the bytes of a NetCDF file besides its values."""
_COMPRESSED: Final[dict[str, Any]] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


@dataclass(frozen=True)
class Output:
    """The output without its forecasts."""

    layout: Layout
    skeleton: xr.Dataset
    variables: dict[str, Variable]

    def write(self, path: Path, kind: str, content: Callable[[int], bytes | None]) -> None:
        """Write the file; ``content`` returns the part of a chunk, or None if the chunk failed."""
        with self._netcdf(path) if kind == "netcdf" else self._zarr(path) as arrays:
            for chunk in range(self.layout.chunks):
                for name, values in self.values(content(chunk), chunk).items():
                    index, shaped = self._place(chunk, values)
                    arrays[name][index] = shaped

    @contextmanager
    def _netcdf(self, path: Path) -> Iterator[Mapping[str, Any]]:
        """Yield the variables of a new NetCDF 4 file, compressed and filled with missing values."""
        _reserve(path, self._size() + _OVERHEAD)
        begun = self.skeleton.to_netcdf(engine="h5netcdf")
        with written_by_hdf5(path, begun) as written, h5netcdf.File(written, "a") as file:
            for name, variable in self.variables.items():
                dims, chunks = self._shape(variable)
                for dim, size in dims.items():
                    if dim not in file.dimensions:
                        file.dimensions[dim] = size
                fill = None if variable.fill is None else np.dtype(variable.dtype).type(variable.fill)
                packed = _COMPRESSED if chunks else {}
                created = file.create_variable(
                    name, tuple(dims), variable.dtype, fillvalue=fill, chunks=chunks or None, **packed
                )
                created.attrs.update(variable.attributes)
            yield file.variables

    @contextmanager
    def _zarr(self, path: Path) -> Iterator[Mapping[str, Any]]:
        """Yield the arrays of a new Zarr store of format 3, filled with missing values."""
        import zarr  # takes half a second

        self.skeleton.to_zarr(path, zarr_format=3, consolidated=False)
        group: Any = zarr.open_group(path, mode="a")
        for name, variable in self.variables.items():
            dims, chunks = self._shape(variable)
            attributes = {
                key: value.tolist() if isinstance(value, np.ndarray) else value
                for key, value in variable.attributes.items()
            }
            if variable.fill is not None and np.dtype(variable.dtype).kind == "i":
                attributes["_FillValue"] = int(variable.fill)  # fill values of Zarr do not mark missing integers
            group.create_array(
                name, shape=tuple(dims.values()), chunks=chunks, dtype=variable.dtype, fill_value=variable.fill or 0,
                dimension_names=tuple(dims), attributes=attributes,
            )  # fmt: skip
        yield group

    def _size(self) -> int:
        """Return the size of all values in bytes."""
        leads = len(self.layout.valid_times)
        per_cell = [
            np.dtype(variable.dtype).itemsize * (leads if variable.by_lead else 1)
            for variable in self.variables.values()
        ]
        return self.skeleton.nbytes + self.layout.bounds[-1] * sum(per_cell)

    def _shape(self, variable: Variable) -> tuple[dict[str, int], tuple[int, ...]]:
        """Return sizes by dimension, and the shape of chunks: one of the run fills one of the file."""
        layout = self.layout
        sizes = dict(zip((dim for dim in layout.dims if dim != layout.along), layout.shape, strict=True))
        dims = {dim: sizes.get(dim, len(layout.valid_times)) for dim in layout.dims}
        if not variable.by_lead:
            del dims[layout.along]
        first, rows = next(iter(sizes), None), layout.rows(0).stop
        return dims, tuple(1 if dim == layout.along else rows if dim == first else size for dim, size in dims.items())

    def values(self, part: bytes | None, chunk: int) -> Arrays:
        """Return the values of a chunk by variable, from its ``part``; None if it failed."""
        if part is not None:
            return read_part(part)
        cells = self.layout.bounds[chunk + 1] - self.layout.bounds[chunk]
        return {"quality": np.full(cells, NOT_EVALUATED, dtype=np.int8)}

    def _place(self, chunk: int, values: npt.NDArray[Any]) -> tuple[tuple[slice, ...], npt.NDArray[Any]]:
        """Return the position of a chunk in the file, and its values in the file's order of dimensions."""
        layout, rows = self.layout, self.layout.rows(chunk)
        rest = [rows, *(slice(None) for _ in layout.shape[1:])] if layout.shape else []
        shape = (rows.stop - rows.start, *layout.shape[1:]) if layout.shape else ()
        if values.ndim == 1:
            return tuple(rest), values.reshape(shape)
        at = layout.dims.index(layout.along)
        index = (*rest[:at], slice(None), *rest[at:])
        return index, np.moveaxis(values.reshape(len(values), *shape), 0, at)


def _reserve(path: Path, size: int) -> None:
    """Reserve ``size`` bytes on disk, so that too little space is noticed before all else is done."""
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # the file system cannot reserve space
                raise
