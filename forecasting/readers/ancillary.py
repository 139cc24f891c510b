"""Which variable of a grid tells the quality of another."""

from typing import TYPE_CHECKING

import numpy as np

from forecasting.errors import FileError
from forecasting.readers.flags import MEANINGS, flag_column, is_level_name
from forecasting.readers.options import Options

if TYPE_CHECKING:
    import xarray as xr


def find_flags(data: "xr.Dataset", value: str, options: Options) -> str | None:
    """The variable of QARTOD flags: asked for, or ancillary with flags of QARTOD, or named as such."""
    if options.flag_column == "none":
        return None
    if options.flag_column:
        if options.flag_column not in data.variables:
            raise FileError(f"has no variable {options.flag_column!r}")
        return options.flag_column
    fitting = _fitting(data, value)
    qartod = [name for name in _ancillary(data, value) if name in fitting and _is_qartod(data[name])]
    aggregate = [name for name in qartod if data[name].attrs.get("standard_name") == "aggregate_quality_flag"]
    return next(iter([*aggregate, *qartod]), None) or flag_column(fitting, value)


def find_unheeded(data: "xr.Dataset", value: str, options: Options) -> str | None:
    """The variable of quality that there is, cell by cell, where none of QARTOD flags is."""
    if options.flag_column is not None or find_flags(data, value, options) is not None:
        return None
    fitting, ancillary = _fitting(data, value), _ancillary(data, value)
    levels = [name for name in fitting if is_level_name(name)]
    flags = [name for name in fitting if name in ancillary and {"flag_values", "flag_masks"} & set(data[name].attrs)]
    return next(iter([*levels, *flags]), None)


def _fitting(data: "xr.Dataset", value: str) -> list[str]:
    """Variables of numbers that tell something of each value."""
    shape = set(data[value].dims)
    return [str(n) for n in data.data_vars if n != value and set(data[n].dims) == shape and data[n].dtype.kind in "iuf"]


def _ancillary(data: "xr.Dataset", value: str) -> list[str]:
    return str(data[value].attrs.get("ancillary_variables", "")).split()


def _is_qartod(variable: "xr.DataArray") -> bool:
    values = variable.attrs.get("flag_values")
    if values is None:
        return variable.attrs.get("standard_name") == "aggregate_quality_flag"
    return set(np.atleast_1d(values).tolist()) <= set(MEANINGS) and len(np.atleast_1d(values)) > 1
