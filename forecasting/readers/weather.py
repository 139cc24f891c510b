"""Files of weather: what ``sst fetch --weather`` writes, and other tables of air temperature and wind speed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from forecasting.errors import FileError, SeriesError
from forecasting.readers.clock import clock_of, find_clock
from forecasting.readers.covariates import find_covariates
from forecasting.readers.files import in_one_line, table_of
from forecasting.readers.options import ReadingOptions
from forecasting.readers.reading import WeatherRows
from forecasting.readers.split import split
from forecasting.readers.table import ABSENT, Table, numbers
from forecasting.readers.text import read_text
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import SECONDS, Times
from forecasting.series.weather import COVARIATES
from forecasting.wording import listed

_ISSUED: Final = "issued"
"""Column with the time of issue of older forecasts of the weather."""


@dataclass(frozen=True, eq=False)
class WeatherFile:
    """A file of weather."""

    path: Path
    places: Mapping[str | None, WeatherRows]
    source: str | None

    def over(self, name: str, series: SstSeries) -> SstSeries:
        """Return the series of a station up to its last observation, with its weather."""
        rows = self.places.get(None) or self.places.get(name)
        try:
            if rows is None:
                known = listed([station for station in self.places if station is not None])
                raise SeriesError(f"there is no weather of {name!r}; there is weather of {known}")
            found = rows.over(series, self.source)
            if found.weather is None:
                raise SeriesError("every value of the weather is missing: check its columns, or leave out the file")
        except SeriesError as error:
            raise FileError.of(error, f"{self.path}: ") from None
        return found


def read_weather(path: Path, options: ReadingOptions | None = None) -> WeatherFile:
    """Read a file of weather: a table with a time column and ``air_temperature``, ``wind_speed`` or both.

    Rows with a time in the column ``issued`` are forecasts that were issued earlier. A column of stations, as in files
    of SST, tells places apart.
    """
    known = options or ReadingOptions()
    try:
        return WeatherFile(path, _places(path, known), _attribution(path))
    except SeriesError as error:
        raise in_one_line(error, path) from None


def _places(path: Path, options: ReadingOptions) -> dict[str | None, WeatherRows]:
    text, notes = read_text(path)
    table = table_of(text, options, notes)
    covariates, doubts = find_covariates(table, None, options.units or "celsius")
    if not covariates:
        reason = f"; {doubts[0]}" if doubts else ""
        raise FileError(f"has no column {' or '.join(COVARIATES)}{reason}; its columns are {table.describe()}")
    clock = find_clock(table, options)
    missing = (*table.sentinels, *options.missing)
    columns = {each.name: each.convert(numbers(table.cells[each.column]), missing) for each in covariates}
    issued = _issue_times(table, options)
    places: dict[str | None, WeatherRows] = {}
    for part in split(table, clock, options):
        own = {name: values[part.rows] for name, values in columns.items()}
        places[part.station] = WeatherRows(clock.times(part.rows), own, None if issued is None else issued[part.rows])
    return places


def _issue_times(table: Table, options: ReadingOptions) -> Times | None:
    name = table.plain.get(_ISSUED)
    if name is None:
        return None
    times = np.full(len(table.cells), "NaT", SECONDS)
    given = ~table.cells[name].str.lower().isin(ABSENT).to_numpy()
    if given.any():
        stated = Table("table", table.cells.loc[given, [name]])
        known = replace(options, time_column=name)
        try:
            times[given] = clock_of(stated, known).times(np.ones(int(given.sum()), dtype=np.bool_))
        except FileError as error:
            raise FileError(
                f"column {name}: {error.message}; write the time of issue, or nothing for the newest weather",
                index=error.index,
            ) from None
    return times


def _attribution(path: Path) -> str | None:
    """Return the attribution of a file that ``sst fetch --weather`` wrote, from the record beside it."""
    try:
        record = json.loads(path.with_name(f"{path.name}.source.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    stated = record.get("attribution") if isinstance(record, dict) else None
    return stated if isinstance(stated, str) else None
