"""Which variable of a grid holds temperatures of the sea."""

import re
from typing import TYPE_CHECKING, Final

from forecasting.errors import FileError
from forecasting.readers.base.options import Options
from forecasting.readers.base.quantities import is_above_ground, is_anomaly, is_elsewhere, is_no_sst, is_of_water
from forecasting.readers.base.units import parse_units
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
"""The standard name that land and ice have, too."""
_NAMES: Final = ("sst", "analysed_sst", "sea_surface_temperature", "thetao", "tos", "water_temp", "wtmp",
                 "sea_water_temperature", "water_temperature", "sea_surface_temp", "sea_temp", "sea_water_temp",
                 "sea_temperature")  # fmt: skip
_OF_THE_SEA: Final = re.compile(
    r"\bSST\b|\b(?:sea|water|ocean)(?:[ _-]?(?:surface|water|sub-?skin|skin|foundation|bulk|potential))*[ _-]?temp",
    re.I,
)
"""How a title says so; that of the air over the sea has the words, too."""
_BARE: Final = ("temperature", "temp")
"""Names that say nothing of where a temperature was taken."""


def find_variable(data: "xr.Dataset", options: Options) -> str:
    """The variable of sea temperature: asked for, by its standard name, or by a usual name.

    A variable that is of something else by its attributes, as of an anomaly or of the air, is not taken for its name.

    Raises:
        FileError: if there is none, or several and no telling which.
    """
    names = [str(name) for name in data.data_vars]
    if options.value_column:
        if options.value_column not in data.variables:
            raise FileError(f"has no variable {options.value_column!r}; its variables are {listed(names)}")
        return options.value_column
    if not names:
        raise FileError("holds no variables")
    others = {name: said for name in names for said in [_of_something_else(data[name])] if said is not None}
    kept = [name for name in names if name not in others]
    sea = (standard for standard in STANDARD_NAMES if standard != _OF_ANYTHING)
    found = next((one for one in (_with_standard(data, kept, standard) for standard in sea) if one), None)
    found = found or _named(kept, _NAMES) or _with_standard(data, kept, _OF_ANYTHING) or _bare(data, kept)
    found = found or _titled(data, kept)
    if found is not None:
        return found
    usual = _named(list(others), (*_NAMES, *_BARE))
    if usual is not None:
        raise FileError(
            f"has no variable of sea temperature: {usual} is something else by its {others[usual]}; "
            f"name the one that is SST with --value-column, one of {listed(names)}"
        )
    raise FileError(f"has no variable of sea temperature; name it with --value-column, one of {listed(names)}")


def _of_something_else(variable: "xr.DataArray") -> str | None:
    """What says that a variable holds no temperature of the sea, in words; None where nothing does."""
    standard, title = (" ".join(str(variable.attrs.get(one, "")).split()) for one in ("standard_name", "long_name"))
    if standard in STANDARD_NAMES:
        return None
    if is_no_sst(standard):
        return f"standard_name ({standard[:60]})"
    # A buoy may measure 2 m below the surface, and name its temperature after the water.
    above = str(variable.name).lower() in _BARE and is_above_ground(title)
    # A title is prose, which may speak of errors and differences as well.
    return f"long_name ({title[:60]})" if is_elsewhere(title) or above or is_anomaly(title) else None


def _with_standard(data: "xr.Dataset", names: list[str], standard: str) -> str | None:
    found = [name for name in names if data[name].attrs.get("standard_name") == standard]
    usual = [name for name in found if name.lower() in (*_NAMES, *_BARE)]
    if len(found) > 1 and len(usual) != 1:
        raise FileError(
            f"has {len(found)} variables with the standard name {standard}: {listed(found)}; choose with --value-column"
        )
    return next(iter(usual if len(found) > 1 else found), None)


def _named(names: list[str], usual: tuple[str, ...]) -> str | None:
    return next((name for one in usual for name in names if name.lower() == one), None)


def _bare(data: "xr.Dataset", names: list[str]) -> str | None:
    """A variable with a bare name, where no other says by its own that it is the sea's."""
    found = _named(names, _BARE)
    rivals = [name for name in names if is_of_water(name) and data[name].ndim and data[name].dtype.kind in "fiu"]
    if found is not None and rivals:
        raise FileError(
            f"has {len(rivals) + 1} variables that could be SST; name it with --value-column, one of "
            f"{listed([found, *rivals])}"
        )
    return found


def _titled(data: "xr.Dataset", names: list[str]) -> str | None:
    """The only variable in units of temperature whose title says that it is of the sea."""
    warm = [name for name in names if parse_units(str(data[name].attrs.get("units", ""))) is not None]
    titles = {name: str(data[name].attrs.get("long_name", "")) for name in warm}
    found = [name for name, title in titles.items() if is_of_water(title) and _OF_THE_SEA.search(title)]
    return found[0] if len(found) == 1 else None
