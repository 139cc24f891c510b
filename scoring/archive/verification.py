"""Verification of an archive: issued forecasts, joined with later observations."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd
from pydantic import BaseModel

from forecasting.scores.verification import Intervals, LeadVerification, common_pairs, quantiles_of, verify_lead
from forecasting.series.times import Floats
from scoring.archive.events import EventVerification, verify_event, verify_events, with_states
from scoring.archive.issued import IssuedForecasts
from scoring.archive.observed import Observations
from scoring.errors import kind_of
from scoring.events.columns import ALERT_LEVELS
from scoring.tables.rows import BASELINES, PREFIX

AS_ISSUED: Final = "issued"
"""The kind of the intervals in an archive."""

_LOWER: Final = re.compile(r"lower_(\d+)")


Key = tuple[str, str, str | None]
"""The model that the user asked for, the step, and the month."""


class Group(BaseModel, frozen=True):
    """Scores of the forecasts that belong together.

    Attributes:
        asked: the model that the user asked for, such as ``best``.
        step: name of the step.
        month: of the last observation that the forecasts rest on, such as ``2026-11``; None for all.
        leads: scores by lead.
        events: scores of the probabilities of events, by event and lead.
    """

    asked: str
    step: str
    month: str | None
    leads: tuple[LeadVerification, ...]
    events: tuple[EventVerification, ...]


class Verification(BaseModel, frozen=True):
    """Scores of an archive.

    Attributes:
        issued: number of forecasts, each lead counted.
        verified: those of them that have an observation.
        replayed: those of the verified ones whose last observation was old when they were issued.
        stations: number of stations with a verified forecast.
        missing: number of stations whose observations cannot be used, by reason.
        absent: names of the stations that are not among the observations.
        groups: scores, by model, step and month.
    """

    issued: int
    verified: int
    replayed: int
    stations: int
    missing: dict[str, int]
    absent: tuple[str, ...]
    groups: tuple[Group, ...]


def verify(
    forecasts: IssuedForecasts, observations: Observations, leads: Sequence[int], *, by_month: bool
) -> Verification:
    """Score the forecasts at each of ``leads``; baselines are those that were issued with them.

    Raises:
        ForecastError: if the archive cannot be read.
    """
    issued = verified = replayed = 0
    forecast_stations: set[str] = set()
    verified_stations: set[str] = set()
    groups: dict[Key, list[LeadVerification]] = {}
    events: dict[Key, list[EventVerification]] = {}
    for lead in leads:
        frame = forecasts.at(lead)
        frame["observed"] = observations.at(frame)
        known = frame[frame["observed"].notna()]
        issued, verified, replayed = issued + len(frame), verified + len(known), replayed + int(known["replayed"].sum())
        forecast_stations |= {*frame["station"].unique()}
        verified_stations |= {*known["station"].unique()}
        for key, rows in _grouped(known, by_month=by_month):
            events.setdefault(key, []).extend(verify_events(lead, rows))
        for _, rows in known.groupby(["asked", "step"]):
            pairs, baselines = _comparable(rows)
            for key, part in _grouped(pairs, by_month=by_month):
                groups.setdefault(key, []).append(_scores(lead, key[0], part, baselines))
    for event, cases in with_states(forecasts, observations).items():
        for key, rows in _grouped(cases, by_month=by_month):
            for lead in leads:
                events.setdefault(key, []).extend(verify_event(event, lead, rows))
    parts = [
        Group(asked=key[0], step=key[1], month=key[2], leads=tuple(groups[key]), events=_by_event(events[key]))
        for key in sorted(groups, key=lambda key: tuple(map(str, key)))
    ]
    return Verification(
        issued=issued,
        verified=verified,
        replayed=replayed,
        stations=len(verified_stations),
        missing=_missing(forecast_stations, observations),
        absent=tuple(sorted(forecast_stations - observations.stations())),
        groups=tuple(parts),
    )


def _by_event(events: list[EventVerification]) -> tuple[EventVerification, ...]:
    levels = (None, *ALERT_LEVELS)
    return tuple(sorted(events, key=lambda event: (event.event, levels.index(event.level), event.lead)))


def _missing(stations: set[str], observations: Observations) -> dict[str, int]:
    """Return how many of the stations have observations that cannot be used, by reason."""
    errors = [observations.errors[name] for name in sorted(stations & observations.errors.keys())]
    return dict(Counter(map(kind_of, errors)))


def _grouped(rows: pd.DataFrame, *, by_month: bool) -> Iterator[tuple[Key, pd.DataFrame]]:
    months = rows["observed_until"].dt.strftime("%Y-%m") if by_month else pd.Series("", index=rows.index)
    for (asked, step, month), part in rows.groupby([rows["asked"], rows["step"], months]):
        yield (str(asked), str(step), str(month) or None), part


def _comparable(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the pairs that all models are scored on, and the baselines that are scored."""
    common = common_pairs(
        _values(rows, "observed"), _values(rows, "sst"), {name: _values(rows, PREFIX + name) for name in BASELINES}
    )
    return rows[common.counts], common.baselines


def _scores(lead: int, model: str, rows: pd.DataFrame, names: Sequence[str]) -> LeadVerification:
    predicted, intervals = _values(rows, "sst"), _intervals(rows)
    baselines = {name: _values(rows, PREFIX + name) for name in names}
    return verify_lead(
        lead,
        _values(rows, "observed"),
        predicted,
        baselines,
        model=model,
        intervals={AS_ISSUED: intervals},
        quantiles=quantiles_of(predicted, intervals),
    )


def _intervals(rows: pd.DataFrame) -> Intervals:
    """Return the bounds of the levels that any of the rows has."""
    levels = sorted(int(match[1]) for name in rows.columns if (match := _LOWER.fullmatch(name)))
    return {
        level: (_values(rows, f"lower_{level}"), _values(rows, f"upper_{level}"))
        for level in levels
        if rows[f"lower_{level}"].notna().any()
    }


def _values(rows: pd.DataFrame, name: str) -> Floats:
    return rows[name].to_numpy(dtype="float64")
