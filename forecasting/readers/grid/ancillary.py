"""Find the variable with the quality of another."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError
from forecasting.readers.base.flags import MEANINGS, flag_column, is_level_name, to_qartod
from forecasting.readers.base.options import ReadingOptions
from forecasting.series.times import Floats

if TYPE_CHECKING:
    import xarray as xr


def find_flags(data: "xr.Dataset", value: str, options: ReadingOptions) -> str | None:
    """Find the variable of QARTOD flags: chosen, ancillary with flags of QARTOD, or with a usual name."""
    if options.flags == "none":
        return None
    if options.flags:
        if options.flags not in data.variables:
            raise FileError(f"has no variable {options.flags!r}")
        return options.flags
    fitting = _fitting(data, value)
    known = [name for name in _ancillary(data, value) if name in fitting]
    qartod = [name for name in known if _is_qartod(data[name]) or _is_wider(data[name])]
    aggregate = [name for name in qartod if data[name].attrs.get("standard_name") == "aggregate_quality_flag"]
    return next(iter([*aggregate, *qartod]), None) or flag_column(fitting, value)


def flags_of(variable: "xr.DataArray", values: npt.ArrayLike) -> Floats:
    """Flags of a variable, converted to QARTOD flags if its attributes describe a wider scheme."""
    flags = np.asarray(values, dtype=np.float64)
    return to_qartod(flags) if _is_wider(variable) else flags


def find_unused_quality(data: "xr.Dataset", value: str, options: ReadingOptions) -> str | None:
    """Find a variable of quality per value in another scheme, if there are no QARTOD flags."""
    if options.flags is not None or find_flags(data, value, options) is not None:
        return None
    fitting, ancillary = _fitting(data, value), _ancillary(data, value)
    levels = [name for name in fitting if is_level_name(name)]
    flags = [name for name in fitting if name in ancillary and {"flag_values", "flag_masks"} & set(data[name].attrs)]
    return next(iter([*levels, *flags]), None)


def _fitting(data: "xr.Dataset", value: str) -> list[str]:
    """Variables of numbers with the same dimensions."""
    shape = set(data[value].dims)
    return [str(n) for n in data.data_vars if n != value and set(data[n].dims) == shape and data[n].dtype.kind in "iuf"]


def _ancillary(data: "xr.Dataset", value: str) -> list[str]:
    return str(data[value].attrs.get("ancillary_variables", "")).split()


def _is_qartod(variable: "xr.DataArray") -> bool:
    values = variable.attrs.get("flag_values")
    if values is None:
        return variable.attrs.get("standard_name") == "aggregate_quality_flag"
    return set(np.atleast_1d(values).tolist()) <= set(MEANINGS) and len(np.atleast_1d(values)) > 1


def _is_wider(variable: "xr.DataArray") -> bool:
    """Whether 0 to 9 have the meanings of Argo and OceanSITES, according to the words for 1 and 4."""
    numbers = np.atleast_1d(variable.attrs.get("flag_values", ())).tolist()
    meanings = dict(zip(numbers, str(variable.attrs.get("flag_meanings", "")).lower().split(), strict=False))
    fits = meanings.get(1, "").startswith("good") and meanings.get(4, "").startswith("bad")
    return fits and set(numbers) <= set(range(10))
