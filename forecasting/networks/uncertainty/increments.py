"""How much a window varies from step to step: its root mean square increment."""

from typing import Final

import numpy as np

from forecasting.series.times import Floats

RMS_INCREMENT_RATIO: Final = 1.5
"""How far the RMS increment of a window may be outside the range of the training windows, as a ratio."""


def rms_increment_of(windows: Floats) -> Floats:
    """Return the RMS increment of each window of °C ``(n, window)``: √(mean((xₜ − xₜ₋₁)²)), °C ``(n,)``."""
    increments = windows[:, 1:] - windows[:, :-1]
    rms_increment: Floats = np.sqrt(np.vecdot(increments, increments) / increments.shape[1])
    return rms_increment
