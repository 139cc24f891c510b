"""Verification of the probabilities that SST is beyond a threshold at a lead."""

import re
from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
from pydantic import BaseModel

from forecasting.scores.events import EventScore, score_event
from scoring.archive.event_limits import SIDE, THRESHOLD
from scoring.tables.archive_columns import PREFIX

PERSISTENCE: Final = "persistence"
"""The reference that the state of the last observation stays."""

_BY_LEAD: Final = re.compile(r"event_(.+)_by_lead")


class EventVerification(BaseModel, frozen=True):
    """How good the probabilities of SST beyond the threshold of an event were at one lead.

    Attributes:
        event: name of its columns.
        lead: in steps.
        score: Brier score, skill over persistence of state, and reliability.
    """

    event: str
    lead: int
    score: EventScore


def verify_events(lead: int, rows: pd.DataFrame) -> Iterator[EventVerification]:
    """Score each threshold event of forecasts at one lead, which have a column ``observed``, in °C."""
    for name in (match[1] for column in rows.columns if (match := _BY_LEAD.fullmatch(column))):
        columns = [f"event_{name}_by_lead", f"event_{name}_{THRESHOLD}", f"event_{name}_{SIDE}"]
        known = rows[rows[columns].notna().all(axis=1)] if set(columns) <= set(rows.columns) else rows.iloc[:0]
        if not len(known):
            continue
        probability, threshold = (known[column].to_numpy(dtype="float64") for column in columns[:2])
        sign = np.where(known[columns[2]] == "above", 1.0, -1.0)
        happened, before = (
            (sign * (known[column].to_numpy(dtype="float64") - threshold) > 0).astype(np.float64)
            for column in ("observed", PREFIX + PERSISTENCE)
        )
        _, groups = np.unique(known["observed_until"].to_numpy(), return_inverse=True)
        score = score_event(probability, happened, {PERSISTENCE: before}, groups, lead)
        yield EventVerification(event=name, lead=lead, score=score)
