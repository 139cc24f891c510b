"""Scores of the probabilities that SST is beyond a threshold, against what was observed later; one lead at a time."""

from typing import Final

import numpy as np

from forecasting.scores.events import EventScore, score_event
from forecasting.series.times import Floats, Times

PERSISTENCE: Final = "persistence"
"""The reference that the state of the last observation stays."""

SIGNS: Final = {"above": 1.0, "below": -1.0}
"""By the side of its threshold on which an event is."""


def verify_threshold(
    lead: int,
    observed: Floats,
    probability: Floats,
    threshold: Floats,
    sign: Floats,
    persistence: Floats,
    observed_until: Times,
) -> EventScore | None:
    """Score the probabilities that SST is beyond the threshold of an event at one lead; None without any pair.

    Args:
        lead: of the forecasts, in steps.
        observed: °C ``(n,)``, NaN where nothing was observed.
        probability: of SST beyond the threshold, ``(n,)``.
        threshold: °C ``(n,)``.
        sign: ``(n,)``, from :data:`SIGNS`.
        persistence: the last observation, °C ``(n,)``.
        observed_until: the time of the last observation ``(n,)``. Forecasts from the same time depend on each other.
    """
    known = np.logical_and.reduce([*map(np.isfinite, (observed, probability, threshold, persistence))])
    if not known.any():
        return None
    happened, before = (
        (sign[known] * (sst[known] - threshold[known]) > 0).astype(np.float64) for sst in (observed, persistence)
    )
    _, groups = np.unique(observed_until[known], return_inverse=True)
    return score_event(probability[known], happened, {PERSISTENCE: before}, groups, lead)
