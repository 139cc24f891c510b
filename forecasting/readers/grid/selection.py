"""Select positions along some dimensions of several variables."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr


def select(variables: "Mapping[str, xr.DataArray]", index: Mapping[Hashable, int]) -> "dict[str, xr.DataArray]":
    """Select the positions of ``index`` in every variable that has its dimensions."""
    return {
        name: variable.isel({dim: at for dim, at in index.items() if dim in variable.dims})
        for name, variable in variables.items()
    }
