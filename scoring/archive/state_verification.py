"""Verification of the probabilities that a day is in a marine heatwave or cold spell."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from forecasting.evaluation.event_states import marine_states, verify_states
from forecasting.series.times import Floats
from scoring.archive.event_verification import EventVerification
from scoring.archive.issued import IssuedForecasts
from scoring.archive.observed import Observations
from scoring.events.columns import STATES

_ACTIVE: Final = STATES[2]


def with_states(forecasts: IssuedForecasts, observations: Observations) -> dict[str, pd.DataFrame]:
    """Return what was said of each marine heatwave or cold spell, and what came, by name of the event.

    There is a row for each lead of each forecast, with its station, ``asked``, ``step``, ``observed_until``, ``lead``,
    ``probability``, ``active`` (whether the event was on at the last observation) and ``happened`` (1, 0, or NaN where
    that is not known).
    """
    names = forecasts.marine_events()
    if not names:
        return {}
    # The days around a forecast, which decide on a state, are those of other leads and other forecasts.
    rows = pd.concat([forecasts.at(lead).assign(lead=lead) for lead in forecasts.leads()], ignore_index=True)
    return {name: _with_states(rows, name, observations) for name in names}


def verify_event(name: str, lead: int, rows: pd.DataFrame) -> Iterator[EventVerification]:
    """Score an event at one lead, from some of the rows of :func:`with_states`."""
    at = rows[rows["lead"] == lead]
    score = verify_states(
        lead,
        happened=_values(at, "happened"),
        probability=_values(at, "probability"),
        before=_values(at, "active"),
        observed_until=at["observed_until"].to_numpy(),
    )
    if score is not None:
        yield EventVerification(event=name, lead=lead, score=score)


def _with_states(rows: pd.DataFrame, name: str, observations: Observations) -> pd.DataFrame:
    columns = ["probability", "threshold", "climatology", "state"]
    named = {f"event_{name}_{column}": column for column in columns}
    keys = ["station", "asked", "step", "observed_until", "lead", "time"]
    known = rows[[*keys, *named]].rename(columns=named).dropna(subset=columns).reset_index(drop=True)
    happened = np.full(len(known), np.nan)
    for _, part in known.groupby(["station", "asked", "step"], sort=False):
        happened[part.index.to_numpy()] = _happened(part, observations)
    return known.assign(happened=happened, active=(known["state"] == _ACTIVE).astype("float64"))


def _happened(rows: pd.DataFrame, observations: Observations) -> Floats:
    """Return whether the days of one station were in an event."""
    times = rows["time"].to_numpy().astype("datetime64[s]")
    observed = observations.on_grid((rows["station"].iloc[0], rows["step"].iloc[0]), times[0])
    if observed is None:
        return np.full(len(rows), np.nan)
    threshold = _values(rows, "threshold")
    sign = 1.0 if (threshold - _values(rows, "climatology")).mean() > 0 else -1.0
    return marine_states(times, rows["lead"].to_numpy(dtype="int64"), threshold, sign, observed)


def _values(rows: pd.DataFrame, name: str) -> Floats:
    values: Floats = rows[name].to_numpy(dtype="float64")
    return values
