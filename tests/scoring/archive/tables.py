"""A daily table that grows, and the archives of its forecasts."""

from pathlib import Path

import pandas as pd

from tests.scoring.commands import score
from tests.scoring.tables.sample import station, walk

DAYS = 50


def growing(stations: int = 2) -> pd.DataFrame:
    """Return all days of some stations; the first days of them are what a run has seen."""
    return pd.concat([station(f"S{i}", walk(DAYS, seed=i + 1)) for i in range(stations)], ignore_index=True)


def until(table: pd.DataFrame, day: int, path: Path) -> Path:
    """Write the rows of the first ``day`` days."""
    days = table.groupby("station").cumcount()
    table[days < day].to_csv(path, index=False)
    return path


def append(table: Path, archive: Path, artifacts: Path, *options: object) -> int:
    return score(table, *appended(archive, artifacts), *options)


def appended(archive: Path, artifacts: Path) -> tuple[object, ...]:
    """Return the options of a run that adds to an archive."""
    return "--append", archive, "--artifacts", artifacts, "--horizon", 3


def read(archive: Path) -> pd.DataFrame:
    """Return all rows of an archive, in the order of issue."""
    return pd.concat([pd.read_parquet(file) for file in files(archive)], ignore_index=True)


def files(archive: Path) -> list[Path]:
    return sorted(archive.rglob("*.parquet"))
