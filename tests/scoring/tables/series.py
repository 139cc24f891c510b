"""Tables as batch scoring reads them."""

from pathlib import Path

import numpy as np

from forecasting.readers.options import ReadingOptions
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from scoring.tables.rows import Stations, take_rows
from scoring.tables.source import Notes, read_batches
from scoring.tables.staging import read_stations, stage_rows


def values_by_station(
    path: Path, options: ReadingOptions | None = None, notes: Notes | None = None
) -> tuple[dict[str, list[float]], Stations]:
    """Return the values in °C by station, and the stations."""
    stations = Stations()
    values: dict[str, list[float]] = {}
    for batch in read_batches([path], options or ReadingOptions(), notes or Notes()):
        for rows in take_rows(batch, stations):
            for number in np.unique(rows["station"]).tolist():
                values.setdefault(stations.names[number], []).extend(rows["sst"][rows["station"] == number].tolist())
    return values, stations


def series_of(
    files: list[Path], folder: Path, step: TimeStep, options: ReadingOptions | None = None
) -> tuple[dict[str, SstSeries], dict[str, str]]:
    """Return the series and the errors of the stations, by name."""
    folder.mkdir()
    staged = stage_rows(files, options or ReadingOptions(), 1_000_000, folder)
    stations = read_stations(folder, 0, staged, step)
    return (
        {stations.known.names[i]: station_series for i, station_series in stations.series.items()},
        {stations.known.names[i]: error for i, error in stations.known.errors.items()},
    )
