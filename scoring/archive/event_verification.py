"""Verification of the probabilities that SST is beyond a threshold at a lead."""

import re
from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
from pydantic import BaseModel

from forecasting.events.outcomes import AlertLevel
from forecasting.scores.events import PERSISTENCE, SIGNS, EventScore, verify_threshold
from forecasting.series.times import Floats
from scoring.archive.event_limits import SIDE, THRESHOLD
from scoring.tables.archive_columns import PREFIX

_BY_LEAD: Final = re.compile(r"event_(.+)_by_lead")


class EventVerification(BaseModel, frozen=True):
    """How good the probabilities of an event were at one lead.

    Attributes:
        event: name of its columns.
        level: of heat stress, which is on at this alert level and above; None for other events.
        lead: in steps.
        score: Brier score, skill over persistence of state, and reliability.
    """

    event: str
    level: AlertLevel | None = None
    lead: int
    score: EventScore


def verify_events(lead: int, rows: pd.DataFrame) -> Iterator[EventVerification]:
    """Score each threshold event of forecasts at one lead, which have a column ``observed``, in °C."""
    for name in (match[1] for column in rows.columns if (match := _BY_LEAD.fullmatch(column))):
        columns = [f"event_{name}_by_lead", f"event_{name}_{THRESHOLD}", f"event_{name}_{SIDE}"]
        known = rows[rows[columns].notna().all(axis=1)] if set(columns) <= set(rows.columns) else rows.iloc[:0]
        score = (
            verify_threshold(
                lead,
                observed=_values(known, "observed"),
                probability=_values(known, columns[0]),
                threshold=_values(known, columns[1]),
                sign=np.array([SIGNS[side] for side in known[columns[2]]]),
                persistence=_values(known, PREFIX + PERSISTENCE),
                observed_until=known["observed_until"].to_numpy(),
            )
            if len(known)
            else None
        )
        if score is not None:
            yield EventVerification(event=name, lead=lead, score=score)


def _values(rows: pd.DataFrame, name: str) -> Floats:
    return rows[name].to_numpy(dtype="float64")
