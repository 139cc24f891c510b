"""Depths of values, in metres."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from forecasting.remedies import Remedy, Setting
from forecasting.series.times import Floats

MAX_DEPTHS_METRES: Final = 10.0
"""Metres by which an instrument at its mooring rises and falls."""


def describe_depths(depths: Floats, name: str) -> tuple[str, ...]:
    """A warning, if the values' depths in metres are too far apart to be one layer of the sea; otherwise nothing."""
    known = depths[np.isfinite(depths)]
    if not len(known) or np.ptp(known) <= MAX_DEPTHS_METRES:
        return ()
    return (f"{name} runs from {known.min():g} to {known.max():g}: the file mixes several depths; keep only one",)


def nearest_depth(depths: Floats, target: float) -> float:
    """The depth nearest to ``target``, whether depths count up or down."""
    return float(depths[int(np.abs(np.abs(depths) - abs(target)).argmin())])


def choose_depth(depths: Iterable[float]) -> Remedy:
    """The choice of one of several depths."""
    remedy = Remedy.of("; choose one with {}", "depth")
    return remedy.offering(*(Setting("depth", f"{depth:g}", f"{depth:g} m") for depth in depths))
