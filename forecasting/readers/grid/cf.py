"""What the variables of a grid hold, from CF attributes: temperatures, times, units, depths and quality."""

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError
from forecasting.readers.covariates import Covariate, usable
from forecasting.readers.flags import MEANINGS, flag_column, is_level_name, to_qartod
from forecasting.readers.names import (
    EVERY_UNIT,
    SCALES,
    is_above_ground,
    is_anomaly,
    is_elsewhere,
    is_no_sst,
    is_of_water,
)
from forecasting.readers.options import ReadingOptions
from forecasting.readers.place import MAX_DEPTHS_METRES, choose_depth, nearest_depth
from forecasting.readers.reading import OF_STATION, as_requested
from forecasting.remedies import Remedy
from forecasting.series.times import FIRST_TIME, LAST_TIME, Bools, Floats, Times
from forecasting.series.units import Units, parse_units
from forecasting.series.weather import COVARIATES, WIND
from forecasting.wording import listed

if TYPE_CHECKING:
    import xarray as xr


def find_units(variable: "xr.DataArray", options: ReadingOptions) -> tuple[Units, str, tuple[str, ...]]:
    """Return the units of a variable, their source, and a warning if they contradict the file."""
    name, written = variable.name, str(variable.attrs.get("units", ""))
    if options.units is not None:
        return as_requested(str(name), options.units, written)
    stated = parse_units(written)
    if stated is not None:
        return stated, "by the attribute units", ()
    if "units" not in variable.attrs:
        if options.station_units is not None:
            return options.station_units, OF_STATION, ()
        message, remedy = f"variable {name} does not state its units", Remedy.of("; set {} to " + SCALES, "units")
    else:
        message = f"variable {name} is in {written[:40]!r}, not in a known unit of temperature"
        remedy = Remedy.of("; choose another variable with {} or set {} to " + SCALES, "value_column", "units")
    raise FileError(message, remedy=remedy.offering(*EVERY_UNIT))


def find_time(data: "xr.Dataset", variable: "xr.DataArray", options: ReadingOptions) -> str:
    """Find the variable of valid times: one-dimensional, along a dimension of the temperatures."""
    if options.time_column:
        if options.time_column not in data.variables:
            raise FileError(f"has no variable {options.time_column!r}")
        return options.time_column
    along = [str(name) for name in data.variables if _holds_times(data[name]) and data[name].dims[0] in variable.dims]
    standard = [name for name in along if data[name].attrs.get("standard_name") == "time"]
    usual = [name for name in (*standard, "time", *map(str, variable.dims)) if name in along]
    if usual or len(along) == 1:
        return (usual or along)[0]
    raise FileError(
        f"variable {variable.name} has no time dimension with CF units such as 'days since 1970-01-01'",
        remedy=Remedy.of("; name the time variable with {}, or first join the files of all times", "time_column"),
    )


def find_times(data: "xr.Dataset", name: str) -> Times:
    """Read the variable of times."""
    variable = data[name]
    if not _holds_times(variable):
        raise FileError(f"variable {name} does not hold times; its units should be like 'days since 1970-01-01'")
    if variable.dtype.kind == "O":
        times = _of_another_calendar(variable)
    else:
        times = np.asarray(variable.values).astype("datetime64[s]")
    far = (times < FIRST_TIME) | (times > LAST_TIME)
    if far.any():
        raise FileError(f"variable {name} holds {times[far][0]}, which is not in the years 1 to 9999; correct it")
    return times


def _holds_times(variable: "xr.DataArray") -> bool:
    if variable.ndim != 1:
        return False
    # xarray decodes calendars without 29 February, as in climate models, to objects.
    return variable.dtype.kind == "M" or (
        variable.dtype.kind == "O" and variable.size > 0 and hasattr(variable.values[0], "calendar")
    )


def _of_another_calendar(variable: "xr.DataArray") -> Times:
    """Convert dates that exist in the standard calendar; days that the other calendar lacks become missing."""
    calendar = variable.values[0].calendar
    try:
        times = [np.datetime64(date.isoformat().partition(".")[0], "s") for date in variable.values]
    except ValueError:
        times = []
    # Julian dates exist in the standard calendar, but are thirteen days off.
    if not times or calendar == "julian":
        raise FileError(
            f"variable {variable.name} uses the calendar {calendar}, whose dates differ from the standard calendar; "
            "convert it, for example with xarray's convert_calendar"
        )
    return np.asarray(times, dtype="datetime64[s]")


