"""Depths of a grid."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Final

import numpy as np

from forecasting.errors import FileError
from forecasting.readers.base.depths import MAX_DEPTHS_METRES, choose_depth, nearest_depth
from forecasting.readers.base.options import ReadingOptions
from forecasting.readers.grid.selection import select
from forecasting.remedies import Remedy
from forecasting.series.times import Floats
from forecasting.wording import listed

if TYPE_CHECKING:
    import xarray as xr

_DEPTHS: Final = ("depth", "zlev", "altitude", "lev", "deptht", "z")
_CENTIMETRES: Final = ("cm", "centimeter", "centimeters", "centimetre", "centimetres")


def one_depth(
    data: "xr.Dataset", variables: "dict[str, xr.DataArray]", along: Hashable, options: ReadingOptions, notes: list[str]
) -> "dict[str, xr.DataArray]":
    """Select one depth from variables that have a depth dimension.

    Raises:
        FileError: if there are several depths and none is chosen, or one is chosen and there are none.
    """
    chosen: float | None = None
    for dim in variables["value"].dims:
        depths = None if dim == along else _depths(data, dim, along)
        if depths is None:
            continue
        if len(depths) > 1 and options.depth is None:
            shown = listed(f"{depth:g}" for depth in depths)
            message = f"holds {len(depths)} depths along {dim}: {shown}"
            raise FileError(message, remedy=choose_depth(depths))
        chosen = float(depths[0]) if options.depth is None else nearest_depth(depths, options.depth)
        if len(depths) > 1 or chosen != 0:
            notes.append(f"{dim} {chosen:g}" + (f" of {len(depths)}" if len(depths) > 1 else ", the only one"))
        at = int(np.flatnonzero(depths == chosen)[0])
        variables = select(variables, {dim: at})
    if options.depth is not None and chosen is None:
        raise FileError("has no depth dimension", remedy=Remedy.of("; remove {}", "depth"))
    return variables


def _depths(data: "xr.Dataset", dim: Hashable, along: Hashable) -> Floats | None:
    """Depths along a dimension in metres, from its coordinate or a variable of depths; None if it is not of depth.

    Raises:
        FileError: if the depths change with time, as for a profiler.
    """
    usual = str(dim).lower() in _DEPTHS
    if dim in data.variables:
        axis = data[dim]
        if not (usual or axis.attrs.get("axis") == "Z" or axis.attrs.get("positive") in ("up", "down")):
            return None
    else:
        named = (data[name] for name in data.variables if data[name].attrs.get("standard_name") == "depth")
        fitting = [axis for axis in named if usual and dim in axis.dims and set(axis.dims) <= {dim, along}]
        if not fitting:
            return None
        axis = fitting[0]
    each = np.asarray(axis.transpose(..., dim).values, dtype=np.float64).reshape(-1, axis.sizes[dim])
    if str(axis.attrs.get("units", "")).lower() in _CENTIMETRES:
        each = each / 100
    depths: Floats = np.fmin.reduce(each, axis=0)
    if len(depths) > 1 and (np.fmax.reduce(each, axis=0) - depths > MAX_DEPTHS_METRES).any():
        raise FileError(f"holds levels along {dim} whose depths change with time; provide the values of one depth")
    return depths if np.isfinite(depths).all() else None
