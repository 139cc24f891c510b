"""Monthly tables with random values."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, Any]
MONTHS = 40
OPEN_SEA = (40.0, -30.0)
"""Degrees north and east."""


def values(stations: int) -> Array:
    """Return °C ``(months, stations)``; the last month is December 2010."""
    random = np.random.default_rng(stations)
    season = 3 * np.sin(2 * np.pi * np.arange(MONTHS) / 12)[:, None]
    return np.round(20 + season + random.normal(0, 0.4, (MONTHS, stations)), 2)


def times() -> "pd.DatetimeIndex":
    return pd.date_range("2007-09-01", periods=MONTHS, freq="MS", tz="UTC")


def long_frame(sst: Array) -> pd.DataFrame:
    """Return a table with the columns station, time and sst, sorted by month."""
    names = [f"S{i:03}" for i in range(sst.shape[1])]
    return pd.DataFrame({"station": names * MONTHS, "time": np.repeat(times(), len(names)), "sst": sst.ravel()})


def long_table(path: Path, stations: int) -> Path:
    frame = long_frame(values(stations))
    if path.suffix == ".csv":
        frame.assign(time=frame["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path


def wide_table(path: Path, stations: int) -> Path:
    frame = pd.DataFrame(values(stations), columns=[f"S{i:03}" for i in range(stations)])
    frame.insert(0, "time", times().strftime("%Y-%m-%d"))
    frame.to_csv(path, index=False)
    return path


def walk(count: int, seed: int = 1, level: float = 17.0) -> Array:
    """Return a random walk in °C."""
    return level + np.cumsum(np.random.default_rng(seed).normal(0, 0.1, count))


def station(name: str, values: Array, freq: str = "D", position: tuple[float, float] | None = OPEN_SEA) -> pd.DataFrame:
    """Return rows of a station."""
    times = pd.date_range("2023-01-01", periods=len(values), freq=freq).strftime("%Y-%m-%dT%H:%M:%SZ")
    lat, lon = position or (np.nan, np.nan)
    return pd.DataFrame({"station": name, "time": times, "latitude": lat, "longitude": lon, "sst": values})
