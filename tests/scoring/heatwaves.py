"""Twelve years of days with a heatwave at the end, and files of events."""

import json
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

START = "2012-01-01"
DAYS = 12 * 365 + 3
HEATWAVE = {"name": "heatwave", "kind": "marine_heatwave"}


def usual(seed: int = 3) -> Array:
    """Return °C of each day, ``(4383,)``: the same season every year, and noise."""
    days = np.arange(DAYS)
    noise = np.random.default_rng(seed).normal(0, 0.4, DAYS)
    values: Array = np.round(15 + 4 * np.sin(2 * np.pi * days / 365.25) + noise, 3)
    return values


def with_departure(days: int, degrees: float, seed: int = 3) -> Array:
    """Return °C of each day, of which the last ``days`` are warmer than usual by ``degrees``."""
    values = usual(seed)
    values[DAYS - days :] += degrees
    return values


def cells() -> Array:
    """Return a grid in °C, ``(4383, 3, 3)``, with the same noise everywhere.

    First row: a heatwave, days that are too few for one, and nothing. Second: missing last days, a cold spell, a weaker
    heatwave. Third: a heatwave that was interrupted for two days, a shorter series, and land.
    """
    late, interrupted, short = with_departure(20, 3.0), with_departure(20, 3.0), with_departure(9, 3.0)
    late[-2:] = np.nan
    interrupted[-8:-6] = usual()[-8:-6] - 1
    short[: DAYS - 700] = np.nan
    rows = [
        [with_departure(9, 3.0), with_departure(3, 3.0), usual()],
        [late, with_departure(9, -3.0), with_departure(9, 1.5)],
        [interrupted, short, np.full(DAYS, np.nan)],
    ]
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1)


def events_file(folder: Path, *events: object) -> Path:
    """Write a file of events."""
    file = folder / "events.json"
    file.write_text(json.dumps(events))
    return file
