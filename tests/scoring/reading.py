"""What batch scoring reads of a table."""

from pathlib import Path

import numpy as np

from forecasting.readers.options import Options
from scoring.tables.notes import Notes
from scoring.tables.rows import Stations, take_rows
from scoring.tables.source import read_batches


def taken(
    path: Path, options: Options | None = None, notes: Notes | None = None
) -> tuple[dict[str, list[float]], Stations]:
    """°C by station, and the stations."""
    stations, options = Stations(), options or Options()
    found: dict[str, list[float]] = {}
    for batch in read_batches([path], options, notes or Notes()):
        for rows in take_rows(batch, options, stations):
            for number in np.unique(rows["station"]).tolist():
                found.setdefault(stations.names[number], []).extend(rows["sst"][rows["station"] == number].tolist())
    return found, stations
