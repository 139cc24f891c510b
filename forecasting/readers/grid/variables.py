"""Find the sea-temperature variable of a grid."""

import re
from typing import TYPE_CHECKING, Final

from forecasting.errors import FileError
from forecasting.readers.base.options import ReadingOptions
from forecasting.readers.base.quantities import is_above_ground, is_anomaly, is_elsewhere, is_no_sst, is_of_water
from forecasting.remedies import Remedy
from forecasting.series.units import parse_units
from forecasting.wording import listed

if TYPE_CHECKING:
    import xarray as xr

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

    Raises:
        FileError: if there is none, or several candidates.
    """
    names = [str(name) for name in data.data_vars]
    if options.value_column:
        if options.value_column not in data.variables:
            raise FileError(f"has no variable {options.value_column!r}; its variables are {listed(names)}")
        return options.value_column
    if not names:
        raise FileError("holds no variables")
    others = {name: reason for name in names for reason in [_of_something_else(data[name])] if reason is not None}
    kept = [name for name in names if name not in others]
    sea = (standard for standard in STANDARD_NAMES if standard != _OF_ANYTHING)
    sst = next((name for name in (_with_standard(data, kept, standard) for standard in sea) if name), None)
    sst = sst or _named(kept, _NAMES) or _with_standard(data, kept, _OF_ANYTHING) or _bare(data, kept)
    sst = sst or _titled(data, kept)
    if sst is not None:
        return sst
    usual = _named(list(others), (*_NAMES, *_BARE))
    if usual is not None:
        raise FileError(
            f"has no sea-temperature variable, only {listed(names)}; {usual} is something else, according to its "
            f"{others[usual]}",
            remedy=_ONE_OF_THEM.offering_values("value_column", names),
        )
    message = f"has no sea-temperature variable, only {listed(names)}"
    raise FileError(message, remedy=_ONE_OF_THEM.offering_values("value_column", names))


def _of_something_else(variable: "xr.DataArray") -> str | None:
    """The attribute by which a variable is not a sea temperature, in words; None if there is none."""
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
    """A variable with a bare name, unless another variable names the sea."""
    bare = _named(names, _BARE)
    rivals = [name for name in names if is_of_water(name) and data[name].ndim and data[name].dtype.kind in "fiu"]
    if bare is not None and rivals:
        raise FileError(
            f"has {len(rivals) + 1} variables that could be SST: {listed([bare, *rivals])}",
            remedy=_CHOOSE.offering_values("value_column", [bare, *rivals]),
        )
    return bare


def _titled(data: "xr.Dataset", names: list[str]) -> str | None:
    """The only variable in units of temperature with a title of sea temperature."""
    warm = [name for name in names if parse_units(str(data[name].attrs.get("units", ""))) is not None]
    titles = {name: str(data[name].attrs.get("long_name", "")) for name in warm}
    candidates = [name for name, title in titles.items() if is_of_water(title) and _OF_THE_SEA.search(title)]
    return candidates[0] if len(candidates) == 1 else None
