"""Find the columns of weather in a table: air temperature and wind speed."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from forecasting.readers.table import Table
from forecasting.series.times import Floats
from forecasting.series.units import Units, parse_units, to_celsius
from forecasting.series.weather import COVARIATES, WIND, parse_wind_units, to_metres_per_second


@dataclass(frozen=True)
class Covariate:
    """A column of weather."""

    name: str
    column: str
    units: str

    def convert(self, values: Floats, missing: tuple[float, ...] = ()) -> Floats:
        """Return values in °C or m/s, NaN for the numbers that mark a ``missing`` value."""
        known = np.where(np.isin(values, missing), np.nan, values)
        if self.name == WIND:
            return to_metres_per_second(known, parse_wind_units(self.units) or "m/s")
        return to_celsius(known, parse_units(self.units) or "celsius")


def usable(covariates: Iterable[Covariate], doubt: str) -> tuple[list[Covariate], tuple[str, ...]]:
    """Return the columns whose unit is known, and a sentence for each other one: its column, its unit and its name."""
    found, doubts = list[Covariate](), list[str]()
    for each in covariates:
        if (parse_wind_units if each.name == WIND else parse_units)(each.units) is None:
            doubts.append(doubt.format(each.column, each.units[:40], each.name))
        else:
            found.append(each)
    return found, tuple(doubts)


def find_covariates(table: Table, sst: str | None, units: Units) -> tuple[list[Covariate], tuple[str, ...]]:
    """Return the columns of weather, and a sentence for each whose unit is not known."""
    if table.nameless:
        return [], ()
    stems = {table.stem(name).strip().lower().replace(" ", "_"): name for name in reversed(table.names)}
    columns = {**stems, **table.plain}
    found = list[Covariate]()
    for name in COVARIATES:
        column = columns.get(name)
        if column is not None and column != sst:
            unit, _ = table.unit(column) or ("m/s" if name == WIND else units, "")
            found.append(Covariate(name, column, unit))
    return usable(found, "weather in column {} is not used: {!r} is not a known unit of {}")
