"""The output of a grid without its forecasts: the input's coordinates, valid times, and CF attributes."""

import re
from typing import Any, Final

import numpy as np
import xarray as xr

from forecasting.readers.grid.fields import Field
from forecasting.readers.grid.variables import STANDARD_NAMES
from forecasting.series.times import iso
from scoring.grids.stage import Layout
from scoring.grids.variable import ON_SCALE, Variable
from scoring.models.model import CellModel
from scoring.models.quality import MEANINGS, RULE

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


def skeleton(field: Field, layout: Layout, model: CellModel, source: str) -> xr.Dataset:
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


def _attributes(field: Field, layout: Layout, model: CellModel, source: str) -> dict[str, Any]:
    given = {f"input_{name}": str(field.data.attrs[name]) for name in _OF_INPUT if name in field.data.attrs}
    issued = iso(np.datetime64(layout.issued, "s"))
    done = f"python -m scoring: {layout.name} of {source}, forecast by {model.name} {model.version}"
    history = "\n".join(filter(None, (str(field.data.attrs.get("history", "")).strip(), f"{done}, issued {issued}")))
    return given | {
        "Conventions": CONVENTIONS,
        "title": f"Sea surface temperature, forecast from {issued} by {model.name}",
        "source": f"recurrent network {model.name}, release {model.version}, on {layout.name} of {source}",
        "history": history,
        "forecast_model": model.name,
        "forecast_release_version": model.version,
        "forecast_model_choice": model.choice,
    }


def forecast_variables(
    field: Field, data: xr.Dataset, levels: tuple[int, ...], model: CellModel, layout: Layout
) -> dict[str, Variable]:
    """Return the forecast variables, by name."""
    attributes = _forecast_attributes(field, data, levels, model, layout)
    quality = Variable("int8", False, attributes.pop("quality"), None)
    return {name: Variable("float32", True, given, np.nan) for name, given in attributes.items()} | {"quality": quality}


def _forecast_attributes(
    field: Field, data: xr.Dataset, levels: tuple[int, ...], model: CellModel, layout: Layout
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
            "long_name": f"sea surface temperature, forecast by {model.name}",
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


def _cell_methods(field: Field, model: CellModel, layout: Layout) -> str:
    """Return the input's cell methods, without those of dimensions that the output lacks.

    Means of this run are means. So are values of a day or longer, unless the input says otherwise.
    """
    stated = str(field.value.attrs.get("cell_methods", "")).strip()
    names = re.findall(r"(\S+):", re.sub(r"\(.*?\)", "", stated))
    of_time = re.search(rf"(?<!\S){re.escape(field.time)}: +(?:\S+: +)*(\w+)", stated)
    method = of_time[1] if of_time else "point" if model.span().step.is_under_a_day else "mean"
    if layout.averaged and method != "mean":
        return f"{field.time}: mean"
    is_known = all(name in (*field.dims, field.time, "area") for name in names)
    if of_time and is_known:
        return stated
    return f"{stated if is_known else ''} {field.time}: {method}".strip()