STANDARD_NAMES: Final = (
    "sea_surface_temperature",
    "sea_surface_foundation_temperature",
    "sea_surface_subskin_temperature",
    "sea_surface_skin_temperature",
    "sea_water_temperature",
    "sea_water_potential_temperature",
    "sea_water_conservative_temperature",
    "surface_temperature",
)
_OF_ANYTHING: Final = "surface_temperature"
"""A standard name that also applies to land and ice."""
_NAMES: Final = ("sst", "analysed_sst", "sea_surface_temperature", "thetao", "tos", "water_temp", "wtmp",
                 "sea_water_temperature", "water_temperature", "sea_surface_temp", "sea_temp", "sea_water_temp",
                 "sea_temperature")  # fmt: skip
_OF_THE_SEA: Final = re.compile(
    r"\bSST\b|\b(?:sea|water|ocean)(?:[ _-]?(?:surface|water|sub-?skin|skin|foundation|bulk|potential))*[ _-]?temp",
    re.I,
)
"""Titles of sea temperature; titles about air over the sea match as well."""
_BARE: Final = ("temperature", "temp")
"""Names that do not say where a temperature was measured."""

_CHOOSE: Final = Remedy.of("; choose one with {}", "value_column")
_ONE_OF_THEM: Final = Remedy.of("; if one of them is SST, name it with {}", "value_column")


def find_variable(data: "xr.Dataset", options: ReadingOptions) -> str:
    """Find the sea-temperature variable: chosen, by its standard name, or by a usual name.

    A usual name does not count if the attributes describe something else, such as an anomaly or the air.
    """
    names = sorted(map(str, data.data_vars))  # a store lists them in any order
    if options.value_column:
        if options.value_column not in data.variables:
            raise FileError(f"has no variable {options.value_column!r}; its variables are {listed(names)}")
        return options.value_column
    if not names:
        raise FileError("holds no variables")
    others = {name: reason for name in names if (reason := _of_something_else(data[name])) is not None}
    kept = [name for name in names if name not in others]
    sea = (standard for standard in STANDARD_NAMES if standard != _OF_ANYTHING)
    sst = next((name for name in (_with_standard(data, kept, standard) for standard in sea) if name), None)
    sst = sst or _named(kept, _NAMES) or _with_standard(data, kept, _OF_ANYTHING) or _bare(data, kept)
    sst = sst or _titled(data, kept)
    if sst is not None:
        return sst
    message = f"has no sea-temperature variable, only {listed(names)}"
    usual = _named(list(others), (*_NAMES, *_BARE))
    if usual is not None:
        message += f"; {usual} is something else, according to its {others[usual]}"
    raise FileError(message, remedy=_ONE_OF_THEM.offering_values("value_column", names))


def _of_something_else(variable: "xr.DataArray") -> str | None:
    """Return the attribute by which a variable is not a sea temperature, in words; None if there is none."""
    standard, title = (" ".join(str(variable.attrs.get(name, "")).split()) for name in ("standard_name", "long_name"))
    if standard in STANDARD_NAMES:
        return None
    if is_no_sst(standard):
        return f"standard_name ({standard[:60]})"
    # A buoy may measure 2 m below the surface, but then names its temperature after the water.
    above = str(variable.name).lower() in _BARE and is_above_ground(title)
    # A title is prose, which may mention errors and differences.
    return f"long_name ({title[:60]})" if is_elsewhere(title) or above or is_anomaly(title) else None


def _with_standard(data: "xr.Dataset", names: list[str], standard: str) -> str | None:
    candidates = [name for name in names if data[name].attrs.get("standard_name") == standard]
    usual = [name for name in candidates if name.lower() in (*_NAMES, *_BARE)]
    if len(candidates) > 1 and len(usual) != 1:
        raise FileError(
            f"has {len(candidates)} variables with the standard name {standard}: {listed(candidates)}",
            remedy=_CHOOSE.offering_values("value_column", candidates),
        )
    return next(iter(usual if len(candidates) > 1 else candidates), None)


def _named(names: list[str], usual: tuple[str, ...]) -> str | None:
    return next((name for known in usual for name in names if name.lower() == known), None)


