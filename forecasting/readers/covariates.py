"""Find the columns of weather in a table: air temperature and wind speed."""

from dataclasses import dataclass

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

    def convert(self, values: Floats) -> Floats:
        """Return values in °C or m/s."""
        if self.name == WIND:
            return to_metres_per_second(values, parse_wind_units(self.units) or "m/s")
        return to_celsius(values, parse_units(self.units) or "celsius")


def find_covariates(table: Table, sst: str | None, units: Units) -> tuple[list[Covariate], tuple[str, ...]]:
    """Return the columns of weather, and a sentence for each whose unit is not known."""
    if table.nameless:
        return [], ()
    names = {name: column for name, column in _covariate_columns(table).items() if column != sst}
    found, doubts = list[Covariate](), list[str]()
    for name, column in names.items():
        unit = table.unit(column)
        written = unit[0] if unit else ("m/s" if name == WIND else units)
        if (parse_wind_units if name == WIND else parse_units)(written) is None:
            doubts.append(f"weather in column {column} is not used: {written[:40]!r} is not a known unit of {name}")
        else:
            found.append(Covariate(name, column, written))
    return found, tuple(doubts)


def _covariate_columns(table: Table) -> dict[str, str]:
    stems = {table.stem(name).strip().lower().replace(" ", "_"): name for name in reversed(table.names)}
    known = {**stems, **table.plain}
    return {name: known[name] for name in COVARIATES if name in known}