def _bare(data: "xr.Dataset", names: list[str]) -> str | None:
    """Return a variable with a bare name, unless another variable names the sea."""
    bare = _named(names, _BARE)
    rivals = [name for name in names if is_of_water(name) and data[name].ndim and data[name].dtype.kind in "fiu"]
    if bare is not None and rivals:
        raise FileError(
            f"has {len(rivals) + 1} variables that could be SST: {listed([bare, *rivals])}",
            remedy=_CHOOSE.offering_values("value_column", [bare, *rivals]),
        )
    return bare


def _titled(data: "xr.Dataset", names: list[str]) -> str | None:
    """Return the only variable in units of temperature with a title of sea temperature."""
    warm = [name for name in names if parse_units(str(data[name].attrs.get("units", ""))) is not None]
    titles = {name: str(data[name].attrs.get("long_name", "")) for name in warm}
    candidates = [name for name, title in titles.items() if is_of_water(title) and _OF_THE_SEA.search(title)]
    return candidates[0] if len(candidates) == 1 else None


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


def find_covariates(data: "xr.Dataset", value: str) -> tuple[list[Covariate], tuple[str, ...]]:
    """Return the variables of weather with the dimensions of the temperatures, and why others are not used."""
    names = [name for name in COVARIATES if name in _fitting(data, value)]
    units = {name: str(data[name].attrs.get("units", "m/s" if name == WIND else "")) for name in names}
    found = [Covariate(name, name, unit) for name, unit in units.items()]
    return usable(found, "variable {} is not used: {!r} is not a known unit of it")


def flags_of(variable: "xr.DataArray", values: npt.ArrayLike) -> Floats:
    """Return the flags of a variable, converted to QARTOD flags if its attributes describe a wider scheme."""
    flags = np.asarray(values, dtype=np.float64)
    return to_qartod(flags) if _is_wider(variable) else flags


def find_unused_quality(data: "xr.Dataset", value: str) -> str | None:
    """Find a variable of quality per value in another scheme than QARTOD."""
    fitting, ancillary = _fitting(data, value), _ancillary(data, value)
    levels = [name for name in fitting if is_level_name(name)]
    flags = [name for name in fitting if name in ancillary and {"flag_values", "flag_masks"} & set(data[name].attrs)]
    return next(iter([*levels, *flags]), None)


def _fitting(data: "xr.Dataset", value: str) -> list[str]:
    """Return the variables of numbers with the same dimensions."""
    shape = set(data[value].dims)
    names = sorted(map(str, data.data_vars))
    return [n for n in names if n != value and set(data[n].dims) == shape and data[n].dtype.kind in "iuf"]


def _ancillary(data: "xr.Dataset", value: str) -> list[str]:
    return str(data[value].attrs.get("ancillary_variables", "")).split()


def _is_qartod(variable: "xr.DataArray") -> bool:
    values = variable.attrs.get("flag_values")
    if values is None:
        return variable.attrs.get("standard_name") == "aggregate_quality_flag"
    return set(np.atleast_1d(values).tolist()) <= set(MEANINGS) and len(np.atleast_1d(values)) > 1


def _is_wider(variable: "xr.DataArray") -> bool:
    """Return whether 0 to 9 have the meanings of Argo and OceanSITES, according to the words for 1 and 4."""
    numbers = np.atleast_1d(variable.attrs.get("flag_values", ())).tolist()
    meanings = dict(zip(numbers, str(variable.attrs.get("flag_meanings", "")).lower().split(), strict=False))
    fits = meanings.get(1, "").startswith("good") and meanings.get(4, "").startswith("bad")
    return fits and set(numbers) <= set(range(10))


_MIN_WIDTH_DEGREES: Final = 5.0
"""Smallest width of a plausible range of temperatures, in degrees."""


@dataclass(frozen=True)
class Validity:
    """Which values of a variable are valid, in the units of the unpacked values."""

    low: float
    high: float
    attribute: str | None = None
    sentinels: tuple[float, ...] = ()

    @classmethod
    def of(cls, variable: "xr.DataArray", sentinels: tuple[float, ...] = ()) -> "Validity":
        """From the attributes ``valid_range``, ``valid_min`` and ``valid_max`` (CF conventions, section 2.5.1).

        The limits of packed values are packed too, unless they have another type, or would be too narrow for a sea:
        some files do not pack them.
        """
        packed = cls._of(variable, sentinels, packed=True)
        return packed if packed.high - packed.low >= _MIN_WIDTH_DEGREES else cls._of(variable, sentinels, packed=False)

    @classmethod
    def _of(cls, variable: "xr.DataArray", sentinels: tuple[float, ...], *, packed: bool) -> "Validity":
        ends = _numbers(variable, "valid_range", packed)
        if len(ends) == 2:
            low, high = sorted(ends)
            return cls(low, high, "valid_range", sentinels)
        minimum, maximum = (_numbers(variable, name, packed) for name in ("valid_min", "valid_max"))
        attributes = " and ".join(name for name, limit in (("valid_min", minimum), ("valid_max", maximum)) if limit)
        if packed and _scale(variable) < 0:  # packed upside down
            minimum, maximum = maximum, minimum
        low, high = sorted((minimum[0] if minimum else -np.inf, maximum[0] if maximum else np.inf))
        return cls(low, high, attributes or None, sentinels)

    def masked(self, values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], int]:
        """Copy unpacked ``values`` with NaN for missing values; also return how many are outside the valid range.

        Sentinels are compared in the precision of the values, as −99.9 differs between single and double precision.
        """
        kept = np.array(values, dtype=None if values.dtype.kind == "f" else np.float64)
        kept[np.isin(kept, np.asarray(self.sentinels, dtype=kept.dtype))] = np.nan
        if self.attribute is None:
            return kept, 0
        outside = self._outside(kept)
        kept[outside] = np.nan
        return kept, int(outside.sum())

    def _outside(self, values: npt.NDArray[Any]) -> Bools:
        # Limits that were unpacked in single precision are inexact.
        margin = 4 * np.finfo(values.dtype).eps * np.maximum(np.abs(values), 1)
        outside: Bools = (values < self.low - margin) | (values > self.high + margin)
        return outside

    def describe(self, name: str) -> str:
        """Describe the valid range of a variable of this name."""
        ends = " to ".join(f"{end:g}" for end in (self.low, self.high) if np.isfinite(end))
        return f"the {self.attribute} of {name} ({ends})"


def as_written(values: npt.NDArray[Any]) -> Floats:
    """Convert single precision to the shortest decimals: −99.9 instead of −99.9000015258789."""
    if values.dtype != np.float32:
        return np.asarray(values, dtype=np.float64)
    distinct, at = np.unique(values, return_inverse=True)
    exact: Floats = distinct.astype(str).astype(np.float64)[at]
    return exact.reshape(values.shape)


def _numbers(variable: "xr.DataArray", attribute: str, packed: bool) -> list[float]:
    """Return an attribute in the units of the unpacked values; empty if it is absent or not a number."""
    numbers = np.ravel(np.asarray(variable.attrs.get(attribute)))
    if numbers.dtype.kind not in "iuf" or not np.isfinite(numbers).all():
        return []
    stored = np.dtype(variable.encoding.get("dtype", variable.dtype))
    if stored.kind == "i" and str(variable.encoding.get("_Unsigned", "")).lower() == "true":
        numbers = numbers.astype(np.int64) % 2 ** (8 * stored.itemsize)
    limits: list[float] = numbers.astype(np.float64).tolist()
    # Limits of packed values are packed too, unless their type shows otherwise.
    is_packed = packed and not {"scale_factor", "add_offset"}.isdisjoint(variable.encoding)
    if not is_packed or (numbers.dtype.kind == "f" and stored.kind in "iu"):
        return limits
    offset = float(np.ravel(variable.encoding.get("add_offset", 0.0))[0])
    return [limit * _scale(variable) + offset for limit in limits]


def _scale(variable: "xr.DataArray") -> float:
    return float(np.ravel(variable.encoding.get("scale_factor", 1.0))[0])


_DEPTHS: Final = ("depth", "zlev", "altitude", "lev", "deptht", "z")
_CENTIMETRES: Final = ("cm", "centimeter", "centimeters", "centimetre", "centimetres")


def one_depth(
    data: "xr.Dataset", variables: "dict[str, xr.DataArray]", along: Hashable, options: ReadingOptions, notes: list[str]
) -> "dict[str, xr.DataArray]":
    """Select one depth from variables that have a depth dimension."""
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
    """Find the depths along a dimension in metres, in its coordinate or a variable of depths; None if it has none."""
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


def select(variables: "Mapping[str, xr.DataArray]", index: Mapping[Hashable, int]) -> "dict[str, xr.DataArray]":
    """Select the positions of ``index`` in every variable that has its dimensions."""
    return {
        name: variable.isel({dim: at for dim, at in index.items() if dim in variable.dims})
        for name, variable in variables.items()
    }
